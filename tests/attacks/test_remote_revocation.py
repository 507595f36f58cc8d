"""Attacks on a service without a store by way of what it does not know yet: C8 (what was revoked), C9 (what is
forgotten), C10 (what ends meanwhile), R10 (after sign-out), R24 (keys in motion).
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import JSONResponse

from sealring import RevocationPolicy
from sealring.errors import RefusedError, StoreUnavailable, TokenExpired, TokenRevoked, TokenSuperseded
from sealring.remote import Follow, Verifier
from sealring.revocation import ENDED, Denial, DenialKind
from sealring.sessions import EndReason
from tests.access.forging import payload_of
from tests.remote.issuer import PATIENCE, Issuer, issuer

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("follow", list(Follow))


async def refusal(verifier: Verifier[Any], token: str) -> type[RefusedError] | None:
    try:
        await verifier.authenticate(token)
    except RefusedError as error:
        return type(error)
    return None


async def until(verifier: Verifier[Any], token: str, kind: type[RefusedError]) -> None:
    async with asyncio.timeout(PATIENCE):
        while await refusal(verifier, token) is not kind:
            await asyncio.sleep(0.01)


# C8: whatever was revoked is refused, and what nobody can say is refused too


@BOTH
async def test_c8_every_kind_of_revocation_is_refused_by_the_service(follow: Follow) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        ring = it.it.ring
        ended, raised, single, good = [await it.it.login() for _ in range(4)]
        await ring.logout(refresh_token=ended.refresh_token)
        await ring.revoke_access(raised.view.row.session_id)
        jti = payload_of(single)["jti"]
        await ring.store.write_denial(Denial(DenialKind.TOKEN, jti, 0, it.clock.now() + 900))
        await until(reports, ended.access_token, TokenRevoked)
        await until(reports, raised.access_token, TokenSuperseded)
        await until(reports, single.access_token, TokenRevoked)
        assert await refusal(reports, good.access_token) is None
        await ring.distrust_key(ring.keys.signer.kid)
        await until(reports, good.access_token, TokenSuperseded)


@BOTH
async def test_c8_without_news_the_service_fails_closed_by_default(follow: Follow) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        good = await it.it.login()
        assert await refusal(reports, good.access_token) is None
        await it.stop()
        it.clock.advance(5.1)
        assert await refusal(reports, good.access_token) is StoreUnavailable


async def test_c8_a_feed_that_answers_nonsense_is_as_good_as_none() -> None:
    async with issuer() as it, it.verifier() as reports:
        good = await it.it.login()
        it.instead["/auth/revocations"] = JSONResponse({"cursor": "1.mark", "at": 0, "sessions": ["not understood"]})
        it.clock.advance(5.1)
        assert await refusal(reports, good.access_token) is StoreUnavailable


# C9: what a service has learned, it keeps until the last token is dead


async def test_c9_a_restart_of_the_service_forgets_nothing() -> None:
    async with issuer() as it:
        ended = await it.it.login()
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        for _ in range(2):
            async with it.verifier() as reports:
                assert await refusal(reports, ended.access_token) is TokenRevoked


async def test_c9_what_the_issuer_has_lost_the_service_still_knows_and_it_learns_what_is_new() -> None:
    async with issuer() as it, it.verifier() as reports:
        lost, later = await it.it.login(), await it.it.login("bob")
        await it.it.ring.logout(refresh_token=lost.refresh_token)
        await until(reports, lost.access_token, TokenRevoked)
        store: Any = it.it.ring.store
        # An older copy of the feed is restored: the denial is gone, and its number is given again.
        store._feed.clear()
        store._last_cursor = 0
        await it.it.ring.logout(refresh_token=later.refresh_token)
        await until(reports, later.access_token, TokenRevoked)
        assert await refusal(reports, lost.access_token) is TokenRevoked


async def test_c9_a_denial_outlives_every_token_that_it_concerns() -> None:
    async with issuer() as it, it.verifier(leeway=timedelta(seconds=60)) as reports:
        ended = await it.it.login()
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        await until(reports, ended.access_token, TokenRevoked)
        life = it.it.ring.policy.access.lifetime.total_seconds()
        for passed in (life - 1, 10, 49):
            it.clock.advance(passed)
            await reports._follower.catch_up()
            assert await refusal(reports, ended.access_token) is TokenRevoked
        it.clock.advance(2)
        await reports._follower.catch_up()
        assert await refusal(reports, ended.access_token) is TokenExpired
        it.clock.advance(60)
        await reports._follower.catch_up()
        assert len(reports.denylist) == 0


async def test_c9_many_denials_push_none_out() -> None:
    async with issuer() as it:
        ended = await it.it.login()
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        store = it.it.ring.store
        for number in range(3_000):
            await store.write_denial(Denial(DenialKind.SESSION, f"{number:032x}", ENDED, it.clock.now() + 900))
        async with it.verifier() as reports:
            assert len(reports.denylist) == 3_001
            assert await refusal(reports, ended.access_token) is TokenRevoked


async def test_c9_what_one_issuer_denies_is_nothing_to_another_even_under_one_id() -> None:
    async with issuer() as one, issuer() as other, one.verifier() as first, other.verifier() as second:
        tokens = await one.it.login()
        ids = (DenialKind.SESSION, tokens.view.row.session_id), (DenialKind.TOKEN, payload_of(tokens)["jti"])
        marker = await other.it.login()
        for kind, ident in ids:
            await other.it.ring.store.write_denial(Denial(kind, ident, ENDED, one.clock.now() + 900))
        await other.it.ring.logout(refresh_token=marker.refresh_token)
        await until(second, marker.access_token, TokenRevoked)
        assert await refusal(first, tokens.access_token) is None


@BOTH
@pytest.mark.parametrize("seconds", [-3_600, 3_600])
async def test_c9_the_clocks_of_issuer_and_service_may_disagree_about_the_time_of_day(
    follow: Follow, seconds: float
) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        good = await it.it.login()
        # Both read one clock here; it is set while requests are held, as a time server might do to either.
        it.clock.advance(seconds)
        await reports._keys.load()
        tokens = good if seconds < 0 else await it.it.login()
        async with asyncio.timeout(PATIENCE):
            while not reports.state().ready:
                await asyncio.sleep(0.01)
        # A token from the future is right, and a clock is wrong: a refresh helps.
        expected = TokenSuperseded if seconds < 0 else None
        assert await refusal(reports, tokens.access_token) is expected


# C10: a token that was good when the request began


async def test_c10_a_long_answer_that_asks_again_at_each_message_ends_with_its_session() -> None:
    async with issuer() as it, it.verifier() as reports:
        tokens = await it.it.login()

        async def long_answer() -> AsyncIterator[int]:
            number = 0
            while True:
                await reports.authenticate(tokens.access_token)
                yield number
                number += 1

        answer = long_answer()
        assert await anext(answer) == 0
        await it.it.ring.logout(refresh_token=tokens.refresh_token)

        async def read_on() -> None:
            async for _ in answer:
                await asyncio.sleep(0.01)

        with pytest.raises(TokenRevoked):
            await asyncio.wait_for(read_on(), PATIENCE)


async def test_c10_a_token_that_was_recognised_before_is_asked_about_again_each_time() -> None:
    async with issuer() as it, it.verifier() as reports:
        tokens = await it.it.login()
        for _ in range(3):
            assert await refusal(reports, tokens.access_token) is None
        it.clock.advance(it.it.ring.policy.access.lifetime.total_seconds() + 10)
        await reports._follower.catch_up()
        assert await refusal(reports, tokens.access_token) is TokenExpired


# R10: after signing out, everywhere and by force


async def _logout(it: Issuer, refresh_token: str | None) -> None:
    await it.it.ring.logout(refresh_token=refresh_token)


async def _logout_all(it: Issuer, refresh_token: str | None) -> None:
    await it.it.ring.logout_all(refresh_token=refresh_token)


async def _password(it: Issuer, refresh_token: str | None) -> None:
    keep = (await it.it.login()).view.row.session_id
    await it.it.ring.end_other_sessions("ada", keep=keep, reason=EndReason.PASSWORD_CHANGED)


async def _disabled(it: Issuer, refresh_token: str | None) -> None:
    await it.it.ring.end_all_sessions("ada", EndReason.SUBJECT_INACTIVE)


ENDS = {
    "after logout": _logout,
    "after signing out everywhere": _logout_all,
    "after a password change": _password,
    "after the account was disabled": _disabled,
}


@BOTH
@pytest.mark.parametrize("case", ENDS)
async def test_r10_an_access_token_is_refused_by_the_service(case: str, follow: Follow) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        tokens = await it.it.login()
        assert await refusal(reports, tokens.access_token) is None
        await ENDS[case](it, tokens.refresh_token)
        await until(reports, tokens.access_token, TokenRevoked)


async def test_r10_the_bound_holds_even_if_no_news_ever_comes() -> None:
    """A service that is cut off refuses after its staleness, so nobody stays in for longer than that."""
    revocation = RevocationPolicy(max_staleness=timedelta(seconds=2))
    async with issuer() as it, it.verifier(revocation=revocation) as reports:
        tokens = await it.it.login()
        await it.stop()
        await it.it.ring.logout(refresh_token=tokens.refresh_token)
        it.clock.advance(2.1)
        assert await refusal(reports, tokens.access_token) is StoreUnavailable


# R24, keys in motion


async def test_r24_tokens_of_a_retiring_key_live_on_and_those_of_a_retired_one_are_superseded() -> None:
    async with issuer() as it, it.verifier() as reports:
        old = await it.it.login()
        kid = it.it.ring.keys.signer.kid
        await it.it.ring.keys.rotate_early(force=True)
        await reports._keys.load()
        assert await refusal(reports, old.access_token) is None
        await it.it.ring.keys.retire(kid)
        # Until its copy of the keys has run out the service goes on with it, as the cache time allows.
        assert await refusal(reports, old.access_token) is None
        await reports._keys.load()
        assert await refusal(reports, old.access_token) is TokenSuperseded


async def test_r24_a_key_that_signs_before_it_was_published_is_found_by_one_fetch() -> None:
    async with issuer() as it, it.verifier() as reports:
        for _ in range(2):
            await it.it.ring.keys.rotate_early(force=True)
        tokens = await it.it.login()
        before = it.asked.count("/.well-known/jwks.json")
        assert [await refusal(reports, tokens.access_token) for _ in range(3)] == [None] * 3
        assert it.asked.count("/.well-known/jwks.json") == before + 1


async def test_r24_an_emergency_reaches_the_service_by_the_feed_long_before_its_keys_are_due() -> None:
    async with issuer() as it, it.verifier() as reports:
        stolen = await it.it.login()
        before = it.asked.count("/.well-known/jwks.json")
        await it.it.ring.distrust_key(it.it.ring.keys.signer.kid)
        await until(reports, stolen.access_token, TokenSuperseded)
        assert await refusal(reports, (await it.it.login()).access_token) is None
        assert it.asked.count("/.well-known/jwks.json") == before
