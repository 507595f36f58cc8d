"""The ring of a process changes: on schedule, early, in an emergency, under another key-encryption key."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from sealring.clock import ManualClock
from sealring.errors import KeyRingError, StoreUnavailable
from sealring.events import KeyDistrusted, KeyRingRewrapped, KeyRowRefused, KeyStateChanged
from sealring.jose import generate
from sealring.keys import KeyEncryptionKeys, KeyRing, KeyRow, KeyState, RingSnapshot, Schedule
from tests.keys.ring_store import NEW_KEK, OLD_KEK, ListSink, VariableKeyStore, bootstrap
from tests.support import EventT

pytestmark = pytest.mark.anyio

KEKS = KeyEncryptionKeys({1: OLD_KEK}, 1)
BOTH = KeyEncryptionKeys({1: OLD_KEK, 2: NEW_KEK}, 2)
NEW = KeyEncryptionKeys({2: NEW_KEK}, 2)
SCHEDULE = Schedule()


@dataclass
class Process:
    """One ring with its own sink."""

    ring: KeyRing
    sink: ListSink = field(default_factory=ListSink)

    def told(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.sink.events if isinstance(event, kind)]

    def states(self) -> list[str]:
        return [str(row.state) for row in self.ring.rows]


@dataclass
class House:
    """A store and a clock that several processes share."""

    store: VariableKeyStore = field(default_factory=VariableKeyStore)
    clock: ManualClock = field(default_factory=ManualClock)

    async def process(self, keks: KeyEncryptionKeys = KEKS, alg: str = "ES256") -> Process:
        sink = ListSink()
        ring = KeyRing(self.store, keks, clock=self.clock, events=sink, schedule=SCHEDULE, alg=alg)
        await ring.start()
        return Process(ring, sink)

    def stored(self) -> dict[str, KeyRow]:
        return {row.kid: row for row in self.store.snapshot.rows}


@pytest.fixture
def house() -> House:
    return House()


def kids(process: Process) -> tuple[str, str]:
    """Return the ids of the active and the announced key."""
    by_state = {row.state: row.kid for row in process.ring.rows}
    return by_state[KeyState.ACTIVE], by_state[KeyState.ANNOUNCED]


async def test_a_period_later_the_announced_key_signs_and_a_month_later_the_first_one_is_forgotten(
    house: House,
) -> None:
    it = await house.process()
    first, second = kids(it)
    assert await it.ring.rotate() is False
    house.clock.advance(SCHEDULE.period)
    assert await it.ring.rotate() is True
    assert it.ring.signer.kid == second
    assert it.states() == ["retiring", "active", "announced"]
    assert it.ring.is_in_use(first)
    house.clock.advance(SCHEDULE.overlap)
    assert await it.ring.rotate() is True
    assert it.states() == ["retired", "active", "announced"]
    assert not it.ring.is_in_use(first)
    assert KEKS.open(house.stored()[first]) == b""
    house.clock.advance(SCHEDULE.keep)
    assert await it.ring.rotate() is True
    assert it.ring.find(first) is None
    assert (await house.process()).ring.rows == it.ring.rows


async def test_each_move_is_dated_and_told_once_with_its_cause(house: House) -> None:
    it, other = await house.process(), await house.process()
    first, second = kids(it)
    house.clock.advance(SCHEDULE.period)
    await it.ring.rotate()
    await other.ring.rotate()
    third = kids(it)[1]
    told = [(e.key_id, e.before, e.state, e.cause, e.revision) for e in it.told(KeyStateChanged)]
    assert told == [
        (first, "active", "retiring", "schedule", 2),
        (second, "announced", "active", "schedule", 2),
        (third, "", "announced", "schedule", 2),
    ]
    assert other.told(KeyStateChanged) == []
    stored, now = house.stored(), house.clock.now()
    assert (stored[first].retiring_at, stored[second].activated_at, stored[third].created_at) == (now, now, now)
    assert stored[third].activated_at is None


async def test_the_time_can_be_given(house: House) -> None:
    it = await house.process()
    later = house.clock.now() + SCHEDULE.period
    assert await it.ring.rotate(now=later) is True
    assert house.stored()[it.ring.signer.kid].activated_at == later


@pytest.mark.parametrize("processes", [2, 8])
async def test_processes_that_look_at_once_make_each_revision_once(house: House, processes: int) -> None:
    all_ = [await house.process() for _ in range(processes)]
    for turn in range(1, 6):
        house.clock.advance(SCHEDULE.period)
        changed = await asyncio.gather(*(it.ring.rotate() for it in all_))
        assert sum(changed) == 1
        assert house.store.snapshot.revision == house.store.replacements == turn + 1
        assert len({it.ring.signer.kid for it in all_}) == 1
        assert [row.state for row in house.store.snapshot.rows].count(KeyState.ACTIVE) == 1


async def test_a_process_learns_of_a_rotation_when_it_looks_itself(house: House) -> None:
    it, other = await house.process(), await house.process()
    house.clock.advance(SCHEDULE.period)
    await it.ring.rotate()
    assert other.ring.signer.kid != it.ring.signer.kid
    assert await other.ring.rotate() is False
    assert other.ring.signer.kid == it.ring.signer.kid
    assert other.ring.revision == it.ring.revision


async def test_new_keys_are_made_for_the_algorithm_of_the_policy_and_old_ones_keep_theirs(house: House) -> None:
    await house.process()
    it = await house.process(alg="RS256")
    for expected in (["ES256", "ES256", "RS256"], ["ES256", "ES256", "RS256", "RS256"]):
        house.clock.advance(SCHEDULE.period)
        await it.ring.rotate()
        assert [row.alg for row in it.ring.rows][: len(expected)] == expected
    assert it.ring.signer.alg == "RS256"


async def test_making_an_rsa_key_does_not_hold_up_the_event_loop(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is made in another thread: the loop goes on turning until it is there."""
    it = await house.process(alg="RS256")
    house.clock.advance(SCHEDULE.period)
    rotating = asyncio.create_task(it.ring.rotate())
    turns = 0
    while not rotating.done():
        await asyncio.sleep(0)
        turns += 1
    assert await rotating
    assert turns > 100


async def test_an_early_rotation_is_refused_until_the_next_key_is_known_everywhere_and_force_overrides(
    house: House,
) -> None:
    it = await house.process()
    _, second = kids(it)
    with pytest.raises(KeyRingError, match="only after 480"):
        await it.ring.rotate_early()
    assert house.store.replacements == 1
    house.clock.advance(SCHEDULE.known_after)
    assert await it.ring.rotate_early() is True
    assert it.ring.signer.kid == second
    with pytest.raises(KeyRingError, match="announced for 0 seconds"):
        await it.ring.rotate_early()
    assert await it.ring.rotate_early(force=True) is True
    assert {event.cause for event in it.told(KeyStateChanged)} == {"early", "forced"}


async def test_retiring_a_key_by_hand_drops_its_private_key(house: House) -> None:
    it = await house.process()
    first, second = kids(it)
    with pytest.raises(KeyRingError, match="active key cannot be retired"):
        await it.ring.retire(first)
    house.clock.advance(SCHEDULE.period)
    await it.ring.rotate()
    assert await it.ring.retire(first) is True
    assert await it.ring.retire(first) is False
    assert KEKS.open(house.stored()[first]) == b""
    assert not it.ring.is_in_use(first)
    assert it.ring.signer.kid == second


async def test_distrust_shuts_out_the_active_key_and_the_waiting_one_signs_while_another_is_announced(
    house: House,
) -> None:
    it, other = await house.process(), await house.process()
    first, second = kids(it)
    assert await it.ring.distrust(first) is True
    assert await it.ring.distrust(first) is False
    assert it.states() == ["distrusted", "active", "announced"]
    assert it.ring.signer.kid == second
    assert KEKS.open(house.stored()[first]) == b""
    assert first not in {key["kid"] for key in it.ring.jwks()["keys"]}
    await other.ring.read()
    for process in (it, other):
        assert [(e.key_id, e.before) for e in process.told(KeyDistrusted)] == [(first, "active")]
    house.clock.advance(10 * SCHEDULE.keep)
    await it.ring.rotate()
    assert it.ring.find(first) is not None, "a distrusted key is never forgotten"


async def test_eight_processes_that_distrust_the_same_key_change_one_key(house: House) -> None:
    all_ = [await house.process() for _ in range(8)]
    first, second = kids(all_[0])
    assert sum(await asyncio.gather(*(it.ring.distrust(first) for it in all_))) == 1
    assert {it.ring.signer.kid for it in all_} == {second}
    assert sorted(row.state for row in house.store.snapshot.rows) == ["active", "announced", "distrusted"]


async def test_distrust_does_not_wait_for_a_new_key_that_cannot_be_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    class NoKeys:
        async def make(self, alg: str) -> object:
            raise OSError("the keeper is gone")

        def signer(self, reference: str, key: object) -> object:
            raise AssertionError("all keys of this ring are its own")

    await house.process()
    ring = KeyRing(house.store, KEKS, clock=house.clock, events=ListSink(), external=NoKeys())  # type: ignore[arg-type]
    await ring.start()
    first = ring.signer.kid
    assert await ring.distrust(first) is True
    assert [row.state for row in ring.rows] == ["distrusted", "active"]
    with pytest.raises(StoreUnavailable, match="OSError"):
        await ring.rotate()
    assert await (await house.process()).ring.rotate() is True
    assert [row.state for row in house.store.snapshot.rows] == ["distrusted", "active", "announced"]


# Rows that are not authentic


async def test_a_planted_row_neither_stops_the_schedule_nor_gets_into_use(house: House) -> None:
    it = await house.process()
    planted, _ = bootstrap(generate("ES256"), generate("ES256"), now=house.clock.now() + 9e9, keks=NEW)
    house.store.plant(replace(planted, kek_version=1), *house.store.snapshot.rows)
    house.clock.advance(SCHEDULE.period)
    assert await it.ring.rotate() is True
    assert it.ring.find(planted.kid) is None
    assert planted.kid in house.stored(), "what cannot be read is not ours to delete"
    assert [event.key_id for event in it.told(KeyRowRefused)] == [planted.kid]


async def test_an_old_copy_of_a_row_is_replaced_by_what_the_process_knows(house: House) -> None:
    it = await house.process()
    first, _ = kids(it)
    old = house.stored()[first]
    await it.ring.distrust(first)
    house.store.plant(*(old if row.kid == first else row for row in house.store.snapshot.rows))
    house.clock.advance(SCHEDULE.period)
    assert await it.ring.rotate() is True
    assert house.stored()[first].state is KeyState.DISTRUSTED
    assert [event.key_id for event in it.told(KeyRowRefused)] == [first]


async def test_a_fresh_process_finds_two_active_keys_implausible_and_refuses_the_older_one(house: House) -> None:
    """A database writer puts the row of a distrusted key back as it was while it signed."""
    it = await house.process()
    first, second = kids(it)
    old = house.stored()[first]
    house.clock.advance(1)
    await it.ring.distrust(first)
    house.store.plant(*(old if row.kid == first else row for row in house.store.snapshot.rows))
    fresh = await house.process()
    assert fresh.ring.signer.kid == second
    assert fresh.ring.find(first) is None
    assert [event.key_id for event in fresh.told(KeyRowRefused)] == [first]


async def test_a_process_does_not_change_a_ring_that_it_cannot_read_whole(house: House) -> None:
    """A rolling deploy: one process seals under a key-encryption key that this one does not have yet."""
    old = await house.process()
    new = await house.process(BOTH)
    house.clock.advance(SCHEDULE.period)
    await new.ring.rotate()
    house.clock.advance(SCHEDULE.period)
    with pytest.raises(KeyRingError, match=r"version 2, which is not configured here"):
        await old.ring.rotate_early(force=True)
    assert house.store.replacements == 2


async def test_a_wrong_key_encryption_key_never_makes_a_second_ring(house: House) -> None:
    await house.process()
    wrong = KeyRing(house.store, KeyEncryptionKeys({1: NEW_KEK}, 1), clock=house.clock, events=ListSink())
    await wrong.read()
    with pytest.raises(KeyRingError, match="not the ring's"):
        await wrong.rotate_early(force=True)
    assert await wrong.rotate() is False
    with pytest.raises(KeyRingError, match="cannot be sealed again"):
        await wrong.rewrap()
    with pytest.raises(KeyRingError, match="no row of the ring is authentic"):
        await wrong.rewrap(drop_refused=True)
    assert house.store.replacements == 1


# Rewrapping


async def test_rewrap_moves_every_row_to_the_current_key_encryption_key(house: House) -> None:
    it = await house.process()
    first, _ = kids(it)
    await it.ring.distrust(first)
    before = it.ring.rows
    moving = await house.process(BOTH)
    assert await moving.ring.rewrap() == len(before)
    assert await moving.ring.rewrap() == 0
    after = await house.process(NEW)
    assert [replace(row, kek_version=1, wrapped=b"") for row in after.ring.rows] == [
        replace(row, wrapped=b"") for row in before
    ]
    assert [NEW.open(row) for row in after.ring.rows] == [KEKS.open(row) for row in before]
    assert moving.told(KeyRingRewrapped) == [KeyRingRewrapped(rows=len(before), version=2, revision=4)]


async def test_a_process_that_lacks_the_new_key_goes_on_with_the_ring_that_it_holds(house: House) -> None:
    old = await house.process()
    await (await house.process(BOTH)).ring.rewrap()
    await old.ring.read()
    assert old.ring.signer.kid
    assert len(old.told(KeyRowRefused)) == 2
    with pytest.raises(KeyRingError, match=r"version 2, which is not configured: add that version"):
        await house.process()


async def test_rewrap_and_rotation_at_once_both_happen(house: House) -> None:
    all_ = [await house.process(BOTH) for _ in range(4)]
    house.clock.advance(SCHEDULE.period)
    await asyncio.gather(all_[0].ring.rewrap(), all_[1].ring.rotate(), all_[2].ring.rewrap(), all_[3].ring.rotate())
    assert {row.kek_version for row in house.store.snapshot.rows} == {2}
    assert [row.state for row in (await house.process(NEW)).ring.rows] == ["retiring", "active", "announced"]


class CutOff(VariableKeyStore):
    """A store whose next replacement is cut off before or after its commit."""

    cut: str = ""

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        cut, self.cut = self.cut, ""
        if cut == "before":
            raise StoreUnavailable("cut off")
        done = await super().replace_ring(expected_revision, rows)
        if cut == "after":
            raise StoreUnavailable("cut off")
        return done


@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_rewrap_that_is_cut_off_leaves_the_old_ring_or_the_new_one_and_can_be_repeated(cut: str) -> None:
    store = CutOff()
    house = House(store)
    it = await house.process(BOTH if cut == "after" else KEKS)
    moving = await house.process(BOTH)
    store.plant(*(KEKS.seal(row, BOTH.open(row)) for row in store.snapshot.rows))
    store.cut = cut
    with pytest.raises(StoreUnavailable, match="cut off"):
        await moving.ring.rewrap()
    assert {row.kek_version for row in store.snapshot.rows} == ({1} if cut == "before" else {2})
    assert (await house.process(BOTH)).ring.signer.kid == it.ring.signer.kid
    assert await moving.ring.rewrap() == (2 if cut == "before" else 0)


async def test_rewrap_refuses_rows_that_it_cannot_read_unless_it_is_told_to_drop_them(house: House) -> None:
    it = await house.process()
    planted, _ = bootstrap(generate("ES256"), generate("ES256"), now=house.clock.now(), keks=NEW)
    house.store.plant(*house.store.snapshot.rows, replace(planted, kek_version=1))
    with pytest.raises(KeyRingError, match="1 rows of the ring cannot be sealed again"):
        await it.ring.rewrap()
    assert planted.kid in house.stored()
    assert await it.ring.rewrap(drop_refused=True) == 1
    assert planted.kid not in house.stored()
    assert it.ring.refused == ()


async def test_when_others_always_win_the_change_gives_up_with_a_sentence(house: House) -> None:
    class Contested(VariableKeyStore):
        async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
            if self.snapshot.rows:
                self.snapshot = RingSnapshot(self.snapshot.revision + 1, self.snapshot.rows)
            return await super().replace_ring(expected_revision, rows)

    house.store = Contested()
    it = await house.process()
    house.clock.advance(SCHEDULE.period)
    for change in (it.ring.rotate(), (await house.process(BOTH)).ring.rewrap()):
        with pytest.raises(StoreUnavailable, match="kept changing"):
            await change


async def test_a_ring_that_is_not_there_is_not_read(house: House) -> None:
    ring = KeyRing(house.store, KEKS, clock=house.clock, events=ListSink())
    for use in (ring.read, ring.rotate, ring.rewrap):
        with pytest.raises(KeyRingError, match="has no key ring"):
            await use()
