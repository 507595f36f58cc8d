"""What the client and the user are told: the session answer, and the list of sessions."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sealring import AccessPolicy, SessionPolicy
from sealring.errors import (
    SessionExpiredAbsolute,
    SessionExpiredIdle,
    SessionRevoked,
    StoreUnavailable,
    SubjectInactive,
)
from sealring.sessions import SessionView
from tests.gated import GatedStore, Place
from tests.refreshing import one_more, quiet, refreshed, settled_login
from tests.sessions.making import NOW, POLICY, a_row
from tests.support import bench

pytestmark = pytest.mark.anyio


def body(expires_at: float, *, issued_at: float = NOW, now: float = NOW, **row: Any) -> dict[str, object]:
    view = SessionView("rotated", a_row(**row), int(issued_at), int(expires_at), {"name": "Ada"})
    return view.body(now, POLICY)


# The body of the answer


def test_the_body_has_just_the_fields_of_the_contract() -> None:
    row = a_row()
    assert body(NOW + 900) == {
        "outcome": "rotated",
        "now_ms": int(NOW * 1000),
        "expires_in": 900.0,
        "refresh_in": 600.0,
        "idle_expires_in": row.idle_end - NOW,
        "session_expires_in": row.absolute_end - NOW,
        "session_id": row.session_id,
        "generation": 5,
        "binding": "none",
        "user": {"name": "Ada"},
    }


@pytest.mark.parametrize(
    ("life", "elapsed", "refresh_in"),
    [
        (900, 0, 600),
        (900, 100, 500),
        (900, 600, 0),
        (900, 899, 0),
        (60, 0, 30),
        (60, 29, 1),
        (600, 0, 300),
        (1, 0, 0.5),
    ],
)
def test_a_client_refreshes_five_minutes_before_the_end_and_at_most_half_a_life(
    life: int, elapsed: int, refresh_in: float
) -> None:
    assert body(NOW + life, now=NOW + elapsed)["refresh_in"] == refresh_in


def test_no_remaining_time_is_negative() -> None:
    told = body(NOW + 900, now=NOW + 100 * 86_400)
    assert [told[name] for name in ("expires_in", "refresh_in", "idle_expires_in", "session_expires_in")] == [0.0] * 4


def test_the_earlier_end_is_the_idle_one_that_the_client_is_told() -> None:
    assert body(NOW + 900, idle_end=NOW + 500, absolute_end=NOW + 100)["idle_expires_in"] == 100


def test_a_bound_session_says_how_and_never_to_which_key() -> None:
    told = body(NOW + 900, cnf_kind="dpop", cnf_thumbprint="the thumbprint")
    assert told["binding"] == "dpop"
    assert "the thumbprint" not in repr(told)


def test_times_are_whole_milliseconds() -> None:
    told = body(NOW + 900, now=NOW + 0.123456)
    assert (told["now_ms"], told["expires_in"]) == (int(NOW * 1000) + 123, 899.877)
    assert isinstance(told["now_ms"], int)
    later = body(NOW + 900, now=NOW + 0.0123456789)
    for name, whole in (("refresh_in", 600), ("idle_expires_in", 6 * 86_400), ("session_expires_in", 29 * 86_400)):
        assert later[name] == whole - 0.012


# Looking at one's own session


async def test_the_view_of_a_session_tells_of_its_row_and_of_the_token_that_asks(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        it.subjects["ada"] = replace(it.subjects["ada"], user={"name": "Ada"})
        first = await settled_login(it)
        token = await it.ring.authenticate(first.access_token)
        await refreshed(it, first)
        view = await it.ring.view(token)
        assert (view.outcome, view.row.generation, view.expires_at) == ("current", 2, token.expires_at)
        told = view.body(it.clock.now(), it.ring.policy.sessions)
        assert (told["user"], told["expires_in"]) == ({"name": "Ada"}, 879.0)


async def test_the_view_of_an_ended_session_is_refused_before_its_news_has_arrived(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await one.login()
        await one.ring.logout(refresh_token=tokens.refresh_token)
        token = await other.ring.authenticate(tokens.access_token)
        with pytest.raises(SessionRevoked):
            await other.ring.view(token)


async def test_the_view_of_a_session_past_its_idle_end_is_refused_though_the_token_lives(place: Place) -> None:
    short = replace(quiet(), sessions=SessionPolicy(idle=timedelta(seconds=60)))
    async with bench(policy=short, store=place.open()) as it:
        tokens = await it.login()
        it.clock.advance(60)
        token = await it.ring.authenticate(tokens.access_token)
        with pytest.raises(SessionExpiredIdle):
            await it.ring.view(token)


async def test_the_view_of_a_session_past_its_absolute_end_is_refused_within_the_leeway(place: Place) -> None:
    short = replace(
        quiet(),
        access=AccessPolicy(leeway=timedelta(seconds=10)),
        sessions=SessionPolicy(idle=timedelta(seconds=60), absolute=timedelta(seconds=60)),
    )
    async with bench(policy=short, store=place.open()) as it:
        tokens = await it.login()
        it.clock.advance(65)
        token = await it.ring.authenticate(tokens.access_token)
        with pytest.raises(SessionExpiredAbsolute):
            await it.ring.view(token)


async def test_the_view_of_a_gone_account_is_refused(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        token = await it.ring.authenticate((await it.login()).access_token)
        del it.subjects["ada"]
        with pytest.raises(SubjectInactive):
            await it.ring.view(token)


async def test_a_view_without_a_store_is_for_later(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        token = await it.ring.authenticate((await it.login()).access_token)
        gated.fail("read_session")
        with pytest.raises(StoreUnavailable):
            await it.ring.view(token)


# The list


async def test_the_list_has_the_live_sessions_of_the_account_the_oldest_first(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        short = await it.login(persistent=False)
        opened = []
        for _ in range(3):
            it.clock.advance(1)
            opened.append(await it.login())
        await it.login("bob")
        await it.ring.logout(refresh_token=opened.pop(1).refresh_token)
        assert [row.sid for row in await it.ring.sessions("ada")] == [
            tokens.view.row.sid for tokens in (short, *opened)
        ]
        it.clock.advance(12 * 3600)
        assert [row.sid for row in await it.ring.sessions("ada")] == [tokens.view.row.sid for tokens in opened]
        assert await it.ring.sessions("nobody") == ()


async def test_a_use_moves_last_seen_in_the_list(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        it.clock.advance(120)
        await it.use(tokens)
        (row,) = await it.ring.sessions("ada")
        assert row.last_seen == it.clock.now()
