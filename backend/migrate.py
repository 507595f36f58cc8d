"""Brings the database to the newest schema: at every start, or with ``python -m backend.migrate``."""

import asyncio
import logging
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from backend.db import Database, DatabaseUnavailable
from backend.settings import TodoSettings, load_todo_settings
from sealring.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"

# Key of the advisory lock that lets one process migrate at a time, where several may.
_LOCK = 0x70D0_0000_0000_0001


def prepare_files(settings: TodoSettings) -> None:
    """Make the data directory and an empty database file, for their owner only, where they are missing and needed.

    Args:
        settings: name both; SQLite gives the companions of the file the same rights.

    Raises:
        ConfigurationError: they cannot be made or written.
    """
    database = settings.database
    if not isinstance(database, Path):
        return
    try:
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not database.exists():
            database.touch(mode=0o600)
        with database.open("r+b"):
            pass
    except OSError as error:
        raise ConfigurationError(
            f"The database {database} cannot be written: {error.strerror}. Give this user the right to, or set "
            "TODO_DATA_DIR to another place."
        ) from error


async def migrate(database: Database) -> str:
    """Apply every migration that is missing, in one transaction.

    Args:
        database: what to bring up to date.

    Returns:
        The revision that the database has now.

    Raises:
        ConfigurationError: the database cannot be used, or a newer version of the application made it; one sentence
            says what to do.
    """
    try:
        async with database.write_schema() as connection:
            return await connection.run_sync(_upgrade)
    except DatabaseUnavailable as error:
        raise ConfigurationError(f"The database {database.name} {error.why}.") from error
    except CommandError as error:
        raise ConfigurationError(
            f"The database {database.name} was made by another version of the application ({error}): update this one."
        ) from error
    except SQLAlchemyError as error:
        raise ConfigurationError(f"The database {database.name} cannot be brought up to date: {error}") from error


def _upgrade(connection: Connection) -> str:
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or "empty"


async def _run(settings: TodoSettings) -> str:
    database = Database(settings.database, patience=settings.patience)
    try:
        return f"{database.name} is at revision {await migrate(database)}."
    finally:
        await database.close()


def main() -> int:
    """Migrate the configured database and say so; 0 when it is up to date, 1 with one sentence when it is not."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = load_todo_settings()
        prepare_files(settings)
        done = asyncio.run(_run(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{done}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
