"""The schema: columns are the fields of the records, older databases become newer ones, statements use indexes."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args, get_type_hints

import pytest

from sealring.errors import ConfigurationError
from sealring.keys.record import KeyRow
from sealring.revocation.record import Denial
from sealring.sessions.record import Confirmation, SessionRow
from sealring.stores import postgres_feed, postgres_keys, postgres_lease, postgres_sessions
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_schema import MIGRATIONS, Migration, look, migrate
from sealring.testing import NOW, make_rotation, make_row
from tests.stores.postgres_help import PATIENCE, client
from tests.stores.servers import PASSWORD, PostgresServer

pytestmark = pytest.mark.anyio

_CHILD = Path(__file__).with_name("postgres_child.py")
_PROCESSES = 8
_TYPES = {int: "bigint", bool: "boolean", float: "double precision", str: "text", bytes: "bytea"}

_THREE_STEPS: tuple[Migration, ...] = (
    ("CREATE TABLE note (text text NOT NULL)", "INSERT INTO note VALUES ('from version 1')"),
    ("ALTER TABLE note ADD COLUMN pages bigint NOT NULL DEFAULT 1",),
    ("UPDATE note SET pages = pages + 1", "CREATE INDEX note_by_pages ON note (pages)"),
)


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.new_schema()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Any]:
    async with client(url) as connection:
        yield connection


def _column(hint: Any) -> tuple[str, bool]:
    options = get_args(hint) or (hint,)
    (kind,) = (option for option in options if option is not NoneType)
    return _TYPES[str if issubclass(kind, Enum) else kind], NoneType not in options


@pytest.mark.parametrize(
    ("record", "table", "more"),
    [
        (SessionRow, "sealring_session", {"end_hour"}),
        (Denial, "sealring_denial", {"cursor"}),
        (KeyRow, "sealring_ring_key", {"position", "revision"}),
    ],
)
async def test_the_columns_of_a_table_are_the_fields_of_its_record(
    connection: Any, record: type, table: str, more: set[str]
) -> None:
    await migrate(connection)
    columns = await connection.fetch(
        "SELECT column_name, data_type, is_nullable FROM information_schema.columns "
        "WHERE table_schema = current_schema AND table_name = $1 ORDER BY ordinal_position",
        table,
    )
    hints = get_type_hints(record)
    wanted = [(field.name, *_column(hints[field.name])) for field in fields(record)]
    assert [(name, kind, null == "NO") for name, kind, null in columns if name not in more] == wanted


async def test_every_name_in_the_database_begins_with_sealring(connection: Any) -> None:
    await migrate(connection)
    names = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = current_schema::regnamespace")
    assert len(names) > 10
    assert [name for (name,) in names if not name.startswith("sealring_")] == []


@pytest.mark.parametrize("old", range(len(MIGRATIONS) + 1))
async def test_a_database_of_every_earlier_version_becomes_one_of_the_newest(url: str, old: int) -> None:
    row = make_row()
    async with client(url) as connection:
        await migrate(connection, MIGRATIONS[:old])
        assert (await look(connection)).version == old
        async with PostgresStore(url) as store:
            await store.open_session(row)
            assert await store.read_session(row.sid) == row
        assert (await look(connection)).version == len(MIGRATIONS)


@pytest.mark.parametrize("old", range(4))
async def test_each_step_is_taken_once_and_in_order(connection: Any, old: int) -> None:
    await migrate(connection, _THREE_STEPS[:old])
    assert (await look(connection, 3)).version == old
    for _ in range(2):
        await migrate(connection, _THREE_STEPS)
        assert (await look(connection, 3)).version == 3
        assert [tuple(row) for row in await connection.fetch("SELECT * FROM note")] == [("from version 1", 2)]


async def test_a_step_that_fails_leaves_the_version_before_it_whole(connection: Any) -> None:
    await migrate(connection, _THREE_STEPS[:2])
    broken = (*_THREE_STEPS[:2], ("UPDATE note SET pages = 9", "CREATE NONSENSE"))
    with pytest.raises(Exception, match="NONSENSE"):
        await migrate(connection, broken)
    assert (await look(connection, 3)).version == 2
    assert await connection.fetchval("SELECT pages FROM note") == 1
    await migrate(connection, _THREE_STEPS)
    assert (await look(connection, 3)).version == 3


async def test_a_version_that_is_not_known_is_refused_and_nothing_is_written(url: str, connection: Any) -> None:
    async with PostgresStore(url):
        pass
    await connection.execute("UPDATE sealring_schema SET version = version + 1")
    newest = len(MIGRATIONS)
    with pytest.raises(ConfigurationError, match=f"is version {newest + 1}, this one knows versions up to {newest}"):
        await PostgresStore(url).__aenter__()
    assert await connection.fetchval("SELECT version FROM sealring_schema") == newest + 1


async def test_eight_processes_that_open_one_new_database_at_once_make_it_once_and_share_it(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, str(_CHILD), url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        for _ in range(_PROCESSES)
    ]
    try:
        async with asyncio.timeout(PATIENCE):
            assert [await _said(process) for process in processes] == [{"ready": True}] * _PROCESSES
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"\n")
            said = [await _said(process) for process in processes]
            assert [await process.wait() for process in processes] == [0] * _PROCESSES
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert [each["opened"] for each in said] == [True] * _PROCESSES
    assert sum(each["made_the_ring"] for each in said) == 1
    async with PostgresStore(url) as store:
        assert len(await store.list_sessions("alice")) == _PROCESSES
        assert (await store.load_ring()).revision == 1


async def _said(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    said: dict[str, Any] = json.loads(await process.stdout.readline())
    return said


async def test_a_role_that_may_create_nothing_uses_what_another_has_migrated(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    database = url.rpartition("/")[2]
    role = f"worker_of_{database}"
    postgres.sql(f"CREATE ROLE {role} LOGIN PASSWORD '{PASSWORD}'")
    worker = PostgresStore(postgres.url(database, user=role))
    with pytest.raises(ConfigurationError, match="does not let this user make or use the tables"):
        await worker.__aenter__()
    async with PostgresStore(url):
        pass
    with pytest.raises(ConfigurationError, match="does not let this user make or use the tables"):
        await worker.__aenter__()
    postgres.sql(
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}",
        database,
    )
    async with worker as store:
        row = make_row()
        assert await store.open_session(row)
        assert await store.end_session(row.sid, "logout", NOW, NOW + 900) is not None


async def test_a_rotation_stays_inside_its_page_although_it_moves_the_idle_end(url: str) -> None:
    rows = [make_row(subject=f"subject {index}", absolute_end=NOW + 1e6) for index in range(200)]
    moments = [(2, NOW + 10), (3, NOW + 40), (4, NOW + 70)]
    async with PostgresStore(url) as store:
        await asyncio.gather(*map(store.open_session, rows))
        for generation, now in moments:
            rotations = [
                make_rotation(row, generation=generation - 1, now=now, active_at=now, settled_before=now)
                for row in rows
            ]
            rotated = await asyncio.gather(*map(store.rotate, rotations))
            assert [row.generation for row in rotated if row] == [generation] * len(rows)
            await store.confirm([Confirmation(row.sid, generation, now + 1) for row in rows])
    async with client(url) as connection:
        ends = await connection.fetchval("SELECT count(DISTINCT idle_end) FROM sealring_session")
        assert ends == 1
        # A process hands its counts over at the latest when it ends, which closing the store has only begun.
        counts = (
            "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE schemaname = current_schema "
            "AND relname = 'sealring_session'"
        )
        async with asyncio.timeout(PATIENCE):
            while (await connection.fetchrow(counts))[0] < 2 * 3 * len(rows):
                await asyncio.sleep(0.01)
        written, inside = await connection.fetchrow(counts)
        assert inside / written > 0.5


# Plans


def statements(module: ModuleType) -> dict[str, str]:
    """Return the SQL constants of a module."""
    named = vars(module).items()
    return {name: value for name, value in named if name[0].isupper() and name.isupper() and isinstance(value, str)}


_BY_SID = "sealring_session_pkey"
_INDEXES = {
    "postgres_sessions.READ_EPOCH": "sealring_subject_pkey",
    "postgres_sessions.READ": _BY_SID,
    "postgres_sessions.LIST": "sealring_session_of_subject",
    "postgres_sessions.ROTATE": _BY_SID,
    "postgres_sessions.ROTATE_MANY": _BY_SID,
    "postgres_sessions.SWAP": _BY_SID,
    "postgres_sessions.CONFIRM": _BY_SID,
    "postgres_sessions.END": _BY_SID,
    "postgres_sessions.END_SUBJECT": "sealring_session_of_subject",
    "postgres_sessions.RAISE_EPOCH": _BY_SID,
    "postgres_sessions.PURGE": "sealring_session_by_end",
    "postgres_sessions.PURGE_SUBJECTS": "sealring_subject_by_use",
    "postgres_sessions.COUNT_DUE": "sealring_session_by_end",
    "postgres_lease.LEAVE": "sealring_lease_pkey",
    "postgres_feed.READ": "sealring_denial_pkey",
    "postgres_feed.PURGE": "sealring_denial_by_expiry",
}
_WITHOUT_A_SEARCH = {
    "postgres_sessions.OPEN",  # inserts, and an upsert by primary key
    "postgres_sessions.RAISE_SUBJECT_EPOCH",
    "postgres_sessions.LET_GO",
    "postgres_lease.TAKE",
    "postgres_feed.APPEND",
    "postgres_keys.LOAD",  # the whole ring, a handful of rows
    "postgres_keys.REPLACE",
}
_STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in (postgres_sessions, postgres_lease, postgres_feed, postgres_keys)
    for name, statement in statements(module).items()
}

_FILL = """
    INSERT INTO sealring_session
    SELECT decode(md5(n::text), 'hex'), 'subject ' || n % 5000, 0, 'todo-web', decode(repeat('00', 32), 'hex'), 1, 1, n,
        NULL, 1, n, 0, 0, 0, 3600, n * 60, n * 60 + 86400, true, CASE WHEN n % 10 = 0 THEN n * 60.0 END, NULL, NULL,
        NULL, 'firefox', n, 'pwd', '', n, n, 'Firefox'
    FROM generate_series(1, 30000) AS n;
    INSERT INTO sealring_subject SELECT 'subject ' || n, 0, n FROM generate_series(1, 5000) AS n;
    INSERT INTO sealring_lease SELECT 'lease ' || n, 'holder', n FROM generate_series(1, 5000) AS n;
    INSERT INTO sealring_denial (kind, ident, least_epoch, expires_at)
    SELECT 'session', md5(n::text), 1, n FROM generate_series(1, 30000) AS n;
    ANALYZE sealring_session, sealring_subject, sealring_denial, sealring_lease;
"""


@pytest.fixture(scope="session")
def filled(postgres: PostgresServer) -> str:
    """Give the name of a database with some ten thousand rows in each table."""
    url = postgres.new_database()
    asyncio.run(_fill(url))
    return url.rpartition("/")[2]


async def _fill(url: str) -> None:
    async with client(url) as connection:
        await migrate(connection)
        await connection.execute(_FILL)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


@pytest.mark.parametrize("name", _INDEXES)
def test_a_statement_finds_its_rows_by_an_index(postgres: PostgresServer, filled: str, name: str) -> None:
    # A generic plan knows no values: it is the one that has to be good for all of them.
    explained = postgres.sql(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {_STATEMENTS[name]}", filled)
    nodes = list(_nodes(json.loads(explained)[0]["Plan"]))
    assert _INDEXES[name] in {node.get("Index Name") for node in nodes}
    scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert {relation for relation in scanned if relation.startswith("sealring_")} == set()


def test_the_feed_is_found_in_its_order(postgres: PostgresServer, filled: str) -> None:
    explained = postgres.sql(f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {postgres_feed.READ}", filled)
    assert [node for node in _nodes(json.loads(explained)[0]["Plan"]) if "Sort" in node["Node Type"]] == []


def test_no_statement_is_left_out() -> None:
    assert set(_STATEMENTS) == set(_INDEXES) | _WITHOUT_A_SEARCH
