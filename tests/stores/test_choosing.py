"""What the page on choosing a store promises: the sizes, the commands, and what a restore does."""

import asyncio
import re
import shutil
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from sealring.errors import RefreshInvalid
from sealring.events import GenerationLost
from sealring.stores import SqliteStore, Store
from sealring.stores.postgres import PostgresStore
from sealring.testing import make_row
from tests.refreshing import quiet, refreshed, settled_login
from tests.running import ROOT
from tests.stores.postgres_help import client
from tests.stores.servers import PostgresServer
from tests.support import bench

PAGE = (ROOT / "docs" / "stores" / "choosing.md").read_text(encoding="utf-8")
MANY = 3_000


def promised(store: str) -> int:
    """Return the bytes for each session that the page names."""
    (found,) = re.findall(rf"^\| {store} \| ([\d,]+) (?:on disk|in memory)", PAGE, re.MULTILINE)
    return int(found.replace(",", ""))


async def fill(store: Store) -> None:
    rows = [
        # As real ones are: the device in words, some scopes, an attempt.
        make_row(
            subject=f"{number:032x}",
            attempt=f"{number:032x}",
            scope="todos:read todos:write",
            device="Firefox 140 on Linux, at home",
        )
        for number in range(MANY)
    ]
    for start in range(0, MANY, 500):
        assert all(await asyncio.gather(*(store.open_session(row) for row in rows[start : start + 500])))


@pytest.mark.anyio
async def test_a_session_in_sqlite_takes_no_more_than_the_page_says(tmp_path: Path) -> None:
    file = tmp_path / "sessions.db"
    async with SqliteStore(file) as store:
        empty = file.stat().st_size
        await fill(store)
    each = (file.stat().st_size - empty) / MANY
    assert promised("SQLite") / 4 < each < promised("SQLite")


@pytest.mark.anyio
async def test_a_session_in_postgresql_takes_no_more_than_the_page_says(postgres: PostgresServer) -> None:
    url = await postgres.new_schema()
    async with PostgresStore(url) as store, client(url) as connection:
        await fill(store)
        size = await connection.fetchval(
            "SELECT pg_total_relation_size('sealring_session') + pg_total_relation_size('sealring_subject')"
        )
    assert promised("PostgreSQL") / 4 < size / MANY < promised("PostgreSQL")


def test_a_session_in_redis_takes_what_its_own_test_allows() -> None:
    text = (ROOT / "tests" / "stores" / "test_redis_memory.py").read_text(encoding="utf-8")
    assert f"held < MANY * {promised('Redis, Valkey'):_}" in text


@pytest.mark.parametrize("module", re.findall(r"^python -m ([\w.]+)$", PAGE, re.MULTILINE))
def test_the_commands_of_the_page_are_there(module: str) -> None:
    assert find_spec(module) is not None


def put_back(copy: Path, file: Path) -> None:
    for rest in file.parent.glob(f"{file.name}*"):
        rest.unlink()
    shutil.copy(copy, file)


@pytest.mark.anyio
async def test_after_a_restore_who_refreshed_since_is_in_who_signed_in_since_is_out_and_an_end_since_is_undone(
    tmp_path: Path,
) -> None:
    file, copy = tmp_path / "sessions.db", tmp_path / "copy.db"
    async with bench(policy=quiet(), store=SqliteStore(file)) as it:
        staying, ended = await settled_login(it), await settled_login(it)
        # What ".backup" of the command line does, while the store is open.
        with sqlite3.connect(file) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        rotated = await refreshed(it, staying)
        late = await it.login()
        await it.ring.end_session("ada", ended.view.row.session_id)
        clock = it.clock
    put_back(copy, file)
    async with bench(policy=quiet(), store=SqliteStore(file), clock=clock) as it:
        assert (await refreshed(it, rotated)).refresh_token is None
        assert [event.adopted for event in it.log.of(GenerationLost)] == [True]
        with pytest.raises(RefreshInvalid):
            await refreshed(it, late)
        assert (await refreshed(it, ended)).refresh_token is not None
