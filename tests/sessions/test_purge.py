"""Purging: piece by piece, bounded, and never a session that lives."""

import asyncio
import secrets
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealring import SessionPolicy, SessionTokens
from sealring.clock import ManualClock
from sealring.errors import RefusedError, StoreUnavailable
from sealring.events import Emitter, Purged
from sealring.revocation import ENDED, Denial, DenialKind
from sealring.sessions.purge import Purger
from sealring.sessions.record import PurgeCounts
from sealring.stores.memory import MemoryStore
from tests.gated import GatedStore
from tests.refreshing import quiet
from tests.sessions.making import NOW, a_row
from tests.support import WEB, Bench, EventLog, bench

pytestmark = pytest.mark.anyio

KEEP = SessionPolicy().keep_ended.total_seconds()


async def a_store(sessions: int, denials: int = 0) -> GatedStore:
    """Return a store with sessions that are long over, spent denials, and one session that lives."""
    store = MemoryStore()
    over = a_row(idle_end=NOW - KEEP - 1)
    for number in range(sessions):
        await store.open_session(replace(over, sid=number.to_bytes(16, "big")))
    for number in range(denials):
        await store.write_denial(Denial(DenialKind.SESSION, f"{number:032x}", ENDED, NOW))
    await store.open_session(a_row(sid=bytes([255]) * 16))
    return GatedStore(store)


def purger(store: GatedStore, log: EventLog, clock: ManualClock | None = None) -> Purger:
    return Purger(
        sessions=store.port,
        feed=store.port,
        leases=store.port,
        policy=SessionPolicy(),
        clock=clock or ManualClock(NOW),
        entropy=secrets.token_bytes,
        emitter=Emitter([log]),
    )


async def test_what_is_over_goes_in_batches_until_there_is_no_more() -> None:
    store, log = await a_store(1_200, denials=700), EventLog()
    assert await purger(store, log).purge() == PurgeCounts(1_200, 700)
    assert store.calls.count("purge_sessions") == 3
    assert [row.sid for row in await store.inner.list_sessions("ada")] == [bytes([255]) * 16]
    assert log.events == [Purged(sessions=1_200, denials=700, subjects=0)]


async def test_a_full_batch_is_followed_by_one_more_look() -> None:
    store, log = await a_store(500), EventLog()
    assert await purger(store, log).purge() == PurgeCounts(500)
    batch = ["purge_sessions", "purge_denials", "purge_subjects"]
    assert store.calls == ["take_lease", *batch * 2, "leave_lease"]
    assert log.events == [Purged(sessions=500, denials=0, subjects=0)]


async def test_one_run_is_bounded_and_the_next_goes_on() -> None:
    store, log = await a_store(10_001), EventLog()
    assert await purger(store, log).purge() == PurgeCounts(10_000)
    assert await purger(store, log).purge() == PurgeCounts(1)


async def test_a_run_by_hand_goes_on_to_the_end_and_tells_how_far_it_is() -> None:
    store, told = await a_store(11_001, denials=600), list[PurgeCounts]()
    assert await purger(store, EventLog()).count_due(10_000) == PurgeCounts(10_000, 600)
    done = await purger(store, EventLog()).purge(all_of_it=True, progress=told.append)
    assert done == PurgeCounts(11_001, 600) == told[-1]
    assert [each.sessions for each in told] == [*range(500, 11_001, 500), 11_001]
    assert await purger(store, EventLog()).count_due(10_000) == PurgeCounts()


async def test_nothing_to_do_is_not_told() -> None:
    store, log = await a_store(0), EventLog()
    assert await purger(store, log).purge() == PurgeCounts()
    assert log.events == []


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"idle_end": NOW - KEEP}, False),
        ({"idle_end": NOW - KEEP - 0.001}, True),
        ({"absolute_end": NOW - KEEP - 0.001}, True),
        ({"revoked_at": NOW - KEEP, "revoked_reason": "logout"}, False),
        ({"revoked_at": NOW - KEEP - 0.001, "revoked_reason": "logout"}, True),
        ({"idle_end": NOW + 0.001}, False),
    ],
    ids=["idle for just the time", "idle for longer", "past its absolute end", "ended for just the time",
         "ended for longer", "alive for a moment yet"],
)  # fmt: skip
async def test_a_session_is_kept_for_a_time_after_its_end(changes: dict[str, object], gone: bool) -> None:
    store = MemoryStore()
    await store.open_session(a_row(**changes))
    assert await purger(GatedStore(store), EventLog()).purge() == PurgeCounts(int(gone))


async def test_a_run_that_breaks_off_keeps_what_it_did() -> None:
    store, log = await a_store(600), EventLog()
    store.fail("purge_denials", "after")
    with pytest.raises(StoreUnavailable):
        await purger(store, log).purge()
    assert await purger(store, log).purge() == PurgeCounts(100)


async def test_an_epoch_is_kept_for_as_long_as_an_ended_session() -> None:
    store = await a_store(0)
    await store.inner.end_subject("kept", None, "logout_all", NOW - KEEP, NOW)
    await store.inner.end_subject("forgotten", None, "logout_all", NOW - KEEP - 0.001, NOW)
    assert await purger(store, EventLog()).purge() == PurgeCounts(subjects=1)
    assert await store.inner.subject_epoch("kept") > 0
    assert await store.inner.subject_epoch("forgotten") == 0


# Whose turn it is


async def test_while_one_process_purges_the_others_do_not() -> None:
    store, log = await a_store(3), EventLog()
    gate = store.hold("purge_sessions")
    first = asyncio.create_task(purger(store, log).purge())
    await gate.wait()
    assert await purger(store, log).purge() is None
    gate.open()
    assert await first == PurgeCounts(3)
    assert await purger(store, log).purge() == PurgeCounts()


async def test_the_turn_of_a_process_that_was_killed_ends_by_the_clock() -> None:
    store, clock = await a_store(3), ManualClock(NOW)
    gate = store.hold("purge_sessions")
    killed = asyncio.create_task(purger(store, EventLog(), clock).purge())
    await gate.wait()
    store.fail("leave_lease", times=1)
    killed.cancel()
    await asyncio.wait([killed])
    assert await purger(store, EventLog(), clock).purge() is None
    clock.advance(59.9)
    assert await purger(store, EventLog(), clock).purge() is None
    clock.advance(0.1)
    assert await purger(store, EventLog(), clock).purge() == PurgeCounts(3)


async def test_a_purge_that_is_stopped_gives_its_turn_back() -> None:
    store = await a_store(3)
    gate = store.hold("purge_sessions")
    stopped = asyncio.create_task(purger(store, EventLog()).purge())
    await gate.wait()
    stopped.cancel()
    await asyncio.wait([stopped])
    assert stopped.cancelled()
    assert await purger(store, EventLog()).purge() == PurgeCounts(3)


async def test_a_long_purge_prolongs_its_turn() -> None:
    store, clock = await a_store(1_600), ManualClock(NOW)
    others: list[PurgeCounts | None] = []

    async def take_long() -> None:
        for _ in range(4):
            gate = store.hold("purge_sessions")
            await gate.wait()
            clock.advance(25)
            others.append(await purger(store, EventLog(), clock).purge())
            gate.open()

    _, done = await asyncio.gather(take_long(), purger(store, EventLog(), clock).purge())
    assert done == PurgeCounts(1_600)
    assert others == [None] * 4


async def test_a_purge_that_lost_its_turn_stops() -> None:
    store, clock, log = await a_store(1_600), ManualClock(NOW), EventLog()
    gate = store.hold("purge_sessions")
    asleep = asyncio.create_task(purger(store, log, clock).purge())
    await gate.wait()
    clock.advance(60)
    assert await store.inner.take_lease("purge", "another", clock.now(), 60)
    gate.open()
    assert await asleep == PurgeCounts(500)
    assert log.events == [Purged(sessions=500, denials=0, subjects=0)]
    # Nor does it give back what is another's now.
    assert not await store.inner.take_lease("purge", "a third", clock.now(), 60)


async def test_the_background_work_purges_by_itself() -> None:
    async with bench(policy=quiet(purge_every=timedelta(seconds=1))) as it:
        await it.login()
        it.clock.advance(40 * 86_400)
        async with asyncio.timeout(30):
            while not it.log.of(Purged):
                await asyncio.sleep(0.02)
        assert it.log.of(Purged) == [Purged(sessions=1, denials=0, subjects=0)]


# Whatever happens before


_ACTIONS = st.sampled_from(["login", "short login", "use", "refresh", "logout", "end all", "purge", "minute", "day"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_ACTIONS, st.integers(0, 3)), max_size=40))
async def test_a_live_session_is_never_purged_and_a_dead_one_is_not_kept_for_ever(
    steps: list[tuple[str, int]],
) -> None:
    policy = quiet()
    policy = replace(policy, sessions=replace(policy.sessions, absolute=timedelta(days=10), idle=timedelta(days=2)))
    async with bench(policy=policy) as it:
        opened: list[SessionTokens] = []
        lives: dict[bytes, float] = {}

        async def act(name: str, which: int) -> None:
            holder = opened[which % len(opened)] if opened else None
            if name in {"login", "short login"}:
                opened.append(await it.login(persistent=name == "login"))
            elif name == "purge":
                await it.ring.purge()
            elif name in {"minute", "day"}:
                it.clock.advance(60 if name == "minute" else 86_400 / 2 * (which + 1))
            elif name == "end all":
                await it.ring.end_all_sessions("ada", "logout_all")
            elif holder is not None and name == "logout":
                await it.ring.logout(refresh_token=holder.refresh_token)
            elif holder is not None:
                await _go_on(it, opened, which, use=name == "use")

        for name, which in steps:
            await act(name, which)
            for row in [await it.ring.store.read_session(each.view.row.sid) for each in opened]:
                if row is not None:
                    lives[row.sid] = min(row.end, row.revoked_at or row.end)
            for sid, end in lives.items():
                if it.clock.now() <= end + KEEP:
                    assert await it.ring.store.read_session(sid) is not None
        it.clock.advance(20 * 86_400)
        await it.ring.purge()
        assert [await it.ring.store.read_session(sid) for sid in lives] == [None] * len(lives)


async def _go_on(it: Bench, opened: list[SessionTokens], which: int, *, use: bool) -> None:
    at = which % len(opened)
    with suppress(RefusedError):
        if use:
            await it.use(opened[at])
        elif (token := opened[at].refresh_token) is not None:
            refreshed = await it.ring.refresh(token, sender=WEB, idle_for=0)
            opened[at] = refreshed if refreshed.refresh_token is not None else opened[at]
