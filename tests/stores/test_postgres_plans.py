"""Batches find their rows by key also in a table of which the planner knows nothing: a new one, or a restored one."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sealring.sessions.record import Confirmation, Rotation
from sealring.stores import postgres_sessions
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_rows import Columns
from sealring.testing import NOW, make_rotation, make_row
from tests.stores.postgres_help import client
from tests.stores.servers import PostgresServer

pytestmark = pytest.mark.anyio

_FILL = """
    INSERT INTO sealring_session
    SELECT decode(md5(n::text), 'hex'), 'subject ' || n, 0, 'web', sha256(n::text::bytea), 1, 1, n, NULL, 1, 0, 0, 0, 0,
        3600, 1e12, 1e12, true, NULL, NULL, NULL, NULL, 'firefox', n, 'pwd', '', n, n, 'Firefox'
    FROM generate_series(1, 5000) AS n
"""
_BATCH = 20


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", []):
        yield from nodes(below)


@pytest.mark.parametrize("statement", ["ROTATE_MANY", "CONFIRM"])
async def test_a_batch_reads_no_more_rows_than_it_writes_before_the_first_statistics_are_there(
    postgres: PostgresServer, statement: str
) -> None:
    url = await postgres.new_schema()
    async with PostgresStore(url) as store, client(url) as connection:
        await connection.execute(_FILL)
        rows = [make_row() for _ in range(_BATCH)]
        for row in rows:
            await store.open_session(row)
        if statement == "CONFIRM":
            arguments = Columns(Confirmation).arrays([Confirmation(row.sid, 1, NOW) for row in rows])
        else:
            arguments = Columns(Rotation).arrays([make_rotation(row) for row in rows])
        text = getattr(postgres_sessions, statement)
        (explained,) = json.loads(await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", *arguments))
        written = {row.sid for row in rows}
        left = await store.read_session(rows[0].sid)
        assert left is not None
        assert left.last_seen == NOW
    every = list(nodes(explained["Plan"]))
    reading = [node for node in every if node["Node Type"].endswith("Scan") and "Index Name" in node]
    assert {node["Index Name"] for node in reading} == {"sealring_session_pkey"}
    assert not [node for node in every if node["Node Type"] == "Seq Scan"]
    touched = [node["Actual Rows"] * node["Actual Loops"] for node in reading]
    assert max(touched) <= len(written)
