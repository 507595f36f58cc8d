"""The SQLite store passes the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from sealring.stores import SqliteStore, Store
from sealring.testing import StoreContract


class TestSqliteStore(StoreContract):
    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        with TemporaryDirectory() as folder:
            async with SqliteStore(Path(folder) / "sessions.db") as store:
                yield store


def test_the_sqlite_store_says_that_it_is_shared_and_durable() -> None:
    assert (SqliteStore.shared, SqliteStore.durable) == (True, True)
