"""The store in Redis passes the contract: on one server, behind Sentinel and on a cluster, all real Valkeys."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from sealring.stores import Store
from sealring.stores.redis import RedisStore
from sealring.testing import StoreContract
from tests.stores.valkey_cluster import ValkeyCluster, valkey_cluster
from tests.stores.valkey_sentinel import Watched, watched
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


@pytest.fixture(scope="module")
def trio() -> Iterator[Watched]:
    """Run one Sentinel trio for the tests of this module."""
    with watched() as it:
        yield it


class TestRedisStoreBehindSentinel(StoreContract):
    trio: Watched

    @pytest.fixture(autouse=True)
    def _servers(self, trio: Watched) -> None:
        self.trio = trio

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        self.trio.servers[0].ask("FLUSHALL")
        async with RedisStore(self.trio.url()) as store:
            yield store


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    """Run one cluster for the tests of this module."""
    with valkey_cluster() as it:
        yield it


class TestRedisStoreOnACluster(StoreContract):
    cluster: ValkeyCluster

    @pytest.fixture(autouse=True)
    def _nodes(self, cluster: ValkeyCluster) -> None:
        self.cluster = cluster

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        self.cluster.flush()
        async with RedisStore(self.cluster.url()) as store:
            yield store
