"""Opening sessions: the subject's epoch, what a login replaces (R11), how many there may be."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from sealring import Sender, SessionTokens, Subject, WhenFull
from sealring.errors import (
    ConfigurationError,
    LoginSuperseded,
    SessionRevoked,
    StoreUnavailable,
    SubjectInactive,
    TokenRevoked,
    TooManySessions,
)
from sealring.events import SessionEnded, SessionOpened
from sealring.sessions import SessionRow
from sealring.sessions.open import surplus_of
from sealring.sessions.record import PurgeCounts
from tests.gated import GatedStore, Place
from tests.refreshing import one_more, prove_dead, quiet, refresh_token, refreshed, row_of, settled_login
from tests.sessions.making import NOW, a_row
from tests.support import WEB, Bench, Claims, bench

pytestmark = pytest.mark.anyio


async def live(it: Bench, subject: str = "ada") -> tuple[SessionRow, ...]:
    return await it.ring.sessions(subject)


async def test_a_login_opens_a_session_in_its_first_generation(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        login = await it.ring.begin_login("ada")
        tokens = await it.ring.open_session(
            login, it.subjects["ada"], sender=WEB, amr=("pwd", "otp"), persistent=True, device="D" * 500
        )
        row = await row_of(it, tokens)
        assert row == tokens.view.row
        now = it.clock.now()
        assert (row.subject, row.client_id, row.sender_hint) == ("ada", "todo-web", "Firefox")
        assert (row.generation, row.confirmed_generation, row.attempt, row.ep) == (1, 0, None, 0)
        assert (row.created_at, row.auth_time, row.rotated_at, row.last_seen) == (now, now, now, now)
        assert (row.amr, row.scope, row.device) == ("pwd otp", "todos:read todos:write", "D" * 120)
        assert tokens.view.outcome == "opened"
        (told,) = it.log.of(SessionOpened)
        assert (told.subject, told.session_id, told.persistent) == ("ada", row.session_id, True)


async def test_the_store_never_holds_the_token_or_its_secret(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        text = refresh_token(tokens)
        assert text not in repr(await row_of(it, tokens))
        assert text not in repr(tokens)
        assert tokens.access_token not in repr(tokens)


async def test_no_two_sessions_share_an_id_a_secret_or_a_token(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        opened = [await it.login() for _ in range(20)]
        for of in (lambda t: t.view.row.sid, lambda t: t.view.row.secret_hash, refresh_token, lambda t: t.access_token):
            assert len({of(tokens) for tokens in opened}) == 20


# The epoch


@pytest.mark.parametrize("act", ["end all", "end others", "log out everywhere"])
async def test_a_login_that_was_under_way_when_everything_was_ended_is_refused(place: Place, act: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        login = await it.ring.begin_login("ada")
        if act == "end all":
            await it.ring.end_all_sessions("ada")
        elif act == "end others":
            await it.ring.end_other_sessions("ada", keep=tokens.view.row.session_id, reason="password_changed")
        else:
            await it.ring.logout_all(token=await it.ring.authenticate(tokens.access_token))
        opened = len(it.log.of(SessionOpened))
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(login, it.subjects["ada"], sender=WEB)
        assert len(it.log.of(SessionOpened)) == opened
        assert len(await live(it)) == (1 if act == "end others" else 0)
        # The next login knows the new epoch.
        assert (await it.login()).view.row.subject_epoch > 0


async def test_a_login_may_take_half_an_hour_and_no_longer(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        login = await it.ring.begin_login("ada")
        it.clock.advance(1_800)
        await it.ring.open_session(login, it.subjects["ada"], sender=WEB)
        it.clock.advance(0.1)
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(login, it.subjects["ada"], sender=WEB)
        # A clock that was set back does not tell how long it took.
        it.clock.advance(-3_601)
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(login, it.subjects["ada"], sender=WEB)
        assert len(await live(it)) == 1


async def test_a_purge_while_a_login_is_under_way_neither_refuses_it_nor_lets_it_in(place: Place) -> None:
    keep = timedelta(hours=1)
    policy = quiet(keep_ended=keep)
    async with bench(policy=policy, store=place.open()) as it:
        await it.ring.end_all_sessions("ada")
        it.clock.advance(keep.total_seconds() + 1)
        harmless, lost = await it.ring.begin_login("ada"), await it.ring.begin_login("ada")
        # In Redis an epoch goes by its own expiry.
        assert await it.ring.purge() == PurgeCounts(subjects=0 if place.name == "valkey" else 1)
        await it.ring.open_session(harmless, it.subjects["ada"], sender=WEB)
        await it.ring.end_all_sessions("ada")
        it.clock.advance(1_800)
        await it.ring.purge()
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(lost, it.subjects["ada"], sender=WEB)


async def test_ending_everything_between_the_insert_and_the_answer_leaves_nothing_alive(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        gate = gated.hold("open_session", "after")
        opening = asyncio.create_task(it.login())
        await gate.wait()
        assert await it.ring.end_all_sessions("ada") == 1
        gate.open()
        await prove_dead(it, await opening)


async def test_another_account_s_end_of_everything_does_not_touch_a_login(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        login = await it.ring.begin_login("ada")
        await it.ring.end_all_sessions("bob")
        await it.ring.open_session(login, it.subjects["ada"], sender=WEB)


async def test_a_login_belongs_to_the_account_that_it_was_begun_for(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        login = await it.ring.begin_login("ada")
        with pytest.raises(SubjectInactive):
            await it.ring.open_session(login, it.subjects["bob"], sender=WEB)
        assert await live(it) == await live(it, "bob") == ()


# What a login replaces


@pytest.mark.parametrize("before", ["ada", "bob"])
async def test_r11_a_login_ends_the_session_whose_token_it_carries_whoever_it_belonged_to(
    place: Place, before: str
) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        old = await it.login(before)
        login = await it.ring.begin_login("ada")
        new = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=old.refresh_token)
        assert new.view.row.sid != old.view.row.sid
        await prove_dead(it, old)
        assert [row.sid for row in await live(it)] == [new.view.row.sid]
        assert [(event.subject, event.reason) for event in it.log.of(SessionEnded)] == [(before, "replaced")]


async def test_r11_an_old_generation_of_the_replaced_session_will_do(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        first = await settled_login(it)
        second = await refreshed(it, first)
        login = await it.ring.begin_login("ada")
        await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=first.refresh_token)
        await prove_dead(it, second)


@pytest.mark.parametrize("carried", ["", "nonsense", "sr1_" + "A" * 92])
async def test_r11_what_is_no_token_of_ours_does_not_disturb_a_login(place: Place, carried: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        login = await it.ring.begin_login("ada")
        await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=carried)
        assert len(await live(it)) == 1


async def test_r11_a_refused_login_ends_nothing(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        old = await it.login("bob")
        login = await it.ring.begin_login("ada")
        await it.ring.end_all_sessions("ada")
        with pytest.raises(LoginSuperseded):
            await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=old.refresh_token)
        assert [row.sid for row in await live(it, "bob")] == [old.view.row.sid]


# How many there may be


async def test_one_session_too_many_ends_the_oldest(place: Place) -> None:
    async with bench(policy=quiet(per_subject=3), store=place.open()) as it:
        opened = []
        for _ in range(5):
            opened.append(await it.login())
            it.clock.advance(1)
        await it.login("bob")
        assert [row.sid for row in await live(it)] == [tokens.view.row.sid for tokens in opened[2:]]
        for tokens in opened[:2]:
            await prove_dead(it, tokens)
        assert [event.reason for event in it.log.of(SessionEnded)] == ["too_many", "too_many"]


async def test_the_session_that_was_just_opened_is_never_the_one_that_ends(place: Place) -> None:
    async with bench(policy=quiet(per_subject=1), store=place.open()) as it:
        await it.login()
        it.clock.advance(-3600)  # The machine's clock was set back.
        newest = await it.login()
        assert [row.sid for row in await live(it)] == [newest.view.row.sid]


async def test_of_two_logins_at_the_same_moment_for_one_place_exactly_one_gets_it(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(per_subject=1), store=gated.port) as it:
        gate = gated.hold("open_session", "after")
        first = asyncio.create_task(it.login())
        await gate.wait()
        answers = [asyncio.create_task(it.login())]
        await asyncio.wait(answers, timeout=20)
        gate.open()
        answers.append(first)
        done = await asyncio.gather(*answers, return_exceptions=True)
        rows = await live(it)
        assert len(rows) == 1
        for answer in done:
            assert isinstance(answer, LoginSuperseded | SessionTokens)
            if isinstance(answer, SessionTokens) and answer.view.row.sid != rows[0].sid:
                await prove_dead(it, answer)


async def test_many_logins_at_once_never_leave_more_than_the_limit_nor_less(place: Place) -> None:
    async with (
        bench(policy=quiet(per_subject=3), store=place.open()) as it,
        one_more(place, it, per_subject=3) as other,
    ):
        await asyncio.gather(*(ring.login() for ring in (it, other) * 5), return_exceptions=True)
        assert len(await live(it)) == 3


async def test_by_policy_one_session_too_many_is_refused_and_nobody_else_pays(place: Place) -> None:
    async with bench(policy=quiet(per_subject=2, when_full=WhenFull.REFUSE), store=place.open()) as it:
        kept = [await it.login(), await it.login()]
        with pytest.raises(TooManySessions) as caught:
            await it.login()
        assert (caught.value.code, caught.value.status, caught.value.action) == ("too_many_sessions", 409, "fix")
        assert {row.sid for row in await live(it)} == {tokens.view.row.sid for tokens in kept}
        assert await it.ring.logout(refresh_token=kept[0].refresh_token) == 1
        room = await it.login()
        assert {row.sid for row in await live(it)} == {kept[1].view.row.sid, room.view.row.sid}


async def test_where_one_too_many_is_refused_the_session_that_a_login_replaces_still_makes_room(place: Place) -> None:
    async with bench(policy=quiet(per_subject=1, when_full=WhenFull.REFUSE), store=place.open()) as it:
        old = await it.login()
        login = await it.ring.begin_login("ada")
        new = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=old.refresh_token)
        assert [row.sid for row in await live(it)] == [new.view.row.sid]


async def test_where_one_too_many_is_refused_logins_at_once_never_exceed_the_limit(place: Place) -> None:
    policy: dict[str, Any] = {"per_subject": 2, "when_full": WhenFull.REFUSE}
    async with bench(policy=quiet(**policy), store=place.open()) as it, one_more(place, it, **policy) as other:
        answers = await asyncio.gather(*(ring.login() for ring in (it, other) * 4), return_exceptions=True)
        given = {answer.view.row.sid for answer in answers if isinstance(answer, SessionTokens)}
        assert {type(answer) for answer in answers} <= {SessionTokens, TooManySessions}
        assert {row.sid for row in await live(it)} == given
        assert len(given) <= 2


async def test_of_logins_that_see_each_other_only_the_newest_are_left_whatever_the_clocks_say() -> None:
    rows = [a_row(sid=bytes([index]) * 16, created_at=NOW + created) for index, created in enumerate((0, 0, 30, 3_600))]
    ahead_by_an_hour, younger = rows[3], rows[2]
    for newest in rows[:3]:
        assert surplus_of(rows, newest, 4) == []
        assert surplus_of(rows, newest, 3) == [ahead_by_an_hour]
        assert surplus_of(rows, newest, 1) == [ahead_by_an_hour, rows[0], rows[1]]
    assert surplus_of([rows[0], younger], rows[0], 1) == [rows[0]]


async def test_what_a_login_replaces_makes_room_so_that_no_other_device_pays_for_it(place: Place) -> None:
    async with bench(policy=quiet(per_subject=2), store=place.open()) as it:
        phone = await it.login()
        it.clock.advance(1)
        laptop = await it.login()
        it.clock.advance(1)
        login = await it.ring.begin_login("ada")
        again = await it.ring.open_session(login, it.subjects["ada"], sender=WEB, replaces=laptop.refresh_token)
        assert [row.sid for row in await live(it)] == [phone.view.row.sid, again.view.row.sid]


async def test_sessions_that_have_expired_do_not_count(place: Place) -> None:
    async with bench(policy=quiet(per_subject=2), store=place.open()) as it:
        await it.login(persistent=False)
        kept = await it.login(persistent=True)
        it.clock.advance(13 * 3600)
        newest = await it.login()
        assert [row.sid for row in await live(it)] == [kept.view.row.sid, newest.view.row.sid]
        assert it.log.of(SessionEnded) == []


# What may go wrong


@pytest.mark.parametrize("method", ["subject_epoch", "open_session", "read_session", "end_session", "list_sessions"])
async def test_a_login_whose_store_fails_gives_no_tokens_and_can_be_repeated(place: Place, method: str) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        old = await it.login()

        async def login() -> object:
            begun = await it.ring.begin_login("ada")
            return await it.ring.open_session(
                begun, it.subjects["ada"], sender=WEB, replaces=old.refresh_token, persistent=True
            )

        gated.fail(method)
        with pytest.raises(StoreUnavailable):
            await login()
        await login()
        with pytest.raises((SessionRevoked, TokenRevoked)):
            await refreshed(it, old)


async def test_a_ring_whose_claims_are_of_another_model_says_so_at_the_login() -> None:
    async with bench(policy=quiet()) as it:
        it.subjects["ada"] = replace(it.subjects["ada"], claims=_Other())
        with pytest.raises(ConfigurationError, match="Claims"):
            await it.login()


class _Other(BaseModel):
    """Another model."""


async def test_an_account_without_claims_gets_the_defaults_of_the_model() -> None:
    async with bench(policy=quiet()) as it:
        it.subjects["ada"] = Subject("ada")
        token = await it.ring.authenticate((await it.login()).access_token)
        assert token.claims == Claims()


async def test_the_sender_is_what_the_edge_says() -> None:
    async with bench(policy=quiet()) as it:
        row = (await it.login(sender=Sender("todo-web", "Safari", "a-key"))).view.row
        assert (row.sender_hint, row.cnf_thumbprint) == ("Safari", "a-key")
