"""The confirmer: what was seen is written in batches, at most as often as it is worth, and never forgotten."""

import asyncio

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sealring import SessionPolicy
from sealring.errors import StoreUnavailable
from sealring.sessions.confirm import Confirmer
from sealring.stores.memory import MemoryStore
from tests.gated import GatedStore
from tests.sessions.making import NOW, SID, a_row

pytestmark = pytest.mark.anyio

MINUTE = SessionPolicy().last_seen_every.total_seconds()


async def a_store(**changes: object) -> GatedStore:
    """Return a store with one session in its fifth generation, of which four were seen."""
    store = MemoryStore()
    await store.open_session(a_row(**({"confirmed_generation": 4, "last_seen": NOW} | changes)))
    return GatedStore(store)


async def confirmed(store: GatedStore) -> tuple[int, float, float]:
    row = await store.inner.read_session(SID)
    assert row is not None
    return row.confirmed_generation, row.confirmed_at, row.last_seen


def confirmer(store: GatedStore) -> Confirmer:
    return Confirmer(store.port, SessionPolicy())


async def test_noting_writes_nothing_and_flushing_writes_the_time_of_the_first_sighting() -> None:
    store = await a_store()
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    it.note(SID, 5, NOW + 1.5)
    assert (len(it), store.calls) == (1, [])
    assert await it.flush(NOW + 2) == 1
    assert await confirmed(store) == (5, NOW + 1, NOW + 1)
    assert len(it) == 0


async def test_nothing_to_write_is_no_call_to_the_store() -> None:
    store = await a_store()
    assert await confirmer(store).flush(NOW) == 0
    assert store.calls == []


async def test_what_a_failing_store_did_not_take_is_written_by_the_next_flush() -> None:
    store = await a_store()
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    store.fail("confirm", times=2)
    for attempt in range(2):
        with pytest.raises(StoreUnavailable):
            await it.flush(NOW + 2 + attempt)
        assert len(it) == 1
        it.note(SID, 5, NOW + 3)
    assert await it.flush(NOW + 10) == 1
    # Still the first sighting: the grace does not begin anew because the store was away.
    assert await confirmed(store) == (5, NOW + 1, NOW + 1)


async def test_a_write_whose_answer_was_lost_is_written_again_and_changes_nothing() -> None:
    store = await a_store()
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    store.fail("confirm", "after")
    with pytest.raises(StoreUnavailable):
        await it.flush(NOW + 2)
    assert await it.flush(NOW + 3) == 1
    assert await confirmed(store) == (5, NOW + 1, NOW + 1)


async def test_a_newer_generation_that_comes_during_a_flush_is_not_forgotten() -> None:
    store = await a_store(generation=6)
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    store.fail("confirm", "after")
    with pytest.raises(StoreUnavailable):
        await it.flush(NOW + 2)
    it.note(SID, 6, NOW + 2)
    it.note(SID, 5, NOW + 2.5)  # A slower tab with the older token.
    assert await it.flush(NOW + 3) == 1
    assert await confirmed(store) == (6, NOW + 2, NOW + 2)


async def test_what_is_seen_while_the_store_writes_is_written_next() -> None:
    store = await a_store(generation=6)
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    gate = store.hold("confirm", "after")
    flushing = asyncio.create_task(it.flush(NOW + 2))
    await gate.wait()
    it.note(SID, 6, NOW + 2)
    gate.open()
    assert await flushing == 2
    assert await confirmed(store) == (6, NOW + 2, NOW + 2)


async def test_last_seen_is_written_at_most_once_a_minute() -> None:
    store = await a_store()
    it = confirmer(store)
    for second in range(180):
        it.note(SID, 5, NOW + second)
        await it.flush(NOW + second)
    assert store.calls.count("confirm") == 3
    assert (await confirmed(store))[2] == NOW + 2 * MINUTE


async def test_a_new_generation_is_written_at_once_however_recent_the_last_write_was() -> None:
    store = await a_store(generation=6)
    it = confirmer(store)
    it.note(SID, 5, NOW)
    await it.flush(NOW)
    it.note(SID, 6, NOW + 1)
    assert await it.flush(NOW + 1) == 1
    assert await confirmed(store) == (6, NOW + 1, NOW + 1)


async def test_an_older_generation_than_the_one_written_is_not_worth_a_write() -> None:
    store = await a_store()
    it = confirmer(store)
    it.note(SID, 5, NOW)
    await it.flush(NOW)
    it.note(SID, 4, NOW + 1)
    assert len(it) == 0


async def test_what_was_written_long_ago_is_forgotten_here() -> None:
    store = await a_store()
    it = confirmer(store)
    for number in range(100):
        it.note(number.to_bytes(16, "big"), 1, NOW)
    await it.flush(NOW)
    await it.flush(NOW + MINUTE)
    assert it._written == {}


async def test_a_flood_is_written_in_batches() -> None:
    store = await a_store()
    it = confirmer(store)
    for number in range(2_500):
        it.note(number.to_bytes(16, "big"), 1, NOW)
    assert await it.flush(NOW) == 2_500
    assert store.calls.count("confirm") == 3


async def test_a_flood_that_breaks_off_keeps_what_is_left() -> None:
    store = await a_store()
    it = confirmer(store)
    for number in range(2_500):
        it.note(number.to_bytes(16, "big"), 1, NOW)
    gate = store.hold("confirm")
    gate.open()
    store.fail("confirm", "after")
    with pytest.raises(StoreUnavailable):
        await it.flush(NOW)
    assert len(it) == 2_500
    assert await it.flush(NOW) == 2_500


@pytest.mark.parametrize("change", [{"revoked_at": NOW, "revoked_reason": "logout"}, {"sid": bytes(16)}])
async def test_sessions_that_are_over_or_unknown_are_passed_over(change: dict[str, object]) -> None:
    store = await a_store(**change)
    it = confirmer(store)
    it.note(SID, 5, NOW + 1)
    it.note(bytes(16), 5, NOW + 1)
    assert await it.flush(NOW + 2) == 2
    if "revoked_at" in change:
        assert await confirmed(store) == (4, a_row().confirmed_at, NOW)


sightings = st.lists(
    st.one_of(st.integers(1, 6), st.sampled_from(["flush", "fail", "lose the answer"]), st.floats(0.1, 90)), max_size=30
)


@given(sightings)
@example([5, 1.0, 6])
async def test_after_the_last_flush_the_store_knows_the_highest_generation_and_when_it_was_first_seen(
    story: list[int | str | float],
) -> None:
    store = await a_store(generation=5, confirmed_generation=0, confirmed_at=NOW - 1)
    it = confirmer(store)
    now, highest, first_seen, last_seen = NOW, 0, NOW - 1, NOW
    for event in story:
        if isinstance(event, float):
            now += event
        elif isinstance(event, int):
            it.note(SID, event, now)
            last_seen = now
            if event > highest:
                highest, first_seen = event, (first_seen if highest >= 5 else now)
        else:
            if event != "flush":
                store.fail("confirm", "before" if event == "fail" else "after")
            try:
                await it.flush(now)
            except StoreUnavailable:
                assert event != "flush"
            store.fail("confirm", "before", times=0)
            store.fail("confirm", "after", times=0)
    await it.flush(now)
    assert len(it) == 0
    generation, at, seen = await confirmed(store)
    # A generation beyond the row's counts as the row's own: the client is at least that far. Such a sighting (the store
    # has lost a rotation) takes the place of one that waits, so it may be dated later: the grace then ends later.
    assert generation == min(highest, 5)
    assert at == first_seen or (highest > 5 and at > first_seen)
    assert seen <= last_seen
