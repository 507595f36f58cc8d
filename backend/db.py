"""The application's database: one SQLite file, many readers, one writer at a time."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from sealring.errors import StoreUnavailable

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",  # readers never wait for the writer
    "PRAGMA synchronous = FULL",  # an answered write survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
_READERS = 8

# Primary result codes (sqlite.org/rescode.html) that tell of the file or the machine, not of a wrong statement.
_UNAVAILABLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)


class DatabaseUnavailable(StoreUnavailable):
    """The application's database did not answer.

    Args:
        reason: SQLite's primary result code, or None when the wait for a connection or the writer's turn was too long.
    """

    message = "The database cannot be reached. Try again shortly."

    def __init__(self, reason: int | None, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class Database:
    """Opens transactions; it makes no connection before the first of them.

    Args:
        path: the file; its directory must exist.
        patience: how long a statement waits for another writer.
    """

    def __init__(self, path: Path, *, patience: timedelta) -> None:
        self.path = path
        self._patience = patience.total_seconds()
        self._engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=str(path)),
            # isolation_level None: the driver begins no transaction of its own accord, `_begin` does.
            connect_args={"timeout": self._patience, "isolation_level": None},
            pool_size=_READERS,
            max_overflow=0,
            pool_timeout=self._patience,
        )
        event.listen(self._engine.sync_engine, "connect", _configure)
        event.listen(self._engine.sync_engine, "begin", _begin)
        self._writing = self._engine.execution_options(writes=True)
        self._read_sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self._write_sessions = async_sessionmaker(self._writing, expire_on_commit=False)
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees one state of the database from its first statement to its last.

        Raises:
            DatabaseUnavailable: the database did not answer in time.
        """
        with _refusals():
            async with self._read_sessions() as session:
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that writes; it is committed when the block ends and undone when the block raises.

        Raises:
            DatabaseUnavailable: the database did not answer in time, or another writer did not finish.
        """
        async with self._my_turn():
            with _refusals():
                async with self._write_sessions.begin() as session:
                    yield session

    @asynccontextmanager
    async def write_schema(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction for a migration; like :meth:`write`, with a bare connection."""
        async with self._my_turn():
            with _refusals():
                async with self._writing.begin() as connection:
                    yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self._engine.dispose()

    @asynccontextmanager
    async def _my_turn(self) -> AsyncIterator[None]:
        # SQLite has one writer at a time and lets the others poll; in one process a queue is fair and quick.
        try:
            async with asyncio.timeout(self._patience):
                await self._turn.acquire()
        except TimeoutError as error:
            raise DatabaseUnavailable(None, "another write of this process did not finish in time") from error
        try:
            yield
        finally:
            self._turn.release()


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


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable(None, "no connection became free in time") from error
    except DBAPIError as error:
        # The low byte of an extended code is the primary one.
        reason = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
        if reason not in _UNAVAILABLE:
            raise
        raise DatabaseUnavailable(reason, f"SQLite: {error.orig}") from error
