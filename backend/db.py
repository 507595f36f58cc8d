"""The application's database: one SQLite file by default, or a PostgreSQL server.

What the two have in common stands here; what differs stands in ``db_sqlite.py`` and ``db_postgres.py``.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession, async_sessionmaker

from sealring.errors import StoreUnavailable


class DatabaseUnavailable(StoreUnavailable):
    """The application's database did not answer.

    Args:
        why: what an operator reads behind "The database … ", a sentence's end without its full stop; never a value.
        detail: for the log.
    """

    message = "The database cannot be reached. Try again shortly."

    def __init__(self, why: str, detail: str) -> None:
        super().__init__(detail)
        self.why = why


@dataclass(frozen=True, slots=True)
class Engine:
    """One kind of database, ready for use.

    Attributes:
        name: what an operator knows it by; without user and password.
        reading: opens transactions that see one state from their first statement to their last.
        writing: opens transactions that write.
        changing: opens those that change the schema, which may take their time.
        turn: what a writer of this process waits for before it begins.
        refusal: returns what an error means when it tells of the database or the way there, else None.
    """

    name: str
    reading: AsyncEngine
    writing: AsyncEngine
    changing: AsyncEngine
    turn: Callable[[], AbstractAsyncContextManager[None]]
    refusal: Callable[[Exception], DatabaseUnavailable | None]


class Database:
    """Opens transactions; it makes no connection before the first of them.

    Args:
        place: the SQLite file, whose directory must exist, or the URL of a PostgreSQL database.
        patience: how long a statement waits for another writer, and for an answer.

    Raises:
        ConfigurationError: the driver of PostgreSQL is not installed.
    """

    def __init__(self, place: Path | URL, *, patience: timedelta) -> None:
        self._engine = _engine(place, patience.total_seconds())
        self.name = self._engine.name
        self._read_sessions = async_sessionmaker(self._engine.reading, expire_on_commit=False)
        self._write_sessions = async_sessionmaker(self._engine.writing, expire_on_commit=False)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that sees one state of the database from its first statement to its last.

        Raises:
            DatabaseUnavailable: the database did not answer in time.
        """
        with self._refusals():
            async with self._read_sessions() as session:
                yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        """Open a transaction that writes; it is committed when the block ends and undone when the block raises.

        Raises:
            DatabaseUnavailable: the database did not answer in time, or another writer did not finish.
        """
        async with self._engine.turn():
            with self._refusals():
                async with self._write_sessions.begin() as session:
                    yield session

    @asynccontextmanager
    async def write_schema(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction for a migration; like :meth:`write`, with a bare connection."""
        async with self._engine.turn():
            with self._refusals():
                async with self._engine.changing.begin() as connection:
                    yield connection

    async def close(self) -> None:
        """Close every connection."""
        for engine in (self._engine.reading, self._engine.writing, self._engine.changing):
            await engine.dispose()

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        try:
            yield
        except PoolTimeoutError as error:
            raise DatabaseUnavailable("is busy", "no connection became free in time") from error
        except Exception as error:
            refused = self._engine.refusal(error)
            if refused is None:
                raise
            raise refused from error


def _engine(place: Path | URL, patience: float) -> Engine:
    if isinstance(place, Path):
        from backend.db_sqlite import sqlite_engine

        return sqlite_engine(place, patience)
    # Imported only where it is asked for: nobody else has to install its driver.
    from backend.db_postgres import postgres_engine

    return postgres_engine(place, patience)
