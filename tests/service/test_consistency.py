"""Changes of an account reach its tokens: a demotion at the next refresh or at once, a disabling everywhere."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sealring import EndReason, Subject
from sealring.errors import LoginSuperseded, SessionRevoked, SubjectInactive, TokenRevoked, TokenSuperseded
from tests.gated import Place
from tests.refreshing import one_more, quiet, refreshed, settled_login
from tests.support import WEB, Bench, Claims, bench

pytestmark = pytest.mark.anyio

DEMOTED = Subject("ada", Claims(), scope=("todos:read",))


@asynccontextmanager
async def processes(place: Place) -> AsyncIterator[tuple[Bench, Bench]]:
    """Run two processes that hear of each other only when they are told to read."""
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        other.subjects = one.subjects
        yield one, other


async def test_a_demotion_takes_effect_at_the_next_refresh(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        it.subjects["ada"] = DEMOTED
        assert (await it.ring.authenticate(tokens.access_token)).scope == ("todos:read", "todos:write")
        fresh = await refreshed(it, tokens)
        assert (await it.ring.authenticate(fresh.access_token)).scope == ("todos:read",)


async def test_a_demotion_takes_effect_at_once_when_access_is_revoked_and_nobody_is_signed_out(place: Place) -> None:
    async with processes(place) as (one, other):
        tokens = await settled_login(one)
        one.subjects["ada"] = DEMOTED
        assert await one.ring.revoke_access(tokens.view.row.session_id)
        with pytest.raises(TokenSuperseded):
            await one.ring.authenticate(tokens.access_token)
        # Elsewhere on a sensitive route at once, and on the others with the next news.
        with pytest.raises(TokenSuperseded):
            await other.ring.authenticate(tokens.access_token, sensitive=True)
        await other.ring.follower.catch_up()
        with pytest.raises(TokenSuperseded):
            await other.ring.authenticate(tokens.access_token)
        fresh = await refreshed(one, tokens)
        for it in (one, other):
            assert (await it.ring.authenticate(fresh.access_token, sensitive=True)).scope == ("todos:read",)


async def test_a_promotion_widens_no_session_that_is_open(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        it.subjects["ada"] = Subject("ada", Claims(), scope=("admin", "todos:read", "todos:write"))
        fresh = await refreshed(it, tokens)
        assert (await it.ring.authenticate(fresh.access_token)).scope == ("todos:read", "todos:write")


async def test_a_disabled_account_loses_all_sessions_in_every_process_and_the_logins_under_way(place: Place) -> None:
    async with processes(place) as (one, other):
        here, there = await settled_login(one), await settled_login(other)
        login = await other.ring.begin_login("ada")
        bob = await one.login("bob")
        del one.subjects["ada"]
        assert await one.ring.end_all_sessions("ada", EndReason.ADMINISTRATOR) == 2
        with pytest.raises(LoginSuperseded):
            await other.ring.open_session(login, Subject("ada", Claims()), sender=WEB)
        for it in (one, other):
            await it.ring.follower.catch_up()
            for tokens in (here, there):
                with pytest.raises(TokenRevoked):
                    await it.ring.authenticate(tokens.access_token)
                with pytest.raises(SessionRevoked):
                    await refreshed(it, tokens)
            await it.ring.authenticate(bob.access_token)


async def test_where_only_the_application_knows_that_an_account_is_disabled_its_refresh_ends_the_session(
    place: Place,
) -> None:
    async with processes(place) as (one, other):
        tokens = await settled_login(one)
        del one.subjects["ada"]
        with pytest.raises(SubjectInactive):
            await refreshed(one, tokens)
        with pytest.raises(TokenRevoked):
            await one.ring.authenticate(tokens.access_token)
        with pytest.raises(TokenRevoked):
            await other.ring.authenticate(tokens.access_token, sensitive=True)
