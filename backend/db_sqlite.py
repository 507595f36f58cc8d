"""The application's database in one SQLite file: many readers, one writer at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from backend.db import DatabaseUnavailable, Engine

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # an answered write survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
_READERS = 8

_LOCKED = "is locked by another process. Stop that process, or wait until it has finished, and try again"
_RIGHTS = "Give this user the right to write to the file and its directory, or set TODO_DATA_DIR"

# Primary result codes (sqlite.org/rescode.html) that tell of the file or the machine, not of a wrong statement.
_WHY = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_READONLY: f"cannot be written. {_RIGHTS}",
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened. {_RIGHTS}",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_NOTADB: "is not a database. Move the file away or set TODO_DATA_DIR",
    sqlite3.SQLITE_CORRUPT: "is damaged. Restore it from a backup",
    sqlite3.SQLITE_IOERR: "cannot be read or written: the disk reports an error",
}


def sqlite_engine(path: Path, patience: float) -> Engine:
    """Return the engine on a file.

    Args:
        path: the file; its directory must exist.
        patience: seconds that a statement waits for another writer.
    """
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        # isolation_level None: the driver begins no transaction of its own accord, `_begin` does.
        connect_args={"timeout": patience, "isolation_level": None},
        pool_size=_READERS,
        max_overflow=0,
        pool_timeout=patience,
    )
    event.listen(engine.sync_engine, "connect", _configure)
    event.listen(engine.sync_engine, "begin", _begin)
    writing = engine.execution_options(writes=True)
    turn = asyncio.Lock()

    @asynccontextmanager
    async def my_turn() -> AsyncIterator[None]:
        # SQLite has one writer at a time and lets the others poll; in one process a queue is fair and quick.
        try:
            async with asyncio.timeout(patience):
                await turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable(_LOCKED, "another write of this process did not finish in time") from error
        try:
            yield
        finally:
            turn.release()

    return Engine(str(path), engine, writing, writing, my_turn, _refusal)


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    # A writer takes the lock with its first statement: a transaction that read first and then wants to write would
    # fail at once (SQLITE_BUSY_SNAPSHOT) if somebody else had written in between.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _refusal(error: Exception) -> DatabaseUnavailable | None:
    if not isinstance(error, DBAPIError):
        return None
    # The low byte of an extended code is the primary one.
    why = _WHY.get(getattr(error.orig, "sqlite_errorcode", 0) & 0xFF)
    return DatabaseUnavailable(why, f"SQLite: {error.orig}") if why is not None else None
