"""Ending sessions: by any credential that is left, one or all, and whatever comes twice or too late."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from sealring import Sealring
from sealring.errors import (
    NotAuthenticated,
    NotFound,
    RefreshInvalid,
    SessionRevoked,
    StoreUnavailable,
    TokenRevoked,
    TokenSuperseded,
)
from sealring.events import AccessRevoked, SessionEnded
from sealring.sessions.record import PurgeCounts
from sealring.sessions.token import decode, encode
from tests.gated import GatedStore, Place
from tests.refreshing import one_more, prove_dead, quiet, refresh_token, refreshed, row_of, settled_login
from tests.support import WEB, Bench, Claims, bench, refresh_keys

pytestmark = pytest.mark.anyio

NO_TOKENS = ["", "nonsense", "sr1_" + "A" * 92, "A" * 100_000]


def endings(it: Bench) -> list[tuple[str, str]]:
    """Return who was ended and why, in order."""
    return [(event.subject, event.reason) for event in it.log.of(SessionEnded)]


# Logout


async def test_a_logout_by_refresh_token_ends_the_session_and_its_access_token_at_once(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, other = await it.login(), await it.login()
        assert await it.ring.logout(refresh_token=tokens.refresh_token) == 1
        await prove_dead(it, tokens)
        await it.ring.authenticate(other.access_token)
        row = await row_of(it, tokens)
        assert (row.revoked_at, row.revoked_reason) == (it.clock.now(), "logout")
        assert endings(it) == [("ada", "logout")]


async def test_a_logout_by_access_token_alone_ends_the_session_too(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        assert await it.ring.logout(token=await it.ring.authenticate(tokens.access_token)) == 1
        await prove_dead(it, tokens)


async def test_an_old_generation_is_good_enough_to_log_out(place: Place) -> None:
    """Whoever wants to leave with an old cookie shall leave; that is no theft."""
    async with bench(policy=quiet(), store=place.open()) as it:
        first = await settled_login(it)
        second = await refreshed(it, first)
        await it.settle(second)
        third = await refreshed(it, second)
        await it.settle(third)
        assert await it.ring.logout(refresh_token=first.refresh_token) == 1
        await prove_dead(it, third)
        assert endings(it) == [("ada", "logout")]


async def test_a_second_logout_ends_nothing_and_is_no_error(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        token = await it.ring.authenticate(tokens.access_token)
        assert await it.ring.logout(refresh_token=tokens.refresh_token, token=token) == 1
        assert await it.ring.logout(refresh_token=tokens.refresh_token, token=token) == 0
        assert endings(it) == [("ada", "logout")]


@pytest.mark.parametrize("text", NO_TOKENS)
async def test_a_logout_with_what_is_no_token_ends_nothing_and_is_no_error(place: Place, text: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        assert await it.ring.logout(refresh_token=text) == 0
        assert await it.ring.logout() == 0
        token = await it.ring.authenticate(tokens.access_token)
        assert await it.ring.logout(refresh_token=text, token=token) == 1


async def test_a_token_with_a_right_mac_and_another_secret_ends_nothing(place: Place) -> None:
    """Whoever has the MAC key alone can log nobody out, nor end a session by logging in."""
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        forged = encode(replace(decode(refresh_token(tokens), refresh_keys()), secret=bytes(16)), refresh_keys())
        assert await it.ring.logout(refresh_token=forged) == 0
        with pytest.raises(NotAuthenticated):
            await it.ring.logout_all(refresh_token=forged)
        with pytest.raises(RefreshInvalid):
            await it.ring.refresh(forged, sender=WEB)
        login = await it.ring.begin_login("ada")
        await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=forged)
        await it.ring.authenticate(tokens.access_token)


async def test_a_logout_from_an_expired_session_still_ends_it(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        it.clock.advance(8 * 86_400)
        assert await it.ring.logout(refresh_token=tokens.refresh_token) == 1
        with pytest.raises(SessionRevoked):
            await refreshed(it, tokens)


async def test_a_logout_that_another_process_did_first_denies_the_tokens_here_at_once(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await one.login()
        await one.ring.logout(refresh_token=tokens.refresh_token)
        assert await other.ring.logout(refresh_token=tokens.refresh_token) == 0
        with pytest.raises(TokenRevoked):
            await other.ring.authenticate(tokens.access_token)


# Everywhere


@pytest.mark.parametrize("by", ["access token", "refresh token"])
async def test_logging_out_everywhere_ends_every_session_of_the_account_and_of_no_other(place: Place, by: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        opened = [await it.login() for _ in range(3)]
        bob = await it.login("bob")
        if by == "access token":
            ended = await it.ring.logout_all(token=await it.ring.authenticate(opened[0].access_token))
        else:
            ended = await it.ring.logout_all(refresh_token=opened[0].refresh_token)
        assert ended == 3
        for tokens in opened:
            await prove_dead(it, tokens)
        await it.ring.authenticate(bob.access_token)
        assert endings(it) == [("ada", "logout_all")] * 3


@pytest.mark.parametrize("text", [None, *NO_TOKENS])
async def test_logging_out_everywhere_needs_a_credential(place: Place, text: str | None) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        await it.login()
        with pytest.raises(NotAuthenticated):
            await it.ring.logout_all(refresh_token=text)
        assert len(await it.ring.sessions("ada")) == 1


@pytest.mark.parametrize("over", ["ended", "expired"])
async def test_the_token_of_a_session_that_is_over_does_not_log_out_the_others(place: Place, over: str) -> None:
    """A stolen old cookie is no lever against the account."""
    async with bench(policy=quiet(), store=place.open()) as it:
        old = await it.login(persistent=False)
        if over == "ended":
            await it.ring.logout(refresh_token=old.refresh_token)
        else:
            it.clock.advance(13 * 3600)
        await it.login()
        with pytest.raises(NotAuthenticated):
            await it.ring.logout_all(refresh_token=old.refresh_token)
        assert len(await it.ring.sessions("ada")) == 1


async def test_ending_the_others_keeps_one_and_it_goes_on(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        kept, *others = [await it.login() for _ in range(3)]
        await it.settle(kept)
        session_id = kept.view.row.session_id
        assert await it.ring.end_other_sessions("ada", keep=session_id, reason="password_changed") == 2
        for tokens in others:
            await prove_dead(it, tokens)
        assert (await refreshed(it, kept)).view.outcome == "rotated"
        assert endings(it) == [("ada", "password_changed")] * 2


async def test_another_account_s_session_cannot_be_the_one_that_is_kept(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, bob = await it.login(), await it.login("bob")
        assert await it.ring.end_other_sessions("ada", keep=bob.view.row.session_id, reason="password_changed") == 1
        await prove_dead(it, tokens)
        await it.ring.authenticate(bob.access_token)


# One by its id


async def test_a_session_is_ended_by_its_id(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, other = await it.login(), await it.login()
        await it.ring.end_session("ada", tokens.view.row.session_id)
        await prove_dead(it, tokens)
        await it.ring.authenticate(other.access_token)
        assert endings(it) == [("ada", "ended_by_user")]


async def test_what_cannot_be_ended_all_looks_the_same(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        bob, ended, expired = await it.login("bob"), await it.login(), await it.login(persistent=False)
        await it.ring.logout(refresh_token=ended.refresh_token)
        it.clock.advance(13 * 3600)
        own = await it.login()
        good = own.view.row.session_id
        names = [tokens.view.row.session_id for tokens in (bob, ended, expired)]
        names += ["0" * 32, "", "nonsense", good.upper(), f" {good}", good[:-1], good + "0", "%", "\u0660" * 32]
        for name in names:
            if name == good:
                continue
            with pytest.raises(NotFound) as caught:
                await it.ring.end_session("ada", name)
            assert caught.value.message == NotFound.message
        assert len(await it.ring.sessions("ada")) == 1


@pytest.mark.parametrize("name", ["", "nonsense", "0" * 31, "G" * 32, "00 " * 16])
async def test_what_is_no_session_id_is_not_found_and_nothing_is_ended(place: Place, name: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        await it.login()
        with pytest.raises(NotFound):
            await it.ring.end_other_sessions("ada", keep=name, reason="password_changed")
        with pytest.raises(NotFound):
            await it.ring.revoke_access(name)
        assert len(await it.ring.sessions("ada")) == 1


# Only the access tokens


async def test_revoking_access_stops_the_tokens_and_not_the_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        assert await it.ring.revoke_access(tokens.view.row.session_id)
        with pytest.raises(TokenSuperseded):
            await it.ring.authenticate(tokens.access_token)
        again = await refreshed(it, tokens)
        assert (await it.ring.authenticate(again.access_token)).epoch == 1
        assert [(event.subject, event.epoch) for event in it.log.of(AccessRevoked)] == [("ada", 1)]


async def test_there_is_no_access_to_revoke_where_there_is_no_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        await it.ring.logout(refresh_token=tokens.refresh_token)
        assert not await it.ring.revoke_access(tokens.view.row.session_id)
        assert not await it.ring.revoke_access("0" * 32)
        assert it.log.of(AccessRevoked) == []


# When the store fails

Act = Callable[[Sealring[Claims], str, str], Awaitable[object]]
ACTS: list[tuple[str, Act]] = [
    ("end_session", lambda ring, token, _: ring.logout(refresh_token=token)),
    ("end_session", lambda ring, _, name: ring.end_session("ada", name)),
    ("end_subject", lambda ring, token, _: ring.logout_all(refresh_token=token)),
    ("end_subject", lambda ring, *_: ring.end_all_sessions("ada")),
]


@pytest.mark.parametrize(("method", "act"), [pytest.param(*act, id=f"{n} {act[0]}") for n, act in enumerate(ACTS)])
async def test_what_the_store_did_not_do_is_not_said_to_be_done(place: Place, method: str, act: Act) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await it.login()
        text, name = refresh_token(tokens), tokens.view.row.session_id
        gated.fail(method)
        with pytest.raises(StoreUnavailable):
            await act(it.ring, text, name)
        assert endings(it) == []
        await it.ring.authenticate(tokens.access_token)
        await act(it.ring, text, name)
        await prove_dead(it, tokens)


async def test_a_logout_whose_answer_was_lost_is_done_and_heard_by_the_feed(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await it.login()
        gated.fail("end_session", "after")
        with pytest.raises(StoreUnavailable):
            await it.ring.logout(refresh_token=tokens.refresh_token)
        await prove_dead(it, tokens)
        assert await it.ring.logout(refresh_token=tokens.refresh_token) == 0


async def test_a_purge_takes_what_is_over_and_leaves_what_lives(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        ended = await it.login()
        await it.login(persistent=False)
        kept = await it.login()
        await it.ring.logout(refresh_token=ended.refresh_token)
        assert await it.ring.purge() == PurgeCounts()
        it.clock.advance(2 * 86_400)
        assert await it.ring.purge() == PurgeCounts(sessions=2, denials=1)
        assert await it.ring.purge() == PurgeCounts()
        assert [row.sid for row in await it.ring.sessions("ada")] == [kept.view.row.sid]
        await it.ring.follower.catch_up()
        with pytest.raises(RefreshInvalid):
            await refreshed(it, ended)
        assert (await refreshed(it, kept)).view.outcome == "unchanged"
