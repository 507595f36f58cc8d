"""The schema: columns are the fields of the records, older files become newer ones, statements use indexes."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields
from enum import Enum
from pathlib import Path
from types import ModuleType, NoneType
from typing import Any, get_args, get_type_hints

import pytest

from sealring.errors import ConfigurationError
from sealring.keys.record import KeyRow
from sealring.revocation.record import Denial
from sealring.sessions.record import SessionRow
from sealring.stores import SqliteStore, sqlite_feed, sqlite_keys, sqlite_lease, sqlite_sessions
from sealring.stores.sqlite_files import open_reader, open_writer
from sealring.stores.sqlite_schema import MIGRATIONS, Migration, migrate
from sealring.testing import make_row

_TYPES = {int: "INTEGER", bool: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}

_THREE_STEPS: tuple[Migration, ...] = (
    ("CREATE TABLE note (text TEXT NOT NULL) STRICT", "INSERT INTO note VALUES ('from version 1')"),
    ("ALTER TABLE note ADD COLUMN pages INTEGER NOT NULL DEFAULT 1",),
    ("UPDATE note SET pages = pages + 1", "CREATE INDEX note_by_pages ON note (pages)"),
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_writer(tmp_path / "file", 1.0)) as connection:
        yield connection


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "empty", isolation_level=None)) as connection:
        yield connection


def version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _column(hint: Any) -> tuple[str, bool]:
    options = get_args(hint) or (hint,)
    (kind,) = (option for option in options if option is not NoneType)
    return _TYPES[str if issubclass(kind, Enum) else kind], NoneType not in options


@pytest.mark.parametrize(
    ("record", "table", "more"),
    [
        (SessionRow, "sealring_session", ["ends_at"]),
        (Denial, "sealring_denial", ["cursor"]),
        (KeyRow, "sealring_ring_key", ["position"]),
    ],
)
def test_the_columns_of_a_table_are_the_fields_of_its_record(
    connection: sqlite3.Connection, record: type, table: str, more: list[str]
) -> None:
    columns = connection.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,)).fetchall()
    hints = get_type_hints(record)
    wanted = [(field.name, *_column(hints[field.name])) for field in fields(record)]
    assert [(name, kind, bool(required)) for name, kind, required in columns if name not in more] == wanted


def test_every_table_checks_its_types(connection: sqlite3.Connection) -> None:
    tables = connection.execute(
        "SELECT name, strict FROM pragma_table_list WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"
    ).fetchall()
    names = ("session", "subject", "lease", "denial", "key_ring", "ring_key")
    assert dict(tables) == {f"sealring_{name}": 1 for name in names}


@pytest.mark.anyio
@pytest.mark.parametrize("old", range(len(MIGRATIONS) + 1))
async def test_a_file_of_every_earlier_version_becomes_one_of_the_newest(tmp_path: Path, old: int) -> None:
    path, row = tmp_path / "file", make_row()
    with closing(sqlite3.connect(path, isolation_level=None)) as before:
        migrate(before, path, MIGRATIONS[:old])
        assert version(before) == old
    async with SqliteStore(path) as store:
        await store.open_session(row)
        assert await store.read_session(row.sid) == row
    with closing(sqlite3.connect(path)) as after:
        assert version(after) == len(MIGRATIONS)


@pytest.mark.parametrize("old", range(4))
def test_each_step_is_taken_once_and_in_order(empty: sqlite3.Connection, tmp_path: Path, old: int) -> None:
    migrate(empty, tmp_path, _THREE_STEPS[:old])
    assert version(empty) == old
    for _ in range(2):
        migrate(empty, tmp_path, _THREE_STEPS)
        assert version(empty) == 3
        assert empty.execute("SELECT text, pages FROM note").fetchall() == [("from version 1", 2)]


def test_a_step_that_fails_leaves_the_version_before_it_whole(empty: sqlite3.Connection, tmp_path: Path) -> None:
    broken = (*_THREE_STEPS[:2], ("UPDATE note SET pages = 9", "CREATE NONSENSE"))
    with pytest.raises(sqlite3.OperationalError):
        migrate(empty, tmp_path, broken)
    assert not empty.in_transaction
    assert version(empty) == 2
    assert empty.execute("SELECT text, pages FROM note").fetchall() == [("from version 1", 1)]
    migrate(empty, tmp_path, _THREE_STEPS)
    assert version(empty) == 3


def test_a_version_that_is_not_known_is_refused_and_nothing_is_written(
    empty: sqlite3.Connection, tmp_path: Path
) -> None:
    migrate(empty, tmp_path, _THREE_STEPS)
    with pytest.raises(ConfigurationError, match="its schema is version 3, this one knows versions up to 2"):
        migrate(empty, tmp_path, _THREE_STEPS[:2])
    assert version(empty) == 3


def test_a_reader_cannot_write(connection: sqlite3.Connection, tmp_path: Path) -> None:
    with closing(open_reader(tmp_path / "file", 1.0)) as reader:
        assert reader.execute(sqlite_keys.READ_REVISION).fetchone() == (0,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute(sqlite_keys.DELETE_KEYS)


class _Anything(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        return None


def plan(connection: sqlite3.Connection, statement: str) -> list[str]:
    """Return the steps of SQLite's plan for a statement."""
    marks = len(re.findall(r"\?", statement))
    parameters: Any = (None,) * marks if marks else _Anything()
    return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def statements(module: ModuleType) -> dict[str, str]:
    """Return the SQL constants of a module."""
    return {name: value for name, value in vars(module).items() if name.isupper() and isinstance(value, str)}


_BY_SID = "sqlite_autoindex_sealring_session_1"
_INDEXES = {
    "sqlite_sessions.READ_EPOCH": "PRIMARY KEY",
    "sqlite_sessions.OPEN": "PRIMARY KEY",
    "sqlite_sessions.READ": _BY_SID,
    "sqlite_sessions.LIST": "sealring_session_of_subject",
    "sqlite_sessions.ROTATE": _BY_SID,
    "sqlite_sessions.SWAP": _BY_SID,
    "sqlite_sessions.CONFIRM": _BY_SID,
    "sqlite_sessions.END": _BY_SID,
    "sqlite_sessions.END_SUBJECT": "sealring_session_of_subject",
    "sqlite_sessions.RAISE_EPOCH": _BY_SID,
    "sqlite_sessions.PURGE_PAST_END": "sealring_session_by_end",
    "sqlite_sessions.PURGE_REVOKED": "sealring_session_by_revocation",
    "sqlite_sessions.PURGE_SUBJECTS": "sealring_subject_by_use",
    "sqlite_sessions.COUNT_SESSIONS": "sealring_session_by_revocation",
    "sqlite_sessions.COUNT_DENIALS": "sealring_denial_by_expiry",
    "sqlite_sessions.COUNT_SUBJECTS": "sealring_subject_by_use",
    "sqlite_lease.LEAVE": "PRIMARY KEY",
    "sqlite_feed.READ": "INTEGER PRIMARY KEY",
    "sqlite_feed.PURGE": "sealring_denial_by_expiry",
    "sqlite_keys.READ_REVISION": "INTEGER PRIMARY KEY",
    "sqlite_keys.RAISE_REVISION": "INTEGER PRIMARY KEY",
}
_WITHOUT_A_SEARCH = {
    "sqlite_sessions.RAISE_SUBJECT_EPOCH",  # an upsert by primary key has no plan
    "sqlite_lease.TAKE",
    "sqlite_feed.APPEND",
    "sqlite_feed.HEAD",  # one row for each table that counts
    "sqlite_keys.INSERT_KEY",
    "sqlite_keys.BEGIN_REVISIONS",
    "sqlite_keys.READ_KEYS",  # the whole ring, a handful of rows
    "sqlite_keys.DELETE_KEYS",
}
_STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": statement
    for module in (sqlite_sessions, sqlite_lease, sqlite_feed, sqlite_keys)
    for name, statement in statements(module).items()
}


@pytest.mark.parametrize("name", _INDEXES)
def test_a_statement_finds_its_rows_by_an_index_and_sorts_nothing(connection: sqlite3.Connection, name: str) -> None:
    steps = plan(connection, _STATEMENTS[name])
    assert any(_INDEXES[name] in step for step in steps)
    # What a count passes through is what an index has found.
    harmless = ("SCAN CONSTANT ROW", "SCAN (subquery")
    assert [step for step in steps if step.startswith("SCAN") and not step.startswith(harmless)] == []
    assert [step for step in steps if "TEMP B-TREE" in step] == []


def test_no_statement_is_left_out() -> None:
    assert set(_STATEMENTS) == set(_INDEXES) | _WITHOUT_A_SEARCH
