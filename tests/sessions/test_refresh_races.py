"""Refreshes that meet each other, a logout, or a store that fails."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from sealring import SessionTokens, Subject
from sealring.errors import SessionRevoked, StoreUnavailable
from sealring.events import RefreshDecided
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions import EndReason
from tests.gated import GatedStore, Place
from tests.refreshing import another_ring, one_more, prove_dead, quiet, refresh_token, refreshed, row_of, settled_login
from tests.support import WEB, Bench, Claims, bench

pytestmark = pytest.mark.anyio

# Many at once


@pytest.mark.parametrize("attempts", ["the same", "each its own", "none"])
async def test_fifty_refreshes_with_one_token_rotate_once_and_share_the_successor(place: Place, attempts: str) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        names = {"the same": "a", "each its own": None, "none": None}
        answers = await asyncio.gather(
            *(
                refreshed(it, tokens, attempt=f"a{i}" if attempts == "each its own" else names[attempts])
                for i in range(50)
            )
        )
        outcomes = [answer.view.outcome for answer in answers]
        assert (outcomes.count("rotated"), outcomes.count("replayed")) == (1, 49)
        assert len({answer.refresh_token for answer in answers}) == 1
        assert len({answer.access_token for answer in answers}) == 50
        row = await row_of(it, tokens)
        assert (row.generation, row.revoked_at) == (2, None)
        await it.settle(answers[0])
        assert (await refreshed(it, answers[0])).view.outcome == "rotated"


async def test_fifty_refreshes_of_a_session_that_isnot_settled_change_nothing(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        answers = await asyncio.gather(*(refreshed(it, tokens, attempt=f"a{i}") for i in range(50)))
        assert {(answer.view.outcome, answer.refresh_token) for answer in answers} == {("unchanged", None)}
        row = await row_of(it, tokens)
        assert (row.generation, row.confirmed_generation) == (1, 1)


async def test_refreshes_in_two_processes_share_the_successor_too(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as one, one_more(place, one) as other:
        tokens = await settled_login(one)
        answers = await asyncio.gather(*(refreshed(it, tokens, attempt="a") for it in (one, other) * 10))
        assert [answer.view.outcome for answer in answers].count("rotated") == 1
        assert len({answer.refresh_token for answer in answers}) == 1


# Revoke against refresh, wherever they meet


Arrange = Callable[[Bench], Any]


async def settled(it: Bench) -> SessionTokens:
    return await settled_login(it)


async def not_settled(it: Bench) -> SessionTokens:
    return await it.login()


async def one_behind(it: Bench) -> SessionTokens:
    tokens = await settled_login(it)
    await refreshed(it, tokens, attempt="a")
    return tokens


MEETINGS = [
    pytest.param(arrange, method, side, id=f"{name}, {side} {method}")
    for name, arrange, methods in (
        ("settled", settled, ["rotate"]),
        ("not settled", not_settled, ["rotate", "read_session", "compare_and_swap"]),
        ("one behind", one_behind, ["rotate", "read_session", "compare_and_swap"]),
    )
    for method in methods
    for side in ("before", "after")
]


@pytest.mark.parametrize(("arrange", "method", "side"), MEETINGS)
async def test_a_logout_in_the_same_process_wins_wherever_it_meets_the_refresh(
    place: Place, arrange: Arrange, method: str, side: Any
) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await arrange(it)
        gate = gated.hold(method, side)
        refreshing = asyncio.create_task(refreshed(it, tokens, attempt="a"))
        await gate.wait()
        token = await it.ring.authenticate(tokens.access_token)
        assert await it.ring.logout(token=token) == 1
        gate.open()
        with pytest.raises(SessionRevoked):
            await refreshing
        assert it.log.of(RefreshDecided)[-1].outcome == "revoked"
        await prove_dead(it, tokens)


@pytest.mark.parametrize(("arrange", "method", "side"), MEETINGS)
async def test_a_logout_in_another_process_leaves_no_token_alive_wherever_it_meets_the_refresh(
    place: Place, arrange: Arrange, method: str, side: Any
) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it, one_more(place, it) as other:
        tokens = await arrange(it)
        gate = gated.hold(method, side)
        refreshing = asyncio.create_task(refreshed(it, tokens, attempt="a"))
        await gate.wait()
        assert await other.ring.logout(refresh_token=tokens.refresh_token) == 1
        gate.open()
        if side == "after" and method == ("rotate" if arrange is settled else "compare_and_swap"):
            # The swap came first, the answer is given, and it is worth nothing.
            await prove_dead(it, await refreshing)
        else:
            with pytest.raises(SessionRevoked):
                await refreshing
        await prove_dead(it, tokens)


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("act", ["end_session", "end_subject"])
async def test_a_refresh_during_a_logout_leaves_no_token_alive(place: Place, act: str, side: Any) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await settled_login(it)
        gate = gated.hold(act, side)
        token = await it.ring.authenticate(tokens.access_token)
        end = it.ring.logout(token=token) if act == "end_session" else it.ring.logout_all(token=token)
        ending = asyncio.create_task(end)
        await gate.wait()
        answer: SessionTokens | None = None
        try:
            answer = await refreshed(it, tokens)
        except SessionRevoked:
            assert side == "after"
        gate.open()
        assert await ending == 1
        if answer is not None:
            await prove_dead(it, answer)
        await prove_dead(it, tokens)


async def test_a_session_that_ends_while_the_application_answers_gets_no_tokens(place: Place) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(subject_id: str) -> Subject:
        asked.set()
        await asyncio.wait_for(answer.wait(), 10)
        return Subject(subject_id, Claims())

    async with bench(policy=quiet(), store=place.open()) as it, another_ring(place, it, slow) as ring:
        tokens = await settled_login(it)
        refreshing = asyncio.create_task(ring.refresh(refresh_token(tokens), sender=WEB))
        await asyncio.wait_for(asked.wait(), 10)
        await ring.end_all_sessions("ada")
        answer.set()
        with pytest.raises(SessionRevoked):
            await refreshing


# When the store fails


@pytest.mark.parametrize("method", ["rotate", "read_session", "compare_and_swap"])
@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_failing_store_loses_nothing(place: Place, method: str, side: Any) -> None:
    """Whether nothing was written or only the answer was lost: the next try goes on where it was."""
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await (settled_login(it) if method == "rotate" else it.login())
        gated.fail(method, side)
        with pytest.raises(StoreUnavailable) as caught:
            await refreshed(it, tokens, attempt="a")
        assert caught.value.retry_after == 1
        again = await refreshed(it, tokens, attempt="a")
        expected = {"rotate": "rotated" if side == "before" else "replayed"}.get(method, "unchanged")
        assert again.view.outcome == expected
        assert (await row_of(it, tokens)).replay_streak == 0


async def test_an_end_that_was_cut_off_after_its_denial_is_finished_by_whoever_comes_back(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await settled_login(it)
        await it.ring.store.write_denial(
            Denial(DenialKind.SESSION, tokens.view.row.session_id, ENDED, it.clock.now() + 900)
        )
        await it.ring.follower.catch_up()
        gated.fail("read_session", "before")
        with pytest.raises(SessionRevoked):
            await refreshed(it, tokens)
        assert (await row_of(it, tokens)).revoked_at is None
        with pytest.raises(SessionRevoked):
            await refreshed(it, tokens)
        assert (await row_of(it, tokens)).revoked_reason == EndReason.RESTORED
        it.clock.advance(10_000)
        await it.ring.follower.catch_up()
        assert len(it.ring.denylist) == 0
        with pytest.raises(SessionRevoked):
            await refreshed(it, tokens)


async def test_a_row_that_moves_under_three_tries_is_for_another_time(place: Place) -> None:
    """Each time between read and write, another process raises the access epoch."""
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it, one_more(place, it) as other:
        tokens = await it.login()
        refreshing = asyncio.create_task(refreshed(it, tokens))
        for _ in range(3):
            gate = gated.hold("compare_and_swap")
            await gate.wait()
            assert await other.ring.revoke_access(tokens.view.row.session_id)
            gate.open()  # The next gate stands before the refresh gets its next turn.
        with pytest.raises(StoreUnavailable, match="three tries"):
            await refreshing
        assert gated.calls.count("compare_and_swap") == 3
        assert (await refreshed(it, tokens)).view.outcome == "unchanged"


async def test_two_lost_rounds_are_only_two_more_tries(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it, one_more(place, it) as other:
        tokens = await it.login()
        refreshing = asyncio.create_task(refreshed(it, tokens))
        for _ in range(2):
            gate = gated.hold("compare_and_swap")
            await gate.wait()
            assert await other.ring.revoke_access(tokens.view.row.session_id)
            gate.open()
        answer = await refreshing
        assert answer.view.outcome == "unchanged"
        await it.ring.follower.catch_up()
        assert (await it.ring.authenticate(answer.access_token)).epoch == 2


@pytest.mark.parametrize("method", ["rotate", "read_session", "compare_and_swap"])
async def test_a_refresh_that_waits_too_long_for_the_store_is_given_up_and_what_was_not_sent_is_never_done(
    place: Place, method: str
) -> None:
    gated = GatedStore(place.open())
    policy = quiet(store_patience=timedelta(seconds=0.5))
    async with bench(policy=policy, store=gated.port) as it, one_more(place, it) as other:
        tokens = await (settled_login(it) if method == "rotate" else it.login())
        before = await row_of(it, tokens)
        gate = gated.hold(method)
        with pytest.raises(StoreUnavailable, match=r"longer than 0\.5 seconds"):
            await refreshed(it, tokens, attempt="a")
        gate.open()
        assert await row_of(it, tokens) == before
        expected = "rotated" if method == "rotate" else "unchanged"
        assert (await refreshed(other, tokens, attempt="a")).view.outcome == expected


async def test_a_swap_that_was_sent_stands_though_its_refresh_was_given_up_and_the_next_try_is_a_replay(
    place: Place,
) -> None:
    gated = GatedStore(place.open())
    policy = quiet(store_patience=timedelta(seconds=0.5))
    async with bench(policy=policy, store=gated.port) as it, one_more(place, it) as other:
        tokens = await settled_login(it)
        gated.hold("rotate", "after")
        with pytest.raises(StoreUnavailable):
            await refreshed(it, tokens, attempt="a")
        assert (await refreshed(other, tokens, attempt="a")).view.outcome == "replayed"
