"""The cache of verified tokens: the same verdicts as without it, bounded, and nothing that somebody could change."""

from collections import UserList
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, PrivateAttr

from sealring.access import AccessToken, AccessTokenVerifier, ClaimsSchema, NoClaims
from sealring.access.cache import CachedToken, Times, TokenCache, digest_of, is_constant
from sealring.access.claims import TYP
from sealring.errors import SealringError, TokenExpired, TokenInvalid, TokenRevoked, TokenSuperseded
from sealring.jose import MAX_TOKEN_BYTES, SigningKey, VerificationKey, dump_json, generate, import_public_jwk, sign
from sealring.revocation.denylist import Denylist
from sealring.revocation.record import ENDED, Denial, DenialKind
from tests.access.issuing import KEY, NOW, desk, payload, policy

OTHER = generate("ES256")
SESSIONS = tuple(f"{number:032x}" for number in range(3))
LIFE = 900


class Frozen(BaseModel):
    """Claims that nobody can change."""

    model_config = ConfigDict(frozen=True)

    team: str = "blue"
    tags: tuple[str, ...] = ()


class Loose(BaseModel):
    """Claims that whoever holds them can change."""

    team: str = "blue"
    tags: list[str] = []


@dataclass
class CountingSchema:
    """A real schema that counts how often claims are read."""

    schema: ClaimsSchema[Any]
    reads: int = 0

    def read(self, version: int, values: Mapping[str, object]) -> BaseModel:
        self.reads += 1
        claims: BaseModel = self.schema.read(version, values)
        return claims


@dataclass
class Process:
    """What verifiers of one process share: keys with their states, and the denylist."""

    keys: dict[str, VerificationKey] = field(default_factory=lambda: {key.kid: key.public for key in (KEY, OTHER)})
    out_of_use: set[str] = field(default_factory=set)
    denylist: Denylist = field(default_factory=Denylist)

    def verifier(self, cache: int, schema: Any = None) -> AccessTokenVerifier[Any]:
        return AccessTokenVerifier(
            policy=policy(),
            claims=schema or ClaimsSchema(NoClaims),
            resolve_key=lambda kid: self.keys.get(kid),
            is_in_use=lambda kid: kid in self.keys and kid not in self.out_of_use,
            denylist=self.denylist,
            cache=cache,
        )


def token(number: int = 0, key: SigningKey = KEY, **claims: object) -> str:
    """Return a good token with an id and a session of its own, and some claims changed."""
    values = {**payload(desk().issue().text), "jti": f"id-{number}", "sid": SESSIONS[number % 3], **claims}
    return sign(dump_json(values), key, typ=TYP)


def verdict(verifier: AccessTokenVerifier[Any], text: str, now: float) -> object:
    """Return what a token says, or why it is refused."""
    try:
        return verifier.verify(text, now)
    except SealringError as error:
        return type(error), error.detail


TOKENS = (
    *(token(number, ep=number % 2) for number in range(4)),
    *(token(number, OTHER) for number in range(4, 6)),
    token(6, nbf=NOW + 30.5),
    token(7, exp=NOW + 100.25, iat=NOW - 0.5),
    token(8, aud="somebody else"),
    token(9, ver=2),
    token(10, generate("ES256")),
    token(11)[:-2] + "AA",
    "no token",
    "é" * 10,
    "a" * (MAX_TOKEN_BYTES + 1),
)
times = st.sampled_from([-LIFE, -40, -1, 0, 5, 10, 31, 91, 110, LIFE, LIFE + 9, LIFE + 10]).map(
    lambda delta: NOW + delta
)
kids = st.sampled_from([KEY.kid, OTHER.kid])
denials = st.one_of(
    st.builds(Denial, st.just(DenialKind.SESSION), st.sampled_from(SESSIONS), st.sampled_from([1, 2, ENDED]), times),
    st.builds(Denial, st.just(DenialKind.TOKEN), st.sampled_from(["id-0", "id-1", "id-4"]), st.just(0), times),
    st.builds(Denial, st.just(DenialKind.KEY), kids, st.just(0), times),
)
steps = st.one_of(
    st.tuples(st.just("verify"), st.sampled_from(TOKENS), times),
    st.tuples(st.just("deny"), denials),
    st.tuples(st.just("sweep"), times),
    st.tuples(st.sampled_from(["out of use", "in use again", "gone", "read again", "another key"]), kids),
)


def act(process: Process, step: tuple[Any, ...]) -> None:
    """Change the state that the verifiers share."""
    what, argument = step[0], step[1]
    if what == "deny":
        process.denylist.add(argument)
    elif what == "sweep":
        process.denylist.sweep(argument)
    elif what == "out of use":
        process.out_of_use.add(argument)
    elif what == "in use again":
        process.out_of_use.discard(argument)
        process.keys[argument] = next(key.public for key in (KEY, OTHER) if key.kid == argument)
    elif what == "gone":
        process.keys.pop(argument, None)
    elif what == "read again" and argument in process.keys:
        process.keys[argument] = import_public_jwk(process.keys[argument].to_jwk())
    elif what == "another key":
        # No ring of ours does this; a set of somebody else's keys may.
        stranger = generate("ES256").public.to_jwk()
        process.keys[argument] = import_public_jwk({**stranger, "kid": argument})


@pytest.mark.parametrize("model", [NoClaims, Frozen, Loose])
@settings(max_examples=150)
@given(st.lists(steps, max_size=40))
def test_every_verdict_is_the_one_that_a_verifier_without_a_cache_gives(
    model: type[BaseModel], history: list[tuple[Any, ...]]
) -> None:
    process = Process()
    without, *others = (process.verifier(cache, ClaimsSchema(model)) for cache in (0, 1, 3, 8_192))
    for step in history:
        if step[0] != "verify":
            act(process, step)
            continue
        expected = verdict(without, step[1], step[2])
        assert [verdict(other, step[1], step[2]) for other in others] == [expected] * len(others)


def test_a_token_seen_before_is_not_read_again_and_is_the_same_value() -> None:
    schema = CountingSchema(ClaimsSchema(Frozen))
    verifier, text = Process().verifier(8, schema), token(team="red")
    first = verifier.verify(text, NOW)
    assert all(verifier.verify(text[:1] + text[1:], NOW + n) is first for n in range(5))
    assert schema.reads == 1
    assert first.claims.team == "red"


def test_times_denials_and_keys_are_asked_every_time() -> None:
    process = Process()
    verifier, text = process.verifier(8), token(nbf=NOW - 5)
    good = verifier.verify(text, NOW)
    for now, error in ((NOW + LIFE + 10, TokenExpired), (NOW - 16, TokenSuperseded)):
        with pytest.raises(error):
            verifier.verify(text, now)
    process.out_of_use.add(KEY.kid)
    with pytest.raises(TokenSuperseded):
        verifier.verify(text, NOW)
    process.out_of_use.clear()
    assert verifier.verify(text, NOW) == good
    process.denylist.add(Denial(DenialKind.SESSION, SESSIONS[0], 2, NOW + LIFE))
    with pytest.raises(TokenSuperseded):
        verifier.verify(text, NOW)
    process.denylist.add(Denial(DenialKind.TOKEN, "id-0", 0, NOW + LIFE))
    with pytest.raises(TokenRevoked):
        verifier.verify(text, NOW)
    process.denylist.add(Denial(DenialKind.KEY, KEY.kid, 0, NOW + LIFE))
    with pytest.raises(TokenSuperseded):
        verifier.verify(text, NOW)


def test_claims_that_somebody_could_change_are_read_anew_for_everybody() -> None:
    verifier, text = Process().verifier(8, ClaimsSchema(Loose)), token(team="red", tags=["a"])
    for _ in range(3):
        claims = verifier.verify(text, NOW).claims
        assert (claims.team, claims.tags) == ("red", ["a"])
        claims.team = "mine"
        claims.tags.append("admin")


def test_the_cache_is_emptied_when_a_key_goes_out_of_use_or_becomes_another() -> None:
    for change in ("out of use", "gone", "another key"):
        process, schema = Process(), CountingSchema(ClaimsSchema(NoClaims))
        verifier = process.verifier(8, schema)
        mine, others = token(1), token(2, OTHER)
        for text in (mine, others):
            verifier.verify(text, NOW)
        act(process, (change, KEY.kid))
        with pytest.raises(SealringError):
            verifier.verify(mine, NOW)
        verifier.verify(others, NOW)
        assert schema.reads == 3, "a token of the other key is read again, once"
        for _ in range(3):
            with pytest.raises(SealringError):
                verifier.verify(mine, NOW)
            verifier.verify(others, NOW)
        assert schema.reads == 3, "nobody can empty it again with the same token"


def test_a_ring_that_was_only_read_again_costs_nothing() -> None:
    process, schema = Process(), CountingSchema(ClaimsSchema(NoClaims))
    verifier, text = process.verifier(8, schema), token()
    for _ in range(3):
        verifier.verify(text, NOW)
        act(process, ("read again", KEY.kid))
    assert schema.reads == 1


def test_only_good_tokens_are_kept() -> None:
    process, schema = Process(), CountingSchema(ClaimsSchema(NoClaims))
    verifier, good = process.verifier(2, schema), token()
    verifier.verify(good, NOW)
    for text in TOKENS[8:]:
        with pytest.raises(SealringError):
            verifier.verify(text, NOW)
    reads = schema.reads
    verifier.verify(good, NOW)
    assert schema.reads == reads, "what is refused pushes nothing out"


def test_another_spelling_of_a_signature_is_verified_on_its_own() -> None:
    schema = CountingSchema(ClaimsSchema(NoClaims))
    verifier, text = Process().verifier(8, schema), token()
    verifier.verify(text, NOW)
    for spoiled in (text + "=", text + " ", text[:-1] + ("A" if text[-1] != "A" else "Q"), text.swapcase()):
        with pytest.raises(SealringError):
            verifier.verify(spoiled, NOW)


@given(st.integers(0, 9), st.lists(st.integers(0, 30), max_size=80))
def test_the_cache_is_bounded_and_what_is_used_stays(most: int, used: list[int]) -> None:
    cache: TokenCache[NoClaims] = TokenCache(most)
    entries = {number: entry(number) for number in range(31)}
    for number in used:
        digest = digest_of(str(number))
        if (found := cache.get(digest)) is None:
            cache.add(digest, entries[number])
        else:
            assert found is entries[number]
        assert len(cache) <= most + most % 2
        if most:
            assert cache.get(digest) is entries[number], "what was just used is there"
    cache.clear()
    assert len(cache) == 0


def entry(number: int) -> CachedToken[NoClaims]:
    return CachedToken(KEY.public, Times(NOW, NOW + number, None), _TOKEN, None)


_TOKEN: AccessToken[NoClaims] = desk().verify(desk().issue().text)


def test_a_token_that_is_used_now_and_then_outlives_many_that_are_not() -> None:
    cache: TokenCache[NoClaims] = TokenCache(10)
    favourite = digest_of("favourite")
    cache.add(favourite, entry(0))
    for number in range(1_000):
        cache.add(digest_of(str(number)), entry(number))
        if number % 4 == 0:
            assert cache.get(favourite) is not None


def test_the_cache_holds_no_token_only_digests() -> None:
    verifier, text = Process().verifier(8), token()
    verifier.verify(text, NOW)
    assert text.split(".")[2] not in repr(vars(verifier._cache))


@pytest.mark.parametrize("text", ["", "é", "a" * (MAX_TOKEN_BYTES + 1), "\ud800", 7, b"a.b.c", None])
def test_what_cannot_be_a_token_is_not_even_hashed(text: Any) -> None:
    assert digest_of(text) in (b"", digest_of(""))
    with pytest.raises(TokenInvalid):
        Process().verifier(8).verify(text, NOW)


class Colour(Enum):
    """A value that is there once."""

    RED = "red"


class Nested(BaseModel):
    """A frozen model within another."""

    model_config = ConfigDict(frozen=True)

    inner: Frozen = Frozen()
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    names: frozenset[str] = frozenset({"a"})
    price: Decimal = Decimal("1.5")
    ident: UUID = UUID(int=7)
    colour: Colour = Colour.RED


class WithList(BaseModel):
    """Frozen, and its list is not."""

    model_config = ConfigDict(frozen=True)

    tags: tuple[list[str], ...] = (["a"],)


class WithState(BaseModel):
    """Frozen, and its private part is not."""

    model_config = ConfigDict(frozen=True)

    limit: ClassVar[int] = 3
    _count: int = PrivateAttr(default=0)


class WithExtra(BaseModel):
    """Frozen, with members that nobody declared."""

    model_config = ConfigDict(frozen=True, extra="allow")


@pytest.mark.parametrize("value", [NoClaims(), Frozen(), Nested(), WithExtra(), 1, "a", None, (1, ("a", 2.5))])
def test_what_nobody_can_change_is_shared(value: object) -> None:
    assert is_constant(value)


@pytest.mark.parametrize(
    "value",
    [
        Loose(),
        WithList(),
        WithState(),
        WithExtra.model_validate({"more": 1}),
        [1],
        {"a": 1},
        ([],),
        UserList("a"),
        object(),
    ],
)
def test_what_somebody_could_change_is_not_shared(value: object) -> None:
    assert not is_constant(value)
