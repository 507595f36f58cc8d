"""The feed for services without a store, on each engine that processes share: the cursor of one is read by another."""

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from sealring.clock import ManualClock
from sealring.events import Emitter
from sealring.revocation import Denylist, FeedFollower
from sealring.revocation.publish import FeedPublisher
from sealring.revocation.wire import START, WirePage
from sealring.stores import Store, open_store
from sealring.testing.build import NOW, make_denial
from tests.stores.servers import PostgresServer
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Give two stores on one place, as two processes have them."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'sessions.db'}"
    elif request.param == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        url = await postgres.new_schema()
    else:
        server: ValkeyServer = request.getfixturevalue("valkey")
        server.flush()
        url = server.url()
    async with open_store(url) as one, open_store(url) as other:
        yield one, other


async def page(store: Store, after: str = START, limit: int = 1_000) -> WirePage:
    clock = ManualClock(NOW)
    follower = FeedFollower(store=store, denylist=Denylist(), clock=clock, emitter=Emitter())
    publisher = FeedPublisher(store=store, follower=follower, clock=clock)
    async with aclosing(publisher.watch(after, every=60, limit=limit)) as pages:
        return await anext(pages)


async def test_pages_follow_one_another_through_either_process(stores: tuple[Store, Store]) -> None:
    denials = [make_denial() for _ in range(5)]
    for number, denial in enumerate(denials):
        await stores[number % 2].write_denial(denial)
    after, seen = START, list[object]()
    for number in range(3):
        found = await page(stores[number % 2], after, limit=2)
        assert not found.reset
        seen += found.denials
        after = found.cursor
    assert seen == denials
    for store in stores:
        last = await page(store, after)
        assert (last.denials, last.cursor, last.reset) == ((), after, False)


async def test_only_a_cursor_that_was_lost_reads_everything_again(stores: tuple[Store, Store]) -> None:
    one, other = stores
    spent, kept = make_denial(expires_at=NOW - 1), make_denial(expires_at=NOW + 900)
    await one.write_denial(spent)
    early = (await page(other)).cursor
    await one.write_denial(kept)
    late = (await page(other)).cursor
    assert await one.purge_denials(NOW, 10) == 1
    # The last denial is still there: nothing is read again.
    assert (await page(other, late)).reset is False
    found = await page(other, early)
    assert (found.reset, found.denials, found.cursor) == (True, (kept,), late)
    assert await one.purge_denials(NOW + 901, 10) == 1
    emptied = await page(other, late)
    assert (emptied.reset, emptied.denials, emptied.cursor) == (True, (), START)
