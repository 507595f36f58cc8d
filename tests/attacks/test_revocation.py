"""Attacks by way of what a process does not know, or does not know any more: C8, C9, R10 and R24.

Each takes whole rings on real stores; a service without a store is in ``test_remote_revocation.py``, real processes and
a store that is away are in ``tests/over_http/test_revocation.py``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sealring import KeyPolicy, SessionTokens
from sealring.clock import ManualClock
from sealring.errors import RefusedError
from sealring.events import TokenRefused
from sealring.jose.encoding import b64u_decode, b64u_encode
from sealring.revocation import Denial, DenialKind
from tests.access.forging import payload_of
from tests.gated import GatedStore, Place, memory_place, sqlite_place
from tests.refreshing import one_more, quiet, refresh_token, settled_login
from tests.support import WEB, Bench, bench

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for sessions, once for each engine."""
    return memory_place() if request.param == "memory" else sqlite_place(tmp_path)


@asynccontextmanager
async def two(place: Place) -> AsyncIterator[tuple[Bench, Bench]]:
    """Run two processes that hear of each other only when they are told to read."""
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        yield one, other


async def outcome(it: Bench, tokens: SessionTokens, *, sensitive: bool = False) -> str:
    """Return ``ok`` or the code of the refusal of an access token."""
    try:
        await it.ring.authenticate(tokens.access_token, sensitive=sensitive)
    except RefusedError as error:
        return error.code
    return "ok"


# C8: whatever was revoked is refused, in whatever way it was


async def _single(it: Bench, tokens: SessionTokens) -> None:
    jti = payload_of(tokens)["jti"]
    await it.ring.store.write_denial(Denial(DenialKind.TOKEN, jti, 0, it.clock.now() + 1_000))


Revoke = Callable[[Bench, SessionTokens], Awaitable[object]]
WAYS: dict[str, tuple[Revoke, str]] = {
    "a single token": (_single, "token_revoked"),
    "its session": (lambda it, tokens: it.ring.logout(refresh_token=tokens.refresh_token), "token_revoked"),
    "all of its account": (lambda it, _: it.ring.end_all_sessions("ada"), "token_revoked"),
    "its epoch": (lambda it, tokens: it.ring.revoke_access(tokens.view.row.session_id), "token_superseded"),
    "its key": (lambda it, _: it.ring.distrust_key(it.ring.keys.signer.kid), "token_superseded"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_c8_what_was_revoked_in_any_way_is_refused_in_every_process_and_told(place: Place, way: str) -> None:
    revoke, code = WAYS[way]
    async with two(place) as (one, other):
        tokens, bystander = await one.login(), await one.login("bob")
        await revoke(one, tokens)
        for it in (one, other):
            await it.ring.follower.catch_up()
            assert await outcome(it, tokens) == code
            assert [event.code for event in it.log.of(TokenRefused)] == [code]
            if way != "its key":
                assert await outcome(it, bystander) == "ok"


@pytest.mark.parametrize("way", WAYS)
async def test_c8_another_spelling_of_a_revoked_token_is_the_same_token(place: Place, way: str) -> None:
    """An ES256 signature has two valid forms, so no state may hang on the bytes of a token."""
    revoke, code = WAYS[way]
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        other = replace(tokens, access_token=mirrored(tokens.access_token))
        assert [await outcome(it, each) for each in (tokens, other)] == ["ok", "ok"]
        await revoke(it, tokens)
        await it.ring.follower.catch_up()
        assert [await outcome(it, each) for each in (tokens, other)] == [code, code]


def mirrored(text: str) -> str:
    """Return the same token with the other valid signature: s becomes n - s."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    head, payload, signature = text.split(".")
    raw = b64u_decode(signature, what="the signature")
    s = order - int.from_bytes(raw[32:], "big")
    return f"{head}.{payload}.{b64u_encode(raw[:32] + s.to_bytes(32, 'big'))}"


async def test_c8_without_news_a_process_fails_closed_and_says_so_in_its_events() -> None:
    gated = GatedStore(memory_place().open())
    async with bench(store=gated.port) as it:
        tokens = await it.login()
        gated.fail("read_feed", times=1_000_000)
        it.clock.advance(it.ring.policy.revocation.max_staleness.total_seconds() + 0.1)
        assert await outcome(it, tokens) == "store_unavailable"
        assert await outcome(it, tokens, sensitive=True) == "store_unavailable"
        assert {"feed_stale", "token_refused"} <= set(it.log.names())


# C9: what is known stays known until the last token is dead


async def test_c9_a_restart_forgets_nothing(place: Place) -> None:
    clock = ManualClock()
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        revoked = []
        for revoke, code in list(WAYS.values())[:4]:
            revoked.append((await it.login(), code))
            await revoke(it, revoked[-1][0])
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        # The first four ways, of which "all of its account" has ended the others too.
        assert [await outcome(it, tokens) for tokens, _ in revoked[:3]] == ["token_revoked"] * 3


async def test_c9_a_flood_of_revocations_evicts_none(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        await it.ring.logout(refresh_token=tokens.refresh_token)
        flood = [Denial(DenialKind.TOKEN, f"token {number}", 0, it.clock.now() + 60) for number in range(20_000)]
        it.ring.denylist.add_all(flood)
        assert await outcome(it, tokens) == "token_revoked"
        it.clock.advance(100)
        while it.ring.denylist.sweep(it.clock.now()):
            pass
        assert len(it.ring.denylist) == 1
        assert await outcome(it, tokens) == "token_revoked"


@pytest.mark.parametrize("skew", [-10.0, 10.0])
async def test_c9_a_clock_that_is_wrong_by_the_leeway_frees_no_token(place: Place, skew: float) -> None:
    """Revoked by a process whose clock is behind or ahead, the token is refused for as long as it looks valid."""
    policy = quiet()
    async with bench(policy=policy, store=place.open()) as it:
        async with bench(policy=policy, store=place.open(), clock=ManualClock(it.clock.now() + skew)) as wrong:
            tokens = await it.login()
            await wrong.ring.logout(refresh_token=tokens.refresh_token)
        last = tokens.view.expires_at + policy.access.leeway.total_seconds() - 0.1
        for moment in (it.clock.now(), (it.clock.now() + last) / 2, last):
            it.clock.advance(moment - it.clock.now())
            await it.ring.follower.catch_up()
            assert await outcome(it, tokens) == "token_revoked"
        it.clock.advance(0.2)
        assert await outcome(it, tokens) == "token_expired"


async def test_c9_a_purge_by_a_clock_that_is_ahead_frees_no_token(place: Place) -> None:
    policy = quiet()
    async with bench(policy=policy, store=place.open()) as it:
        tokens = await it.login()
        await it.ring.logout(refresh_token=tokens.refresh_token)
        ahead = ManualClock(it.clock.now() + policy.access.leeway.total_seconds())
        last = tokens.view.expires_at + policy.access.leeway.total_seconds() - 0.1
        it.clock.advance(last - it.clock.now())
        ahead.advance(it.clock.now() + 10 - ahead.now())
        async with bench(policy=policy, store=place.open(), clock=ahead) as purging:
            await purging.ring.purge()
        # And a process that starts just then.
        async with bench(policy=policy, store=place.open(), clock=it.clock) as fresh:
            for one in (it, fresh):
                assert await outcome(one, tokens) == "token_revoked"


async def test_c9_names_of_different_kinds_do_not_collide(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        claims = payload_of(tokens)
        kid = it.ring.keys.signer.kid
        names = (claims["sid"], claims["jti"], kid)
        for kind in DenialKind:
            for name in names:
                if name != names[list(DenialKind).index(kind)]:
                    await it.ring.store.write_denial(Denial(kind, name, 2**62, it.clock.now() + 900))
        await it.ring.follower.catch_up()
        assert await outcome(it, tokens) == "ok"


# R10: after signing out, everywhere, after a password change, after the account was disabled


async def _disable(it: Bench, tokens: SessionTokens) -> object:
    del it.subjects[tokens.view.row.subject]
    return await it.ring.end_all_sessions(tokens.view.row.subject, "administrator")


async def _change_password(it: Bench, _: SessionTokens) -> object:
    kept = await it.login()
    return await it.ring.end_other_sessions("ada", keep=kept.view.row.session_id, reason="password_changed")


ENDS: dict[str, Revoke] = {
    "signing out": lambda it, tokens: it.ring.logout(refresh_token=refresh_token(tokens)),
    "signing out everywhere": lambda it, tokens: it.ring.logout_all(refresh_token=refresh_token(tokens)),
    "a password change": _change_password,
    "disabling the account": _disable,
}


@pytest.mark.parametrize("end", ENDS)
async def test_r10_after_it_a_token_is_refused_at_once_here_and_wherever_the_store_is_asked(
    place: Place, end: str
) -> None:
    async with two(place) as (one, other):
        tokens = await settled_login(one)
        await ENDS[end](one, tokens)
        assert await outcome(one, tokens) == "token_revoked"
        assert await outcome(other, tokens, sensitive=True) == "token_revoked"
        # Elsewhere with the news: until then it is accepted, and the policy bounds for how long.
        assert await outcome(other, tokens) == "ok"
        other.clock.advance(other.ring.policy.revocation.max_staleness.total_seconds() + 0.1)
        assert await outcome(other, tokens) == "token_revoked"


# R24, keys in motion


async def test_r24_a_token_of_a_key_that_was_just_retired_is_refused_and_its_holder_refreshes(place: Place) -> None:
    async with two(place) as (one, other):
        tokens = await settled_login(one)
        kid = one.ring.keys.signer.kid
        await one.ring.keys.rotate_early(force=True)
        assert await outcome(one, tokens) == "ok", "a key that has only stopped to sign is still good"
        await one.ring.keys.retire(kid)
        await other.ring.keys.read()
        for it in (one, other):
            assert await outcome(it, tokens) == "token_superseded"
        fresh = await one.ring.refresh(refresh_token(tokens), sender=WEB)
        for it in (one, other):
            assert await outcome(it, fresh) == "ok"


async def test_r24_a_token_of_a_key_that_is_not_known_here_yet_makes_the_ring_look_once(place: Place) -> None:
    async with two(place) as (one, other):
        for _ in range(2):
            await one.ring.keys.rotate_early(force=True)
        tokens = await one.login()
        assert await outcome(other, tokens) == "ok"


async def test_r24_a_distrusted_key_is_refused_everywhere_with_the_news_even_if_its_ring_is_old(place: Place) -> None:
    slow = replace(quiet(), keys=KeyPolicy(follow_every=timedelta(minutes=10)))
    async with (
        bench(policy=slow, store=place.open()) as one,
        bench(policy=slow, store=place.open(), clock=one.clock) as other,
    ):
        tokens = await one.login()
        await one.ring.distrust_key(one.ring.keys.signer.kid)
        assert await outcome(one, tokens) == "token_superseded"
        await other.ring.follower.catch_up()
        assert await outcome(other, tokens) == "token_superseded"
