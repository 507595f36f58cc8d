"""The PostgreSQL store passes the contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sealring.stores import Store
from sealring.stores.postgres import PostgresStore
from sealring.testing import StoreContract
from tests.stores.servers import PostgresServer


class TestPostgresStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _server(self, postgres: PostgresServer) -> None:
        self.server = postgres

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with PostgresStore(await self.server.new_schema()) as store:
            yield store


def test_the_postgresql_store_says_that_it_is_shared_and_durable() -> None:
    assert (PostgresStore.shared, PostgresStore.durable) == (True, True)
