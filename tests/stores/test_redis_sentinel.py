"""Behind Sentinel: whoever is the primary is found, and a failover logs out nobody whom the store has not lost."""

import signal
from collections.abc import Iterator

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.stores import open_store
from sealring.stores.redis import RedisStore
from sealring.testing import NOW, make_denial, make_rotation, make_row
from tests.refreshing import quiet
from tests.stores.failing_over import live_through
from tests.stores.redis_help import answers, until
from tests.stores.valkey_sentinel import Watched, watched
from tests.stores.valkey_server import PASSWORD
from tests.support import bench

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def shared() -> Iterator[Watched]:
    """Run one trio for the tests of this module that end nobody's rule for good."""
    with watched() as it:
        yield it


@pytest.fixture
def trio(shared: Watched) -> Iterator[Watched]:
    """Give the trio as a test expects it, whatever the one before did to it."""
    yield shared
    for one in (*shared.servers, *shared.sentinels):
        one.send(signal.SIGCONT)


async def test_sentinels_that_are_dead_or_hang_are_passed_over(trio: Watched) -> None:
    trio.sentinels[0].send(signal.SIGSTOP)
    trio.sentinels[1].stop(signal.SIGKILL)
    try:
        async with RedisStore(trio.url("timeout=2")) as store:
            assert await store.open_session(make_row())
    finally:
        trio.sentinels[1].start()


async def test_an_open_store_does_not_need_the_sentinels(trio: Watched) -> None:
    async with RedisStore(trio.url("timeout=1")) as store:
        row = make_row()
        await store.open_session(row)
        await store.end_session(make_row().sid, "logout", NOW, NOW)
        for sentinel in trio.sentinels:
            sentinel.send(signal.SIGSTOP)
        assert await store.rotate(make_rotation(row)) is not None
        trio.servers[0].ask("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(StoreUnavailable):
            await store.read_session(row.sid)
        for sentinel in trio.sentinels:
            sentinel.send(signal.SIGCONT)
        await until(lambda: answers(store))


async def refused(url: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        async with open_store(url):
            pass
    assert PASSWORD not in str(error.value)
    assert "hunter2" not in f"{error.value} {error.value.__cause__}"
    return error.value.detail


async def test_a_name_that_no_sentinel_knows_and_a_password_that_none_takes_are_told_at_start(trio: Watched) -> None:
    assert "NAME" in await refused(trio.url(service="hunter2"))
    assert "sentinel_password" in await refused(trio.url(sentinel_password="hunter2"))
    nameless = trio.url().replace("sentinel_password=", "prefix=")
    assert "sentinel_password" in await refused(nameless.replace(PASSWORD, "x").partition("?")[0])


async def test_sentinels_that_are_not_there_are_unavailable_not_misconfigured(trio: Watched) -> None:
    for sentinel in trio.sentinels:
        sentinel.send(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable):
        async with RedisStore(trio.url("timeout=0.4")):
            pass


async def test_a_replica_that_a_sentinel_takes_for_the_primary_is_not_written_to(trio: Watched) -> None:
    primary, replica = trio.servers
    async with RedisStore(trio.url("timeout=1")) as store:
        primary.ask("REPLICAOF", "127.0.0.1", replica.port)
        primary.ask("CLIENT", "KILL", "TYPE", "normal")
        with pytest.raises(StoreUnavailable):
            await store.write_denial(make_denial())
        primary.ask("REPLICAOF", "NO", "ONE")
        await until(lambda: answers(store))


# A failover


async def test_a_primary_that_dies_under_load_logs_out_nobody_whom_the_store_has_not_lost_and_forgets_no_end() -> None:
    with watched(down_after=1.0) as trio:
        old = trio.primary()

        async def failed_over() -> bool:
            return trio.primary() is not old

        async with bench(policy=quiet(), store=RedisStore(trio.url("timeout=1"))) as it:
            await live_through(it, lambda: old.stop(signal.SIGKILL), failed_over)


async def test_a_primary_that_hangs_is_replaced_and_coming_back_it_gets_nobody() -> None:
    with watched(down_after=1.0) as trio:
        old = trio.primary()

        async def failed_over() -> bool:
            return trio.primary() is not old

        async with bench(policy=quiet(), store=RedisStore(trio.url("timeout=1"))) as it:
            await live_through(it, lambda: old.send(signal.SIGSTOP), failed_over)
            # It takes itself for a primary until a sentinel tells it otherwise.
            old.send(signal.SIGCONT)
            async with RedisStore(trio.url("timeout=1")) as store:
                row = make_row()
                await store.open_session(row)
                assert await it.ring.store.read_session(row.sid) == row
