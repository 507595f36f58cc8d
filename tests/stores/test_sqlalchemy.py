"""The tables as SQLAlchemy metadata: the same as the store's own, carried by an application's own Alembic."""

import asyncio
import io
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import create_engine, inspect
from sqlalchemy.ext.asyncio import create_async_engine

from sealring.errors import ConfigurationError
from sealring.stores import SqliteStore, Store
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_schema import MIGRATIONS
from sealring.stores.postgres_schema import migrate as migrate_postgres
from sealring.stores.schema import SchemaState
from sealring.stores.sqlalchemy import postgres_metadata, sqlite_metadata
from sealring.stores.sqlite_files import open_writer
from sealring.stores.sqlite_schema import MIGRATIONS as SQLITE_MIGRATIONS
from sealring.testing import StoreContract, make_row
from tests.running import ROOT
from tests.stores.postgres_help import client
from tests.stores.servers import PostgresServer

_MODELS = """
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

class Base(DeclarativeBase):
    pass

class Note(Base):
    __tablename__ = "note"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
_TEMPLATE = (
    "from alembic import op\nimport sqlalchemy as sa\n${imports}\n"
    "revision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n"
    "def upgrade():\n    ${upgrades}\n"
)


def _as_sqlalchemy(url: str) -> str:
    return url.replace("postgresql://", "postgresql+asyncpg://")


class Application:
    """An application with a table of its own, whose env.py is the one that the documentation shows."""

    def __init__(self, folder: Path, url: str, metadata: str) -> None:
        (folder / "myapp").mkdir(parents=True)
        (folder / "myapp" / "models.py").write_text(_MODELS)
        alembic = folder / "alembic"
        (alembic / "versions").mkdir(parents=True)
        (alembic / "script.py.mako").write_text(_TEMPLATE)
        page = (ROOT / "docs" / "stores" / "migrations.md").read_text(encoding="utf-8")
        (env,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
        (alembic / "env.py").write_text(env.replace("postgres_metadata", metadata))
        self.said = io.StringIO()
        self._config = Config(stdout=self.said)
        self._config.set_main_option("script_location", str(alembic))
        self._config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))

    def autogenerate(self, message: str) -> str:
        """Write a revision of whatever differs and return it."""
        script = command.revision(self._config, message, autogenerate=True)
        assert script is not None
        assert not isinstance(script, list)
        return Path(script.path).read_text()

    def upgrade(self) -> None:
        command.upgrade(self._config, "head")

    def check(self) -> None:
        """Fail where the database differs from the metadata."""
        command.check(self._config)


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Application]]:
    """Give what makes an application on a database."""
    monkeypatch.syspath_prepend(str(tmp_path / "app"))
    yield lambda url, metadata: Application(tmp_path / "app", url, metadata)
    for name in [name for name in sys.modules if name.split(".")[0] == "myapp"]:
        del sys.modules[name]


# PostgreSQL

_CATALOGUE = (
    """
    SELECT relname, relkind, reloptions, relpersistence FROM pg_class
    WHERE relnamespace = current_schema::regnamespace AND relname LIKE 'sealring%'
    """,
    """
    SELECT relname, attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, collname,
        pg_get_expr(adbin, adrelid)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        LEFT JOIN pg_collation ON pg_collation.oid = attcollation
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = current_schema::regnamespace AND relkind = 'r' AND relname LIKE 'sealring%' AND attnum > 0
        AND NOT attisdropped
    """,
    """
    SELECT tablename, indexname, replace(indexdef, current_schema || '.', '') FROM pg_indexes
    WHERE schemaname = current_schema AND tablename LIKE 'sealring%'
    """,
    """
    SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = current_schema::regnamespace AND conrelid::regclass::text LIKE 'sealring%'
    """,
)


async def _catalogue(url: str) -> list[list[Any]]:
    async with client(url) as connection:
        return [sorted(map(tuple, await connection.fetch(query)), key=repr) for query in _CATALOGUE]


async def _migrated(url: str) -> None:
    async with client(url) as connection:
        await migrate_postgres(connection)


async def _created(url: str) -> None:
    engine = create_async_engine(_as_sqlalchemy(url))
    async with engine.begin() as connection:
        await connection.run_sync(postgres_metadata.create_all)
    await engine.dispose()


@pytest.fixture
def empty(postgres: PostgresServer) -> str:
    return postgres.new_database()


def test_the_metadata_makes_exactly_what_the_migrations_make_in_postgresql(postgres: PostgresServer) -> None:
    migrated, created = postgres.new_database(), postgres.new_database()
    asyncio.run(_migrated(migrated))
    asyncio.run(_created(created))
    one, other = asyncio.run(_catalogue(migrated)), asyncio.run(_catalogue(created))
    assert all(len(part) > 10 for part in one)
    for ours, theirs in zip(one, other, strict=True):
        assert ours == theirs


def test_alembic_makes_the_tables_finds_nothing_more_to_do_and_the_store_opens_on_them(
    empty: str, application: Callable[[str, str], Application]
) -> None:
    app = application(_as_sqlalchemy(empty), "postgres_metadata")
    revision = app.autogenerate("sessions")
    assert revision.count("op.create_table('sealring_") == len(postgres_metadata.tables)
    app.upgrade()
    app.check()

    async def use() -> None:
        state = SchemaState(len(MIGRATIONS), len(MIGRATIONS), carried=True)
        assert await PostgresStore(empty).migrate() == state
        async with PostgresStore(empty) as store:
            row = make_row()
            assert await store.open_session(row)
            assert await store.read_session(row.sid) == row
        assert await PostgresStore(empty).migrate(look_only=True) == state

    before = asyncio.run(_catalogue(empty))
    asyncio.run(use())
    assert asyncio.run(_catalogue(empty)) == before


def test_autogenerate_finds_nothing_to_do_where_the_store_has_migrated_and_notices_what_is_missing(
    postgres: PostgresServer, empty: str, application: Callable[[str, str], Application]
) -> None:
    asyncio.run(_migrated(empty))
    app = application(_as_sqlalchemy(empty), "postgres_metadata")
    assert "sealring" not in app.autogenerate("the application's own table")
    app.upgrade()
    app.check()
    postgres.sql("ALTER TABLE sealring_session DROP COLUMN device", empty.rpartition("/")[2])
    with pytest.raises(CommandError, match=r"'add_column'.*'sealring_session'"):
        app.check()


def test_a_store_refuses_carried_tables_that_are_not_complete_and_names_what_is_missing(
    postgres: PostgresServer, empty: str
) -> None:
    asyncio.run(_created(empty))
    postgres.sql("ALTER TABLE sealring_subject DROP COLUMN used_at", empty.rpartition("/")[2])
    with pytest.raises(ConfigurationError, match=r"lack sealring_subject\.used_at: make a revision"):
        asyncio.run(PostgresStore(empty).__aenter__())


@pytest.fixture(scope="module")
def carried(postgres: PostgresServer) -> str:
    """Give a database whose tables the metadata has made."""
    url = postgres.new_database()
    asyncio.run(_created(url))
    return url


class TestPostgresStoreOnCarriedTables(StoreContract):
    @pytest.fixture(autouse=True)
    def _database(self, carried: str) -> None:
        self.url = carried

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with client(self.url) as connection:
            # In one order, and quicker than new tables for each test.
            await connection.execute(";".join(f"DELETE FROM {table}" for table in postgres_metadata.tables))
        async with PostgresStore(self.url) as store:
            yield store


# SQLite


def _described(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute(
            "SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main' AND name LIKE 'sealring%'"
        ).fetchall()
        described: dict[str, Any] = {"tables": sorted(tables)}
        for name, _, _ in tables:
            indexes = connection.execute(f"PRAGMA index_list({name})").fetchall()
            described[name] = {
                "columns": connection.execute(f"PRAGMA table_xinfo({name})").fetchall(),
                "indexes": sorted(index[1:] for index in indexes),
                "parts": {
                    index[1]: connection.execute(f"PRAGMA index_xinfo({index[1]})").fetchall() for index in indexes
                },
            }
        described["sql of indexes"] = sorted(
            " ".join(sql.split())
            for (sql,) in connection.execute(
                "SELECT sql FROM sqlite_schema WHERE type = 'index' AND tbl_name LIKE 'sealring%' AND sql IS NOT NULL"
            )
        )
        described["autoincrement"] = connection.execute(
            "SELECT name FROM sqlite_schema WHERE sql LIKE '%AUTOINCREMENT%'"
        ).fetchall()
    engine = create_engine(f"sqlite:///{path}")
    described["checks"] = [
        (name, [check["sqltext"] for check in inspect(engine).get_check_constraints(name)])
        for name, _, _ in described["tables"]
    ]
    engine.dispose()
    return described


def _created_file(path: Path) -> Path:
    engine = create_engine(f"sqlite:///{path}")
    sqlite_metadata.create_all(engine)
    engine.dispose()
    return path


def test_the_metadata_makes_exactly_what_the_migrations_make_in_sqlite(tmp_path: Path) -> None:
    open_writer(tmp_path / "migrated.db", 1.0).close()
    one, other = _described(tmp_path / "migrated.db"), _described(_created_file(tmp_path / "created.db"))
    assert len(one["tables"]) == 6
    assert one["autoincrement"] == [("sealring_denial",)]
    for part, ours in one.items():
        assert other[part] == ours


def test_alembic_makes_the_tables_of_sqlite_beside_those_of_the_application(
    tmp_path: Path, application: Callable[[str, str], Application]
) -> None:
    path = tmp_path / "one.db"
    app = application(f"sqlite+aiosqlite:///{path}", "sqlite_metadata")
    assert app.autogenerate("sessions").count("op.create_table('sealring_") == len(sqlite_metadata.tables)
    app.upgrade()
    app.check()

    async def use() -> None:
        newest = len(SQLITE_MIGRATIONS)
        assert await SqliteStore(path).migrate() == SchemaState(newest, newest, carried=True)
        async with SqliteStore(path) as store:
            row = make_row()
            assert await store.open_session(row)
            assert await store.read_session(row.sid) == row

    before = _described(path)
    asyncio.run(use())
    assert _described(path) == before


def test_autogenerate_finds_nothing_to_do_where_the_store_of_sqlite_has_migrated(
    tmp_path: Path, application: Callable[[str, str], Application]
) -> None:
    path = tmp_path / "one.db"
    open_writer(path, 1.0).close()
    app = application(f"sqlite+aiosqlite:///{path}", "sqlite_metadata")
    assert "sealring" not in app.autogenerate("the application's own table")
    app.upgrade()
    app.check()


def test_a_file_with_carried_tables_that_are_not_complete_is_refused(tmp_path: Path) -> None:
    path = _created_file(tmp_path / "carried.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE sealring_lease")
    with pytest.raises(ConfigurationError, match=r"lack sealring_lease\.holder: make a revision"):
        asyncio.run(SqliteStore(path).__aenter__())


class TestSqliteStoreOnCarriedTables(StoreContract):
    @pytest.fixture(autouse=True)
    def _files(self, tmp_path: Path) -> None:
        self.folder, self.made = tmp_path, 0
        self.template = _created_file(tmp_path / "template.db")

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        self.made += 1
        path = Path(shutil.copy(self.template, self.folder / f"{self.made}.db"))
        async with SqliteStore(path) as store:
            yield store


# Without SQLAlchemy


def test_without_sqlalchemy_the_import_is_one_sentence() -> None:
    source = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from sealring.errors import ConfigurationError\n"
        "try:\n    import sealring.stores.sqlalchemy\n"
        "except ConfigurationError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "the tables as metadata need SQLAlchemy: pip install 'sealring[sqlalchemy]'\n"
