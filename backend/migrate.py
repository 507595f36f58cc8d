"""Brings the database to the newest schema: at every start, or with ``python -m backend.migrate``."""

import asyncio
import logging
import sqlite3
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from backend.db import Database, DatabaseUnavailable
from backend.settings import TodoSettings, load_todo_settings
from sealring.errors import ConfigurationError

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCKED = "is locked by another process. Stop that process, or wait until it has finished, and try again."
_RIGHTS = "Give this user the right to write to the file and its directory, or set TODO_DATA_DIR."
_SENTENCES = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: f"cannot be written. {_RIGHTS}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened. {_RIGHTS}",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full.",
    sqlite3.SQLITE_NOTADB: "is not a database. Move the file away or set TODO_DATA_DIR.",
    sqlite3.SQLITE_CORRUPT: "is damaged. Restore it from a backup.",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error.",
}


def prepare_files(database: Path) -> None:
    """Make the data directory and an empty database file, for their owner only, where they are missing.

    Args:
        database: the file; SQLite gives its companions the same rights.

    Raises:
        ConfigurationError: they cannot be made or written.
    """
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
        ConfigurationError: the file cannot be used, or a newer version of the application made it; one sentence says
            what to do.
    """
    try:
        async with database.write_schema() as connection:
            return await connection.run_sync(_upgrade)
    except DatabaseUnavailable as error:
        reason = _SENTENCES.get(error.reason or sqlite3.SQLITE_BUSY, f"does not answer: {error.detail}")
        raise ConfigurationError(f"The database {database.path} {reason}") from error
    except CommandError as error:
        raise ConfigurationError(
            f"The database {database.path} was made by another version of the application ({error}): update this one."
        ) from error
    except SQLAlchemyError as error:
        raise ConfigurationError(f"The database {database.path} cannot be brought up to date: {error}") from error


def _upgrade(connection: Connection) -> str:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or "empty"


async def _run(settings: TodoSettings) -> str:
    database = Database(settings.database, patience=settings.patience)
    try:
        return await migrate(database)
    finally:
        await database.close()


def main() -> int:
    """Migrate the configured database and say so; 0 when it is up to date, 1 with one sentence when it is not."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = load_todo_settings()
        prepare_files(settings.database)
        revision = asyncio.run(_run(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{settings.database} is at revision {revision}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
