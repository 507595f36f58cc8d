"""Purging: piece by piece, bounded, and never a session that lives."""

from dataclasses import replace

import pytest

from sealring import SessionPolicy
from sealring.clock import ManualClock
from sealring.errors import StoreUnavailable
from sealring.events import Emitter, Purged
from sealring.revocation import ENDED, Denial, DenialKind
from sealring.sessions.purge import Purger
from sealring.stores.memory import MemoryStore
from tests.gated import GatedStore
from tests.sessions.making import NOW, a_row
from tests.support import EventLog

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


def purger(store: GatedStore, log: EventLog) -> Purger:
    return Purger(
        sessions=store.port, feed=store.port, policy=SessionPolicy(), clock=ManualClock(NOW), emitter=Emitter([log])
    )


async def test_what_is_over_goes_in_batches_until_there_is_no_more() -> None:
    store, log = await a_store(1_200, denials=700), EventLog()
    assert await purger(store, log).purge() == (1_200, 700)
    assert store.calls.count("purge_sessions") == 3
    assert [row.sid for row in await store.inner.list_sessions("ada")] == [bytes([255]) * 16]
    assert log.events == [Purged(sessions=1_200, denials=700)]


async def test_a_full_batch_is_followed_by_one_more_look() -> None:
    store, log = await a_store(500), EventLog()
    assert await purger(store, log).purge() == (500, 0)
    assert store.calls == ["purge_sessions", "purge_denials"] * 2
    assert log.events == [Purged(sessions=500, denials=0)]


async def test_one_run_is_bounded_and_the_next_goes_on() -> None:
    store, log = await a_store(10_001), EventLog()
    assert await purger(store, log).purge() == (10_000, 0)
    assert await purger(store, log).purge() == (1, 0)


async def test_nothing_to_do_is_not_told() -> None:
    store, log = await a_store(0), EventLog()
    assert await purger(store, log).purge() == (0, 0)
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
    assert await purger(GatedStore(store), EventLog()).purge() == (int(gone), 0)


async def test_a_run_that_breaks_off_keeps_what_it_did() -> None:
    store, log = await a_store(600), EventLog()
    store.fail("purge_denials", "after")
    with pytest.raises(StoreUnavailable):
        await purger(store, log).purge()
    assert await purger(store, log).purge() == (100, 0)
