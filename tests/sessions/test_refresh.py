"""Refreshing against real stores: each way that it goes, forgeries, versions of the key, events."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from sealring import SessionTokens
from sealring.errors import RefreshInvalid, RefusedError, SessionReused, SessionRevoked, VersionUnknown
from sealring.events import GenerationLost, RefreshDecided, ReuseDetected, SessionEnded, SuspiciousReplay, VersionUnseen
from sealring.sessions.record import MAX_GENERATION
from sealring.sessions.token import decode, encode
from tests.gated import GatedStore, Place
from tests.refreshing import (
    OTHER_AGENT,
    OTHER_CLIENT,
    LosingStore,
    another_ring,
    one_more,
    prove_dead,
    quiet,
    refresh_token,
    refreshed,
    row_of,
    settled_login,
)
from tests.support import WEB, bench, refresh_keys

pytestmark = pytest.mark.anyio

# The ways that a refresh goes


async def test_a_settled_session_rotates_in_one_call_to_the_store(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        tokens = await settled_login(it)
        gated.calls.clear()
        second = await refreshed(it, tokens)
        assert gated.calls == ["rotate"]
        assert (second.view.outcome, second.view.row.generation) == ("rotated", 2)
        assert second.view.row == await row_of(it, second)
        assert refresh_token(second) != refresh_token(tokens)


async def test_before_it_is_settled_only_the_access_token_is_new(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        again = await refreshed(it, tokens)
        assert (again.view.outcome, again.refresh_token) == ("unchanged", None)
        assert again.access_token != tokens.access_token
        # Presenting it has confirmed it, so after the grace it rotates.
        it.clock.advance(21)
        assert (await refreshed(it, tokens)).view.outcome == "rotated"


async def test_a_lost_answer_is_given_again_and_is_the_very_same_successor(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        first = await refreshed(it, tokens, attempt="a1")
        it.clock.advance(8 * 3600)
        second = await refreshed(it, tokens, attempt="a1")
        assert second.view.outcome == "replayed"
        assert second.refresh_token == first.refresh_token
        assert second.access_token != first.access_token
        await it.settle(second)
        assert (await refreshed(it, second)).view.outcome == "rotated"


async def test_an_old_token_ends_the_session_and_everything_that_came_of_it(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        second = await refreshed(it, tokens)
        await it.settle(second)
        with pytest.raises(SessionReused):
            await refreshed(it, tokens)
        await prove_dead(it, second)
        (alarm,) = it.log.of(ReuseDetected)
        assert (alarm.subject, alarm.presented, alarm.generation) == ("ada", 1, 2)
        assert [ended.reason for ended in it.log.of(SessionEnded)] == ["reused"]


async def test_a_replay_from_another_agent_is_theft(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        second = await refreshed(it, tokens)
        with pytest.raises(SessionReused):
            await refreshed(it, tokens, sender=OTHER_AGENT)
        await prove_dead(it, second)


async def test_another_client_is_refused_and_the_session_lives_on(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        with pytest.raises(RefreshInvalid):
            await refreshed(it, tokens, sender=OTHER_CLIENT)
        assert (await refreshed(it, tokens)).view.outcome == "rotated"


async def test_foreign_attempts_in_two_generations_running_end_the_session(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        second = await refreshed(it, tokens, attempt="owner-1")
        assert (await refreshed(it, tokens, attempt="thief")).view.outcome == "replayed"
        await it.settle(second)
        third = await refreshed(it, second, attempt="owner-2")
        with pytest.raises(SessionReused):
            await refreshed(it, second, attempt="thief")
        await prove_dead(it, third)
        (alarm,) = it.log.of(SuspiciousReplay)
        assert (alarm.ended, alarm.generation) == (True, 3)


async def test_a_policy_can_choose_to_be_told_of_foreign_attempts_only(place: Place) -> None:
    async with bench(policy=quiet(end_on_suspicious_replay=False), store=place.open()) as it:
        tokens = await settled_login(it)
        for generation in (1, 2):
            successor = await refreshed(it, tokens, attempt=f"owner-{generation}")
            replayed = await refreshed(it, tokens, attempt="thief")
            assert replayed.refresh_token == successor.refresh_token
            await it.settle(successor)
            tokens = successor
        (alarm,) = it.log.of(SuspiciousReplay)
        assert (alarm.ended, alarm.generation) == (False, 3)
        assert (await refreshed(it, tokens)).view.outcome == "rotated"


async def test_a_store_that_has_lost_writes_takes_the_newer_token_as_it_is() -> None:
    store = LosingStore()
    async with bench(policy=quiet(), store=store) as it:
        tokens = await settled_login(it)
        before = await row_of(it, tokens)
        second = await refreshed(it, tokens)
        store.put_back(before)
        adopted = await refreshed(it, second)
        assert (adopted.view.outcome, adopted.refresh_token, adopted.view.row.generation) == ("adopted", None, 2)
        assert [event.adopted for event in it.log.of(GenerationLost)] == [True]
        it.clock.advance(21)
        assert (await refreshed(it, second)).view.outcome == "rotated"


async def test_a_token_from_an_impossible_future_ends_the_session() -> None:
    store = LosingStore()
    async with bench(policy=quiet(rollback_tolerance=0), store=store) as it:
        tokens = await settled_login(it)
        before = await row_of(it, tokens)
        second = await refreshed(it, tokens)
        store.put_back(before)
        with pytest.raises(RefreshInvalid):
            await refreshed(it, second)
        assert [event.adopted for event in it.log.of(GenerationLost)] == [False]
        assert [ended.reason for ended in it.log.of(SessionEnded)] == ["impossible_generation"]


async def test_the_last_generation_of_all_is_used_to_the_end_of_the_session() -> None:
    store = LosingStore()
    async with bench(policy=quiet(), store=store) as it:
        tokens = await settled_login(it)
        row = replace(await row_of(it, tokens), generation=MAX_GENERATION, confirmed_generation=MAX_GENERATION)
        store.put_back(row)
        token = decode(refresh_token(tokens), refresh_keys())
        text = encode(replace(token, generation=MAX_GENERATION), refresh_keys())
        for _ in range(2):
            answer = await it.ring.refresh(text, sender=WEB)
            assert (answer.view.outcome, answer.refresh_token) == ("unchanged", None)


# Forgeries


@pytest.mark.parametrize("forged", ["", "sr1_", "sr1_" + "A" * 92, "x" * 96, "sr1_" + "\u0410" * 92, "A" * 1_048_576])
async def test_a_forgery_never_reaches_the_store(place: Place, forged: str) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        gated.calls.clear()
        with pytest.raises(RefreshInvalid):
            await it.ring.refresh(forged, sender=WEB)
        assert gated.calls == []
        (told,) = it.log.of(RefreshDecided)
        assert (told.outcome, told.session_id) == ("invalid", "")


async def test_a_token_with_one_character_changed_never_reaches_the_store(place: Place) -> None:
    gated = GatedStore(place.open())
    async with bench(policy=quiet(), store=gated.port) as it:
        text = refresh_token(await it.login())
        gated.calls.clear()
        for at in range(len(text)):
            changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
            with pytest.raises((RefreshInvalid, VersionUnknown)):
                await it.ring.refresh(changed, sender=WEB)
        assert gated.calls == []


async def test_a_token_of_a_session_that_is_gone_is_invalid(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        it.clock.advance(40 * 86_400)
        purged = await it.ring.purge()
        assert purged is not None
        assert purged.sessions == 1
        with pytest.raises(RefreshInvalid):
            await refreshed(it, tokens)


# Versions of the key


async def test_a_replay_under_a_raised_key_version_gives_the_very_same_successor(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        successor = await refreshed(it, tokens, attempt="a")
        async with another_ring(place, it, refresh_keys=refresh_keys({1: 1, 2: 2}, current=2)) as ring:
            replayed = await ring.refresh(refresh_token(tokens), sender=WEB, attempt="a")
            assert (replayed.view.outcome, replayed.refresh_token) == ("replayed", successor.refresh_token)


async def test_the_successor_of_an_old_key_s_token_is_made_with_the_current_one(place: Place) -> None:
    keys = refresh_keys({1: 1, 2: 2}, current=2)
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await settled_login(it)
        async with another_ring(place, it, refresh_keys=keys) as ring:
            answer = await ring.refresh(refresh_token(tokens), sender=WEB)
            assert answer.view.outcome == "rotated"
            assert decode(refresh_token(answer), keys).key_version == 2
        # A server of the rolling deploy that does not know version 2 yet keeps the session and says: later.
        with pytest.raises(VersionUnknown):
            await refreshed(it, answer)
        assert [(event.kind, event.version) for event in it.log.of(VersionUnseen)] == [("refresh_key", 2)]
        assert (await row_of(it, tokens)).revoked_at is None


# Events


async def test_every_outcome_is_told_once(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()

        async def outcome(token: SessionTokens, **more: Any) -> str:
            before = len(it.log.of(RefreshDecided))
            with suppress(RefusedError):
                await refreshed(it, token, **more)
            (told,) = it.log.of(RefreshDecided)[before:]
            assert told.session_id == tokens.view.row.session_id
            return told.outcome

        assert await outcome(tokens) == "unchanged"
        it.clock.advance(21)
        second = await refreshed(it, tokens)
        assert await outcome(tokens) == "replayed"
        assert await outcome(second, sender=OTHER_CLIENT) == "invalid"
        await it.settle(second)
        assert await outcome(tokens) == "reused"
        assert await outcome(second) == "revoked"
        async with one_more(place, it) as other:
            with pytest.raises(SessionRevoked):
                await refreshed(other, second)
