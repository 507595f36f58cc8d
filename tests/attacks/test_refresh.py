"""Attacks on refresh tokens and sessions, at the service: R1 to R11. Each takes a whole ring on a real store.

What every method of the store, every interleaving and every spelling of a forgery does is in ``tests/sessions``; over
real HTTP the same rows stand in ``tests/over_http``.
"""

import asyncio
from dataclasses import fields, replace
from pathlib import Path

import pytest

from sealring import Client, Policy, SessionTokens
from sealring.errors import (
    LoginSuperseded,
    RefreshInvalid,
    RefusedError,
    SessionExpiredAbsolute,
    SessionExpiredIdle,
    SessionReused,
    SessionRevoked,
    StoreUnavailable,
    SubjectInactive,
    TokenInvalid,
    TokenRevoked,
)
from sealring.events import ReuseDetected, SessionEnded
from sealring.sessions.token import decode
from tests.gated import GatedStore, Place, memory_place, sqlite_place
from tests.refreshing import (
    OTHER_AGENT,
    OTHER_CLIENT,
    another_ring,
    one_more,
    prove_dead,
    quiet,
    refresh_token,
    refreshed,
    row_of,
    settled_login,
)
from tests.support import WEB, Bench, bench, refresh_keys

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for sessions, once for each engine."""
    return memory_place() if request.param == "memory" else sqlite_place(tmp_path)


async def outcome(it: Bench, text: str, **more: object) -> str:
    """Return the outcome of a refresh, or the code of its refusal."""
    try:
        return (await it.ring.refresh(text, **({"sender": WEB} | more))).view.outcome  # type: ignore[arg-type]
    except RefusedError as error:
        return error.code


async def test_r1_a_rotated_token_that_comes_back_ends_the_whole_session_and_raises_the_alarm(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        stolen = await settled_login(it)
        second = await refreshed(it, stolen)
        await it.settle(second)
        third = await refreshed(it, second)
        with pytest.raises(SessionReused):
            await refreshed(it, stolen)
        for tokens in (third, second, stolen):
            await prove_dead(it, tokens)
        (alarm,) = it.log.of(ReuseDetected)
        assert (alarm.subject, alarm.session_id) == ("ada", third.view.row.session_id)
        assert [event.reason for event in it.log.of(SessionEnded)] == ["reused"]


async def test_r1_the_other_sessions_of_the_account_are_not_concerned(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        stolen, other = await it.login(), await it.login()
        await it.use(other)
        await it.settle(stolen)
        second = await refreshed(it, stolen)
        await it.settle(second)
        assert await outcome(it, refresh_token(stolen)) == "session_reused"
        assert await outcome(it, refresh_token(other)) == "rotated"


async def test_r1_whoever_of_owner_and_thief_comes_second_uncovers_the_theft(place: Place) -> None:
    """The thief goes first and stays ahead: the owner's own next refresh ends both."""
    async with bench(policy=quiet(), store=place.open()) as it:
        copied = await settled_login(it)
        thief = await refreshed(it, copied, attempt="thief")
        await it.settle(thief)
        assert await outcome(it, refresh_token(copied), attempt="owner") == "session_reused"
        await prove_dead(it, thief)


async def test_r2_a_hundred_refreshes_of_one_token_in_four_processes_rotate_once(place: Place) -> None:
    async with (
        bench(policy=quiet(), store=place.open()) as one,
        one_more(place, one) as two,
        one_more(place, one) as three,
        one_more(place, one) as four,
    ):
        tokens = await settled_login(one)
        answers = await asyncio.gather(
            *(refreshed(it, tokens, attempt="a") for _ in range(25) for it in (one, two, three, four))
        )
        outcomes = [answer.view.outcome for answer in answers]
        assert (outcomes.count("rotated"), outcomes.count("replayed")) == (1, 99)
        assert len({answer.refresh_token for answer in answers}) == 1
        assert [row.generation for row in await one.ring.store.list_sessions("ada")] == [2]
        await two.settle(answers[0])
        assert (await refreshed(three, answers[-1])).view.outcome == "rotated"


async def test_r3_inside_the_grace_another_agent_is_a_thief_and_the_owner_gets_no_second_successor(
    place: Place,
) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        first = await refreshed(it, tokens)
        again = await refreshed(it, tokens)
        assert again.refresh_token == first.refresh_token
        assert await outcome(it, refresh_token(tokens), sender=OTHER_AGENT) == "session_reused"
        await prove_dead(it, first)


async def test_r4_a_password_change_beats_every_refresh_under_way(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await settled_login(it)
        login = await it.ring.begin_login("ada")
        gate = gated.hold("rotate")
        refreshing = asyncio.create_task(refreshed(it, tokens))
        await gate.wait()
        assert await it.ring.end_all_sessions("ada", "password_changed") == 1
        gate.open()
        with pytest.raises(SessionRevoked):
            await refreshing
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(login, it.subjects["ada"], sender=WEB)
        await prove_dead(it, tokens)


@pytest.mark.parametrize("late", [0, 5, 60, 3600, 6 * 86_400])
async def test_r5_a_lost_answer_is_had_again_however_late(place: Place, late: float) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        lost = await refreshed(it, tokens, attempt="a")
        it.clock.advance(late)
        assert await outcome(it, refresh_token(tokens), attempt="a") == "replayed"
        it.clock.advance(1)
        await it.settle(await refreshed(it, tokens, attempt="a"))
        assert await outcome(it, refresh_token(lost)) == "rotated"


@pytest.mark.parametrize("side", ["before", "after"])
async def test_r6_a_store_that_breaks_in_the_middle_loses_no_token_and_doubles_none(place: Place, side: str) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await settled_login(it)
        gated.fail("rotate", side)  # type: ignore[arg-type]
        with pytest.raises(StoreUnavailable):
            await refreshed(it, tokens, attempt="a")
        answers = [await refreshed(it, tokens, attempt="a") for _ in range(3)]
        assert len({answer.refresh_token for answer in answers}) == 1
        assert (await row_of(it, tokens)).generation == 2


async def test_r6_a_process_that_dies_with_the_answer_in_its_hands_logs_nobody_out(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path)
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        refreshing = asyncio.create_task(refreshed(it, tokens, attempt="a"))
        await asyncio.sleep(0)
        refreshing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await refreshing
    async with bench(policy=quiet(), store=place.open(), clock=it.clock) as again:
        assert await outcome(again, refresh_token(tokens), attempt="a") in {"rotated", "replayed"}


async def test_r7_over_a_thousand_rotations_the_remaining_life_only_shrinks() -> None:
    async with bench(policy=quiet()) as it:
        tokens = await it.login()
        end, remaining = tokens.view.row.absolute_end, float("inf")
        for _ in range(1_000):
            await it.settle(tokens)
            tokens = await refreshed(it, tokens, idle_for=0.0)
            assert tokens.view.outcome == "rotated"
            body = tokens.view.body(it.clock.now(), it.ring.policy.sessions)
            assert isinstance(body["session_expires_in"], float)
            assert body["session_expires_in"] < remaining
            remaining = body["session_expires_in"]
            assert tokens.view.expires_at <= end
        assert (tokens.view.row.generation, tokens.view.row.absolute_end) == (1_001, end)


async def test_r7_nothing_refreshes_past_its_idle_or_its_absolute_end(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        idle, used = await settled_login(it), await it.login()
        for _ in range(4):
            await it.settle(used)
            it.clock.advance(6 * 86_400)
            used = await refreshed(it, used, idle_for=0.0)
        with pytest.raises(SessionExpiredIdle):
            await refreshed(it, idle, idle_for=0.0)
        await it.settle(used)
        it.clock.advance(used.view.row.absolute_end - it.clock.now())
        with pytest.raises(SessionExpiredAbsolute):
            await refreshed(it, used, idle_for=0.0)


async def test_r7_a_user_who_is_disabled_gets_no_further_token(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        ada = it.subjects.pop("ada")
        with pytest.raises(SubjectInactive):
            await refreshed(it, tokens)
        it.subjects["ada"] = ada  # Enabled again: the old session stays ended.
        await prove_dead(it, tokens)


async def test_r7_a_scope_that_was_taken_away_is_gone_at_the_next_refresh(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        it.subjects["ada"] = replace(it.subjects["ada"], scope=("todos:read", "admin"))
        again = await it.ring.authenticate((await refreshed(it, tokens)).access_token)
        assert again.scope == ("todos:read",)


async def test_r7_a_client_that_is_no_longer_registered_gets_nothing_and_its_tokens_stop(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        without: Policy = replace(quiet(), clients=(Client("todo-next"),))
        async with another_ring(place, it, policy=without) as later:
            with pytest.raises(RefreshInvalid):
                await later.refresh(refresh_token(tokens), sender=replace(WEB, client_id="todo-next"))
            with pytest.raises(TokenInvalid):
                await later.authenticate(tokens.access_token)


async def test_r8_neither_the_database_nor_a_part_of_a_token_makes_a_token(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        one, other = await settled_login(it), await it.login()
        row = await row_of(it, one)
        secret = decode(refresh_token(one), refresh_keys()).secret
        assert secret not in row.secret_hash
        assert all(secret != getattr(row, item.name) for item in fields(row))
        text = refresh_token(one)
        mixed = text[:40] + refresh_token(other)[40:]
        for forged in (mixed, text[:95], text[:48], row.session_id, row.secret_hash.hex(), "%" * 96, "sr1_" + "A" * 92):
            assert await outcome(it, forged) == "refresh_invalid"
        assert await outcome(it, text) == "rotated"


async def test_r9_another_client_gets_nothing_and_another_key_ends_the_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        assert await outcome(it, refresh_token(tokens), sender=OTHER_CLIENT) == "refresh_invalid"
        assert await outcome(it, refresh_token(tokens)) == "rotated"
        bound = await it.login(sender=replace(WEB, key_thumbprint="own"))
        assert await outcome(it, refresh_token(bound)) == "binding_failed"
        assert await outcome(it, refresh_token(bound), sender=replace(WEB, key_thumbprint="own")) == "unchanged"
        assert await outcome(it, refresh_token(bound), sender=replace(WEB, key_thumbprint="thief")) == "binding_failed"
        await prove_dead(it, bound)


@pytest.mark.parametrize("act", ["logout", "log out everywhere", "password change", "account disabled"])
async def test_r10_an_access_token_stops_with_its_session_at_the_very_next_request(place: Place, act: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, other = await it.login(), await it.login()
        token = await it.ring.authenticate(tokens.access_token)
        if act == "logout":
            await it.ring.logout(token=token)
        elif act == "log out everywhere":
            await it.ring.logout_all(token=await it.ring.authenticate(other.access_token))
        elif act == "password change":
            keep = other.view.row.session_id
            await it.ring.end_other_sessions("ada", keep=keep, reason="password_changed")
        else:
            await it.ring.end_all_sessions("ada", "account_disabled")
        with pytest.raises(TokenRevoked):
            await it.ring.authenticate(tokens.access_token)


@pytest.mark.parametrize("planted_by", ["ada", "bob"])
async def test_r11_a_session_that_was_there_before_the_login_does_not_survive_it(place: Place, planted_by: str) -> None:
    """Fixation: the attacker leaves a cookie of a session that the attacker knows, and waits for the login."""
    async with bench(policy=quiet(), store=place.open()) as it:
        planted = await it.login(planted_by)
        login = await it.ring.begin_login("ada")
        own = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=planted.refresh_token)
        assert own.view.row.sid != planted.view.row.sid
        assert refresh_token(own) != refresh_token(planted)
        await prove_dead(it, planted)
        assert (await it.ring.authenticate(own.access_token)).subject == "ada"


async def test_r11_a_second_login_never_continues_the_first(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        seen: set[object] = set()
        tokens: SessionTokens | None = None
        for _ in range(5):
            login = await it.ring.begin_login("ada")
            carried = tokens.refresh_token if tokens else None
            tokens = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=carried)
            row = tokens.view.row
            for value in (row.sid, row.secret_hash, tokens.access_token, tokens.refresh_token):
                assert value not in seen
                seen.add(value)
        assert len(await it.ring.sessions("ada")) == 1
