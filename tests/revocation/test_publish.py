"""The feed for other services: cursors that survive a change of process, a purge and a restore, and held requests."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from sealring.clock import ManualClock
from sealring.errors import StoreUnavailable
from sealring.events import Emitter
from sealring.revocation import ENDED, Denial, DenialKind, Denylist, FeedFollower, FeedPage
from sealring.revocation.publish import FeedPublisher
from sealring.revocation.wire import START, WirePage
from sealring.stores.memory import MemoryStore
from tests.gated import GatedStore

pytestmark = pytest.mark.anyio

PATIENCE = 20.0
FOR_EVER = 3_600.0


def denial(number: int, expires_at: float = 2e9) -> Denial:
    return Denial(DenialKind.SESSION, f"{number:032x}", ENDED, expires_at)


@dataclass
class Process:
    """One process of an issuer: its store, its follower, what it publishes."""

    store: GatedStore = field(default_factory=lambda: GatedStore(MemoryStore()))
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.follower = FeedFollower(store=self.store.port, denylist=Denylist(), clock=self.clock, emitter=Emitter())
        self.publisher = FeedPublisher(store=self.store.port, follower=self.follower, clock=self.clock)

    async def deny(self, *numbers: int) -> None:
        for number in numbers:
            await self.store.port.write_denial(denial(number))

    async def page(self, after: str = START, limit: int = 1_000) -> WirePage:
        async with self.watch(after, limit=limit) as pages:
            return await anext(pages)

    @asynccontextmanager
    async def watch(
        self, after: str = START, every: float = FOR_EVER, limit: int = 1_000
    ) -> AsyncIterator[AsyncGenerator[WirePage]]:
        async with aclosing(self.publisher.watch(after, every=every, limit=limit)) as pages:
            yield pages


def numbers(page: WirePage) -> list[int]:
    return [int(each.ident, 16) for each in page.denials]


async def test_pages_follow_one_another_and_the_last_one_says_that_it_is() -> None:
    one = Process()
    await one.deny(*range(5))
    after, seen = START, list[int]()
    for more in (True, True, False):
        page = await one.page(after, limit=2)
        assert (page.more, page.reset) == (more, False)
        seen += numbers(page)
        after = page.cursor
    assert seen == list(range(5))
    last = await one.page(after)
    assert (numbers(last), last.cursor, last.reset) == ([], after, False)


async def test_an_empty_feed_has_the_cursor_of_the_start() -> None:
    page = await Process().page()
    assert (page.cursor, page.denials, page.reset) == (START, (), False)


async def test_any_process_answers_the_cursor_of_any_other() -> None:
    one = Process()
    other = Process(store=one.store)
    await one.deny(1, 2)
    page = await one.page(limit=1)
    assert numbers(await other.page(page.cursor)) == [2]


async def test_after_a_restore_a_cursor_of_the_lost_time_reads_everything_again_even_when_its_number_was_reused() -> (
    None
):
    lost = Process()
    await lost.deny(1, 2, 3)
    cursor = (await lost.page()).cursor
    for restored in ((1,), (1, 2, 4), (1, 2, 4, 5)):
        copy = Process()
        await copy.deny(*restored)
        page = await copy.page(cursor)
        assert (page.reset, numbers(page)) == (True, list(restored)), restored
        again = await copy.page(page.cursor)
        assert (again.reset, numbers(again)) == (False, [])


async def test_a_cursor_whose_denial_was_purged_reads_what_is_left() -> None:
    one = Process()
    await one.store.port.write_denial(denial(1, expires_at=one.clock.now() - 1))
    cursor = (await one.page()).cursor
    await one.store.port.purge_denials(one.clock.now(), 10)
    await one.deny(2)
    page = await one.page(cursor)
    assert (page.reset, numbers(page)) == (True, [2])
    assert not (await one.page(page.cursor)).reset


@pytest.mark.parametrize("nonsense", ["", "x", "1", "1.", "1.wrong", "999999.mark", "-1.mark", "9" * 400, "é", "1.\n"])
async def test_what_was_never_a_cursor_reads_everything(nonsense: str) -> None:
    one = Process()
    await one.deny(1)
    page = await one.page(nonsense)
    assert (page.reset, numbers(page)) == (True, [1])
    assert page.cursor.isascii()


async def test_a_held_request_is_answered_when_the_follower_of_the_process_finds_news() -> None:
    one = Process()
    await one.deny(1)
    await one.follower.catch_up()
    async with one.watch() as pages:
        assert numbers(await anext(pages)) == [1]
        held = asyncio.ensure_future(anext(pages))
        await one.deny(2)
        await asyncio.sleep(0)
        assert not held.done()
        await one.follower.catch_up()
        assert numbers(await asyncio.wait_for(held, PATIENCE)) == [2]


async def test_news_that_come_between_the_reading_and_the_waiting_are_not_slept_over() -> None:
    one = Process()
    gate = one.store.hold("read_feed", "after")
    async with one.watch() as pages:
        first = asyncio.ensure_future(anext(pages))
        await gate.wait()
        await one.deny(1)
        await one.follower.catch_up()
        gate.open()
        assert numbers(await asyncio.wait_for(first, PATIENCE)) == []
        assert numbers(await asyncio.wait_for(anext(pages), PATIENCE)) == [1]


async def test_while_there_is_no_news_the_store_is_not_asked_and_the_follower_says_how_fresh_that_is() -> None:
    one = Process()
    await one.deny(1)
    await one.follower.catch_up()
    async with one.watch(every=0.001) as pages:
        await anext(pages)
        one.store.calls.clear()
        one.clock.advance(3)
        await one.follower.catch_up()
        one.clock.advance(1)
        page = await asyncio.wait_for(anext(pages), PATIENCE)
        assert (page.denials, page.at) == ((), 3)
        assert one.store.calls.count("read_feed") == 1, "only the follower has read"
        # The store is silent: nothing becomes fresher.
        one.clock.advance(60)
        assert (await asyncio.wait_for(anext(pages), PATIENCE)).at == 3


async def test_a_process_that_is_behind_the_cursor_asks_the_store_before_it_says_that_there_is_no_news() -> None:
    one = Process()
    behind = Process(store=one.store)
    await one.deny(1)
    cursor = (await one.page()).cursor
    async with behind.watch(cursor, every=0.001) as pages:
        assert (await anext(pages)).denials == ()
        one.store.calls.clear()
        page = await asyncio.wait_for(anext(pages), PATIENCE)
        assert (page.denials, page.cursor) == ((), cursor)
        assert "read_feed" in one.store.calls


class Forgetful(MemoryStore):
    """A store that fails over to a copy between two readings."""

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        page = await super().read_feed(after, limit)
        return replace(page, anew=after > 0 and limit > 1)


async def test_a_store_that_says_that_it_may_have_lost_denials_is_read_again_from_the_beginning() -> None:
    one = Process(store=GatedStore(Forgetful()))
    await one.deny(1, 2)
    page = await one.page()
    again = await one.page(page.cursor)
    assert (again.reset, numbers(again)) == (True, [1, 2])


async def test_a_store_that_does_not_answer_ends_the_watching() -> None:
    one = Process()
    one.store.fail("read_feed")
    with pytest.raises(StoreUnavailable):
        await one.page()
