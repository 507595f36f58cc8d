"""The store in memory passes the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sealring.stores import MemoryStore, Store
from sealring.testing import StoreContract


class TestMemoryStore(StoreContract):
    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with MemoryStore() as store:
            yield store


def test_the_store_in_memory_says_that_it_is_neither_shared_nor_durable() -> None:
    assert (MemoryStore.shared, MemoryStore.durable) == (False, False)
