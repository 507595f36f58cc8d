"""The key ring of a process: one first start, only authentic keys, few reloads."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from sealring.clock import ManualClock
from sealring.errors import KeyRingError, StoreUnavailable
from sealring.events import KeyRingLoaded, KeyRowRefused
from sealring.jose import generate, import_public_jwk
from sealring.keys import KeyEncryptionKeys, KeyRing, KeyRow, KeyState
from sealring.keys.held import RELOAD_COOLDOWN
from sealring.keys.signer import LocalSigner
from tests.keys.ring_store import NEW_KEK, OLD_KEK, ListSink, VariableKeyStore, bootstrap

pytestmark = pytest.mark.anyio

KEKS = KeyEncryptionKeys({1: OLD_KEK}, 1)
FOREIGN = KeyEncryptionKeys({1: NEW_KEK}, 1)


@dataclass
class Setting:
    """A store, a clock and a sink, and rings on them."""

    store: VariableKeyStore = field(default_factory=VariableKeyStore)
    clock: ManualClock = field(default_factory=ManualClock)
    sink: ListSink = field(default_factory=ListSink)

    def ring(self, keks: KeyEncryptionKeys = KEKS, alg: str = "ES256") -> KeyRing:
        return KeyRing(self.store, keks, clock=self.clock, events=self.sink, alg=alg)

    async def started(self, keks: KeyEncryptionKeys = KEKS) -> KeyRing:
        ring = self.ring(keks)
        await ring.start()
        return ring

    def refusals(self) -> list[str]:
        return [event.key_id for event in self.sink.events if isinstance(event, KeyRowRefused)]


@pytest.fixture
def at() -> Setting:
    return Setting()


def in_state(row: KeyRow, state: KeyState, keks: KeyEncryptionKeys = KEKS) -> KeyRow:
    """Return the row moved to a state as the ring itself would do it."""
    private = keks.open(row) if state.verifies else b""
    return keks.seal(replace(row, state=state), private)


def active_and_announced(at: Setting) -> tuple[KeyRow, KeyRow]:
    first, second = at.store.snapshot.rows
    return first, second


async def test_the_first_start_makes_one_active_and_one_announced_key(at: Setting) -> None:
    ring = await at.started()
    assert [row.state for row in ring.rows] == [KeyState.ACTIVE, KeyState.ANNOUNCED]
    assert ring.signer.kid == ring.rows[0].kid
    assert ring.revision == 1
    assert ring.refused == ()
    assert at.sink.events == [KeyRingLoaded(revision=1, active=ring.signer.kid, created=True)]


async def test_a_second_start_finds_the_same_keys_and_writes_nothing(at: Setting) -> None:
    first = await at.started()
    second = await at.started()
    assert second.signer.kid == first.signer.kid
    key = first.resolve_key(first.signer.kid)
    assert key is not None
    assert key.verify(b"data", await second.signer.sign(b"data"))
    assert second.rows == first.rows
    assert at.store.replacements == 1


@pytest.mark.parametrize("processes", [2, 8])
async def test_processes_that_start_together_make_one_ring(at: Setting, processes: int) -> None:
    rings = [at.ring() for _ in range(processes)]
    await asyncio.gather(*(ring.start() for ring in rings))
    assert at.store.replacements == 1
    assert len({ring.signer.kid for ring in rings}) == 1
    assert [row.state for row in at.store.snapshot.rows].count(KeyState.ACTIVE) == 1
    created = [event.created for event in at.sink.events if isinstance(event, KeyRingLoaded)]
    assert sorted(created) == [False] * (processes - 1) + [True]


async def test_a_ring_can_be_made_for_rs256(at: Setting) -> None:
    ring = at.ring(alg="RS256")
    await ring.start()
    assert ring.signer.alg == "RS256"
    assert {key["alg"] for key in ring.jwks()["keys"]} == {"RS256"}


async def test_a_store_that_forgets_what_it_acknowledged_is_an_error_and_not_an_endless_loop(at: Setting) -> None:
    class Forgetful(VariableKeyStore):
        async def replace_ring(self, *_: object) -> bool:
            return True

    at.store = Forgetful()
    with pytest.raises(KeyRingError, match="does not keep"):
        await at.started()


async def test_a_ring_that_was_not_started_says_so() -> None:
    ring = Setting().ring()
    uses: list[Callable[[], object]] = [
        lambda: ring.signer,
        ring.jwks,
        lambda: ring.find("kid"),
        lambda: ring.rows,
    ]
    for use in uses:
        with pytest.raises(KeyRingError, match="not started"):
            use()


async def test_the_published_set_verifies_what_the_ring_signs_and_holds_nothing_private(at: Setting) -> None:
    ring = await at.started()
    active, announced = ring.jwks()["keys"]
    assert import_public_jwk(active).verify(b"data", await ring.signer.sign(b"data"))
    assert active["kid"] == ring.signer.kid
    assert announced["kid"] == ring.rows[1].kid
    for key in (active, announced):
        assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_nothing_that_prints_a_ring_shows_a_private_key(at: Setting) -> None:
    ring = await at.started()
    assert isinstance(ring.signer, LocalSigner)
    private = ring.signer.key.private_bytes()
    shown = repr([ring, ring.rows, ring.signer, ring.find(ring.signer.kid), at.sink.events, KEKS])
    for spelling in (private.hex(), repr(private)[2:-1], OLD_KEK.hex(), repr(OLD_KEK)[2:-1]):
        assert spelling not in shown


async def test_find_tells_state_and_key_and_an_id_that_nobody_has(at: Setting) -> None:
    await at.started()
    active, announced = active_and_announced(at)
    for state, used in (
        (KeyState.ACTIVE, True),
        (KeyState.RETIRING, True),
        (KeyState.RETIRED, False),
        (KeyState.DISTRUSTED, False),
    ):
        other = announced if state is KeyState.ACTIVE else in_state(announced, KeyState.ACTIVE)
        at.store.plant(in_state(active, state), other)
        ring = await at.started()
        status = ring.find(active.kid)
        assert status is not None
        assert (status.state, status.key.kid) == (state, active.kid)
        assert ring.resolve_key(active.kid) == status.key
        assert ring.is_in_use(active.kid) is used
    assert ring.find("nobody") is None
    assert ring.resolve_key("nobody") is None
    assert not ring.is_in_use("nobody")


async def test_a_planted_key_is_not_used_and_is_reported_once(at: Setting) -> None:
    """Somebody who writes to the database but does not know the key-encryption key."""
    ring = await at.started()
    active, announced = active_and_announced(at)
    planted, _ = bootstrap(generate("ES256"), generate("ES256"), now=at.clock.now() + 100, keks=FOREIGN)
    at.store.plant(planted, active, announced)
    for _ in range(3):
        at.clock.advance(RELOAD_COOLDOWN)
        await ring.reload()
    assert ring.find(planted.kid) is None
    assert ring.signer.kid == active.kid
    assert [row.kid for row in ring.refused] == [planted.kid]
    assert at.refusals() == [planted.kid]
    assert planted.kid not in {key["kid"] for key in ring.jwks()["keys"]}
    assert (await at.started()).signer.kid == active.kid


async def test_an_altered_row_is_not_used_after_a_start(at: Setting) -> None:
    await at.started()
    active, announced = active_and_announced(at)
    at.store.plant(active, replace(announced, state=KeyState.ACTIVE, activated_at=at.clock.now() + 100))
    ring = await at.started()
    assert ring.signer.kid == active.kid
    assert ring.find(announced.kid) is None
    assert at.refusals() == [announced.kid]


async def test_the_public_key_of_a_row_cannot_be_exchanged(at: Setting) -> None:
    await at.started()
    active, announced = active_and_announced(at)
    at.store.plant(active, replace(announced, public_jwk=active.public_jwk.replace(active.kid, announced.kid)))
    assert (await at.started()).find(announced.kid) is None


async def test_an_altered_row_changes_nothing_for_a_process_that_knew_the_key(at: Setting) -> None:
    ring = await at.started()
    active, announced = active_and_announced(at)
    at.store.plant(replace(active, state=KeyState.DISTRUSTED), announced)
    await ring.reload()
    assert ring.signer.kid == active.kid
    assert ring.is_in_use(active.kid)
    assert at.refusals() == [active.kid]


async def test_an_old_copy_of_a_row_does_not_bring_a_distrusted_key_back(at: Setting) -> None:
    ring = await at.started()
    active, announced = active_and_announced(at)
    distrusted = in_state(active, KeyState.DISTRUSTED)
    at.store.plant(distrusted, in_state(announced, KeyState.ACTIVE))
    await ring.reload()
    assert ring.signer.kid == announced.kid
    for rows in ((active, announced), (distrusted, active, in_state(announced, KeyState.ACTIVE))):
        at.clock.advance(RELOAD_COOLDOWN)
        at.store.plant(*rows)
        await ring.reload()
        assert not ring.is_in_use(active.kid)
        assert ring.signer.kid == announced.kid
    assert active.kid in at.refusals()


async def test_a_row_sealed_by_us_for_a_key_that_does_not_fit_is_refused(at: Setting) -> None:
    await at.started()
    active, announced = active_and_announced(at)
    other = generate("ES256")
    misfits = [
        KEKS.seal(replace(announced, kid="not-a-thumbprint", public_jwk=announced.public_jwk), KEKS.open(announced)),
        KEKS.seal(replace(announced, alg="RS256"), KEKS.open(announced)),
        KEKS.seal(replace(announced, alg="none"), KEKS.open(announced)),
        KEKS.seal(replace(announced, public_jwk="{}"), KEKS.open(announced)),
        KEKS.seal(replace(announced, public_jwk="no json"), KEKS.open(announced)),
        KEKS.seal(announced, b""),
        KEKS.seal(replace(announced, state=KeyState.RETIRED), KEKS.open(announced)),
        KEKS.seal(replace(announced, state=KeyState.ACTIVE), b"no key"),
        KEKS.seal(replace(announced, state=KeyState.ACTIVE), other.private_bytes()),
    ]
    for misfit in misfits:
        at.store.plant(active, misfit)
        ring = await at.started()
        assert [row.kid for row in ring.refused] == [misfit.kid]
        assert ring.find(misfit.kid) is None
        assert ring.signer.kid == active.kid


async def test_an_id_that_is_no_key_id_reaches_no_event(at: Setting) -> None:
    await at.started()
    at.store.plant(*active_and_announced(at), replace(active_and_announced(at)[0], kid="line\nfeed"))
    await at.started()
    assert at.refusals() == ["not a key id"]


async def test_a_wrong_key_encryption_key_is_one_clear_sentence_at_the_start(at: Setting) -> None:
    await at.started()
    with pytest.raises(KeyRingError, match=r"2 rows refused.*configure the original again"):
        await at.started(FOREIGN)
    with pytest.raises(KeyRingError, match=r"version 1, which is not configured: add that version"):
        await at.started(KeyEncryptionKeys({2: NEW_KEK}, 2))
    assert at.store.replacements == 1


async def test_a_ring_whose_active_key_is_gone_is_not_started(at: Setting) -> None:
    await at.started()
    _, announced = active_and_announced(at)
    at.store.plant(announced)
    with pytest.raises(KeyRingError, match="holds no active key"):
        await at.started()


async def test_a_row_under_an_old_version_is_read_while_that_version_is_configured(at: Setting) -> None:
    before = await at.started()
    after = await at.started(KeyEncryptionKeys({1: OLD_KEK, 2: NEW_KEK}, 2))
    assert after.signer.kid == before.signer.kid


async def test_a_reload_finds_the_ring_that_another_process_replaced(at: Setting) -> None:
    ring = await at.started()
    active, announced = active_and_announced(at)
    new, _ = bootstrap(generate("ES256"), generate("ES256"), now=at.clock.now(), keks=KEKS)
    at.store.plant(
        in_state(active, KeyState.RETIRING), in_state(announced, KeyState.ACTIVE), in_state(new, KeyState.RETIRED)
    )
    assert await ring.reload() is True
    assert ring.signer.kid == announced.kid
    assert ring.revision == 2
    assert ring.find(new.kid) is not None
    assert [event.revision for event in at.sink.events if isinstance(event, KeyRingLoaded)] == [1, 2]


async def test_however_many_ask_there_is_one_reload_in_the_cool_down(at: Setting) -> None:
    ring = await at.started()
    loads = at.store.loads
    answers = await asyncio.gather(*(ring.reload() for _ in range(100)))
    assert answers == [True] * 100
    assert at.store.loads == loads + 1
    for _ in range(100):
        at.clock.advance(RELOAD_COOLDOWN / 101)
        assert await ring.reload() is False
    assert at.store.loads == loads + 1
    at.clock.advance(RELOAD_COOLDOWN)
    assert await ring.reload() is True
    assert at.store.loads == loads + 2


async def test_a_clock_that_is_set_back_does_not_prolong_the_cool_down(at: Setting) -> None:
    ring = await at.started()
    await ring.reload()
    at.clock.advance(-3600)
    assert await ring.reload() is True


async def test_a_failed_reload_leaves_the_ring_in_use_and_nobody_is_told_that_the_key_is_unknown(at: Setting) -> None:
    ring = await at.started()
    kid = ring.signer.kid
    at.store.down = True
    loads = at.store.loads
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="could not be reloaded"):
            await ring.reload()
    assert at.store.loads == loads + 1
    assert ring.signer.kid == kid
    at.store.down = False
    at.clock.advance(RELOAD_COOLDOWN)
    assert await ring.reload() is True
    assert await ring.reload() is False


async def test_a_store_that_lost_the_ring_does_not_take_it_from_a_running_process(at: Setting) -> None:
    ring = await at.started()
    kid = ring.signer.kid
    at.store.plant()
    with pytest.raises(StoreUnavailable, match="lost the key ring"):
        await ring.reload()
    assert ring.signer.kid == kid
    assert at.store.replacements == 1


async def test_a_cancelled_caller_does_not_take_the_reload_from_the_others(at: Setting) -> None:
    ring = await at.started()
    loads = at.store.loads
    first = asyncio.create_task(ring.reload())
    await asyncio.sleep(0)
    others = [asyncio.create_task(ring.reload()) for _ in range(3)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [True] * 3
    assert first.cancelled()
    assert at.store.loads == loads + 1


async def test_stopping_cuts_off_a_reload_and_leaves_the_keys_readable(at: Setting) -> None:
    ring = await at.started()
    tasks = asyncio.all_tasks()
    await ring.stop()
    waiting = asyncio.create_task(ring.reload())
    await asyncio.sleep(0)
    await ring.stop()
    with pytest.raises(StoreUnavailable, match="could not be reloaded"):
        await waiting
    assert ring.is_in_use(ring.signer.kid)
    assert asyncio.all_tasks() == tasks


async def test_a_ring_without_a_usable_active_key_still_verifies_but_does_not_sign(at: Setting) -> None:
    ring = await at.started()
    active, announced = active_and_announced(at)
    at.store.plant(in_state(active, KeyState.DISTRUSTED), announced)
    await ring.reload()
    assert not ring.is_in_use(active.kid)
    assert ring.is_in_use(announced.kid)
    with pytest.raises(KeyRingError, match="no active key"):
        _ = ring.signer
