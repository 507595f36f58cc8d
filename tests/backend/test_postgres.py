"""The application's database on PostgreSQL: migrations, outages, and what an operator reads when it cannot be used."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import IntegrityError

from backend.db import Database, DatabaseUnavailable
from backend.migrate import migrate
from backend.models import Base
from backend.settings import TodoSettings
from sealring.errors import ConfigurationError
from tests.running import ROOT
from tests.stores.servers import PASSWORD, PostgresServer, postgres_server

pytestmark = pytest.mark.anyio

_A_USER = "INSERT INTO users VALUES ('x', 'x', '0', 'x', 1, NULL, 0)"


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.new_database()


def opened(url: str, patience: float = 30.0) -> Database:
    return Database(make_url(url), patience=timedelta(seconds=patience))


async def test_the_migrations_make_exactly_the_tables_of_the_models(url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), Base.metadata))

    database = opened(url)
    assert await migrate(database) == "0003"
    async with database.write_schema() as connection:
        assert await connection.run_sync(differences) == []
        await connection.execute(text("ALTER TABLE todos DROP COLUMN notes"))
        assert len(await connection.run_sync(differences)) == 1
    await database.close()


def _migrating(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "backend.migrate"], cwd=ROOT, env={**os.environ, "TODO_DATABASE_URL": url},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_four_processes_that_migrate_at_once_do_it_once_and_print_no_password(url: str) -> None:
    processes = [_migrating(url) for _ in range(4)]
    said = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, said
    shown = make_url(url).set(username=None, password=None).render_as_string()
    assert said == [(f"{shown} is at revision 0003.\n", "")] * 4


def test_the_tables_of_the_session_store_in_the_same_database_are_nobody_elses_business(url: str) -> None:
    assert _migrating(url).communicate(timeout=60)[1] == ""
    environment = {**os.environ, "TODO_DATABASE_URL": url, "SEALRING_STORE": url}
    made = subprocess.run(
        [sys.executable, "-c", "import asyncio, os; from sealring.stores import open_store\n"
         "asyncio.run(open_store(os.environ['SEALRING_STORE']).__aenter__())"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    command = [sys.executable, "-m", "alembic", "-c", "backend/alembic.ini", "check"]
    checked = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert checked.returncode == 0, checked.stderr
    assert "No new upgrade operations detected." in checked.stdout


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"password": "hunter2"}, "refuses the user or the password. Set the right ones in TODO_DATABASE_URL."),
        ({"database": "nowhere"}, "does not exist. Create it, or name another one in TODO_DATABASE_URL."),
        ({"port": 1}, "cannot be reached."),
    ],
)
async def test_a_database_that_cannot_be_used_is_one_sentence_without_the_password(
    url: str, wrong: dict[str, object], sentence: str
) -> None:
    place = make_url(url).set(**wrong)  # type: ignore[arg-type]
    database = Database(place, patience=timedelta(seconds=30))
    with pytest.raises(ConfigurationError) as refused:
        await migrate(database)
    await database.close()
    assert str(refused.value) == f"The database {place.set(username=None, password=None).render_as_string()} {sentence}"


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    database = opened(url)
    await migrate(database)
    async with database.write() as session:
        await session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigurationError, match="made by another version"):
        await migrate(database)
    await database.close()


def test_a_driver_that_is_not_installed_is_one_sentence(url: str, tmp_path: Path) -> None:
    (tmp_path / "asyncpg.py").write_text("raise ModuleNotFoundError(name='asyncpg')")
    environment = {**os.environ, "TODO_DATABASE_URL": url, "PYTHONPATH": str(tmp_path)}
    refused = subprocess.run(
        [sys.executable, "-m", "backend.migrate"], cwd=ROOT, env=environment, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == (
        "TODO_DATABASE_URL names a PostgreSQL server, whose driver is not installed: pip install asyncpg\n"
    )


@pytest.mark.parametrize("wrong", ["mysql://user:hunter2@host/todo", "hunter2", "sqlite:///todo.db"])
def test_a_url_of_another_kind_is_refused_without_being_quoted(wrong: str) -> None:
    with pytest.raises(ValueError, match="it is written postgresql://user:password@host:port/database") as refused:
        TodoSettings.model_validate({"database_url": wrong})
    assert "hunter2" not in str(refused.value).replace(f"input_value='{wrong}'", "")


async def test_a_reader_sees_one_state_while_others_write_and_cannot_write(url: str) -> None:
    database = opened(url)
    await migrate(database)
    count = text("SELECT count(*) FROM users")
    async with database.read() as reader:
        before = await reader.scalar(count)
        async with database.write() as writer:
            await writer.execute(text(_A_USER))
        during = await reader.scalar(count)
    async with database.read() as reader:
        after = await reader.scalar(count)
        with pytest.raises(Exception, match="read-only transaction"):
            await reader.execute(text(_A_USER))
    await database.close()
    assert (before, during, after) == (0, 0, 1)


async def test_a_transaction_that_raises_is_undone_and_a_mistake_of_ours_is_no_outage(url: str) -> None:
    database = opened(url)
    await migrate(database)

    async def add_twice() -> None:
        async with database.write() as session:
            await session.execute(text(_A_USER))
            await session.execute(text(_A_USER))

    with pytest.raises(IntegrityError):
        await add_twice()
    async with database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM users")) == 0
    await database.close()


async def test_a_statement_that_waits_too_long_is_unavailable_and_the_next_one_is_done(url: str) -> None:
    database, patient = opened(url, patience=0.3), opened(url)
    await migrate(database)
    async with patient.write() as holder:
        await holder.execute(text("LOCK TABLE users"))
        with pytest.raises(DatabaseUnavailable):
            async with database.write() as session:
                await session.execute(text(_A_USER))
    async with patient.write() as session:
        await session.execute(text(_A_USER))
    for each in (database, patient):
        await each.close()


@pytest.fixture
def fragile() -> Iterator[PostgresServer]:
    """Run a server that a test may stop."""
    with postgres_server() as server:
        yield server


async def test_a_server_that_goes_and_comes_back_is_used_again_without_a_restart(fragile: PostgresServer) -> None:
    database = opened(fragile.new_database(), patience=5)
    await migrate(database)

    async def count() -> int:
        async with database.read() as session:
            return int(await session.scalar(text("SELECT count(*) FROM users")))

    assert await asyncio.gather(*(count() for _ in range(8))) == [0] * 8
    fragile.stop()
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable) as refused:
            await count()
        assert PASSWORD not in refused.value.detail
    fragile.start()
    assert await asyncio.gather(*(count() for _ in range(8))) == [0] * 8
    await database.close()
