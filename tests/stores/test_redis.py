"""The store in Redis passes the contract, on a real Valkey."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from sealring.stores import Store
from sealring.stores.redis import RedisStore
from sealring.testing import StoreContract
from tests.stores.valkey_server import ValkeyServer, valkey_server


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


class TestRedisStore(StoreContract):
    server: ValkeyServer

    @pytest.fixture(autouse=True)
    def _server(self, valkey: ValkeyServer) -> None:
        self.server = valkey

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        self.server.ask("FLUSHALL")
        async with RedisStore(self.server.url()) as store:
            yield store
