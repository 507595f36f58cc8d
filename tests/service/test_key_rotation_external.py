"""Signing keys that live in another process: log in, verify, rotate, fail, and change over, without other callers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from sealring import Policy
from sealring.clock import ManualClock
from sealring.errors import KeyRingError, SessionRevoked, StoreUnavailable
from sealring.events import Emitter, StoreFailed
from sealring.jose import SigningKey, VerificationKey, generate
from sealring.keys import ExternalKey, KeyRing, Signer
from sealring.keys.change import external_reference
from sealring.keys.signer import CheckedSigner, LocalSigner
from sealring.stores.memory import MemoryStore
from tests.keys.signing_process import SigningProcess
from tests.refreshing import QUIET_FEED, refreshed, settled_login
from tests.support import ISSUER, bench, key_encryption

pytestmark = pytest.mark.anyio

PERIOD = 30 * 86_400
POLICY = Policy(app="todo", issuer=ISSUER, revocation=QUIET_FEED)


@pytest.fixture
async def keeper() -> AsyncIterator[SigningProcess]:
    async with SigningProcess() as process:
        yield process


async def test_a_key_in_another_process_signs_what_everybody_verifies(keeper: SigningProcess) -> None:
    async with bench(policy=POLICY, external_keys=keeper) as it:
        tokens = await it.login()
        assert (await it.ring.authenticate(tokens.access_token)).subject == "ada"
        assert keeper.requests == ["make", "make", "sign"]
        first = it.ring.keys.signer.kid
        it.clock.advance(PERIOD)
        assert await it.ring.keys.rotate()
        assert it.ring.keys.signer.kid != first
        again = await it.login()
        assert (await it.ring.authenticate(again.access_token)).subject == "ada"
        assert keeper.requests[3:] == ["make", "sign"]


async def test_the_store_holds_where_the_key_is_and_nothing_to_sign_with(keeper: SigningProcess) -> None:
    store = MemoryStore()
    async with bench(policy=POLICY, store=store, external_keys=keeper):
        sealed = [key_encryption().open(row) for row in (await store.load_ring()).rows]
        assert [external_reference(secret) for secret in sealed] == ["key/0", "key/1"]


async def test_a_process_that_cannot_reach_the_keeper_verifies_and_does_not_start_to_sign(
    keeper: SigningProcess,
) -> None:
    store, clock = MemoryStore(), ManualClock()
    async with bench(policy=POLICY, store=store, clock=clock, external_keys=keeper) as it:
        await it.login()
        ring = KeyRing(store, key_encryption(), clock=clock, events=Emitter())
        with pytest.raises(KeyRingError, match="no external keys are configured"):
            await ring.start()
        assert ring.is_in_use(it.ring.keys.signer.kid)
        assert ring.refused == ()
        clock.advance(PERIOD)
        with pytest.raises(KeyRingError, match="let the application do it"):
            await ring.rotate()
        # The emergency needs nobody: a key that waits is there already.
        assert await ring.distrust(it.ring.keys.signer.kid)


async def test_a_keeper_that_fails_makes_a_refresh_wait_and_loses_nothing(keeper: SigningProcess) -> None:
    async with bench(policy=POLICY, external_keys=keeper) as it:
        tokens = await settled_login(it)
        await keeper.kill()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                await refreshed(it, tokens)
        assert [(event.operation, "external" in event.detail) for event in it.log.of(StoreFailed)] == [
            ("sign", True)
        ] * 2
        assert (await it.ring.authenticate(tokens.access_token)).subject == "ada"


async def test_a_ring_of_its_own_keys_goes_over_to_external_ones_and_back_and_nobody_notices(
    keeper: SigningProcess,
) -> None:
    store, clock = _Reopened(), ManualClock()
    tokens: list[str] = []
    async with bench(policy=POLICY, store=store, clock=clock) as it:
        tokens.append((await it.login()).access_token)
    async with bench(policy=POLICY, store=store, clock=clock, external_keys=keeper) as it:
        for _ in range(2):
            await it.ring.keys.rotate_early(force=True)
        tokens.append((await it.login()).access_token)
        assert not isinstance(it.ring.keys.signer, LocalSigner)
        ring = KeyRing(store, key_encryption(), clock=clock, events=Emitter())
        for _ in range(2):
            await ring.rotate_early(force=True)
    async with bench(policy=POLICY, store=store, clock=clock) as it:
        tokens.append((await it.login()).access_token)
        assert isinstance(it.ring.keys.signer, LocalSigner)
        assert [(await it.ring.authenticate(token)).subject for token in tokens] == ["ada"] * 3


class _Reopened(MemoryStore):
    """Survives a restart of the ring, as a database does."""

    async def __aexit__(self, *_: object) -> None:
        """Keep everything."""


# A signer is never trusted blindly


class Odd:
    """Signs as its script says."""

    def __init__(self, key: VerificationKey, answer: object) -> None:
        self.kid, self.alg, self._answer = key.kid, key.alg, answer

    async def sign(self, signing_input: bytes) -> bytes:
        if isinstance(self._answer, Exception):
            raise self._answer
        if self._answer is None:
            await asyncio.Event().wait()
        assert isinstance(self._answer, bytes)
        return self._answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "did not answer within"),
        (OSError("postgres://user:secret@host"), "failed: OSError"),
        (b"", "no signature of its key"),
        (b"\0" * 64, "no signature of its key"),
        (generate("ES256").sign(b"data"), "no signature of its key"),
    ],
    ids=["silence", "an exception", "nothing", "zeros", "another key"],
)
async def test_what_a_signer_does_wrong_is_a_short_outage_and_no_bad_token(answer: object, why: str) -> None:
    key = generate("ES256").public
    with pytest.raises(StoreUnavailable, match=why) as caught:
        await CheckedSigner(Odd(key, answer), key, within=0.01).sign(b"data")
    assert "secret" not in caught.value.detail


class Odder:
    """A keeper whose keys are not what they should be."""

    def __init__(self, made: ExternalKey) -> None:
        self._made = made

    async def make(self, alg: str) -> ExternalKey:
        return self._made

    def signer(self, reference: str, key: VerificationKey) -> Signer:
        raise OSError(reference)


JWK = dict(generate("ES256").public.to_jwk())


@pytest.mark.parametrize(
    "made",
    [
        ExternalKey("", JWK),
        ExternalKey("x" * 2_049, JWK),
        ExternalKey("key", {**JWK, "alg": "RS256"}),
        ExternalKey("key", {**JWK, "d": "AAAA"}),
        ExternalKey("key", {}),
        ExternalKey("key", dict(generate("RS256").public.to_jwk())),
    ],
    ids=["no reference", "a long reference", "another algorithm", "a private key", "no key", "another kind"],
)
async def test_a_key_that_is_none_never_gets_into_the_ring(made: ExternalKey) -> None:
    store = MemoryStore()
    with pytest.raises(StoreUnavailable):
        async with bench(policy=POLICY, store=store, external_keys=Odder(made)):
            pass


async def test_a_keeper_that_does_not_find_its_key_is_one_sentence_at_the_start() -> None:
    with pytest.raises(KeyRingError, match="the external signer of the active key failed: OSError"):
        async with bench(policy=POLICY, external_keys=Odder(ExternalKey("key", JWK))):
            pass


# Waiting for a signature


class Slow:
    """A keeper in this process whose signatures wait for the test."""

    def __init__(self) -> None:
        self._keys: dict[str, SigningKey] = {}
        self.asked, self.go = asyncio.Event(), asyncio.Event()

    async def make(self, alg: str) -> ExternalKey:
        key = generate(alg)
        self._keys[key.kid] = key
        return ExternalKey(key.kid, key.public.to_jwk())

    def signer(self, reference: str, key: VerificationKey) -> Signer:
        return _SlowSigner(self, self._keys[reference])


class _SlowSigner:
    def __init__(self, keeper: Slow, key: SigningKey) -> None:
        self.kid, self.alg = key.kid, key.alg
        self._keeper, self._key = keeper, key

    async def sign(self, signing_input: bytes) -> bytes:
        self._keeper.asked.set()
        await self._keeper.go.wait()
        return self._key.sign(signing_input)


async def test_other_requests_go_on_while_a_signature_is_waited_for() -> None:
    keeper = Slow()
    keeper.go.set()
    async with bench(policy=POLICY, external_keys=keeper) as it:
        tokens = await settled_login(it)
        keeper.go.clear()
        keeper.asked.clear()
        refreshing = asyncio.create_task(refreshed(it, tokens))
        await asyncio.wait_for(keeper.asked.wait(), 10)
        assert (await it.ring.authenticate(tokens.access_token)).subject == "ada"
        keeper.go.set()
        assert (await refreshing).view.outcome == "rotated"


async def test_a_session_that_ends_while_its_token_is_signed_gets_none() -> None:
    keeper = Slow()
    keeper.go.set()
    async with bench(policy=POLICY, external_keys=keeper) as it:
        tokens = await settled_login(it)
        keeper.go.clear()
        keeper.asked.clear()
        refreshing = asyncio.create_task(refreshed(it, tokens))
        await asyncio.wait_for(keeper.asked.wait(), 10)
        assert await it.ring.logout(refresh_token=tokens.refresh_token) == 1
        keeper.go.set()
        with pytest.raises(SessionRevoked):
            await refreshing
