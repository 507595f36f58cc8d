"""How long a session lives, and what the application says about its account."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sealring import IdleBy, Subject
from sealring.errors import RateLimited, SessionExpiredAbsolute, SessionExpiredIdle, StoreUnavailable, SubjectInactive
from sealring.events import SessionEnded, StoreFailed
from tests.gated import Place
from tests.refreshing import another_ring, prove_dead, quiet, refresh_token, refreshed, row_of, settled_login
from tests.support import WEB, Claims, EventLog, bench

pytestmark = pytest.mark.anyio

# What the application says


async def test_when_the_application_fails_the_swap_stands_and_the_retry_is_a_replay(place: Place) -> None:
    fails = True

    async def load(subject_id: str) -> Subject:
        if fails:
            raise RuntimeError("postgres://ada:secret@db is down")
        return Subject(subject_id, Claims())

    log = EventLog()
    async with bench(policy=quiet(), store=place.open()) as it, another_ring(place, it, load, sinks=[log]) as ring:
        tokens = await settled_login(it)
        with pytest.raises(StoreUnavailable) as caught:
            await ring.refresh(refresh_token(tokens), sender=WEB, attempt="a")
        (told,) = log.of(StoreFailed)
        assert (told.operation, told.detail) == ("load_subject", "RuntimeError")
        assert "secret" not in caught.value.detail + caught.value.message
        assert (await row_of(it, tokens)).generation == 2
        fails = False
        again = await ring.refresh(refresh_token(tokens), sender=WEB, attempt="a")
        assert (again.view.outcome, again.view.row.replay_streak) == ("replayed", 0)


async def test_an_account_that_is_gone_ends_its_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        del it.subjects["ada"]
        with pytest.raises(SubjectInactive):
            await refreshed(it, tokens)
        assert [ended.reason for ended in it.log.of(SessionEnded)] == ["subject_inactive"]
        await prove_dead(it, tokens)


async def test_the_scope_only_ever_narrows_to_what_the_account_still_has(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)

        async def scope_with(*scope: str) -> tuple[str, ...]:
            nonlocal tokens
            it.subjects["ada"] = replace(it.subjects["ada"], scope=scope)
            tokens = await refreshed(it, tokens)
            await it.settle(tokens)
            return (await it.ring.authenticate(tokens.access_token)).scope

        assert await scope_with("todos:read", "todos:write", "admin") == ("todos:read", "todos:write")
        assert await scope_with("admin", "todos:read") == ("todos:read",)
        assert await scope_with("admin") == ()
        # What was granted at login, and never more: here the account has it again.
        assert await scope_with("todos:write") == ("todos:write",)


async def test_a_refusal_of_the_application_s_own_is_passed_on(place: Place) -> None:
    async def load(subject_id: str) -> Subject:
        raise RateLimited("the directory asks for patience", retry_after=7)

    async with bench(policy=quiet(), store=place.open()) as it, another_ring(place, it, load) as ring:
        tokens = await settled_login(it)
        with pytest.raises(RateLimited) as caught:
            await ring.refresh(refresh_token(tokens), sender=WEB)
        assert caught.value.retry_after == 7


# Ends


async def test_over_many_rotations_the_absolute_end_never_moves_and_there_is_one_row(place: Place) -> None:
    rounds = 1_000 if place.name == "memory" else 100
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        end = tokens.view.row.absolute_end
        remaining = end - it.clock.now()
        for _ in range(rounds):
            await it.settle(tokens)
            tokens = await refreshed(it, tokens, idle_for=0.0)
            assert tokens.view.outcome == "rotated"
            assert tokens.view.row.absolute_end == end
            assert end - it.clock.now() < remaining
            remaining = end - it.clock.now()
        rows = await it.ring.store.list_sessions("ada")
        assert [(row.generation, row.absolute_end) for row in rows] == [(rounds + 1, end)]


async def test_use_prolongs_a_session_up_to_its_absolute_end_and_not_beyond(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        end = tokens.view.row.absolute_end
        while it.clock.now() + 86_400 < end:
            await it.settle(tokens)
            it.clock.advance(86_400 - 21)
            tokens = await refreshed(it, tokens, idle_for=0.0)
            expires_at = (await it.ring.authenticate(tokens.access_token)).expires_at
            assert expires_at <= tokens.view.row.end <= end
        it.clock.advance(end - it.clock.now())
        with pytest.raises(SessionExpiredAbsolute):
            await refreshed(it, tokens, idle_for=0.0)


async def test_the_last_access_token_dies_with_its_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login(persistent=False)
        await it.settle(tokens)
        it.clock.advance(12 * 3600 - 21 - 60)
        last = await refreshed(it, tokens)
        assert last.view.expires_at == int(last.view.row.absolute_end)
        it.clock.advance(59)
        assert (await refreshed(it, last)).view.expires_at == last.view.expires_at
        it.clock.advance(1)
        with pytest.raises(SessionExpiredAbsolute):
            await refreshed(it, last)


async def test_in_the_last_moment_of_a_session_there_is_no_token_without_life(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        it.clock.advance(0.5)
        tokens = await it.login(persistent=False)
        await it.settle(tokens)
        it.clock.advance(tokens.view.row.absolute_end - it.clock.now() - 0.25)
        with pytest.raises(SessionExpiredAbsolute):
            await refreshed(it, tokens)


async def test_by_activity_a_silent_refresh_does_not_prolong_the_session(place: Place) -> None:
    async with bench(policy=quiet(idle=timedelta(hours=1)), store=place.open()) as it:
        tokens = await it.login()
        idle_end = tokens.view.row.idle_end
        for idle_for in (None, 1e9, float("inf"), 3600.0):
            await it.settle(tokens)
            tokens = await refreshed(it, tokens, idle_for=idle_for)
            assert tokens.view.row.idle_end == idle_end
        await it.settle(tokens)
        tokens = await refreshed(it, tokens, idle_for=15.0)
        assert tokens.view.row.idle_end == it.clock.now() - 15 + 3600
        it.clock.advance(3600 - 15)
        with pytest.raises(SessionExpiredIdle):
            await refreshed(it, tokens, idle_for=0.0)


async def test_an_activity_in_the_future_counts_as_now(place: Place) -> None:
    async with bench(policy=quiet(idle=timedelta(hours=1)), store=place.open()) as it:
        tokens = await settled_login(it)
        tokens = await refreshed(it, tokens, idle_for=-1e9)
        assert tokens.view.row.idle_end == it.clock.now() + 3600


async def test_by_refresh_every_refresh_prolongs_the_session(place: Place) -> None:
    async with bench(policy=quiet(idle=timedelta(hours=1), idle_by=IdleBy.REFRESH), store=place.open()) as it:
        tokens = await it.login()
        for _ in range(3):
            await it.settle(tokens)
            tokens = await refreshed(it, tokens)
            assert tokens.view.row.idle_end == it.clock.now() + 3600


async def test_a_session_that_is_not_kept_lives_half_a_day_at_most(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        row = (await it.login(persistent=False)).view.row
        assert (row.persistent, row.absolute_end - row.created_at, row.idle_end) == (False, 12 * 3600, row.absolute_end)
        row = (await it.login(persistent=True)).view.row
        assert (row.persistent, row.absolute_end - row.created_at) == (True, 30 * 86_400)
        assert row.idle_end - row.created_at == 7 * 86_400
