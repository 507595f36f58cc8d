"""The database: its migrations, its locks, and what it answers when it cannot answer."""

import asyncio
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text
from sqlalchemy.exc import OperationalError

from backend.db import Database, DatabaseUnavailable
from backend.migrate import main, migrate, prepare_files
from backend.models import Base, User
from sealring.errors import ConfigurationError
from tests.backend.stage import stage, todo_settings

pytestmark = pytest.mark.anyio


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the write lock from outside, as another process would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def schema(path: Path) -> dict[str, str]:
    """Return the statements that a database is made of."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.replace('"', "").split()) for name, sql in rows if name != "alembic_version"}


def described(path: Path) -> dict[str, dict[str, list[object]]]:
    """Return what the tables of a database are; the position of a column does not matter."""
    with closing(sqlite3.connect(path)) as connection:
        return {
            table: {
                "columns": sorted(row[1:] for row in connection.execute(f"PRAGMA table_xinfo({table})")),
                "references": connection.execute(f"PRAGMA foreign_key_list({table})").fetchall(),
                "indexes": sorted(
                    connection.execute(
                        "SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL",
                        [table],
                    )
                ),
            }
            for table in ("users", "todos")
        }


async def opened(path: Path, patience: float = 5.0) -> Database:
    """Return a database of the newest schema."""
    database = Database(path, patience=timedelta(seconds=patience))
    await migrate(database)
    return database


async def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    migrated = await opened(tmp_path / "migrated.db")
    await migrated.close()
    engine = create_engine(f"sqlite:///{tmp_path / 'models.db'}")
    Base.metadata.create_all(engine)
    engine.dispose()

    one, other = (described(tmp_path / name) for name in ("migrated.db", "models.db"))

    assert one == other
    assert len(one["todos"]["columns"]) == 10
    assert len(one["todos"]["indexes"]) == 4


async def test_migrating_twice_changes_nothing(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db")
    before = schema(tmp_path / "todo.db")

    assert await migrate(database) == "0003"

    await database.close()
    assert schema(tmp_path / "todo.db") == before


async def test_two_processes_that_start_together_migrate_once(tmp_path: Path) -> None:
    both = [Database(tmp_path / "todo.db", patience=timedelta(seconds=10)) for _ in range(2)]

    assert await asyncio.gather(*(migrate(database) for database in both)) == ["0003", "0003"]

    for database in both:
        await database.close()


async def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """All of it is one transaction, tables included."""
    path = tmp_path / "todo.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE todos (unexpected)")
    database = Database(path, patience=timedelta(seconds=1))

    with pytest.raises(ConfigurationError):
        await migrate(database)

    await database.close()
    assert set(schema(path)) == {"todos"}


async def test_a_database_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db")
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(ConfigurationError, match="made by another version"):
        await migrate(database)
    await database.close()


async def test_a_locked_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    await (await opened(path)).close()
    database = Database(path, patience=timedelta(seconds=0.05))

    with locked(path), pytest.raises(ConfigurationError) as refused:
        await migrate(database)

    await database.close()
    assert str(refused.value) == (
        f"The database {path} is locked by another process. Stop that process, or wait until it has finished, and try "
        "again."
    )


async def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "todo.db"
    path.write_text("This is a diary, not a database. " * 100)
    database = Database(path, patience=timedelta(seconds=0.05))

    with pytest.raises(ConfigurationError, match="is not a database"):
        await migrate(database)
    await database.close()


@pytest.mark.parametrize(
    ("place", "why"), [("file/data/todo.db", "Not a directory"), ("folder/todo.db", "Is a directory")]
)
def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, place: str, why: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder" / "todo.db").mkdir(parents=True)

    with pytest.raises(ConfigurationError) as refused:
        prepare_files(todo_settings(tmp_path, data_dir=(tmp_path / place).parent))

    assert str(refused.value) == (
        f"The database {tmp_path / place} cannot be written: {why}. Give this user the right to, or set TODO_DATA_DIR "
        "to another place."
    )


async def test_the_files_are_their_owners_only(tmp_path: Path) -> None:
    async with stage(tmp_path) as todo:
        await todo.member()
        folder = todo.settings.data_dir
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}

    assert modes.pop("data") == 0o700
    assert "todo.db" in modes
    assert set(modes.values()) == {0o600}


async def test_while_another_process_writes_reading_goes_on_and_writing_is_503(tmp_path: Path) -> None:
    async with stage(tmp_path, lock_timeout=0.05) as todo:
        ada = await todo.member()
        with locked(todo.settings.data_dir / "todo.db"):
            read = await ada.ask("GET", "/api/todos")
            written = await ada.ask("POST", "/api/todos", {"title": "Buy milk"})
        after = await ada.ask("POST", "/api/todos", {"title": "Buy milk"})

    assert read.status_code == 200
    assert (written.status_code, written.json()["code"]) == (503, "store_unavailable")
    assert written.json()["action"] == "retry"
    assert int(written.headers["retry-after"]) >= 1
    assert after.status_code == 201


async def test_a_writer_of_this_process_that_hangs_does_not_hold_the_others_for_ever(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db", patience=0.05)

    async with database.write():
        with pytest.raises(DatabaseUnavailable):
            async with database.write():
                raise AssertionError("two writers at once")
    async with database.write():
        pass
    await database.close()


async def test_when_all_connections_are_taken_the_next_reader_is_refused(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db", patience=0.05)

    async def hold(depth: int) -> None:
        async with database.read() as session:
            await session.execute(select(User))
            await hold(depth + 1)

    with pytest.raises(DatabaseUnavailable, match="no connection"):
        await hold(0)
    await database.close()


async def test_a_mistake_of_ours_is_no_outage(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db")

    with pytest.raises(OperationalError):
        async with database.read() as session:
            await session.execute(text("SELECT * FROM no_such_table"))
    await database.close()


async def test_a_transaction_that_raises_is_undone(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db")

    async def fail_half_way() -> None:
        async with database.write() as session:
            await session.execute(text("INSERT INTO users VALUES ('x', 'x', 'x', 'x', 1, NULL, 0)"))
            raise KeyError

    with pytest.raises(KeyError):
        await fail_half_way()

    async with database.read() as session:
        assert (await session.scalars(select(User))).all() == []
    await database.close()


async def test_a_reader_sees_one_state_while_others_write(tmp_path: Path) -> None:
    database = await opened(tmp_path / "todo.db")
    count = text("SELECT count(*) FROM users")

    async with database.read() as reader:
        before = await reader.scalar(count)
        async with database.write() as writer:
            await writer.execute(text("INSERT INTO users VALUES ('x', 'x', 'x', 'x', 1, NULL, 0)"))
        during = await reader.scalar(count)
    async with database.read() as reader:
        after = await reader.scalar(count)

    await database.close()
    assert (before, during, after) == (0, 0, 1)


async def test_writers_take_turns(tmp_path: Path) -> None:
    """A hundred transactions that read and then write lose no update."""
    database = await opened(tmp_path / "todo.db")
    async with database.write() as session:
        await session.execute(text("INSERT INTO users VALUES ('x', 'x', '0', 'x', 1, NULL, 0)"))

    async def count_up() -> None:
        async with database.write() as session:
            seen = int(await session.scalar(text("SELECT name FROM users")))
            await asyncio.sleep(0)
            await session.execute(text("UPDATE users SET name = :name"), {"name": str(seen + 1)})

    await asyncio.gather(*(count_up() for _ in range(100)))

    async with database.read() as session:
        assert await session.scalar(text("SELECT name FROM users")) == "100"
    await database.close()


def test_the_command_migrates_and_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODO_DATA_DIR", str(tmp_path / "data"))

    assert main() == 0

    assert capsys.readouterr().out == f"{tmp_path / 'data' / 'todo.db'} is at revision 0003.\n"


def test_the_command_fails_with_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TODO_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").touch()

    assert main() == 1

    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "Traceback" not in told.err
