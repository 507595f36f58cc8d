"""The feed: news of other processes, a restart, and what is known of how fresh it is."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta

import pytest

from sealring import AccessPolicy
from sealring.clock import ManualClock
from sealring.errors import SessionRevoked, StoreUnavailable, TokenRevoked, TokenSuperseded
from sealring.events import DenialsRestored, Emitter, FeedCaughtUp, Purged
from sealring.policy import RevocationPolicy
from sealring.revocation import ENDED, Denial, DenialKind, Denylist, FeedFollower, FeedPage
from sealring.sessions.record import PurgeCounts
from sealring.stores.memory import MemoryStore
from tests.access.forging import payload_of
from tests.gated import GatedStore, Place
from tests.refreshing import one_more, prove_dead, quiet, refreshed, settled_login
from tests.support import Bench, EventLog, bench

pytestmark = pytest.mark.anyio


def follower(store: GatedStore, denylist: Denylist, clock: ManualClock, log: EventLog) -> FeedFollower:
    return FeedFollower(store=store.port, denylist=denylist, clock=clock, emitter=Emitter([log]))


def denial(number: int, expires_at: float = 2e9) -> Denial:
    return Denial(DenialKind.SESSION, f"{number:032x}", ENDED, expires_at)


# On a ring


async def test_a_second_process_learns_of_a_logout_by_the_feed(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await one.login()
        await other.ring.authenticate(tokens.access_token)
        await one.ring.logout(refresh_token=tokens.refresh_token)
        # It has not heard yet: this is the time that the feed's interval bounds.
        await other.ring.authenticate(tokens.access_token)
        assert await other.ring.follower.catch_up() == 1
        with pytest.raises(TokenRevoked):
            await other.ring.authenticate(tokens.access_token)
        assert await other.ring.follower.catch_up() == 0
        assert [event.entries for event in other.log.of(FeedCaughtUp)] == [1]


async def test_a_second_process_never_refreshes_an_ended_session_whether_it_has_heard_or_not(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await settled_login(one)
        await one.ring.logout(refresh_token=tokens.refresh_token)
        with pytest.raises(SessionRevoked):
            await refreshed(other, tokens)


async def test_a_raised_epoch_travels_by_the_feed_too(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await settled_login(one)
        for _ in range(3):
            assert await one.ring.revoke_access(tokens.view.row.session_id)
        await other.ring.follower.catch_up()
        with pytest.raises(TokenSuperseded):
            await other.ring.authenticate(tokens.access_token)
        again = await refreshed(other, tokens)
        assert (await other.ring.authenticate(again.access_token)).epoch == 3
        assert (await one.ring.authenticate(again.access_token)).epoch == 3


async def test_the_background_job_follows_the_feed_by_itself(place: Place) -> None:
    fast = replace(quiet(), revocation=RevocationPolicy(poll_every=timedelta(milliseconds=50)))
    gated = GatedStore(place.open())
    async with (
        bench(policy=quiet(), store=place.open()) as one,
        bench(policy=fast, store=gated.port, clock=one.clock) as other,
    ):
        tokens = await one.login()
        await one.ring.logout(refresh_token=tokens.refresh_token)
        for _ in range(2):  # When the second reading from now on begins, the first one is over.
            gate = gated.hold("read_feed")
            await gate.wait()
            gate.open()
        with pytest.raises(TokenRevoked):
            await other.ring.authenticate(tokens.access_token)


async def test_after_a_restart_the_tokens_of_an_ended_session_are_still_refused(place: Place) -> None:
    clock = ManualClock()
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        ended, superseded, good = await it.login(), await settled_login(it), await it.login()
        single = await it.login()
        await it.ring.logout(refresh_token=ended.refresh_token)
        assert await it.ring.revoke_access(superseded.view.row.session_id)
        jti = payload_of(single)["jti"]
        await it.ring.store.write_denial(Denial(DenialKind.TOKEN, jti, 0, clock.now() + 1000))
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        # Before anything else happens: the first request after the start is answered rightly.
        with pytest.raises(TokenSuperseded):
            await it.ring.authenticate(superseded.access_token)
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(single.access_token)
        await it.ring.authenticate(good.access_token)
        await prove_dead(it, ended)


async def test_a_denial_holds_until_the_last_token_is_dead_and_is_then_forgotten_everywhere(place: Place) -> None:
    policy = quiet()
    leeway = policy.access.leeway.total_seconds()
    async with bench(policy=policy, store=place.open()) as it:
        tokens = await it.login()
        await it.ring.logout(refresh_token=tokens.refresh_token)
        it.clock.advance(policy.access.lifetime.total_seconds() + leeway - 0.1)
        await it.ring.follower.catch_up()
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(tokens.access_token)
        it.clock.advance(policy.token_afterlife.total_seconds())
        await it.ring.follower.catch_up()
        assert len(it.ring.denylist) == 0
        assert await it.ring.purge() == PurgeCounts(denials=1)
        assert (await it.ring.store.read_feed(0, 10)).denials == ()
        assert [event.denials for event in it.log.of(Purged)] == [1]


async def test_a_token_minted_by_a_clock_that_is_ahead_stays_denied_for_all_its_life(place: Place) -> None:
    """The revocation's clock is right, the minter's is ahead by the leeway, the refresh raced the revocation."""
    leeway = AccessPolicy().leeway.total_seconds()
    async with bench(policy=quiet(), store=place.open()) as it:
        ahead = ManualClock(it.clock.now() + leeway)
        async with bench(policy=quiet(), store=place.open(), clock=ahead) as fast:
            tokens = await fast.login()
            await it.ring.logout(refresh_token=tokens.refresh_token)
            it.clock.advance(tokens.view.expires_at + leeway - it.clock.now() - 0.1)
            await it.ring.follower.catch_up()
            with pytest.raises(TokenRevoked):
                await it.ring.authenticate(tokens.access_token)


# Alone


async def test_news_come_page_by_page_and_each_once() -> None:
    store, denylist, log = GatedStore(MemoryStore()), Denylist(), EventLog()
    for number in range(2_500):
        await store.inner.write_denial(denial(number))
    it = follower(store, denylist, ManualClock(), log)
    assert await it.catch_up() == 2_500
    assert store.calls == ["read_feed"] * 3
    assert len(denylist) == 2_500
    await store.inner.write_denial(denial(2_500))
    assert await it.catch_up() == 1
    assert [event.entries for event in log.of(FeedCaughtUp)] == [2_500, 1]


async def test_a_page_that_is_just_full_is_followed_by_one_more_look() -> None:
    store, denylist = GatedStore(MemoryStore()), Denylist()
    for number in range(1_000):
        await store.inner.write_denial(denial(number))
    assert await follower(store, denylist, ManualClock(), EventLog()).catch_up() == 1_000
    assert store.calls == ["read_feed"] * 2


async def test_a_reading_that_breaks_off_keeps_what_it_has_and_goes_on_there() -> None:
    store, denylist, log = GatedStore(MemoryStore()), Denylist(), EventLog()
    for number in range(1_500):
        await store.inner.write_denial(denial(number))
    it = follower(store, denylist, ManualClock(), log)
    gate = store.hold("read_feed", "after")
    reading = asyncio.create_task(it.catch_up())
    await gate.wait()
    store.fail("read_feed")
    gate.open()
    with pytest.raises(StoreUnavailable):
        await reading
    assert len(denylist) == 1_000
    assert it.age(ManualClock().now()) is None
    assert await it.catch_up() == 500
    assert it.age(ManualClock().now()) == 0


async def test_freshness_counts_from_the_beginning_of_the_last_whole_reading() -> None:
    store, clock = GatedStore(MemoryStore()), ManualClock()
    it = follower(store, Denylist(), clock, EventLog())
    assert it.age(clock.now()) is None
    gate = store.hold("read_feed", "after")
    reading = asyncio.create_task(it.catch_up())
    await gate.wait()
    clock.advance(3)  # What is committed now is not in the answer any more.
    gate.open()
    await reading
    assert it.age(clock.now()) == 3
    store.fail("read_feed")
    clock.advance(4)
    with pytest.raises(StoreUnavailable):
        await it.catch_up()
    assert it.age(clock.now()) == 7


async def test_neither_a_clock_set_back_nor_a_machine_that_slept_makes_news_look_fresher() -> None:
    clock = ManualClock()
    it = follower(GatedStore(MemoryStore()), Denylist(), clock, EventLog())
    await it.catch_up()
    clock.advance(7)
    clock.advance(-3600)
    assert it.age(clock.now()) == 7
    # While the machine slept, only the time of day went on.
    assert it.age(clock.now() + 7200) == 3607


async def test_however_many_ask_at_once_there_is_one_reading_and_one_more_for_those_who_came_during_it() -> None:
    store, denylist = GatedStore(MemoryStore()), Denylist()
    it = follower(store, denylist, ManualClock(), EventLog())
    await store.inner.write_denial(denial(1))
    gate = store.hold("read_feed", "after")
    first = asyncio.create_task(it.catch_up())
    await gate.wait()
    # The reading under way has its answer already, and this is not in it.
    await store.inner.write_denial(denial(2))
    late = [asyncio.create_task(it.catch_up()) for _ in range(50)]
    await asyncio.sleep(0)
    gate.open()
    assert [await first, *[await each for each in late]] == [1] * 51
    assert store.calls == ["read_feed"] * 2
    assert [denylist.denies_session(f"{number:032x}") for number in (1, 2)] == [True] * 2


async def test_whoever_stops_waiting_leaves_the_reading_to_the_others() -> None:
    store, denylist = GatedStore(MemoryStore()), Denylist()
    it = follower(store, denylist, ManualClock(), EventLog())
    await store.inner.write_denial(denial(1))
    gate = store.hold("read_feed", "after")
    impatient = asyncio.create_task(it.catch_up())
    await gate.wait()
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    gate.open()
    await it.catch_up()
    assert denylist.denies_session(f"{1:032x}")
    assert store.calls == ["read_feed"] * 2


async def test_a_reading_under_way_is_given_up_when_the_follower_stops() -> None:
    store = GatedStore(MemoryStore())
    it = follower(store, Denylist(), ManualClock(), EventLog())
    gate = store.hold("read_feed")
    reading = asyncio.create_task(it.catch_up())
    await gate.wait()
    await it.stop()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await it.stop()


# A place that has lost something


class Backup(MemoryStore):
    """A store that can fall back to an older state, as after a failover to a replica that lagged."""

    def keep(self) -> None:
        self._kept = (dict(self._sessions), list(self._feed), self._last_cursor)

    def fall_back(self) -> None:
        self._sessions, self._feed, self._last_cursor = dict(self._kept[0]), list(self._kept[1]), self._kept[2]


async def follow(it: Bench) -> None:
    """Do once what a ring does in the background."""
    await it.ring._parts.follow_feed()


@pytest.mark.parametrize("noticed", ["by the cursor", "by a failure"])
async def test_what_a_failover_lost_is_written_back_by_everybody_who_knew_it(noticed: str) -> None:
    store, clock = Backup(), ManualClock()
    gated = GatedStore(store)
    async with bench(policy=quiet(), store=gated.port, clock=clock) as one:
        ended, superseded, fine = await one.login(), await settled_login(one), await one.login()
        store.keep()
        await one.ring.logout(refresh_token=ended.refresh_token)
        assert await one.ring.revoke_access(superseded.view.row.session_id)
        await store.write_denial(Denial(DenialKind.TOKEN, "jti of a token", 0, clock.now() + 900))
        await follow(one)
        store.fall_back()
        if noticed == "by a failure":
            # By now somebody else has written as many denials as were lost.
            for number in range(4):
                await store.write_denial(denial(number, expires_at=clock.now() + 900))
            gated.fail("read_feed")
            with pytest.raises(StoreUnavailable):
                await follow(one)
        await follow(one)
        assert [event.entries for event in one.log.of(DenialsRestored)] == [3]
        row = await store.read_session(ended.view.row.sid)
        assert row is not None
        assert row.revoked_reason == "restored"
        # A process that starts now knows all of it, and whoever was not concerned is still signed in.
        async with bench(policy=quiet(), store=store, clock=clock) as other:
            await prove_dead(other, ended)
            with pytest.raises(TokenSuperseded):
                await other.ring.authenticate(superseded.access_token)
            assert other.ring.denylist.denies_token("jti of a token")
            await other.ring.authenticate(fine.access_token)
            # The epoch of the row was restored too: a refresh brings a token that is accepted.
            again = await refreshed(other, superseded)
            await other.ring.authenticate(again.access_token)
        await follow(one)
        assert [event.entries for event in one.log.of(DenialsRestored)] == [3]


async def test_a_failure_that_lost_nothing_writes_nothing(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        for _ in range(3):
            tokens = await it.login()
            await it.ring.logout(refresh_token=tokens.refresh_token)
        await follow(it)
        gated.fail("read_feed")
        with pytest.raises(StoreUnavailable):
            await follow(it)
        gated.calls.clear()
        await follow(it)
        assert gated.calls == ["read_feed"]
        assert it.log.of(DenialsRestored) == []


async def test_writing_back_that_fails_is_taken_up_again() -> None:
    store, clock = Backup(), ManualClock()
    gated = GatedStore(store)
    async with bench(policy=quiet(), store=gated.port, clock=clock) as it:
        store.keep()
        for number in range(3):
            await store.write_denial(Denial(DenialKind.TOKEN, str(number), 0, clock.now() + 900))
        await follow(it)
        store.fall_back()
        gated.fail("write_denial")
        with pytest.raises(StoreUnavailable):
            await follow(it)
        await follow(it)
        assert {denial.ident for denial in (await store.read_feed(0, 10)).denials} == {"0", "1", "2"}


# Waking


async def test_news_are_followed_as_soon_as_the_store_wakes() -> None:
    store, denylist = MemoryStore(), Denylist()
    it = FeedFollower(store=store, denylist=denylist, clock=ManualClock(), emitter=Emitter())
    watching = asyncio.create_task(it.watch(store.watch_feed(), it.catch_up))
    await asyncio.wait_for(it.completed(), 10)
    for number in range(3):
        completed = asyncio.create_task(it.completed())
        await asyncio.sleep(0)
        await store.write_denial(denial(number))
        await asyncio.wait_for(completed, 10)
        assert denylist.denies_session(f"{number:032x}")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert store._watches == set()


async def test_a_watch_that_breaks_makes_the_next_reading_begin_anew() -> None:
    class Breaking(GatedStore):
        async def watch_feed(self) -> AsyncGenerator[None, None]:
            yield
            raise StoreUnavailable("the connection is gone")

    store, denylist, log = Breaking(MemoryStore()), Denylist(), EventLog()
    it = follower(store, denylist, ManualClock(), log)
    await store.inner.write_denial(denial(1))
    with pytest.raises(StoreUnavailable):
        await it.watch(store.watch_feed(), it.catch_up)
    assert denylist.denies_session(f"{1:032x}")
    assert it.cursor == 1
    assert await it.catch_up() == 0
    assert [event.entries for event in log.of(FeedCaughtUp)] == [1]


async def test_what_is_spent_when_it_arrives_is_not_kept() -> None:
    store, denylist, clock = GatedStore(MemoryStore()), Denylist(), ManualClock()
    await store.inner.write_denial(denial(1, expires_at=clock.now()))
    await store.inner.write_denial(denial(2, expires_at=clock.now() + 1))
    assert await follower(store, denylist, clock, EventLog()).catch_up() == 2
    assert len(denylist) == 1


# What a service without a store needs


class Told:
    """Somewhere to read that says as of when its page is complete."""

    def __init__(self, *pages: FeedPage) -> None:
        self._pages = list(pages)

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        return self._pages.pop(0)


async def test_where_the_reader_says_as_of_when_its_page_is_complete_that_counts() -> None:
    clock = ManualClock()
    told = Told(FeedPage(1, (denial(1),), clock.now() - 3), FeedPage(1, ()))
    feed = FeedFollower(store=told, denylist=Denylist(), clock=clock, emitter=Emitter())
    await feed.catch_up()
    assert (feed.cursor, feed.age(clock.now())) == (1, 3)
    await feed.catch_up()
    assert (feed.cursor, feed.age(clock.now())) == (1, 0)


async def test_whoever_waits_for_the_next_reading_is_woken_by_it_and_by_no_failure() -> None:
    gated = GatedStore(MemoryStore())
    feed = follower(gated, Denylist(), ManualClock(), EventLog())
    waiting = [asyncio.create_task(feed.completed()) for _ in range(3)]
    gated.fail("read_feed")
    with pytest.raises(StoreUnavailable):
        await feed.catch_up()
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    await feed.catch_up()
    await asyncio.wait_for(asyncio.gather(*waiting), 10)
