"""The decision about a presented refresh token, line by line."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from sealring.policy import SessionPolicy
from sealring.sessions import Decision, EndReason, Outcome, Presented, Sender, SessionRow, decide
from sealring.sessions.decide import idle_end_after, is_settled
from sealring.sessions.record import MAX_GENERATION
from tests.sessions.making import (
    DAY,
    GRACE,
    NOW,
    OTHER_AGENT,
    OTHER_CLIENT,
    POLICY,
    WEB,
    a_row,
    presented,
    unsettled_row,
)

BOUND = {"cnf_kind": "dpop", "cnf_thumbprint": "key-1"}
OWN_KEY, OTHER_KEY = Sender("todo-web", "Firefox", "key-1"), Sender("todo-web", "Firefox", "key-2")
EVENT_ONLY = SessionPolicy(end_on_suspicious_replay=False)


def changed(before: SessionRow, decision: Decision) -> dict[str, Any]:
    """Return the fields that the decision writes with another value than they had."""
    assert decision.after is not None
    return {
        item.name: getattr(decision.after, item.name)
        for item in fields(before)
        if getattr(decision.after, item.name) != getattr(before, item.name)
    }


def refuses(decision: Decision, outcome: Outcome, end: EndReason | None = None) -> bool:
    """Tell whether a decision gives nothing, writes nothing, and ends the session for just this reason."""
    return decision == Decision(outcome, after=None, end=end, suspicious=end is EndReason.SUSPICIOUS_REPLAY)


# Each line of the table


def test_a_token_of_an_unknown_session_is_invalid() -> None:
    assert refuses(decide(None, presented(5), NOW, POLICY), Outcome.INVALID)


def test_a_token_with_another_secret_is_invalid_and_ends_nothing() -> None:
    assert refuses(decide(a_row(), presented(5, secret_hash=bytes(32)), NOW, POLICY), Outcome.INVALID)


@pytest.mark.parametrize("generation", [3, 4, 5, 6, 100])
def test_nothing_comes_of_a_revoked_session_whatever_generation_is_presented(generation: int) -> None:
    row = a_row(revoked_at=NOW - 1, revoked_reason="logout")
    assert refuses(decide(row, presented(generation), NOW, POLICY), Outcome.REVOKED)


@pytest.mark.parametrize("generation", [3, 4, 5, 6, 100])
def test_nothing_comes_of_an_expired_session_and_nothing_more_is_ended(generation: int) -> None:
    idle = decide(a_row(idle_end=NOW), presented(generation), NOW, POLICY)
    assert refuses(idle, Outcome.EXPIRED_IDLE)
    absolute = decide(a_row(absolute_end=NOW), presented(generation), NOW, POLICY)
    assert refuses(absolute, Outcome.EXPIRED_ABSOLUTE)


@pytest.mark.parametrize("generation", [3, 4, 5, 6, 100])
def test_another_client_gets_nothing_and_ends_nothing(generation: int) -> None:
    assert refuses(decide(a_row(), presented(generation, sender=OTHER_CLIENT), NOW, POLICY), Outcome.INVALID)


def test_a_bound_session_ends_when_another_key_proves_itself() -> None:
    decision = decide(a_row(**BOUND), presented(5, sender=OTHER_KEY), NOW, POLICY)
    assert refuses(decision, Outcome.BINDING_FAILED, EndReason.BINDING_FAILED)


def test_a_bound_session_refuses_a_token_without_proof_and_lives_on() -> None:
    assert refuses(decide(a_row(**BOUND), presented(5), NOW, POLICY), Outcome.BINDING_FAILED)


def test_a_bound_session_rotates_for_its_own_key() -> None:
    assert decide(a_row(**BOUND), presented(5, sender=OWN_KEY), NOW, POLICY).outcome is Outcome.ROTATED


def test_a_proof_changes_nothing_on_a_session_that_is_not_bound() -> None:
    assert decide(a_row(), presented(5, sender=OTHER_KEY), NOW, POLICY).outcome is Outcome.ROTATED


def test_the_current_generation_of_a_settled_session_rotates() -> None:
    decision = decide(a_row(), presented(5, attempt="second", sender=OTHER_AGENT, key_version=2), NOW, POLICY)
    assert decision.outcome is Outcome.ROTATED
    assert changed(a_row(), decision) == {
        "generation": 6,
        "rotated_at": NOW,
        "attempt": "second",
        "sender_hint": "Chrome",
        "key_version": 2,
        "last_seen": NOW,
    }


def test_a_rotation_confirms_nothing_yet() -> None:
    decision = decide(a_row(), presented(5), NOW, POLICY)
    assert decision.after is not None
    assert decision.after.confirmed_generation == 5
    assert not is_settled(decision.after, NOW + 30 * DAY, GRACE)


def test_the_current_generation_of_an_unsettled_session_stays_and_is_confirmed() -> None:
    row = unsettled_row(rotated_at=NOW - 1)
    decision = decide(row, presented(5, attempt="other", sender=OTHER_AGENT, key_version=2), NOW, POLICY)
    assert decision.outcome is Outcome.UNCHANGED
    assert changed(row, decision) == {"confirmed_generation": 5, "confirmed_at": NOW, "last_seen": NOW}


def test_presenting_the_current_generation_again_does_not_prolong_the_grace() -> None:
    row = a_row(confirmed_at=NOW - 1)
    decision = decide(row, presented(5), NOW, POLICY)
    assert decision.outcome is Outcome.UNCHANGED
    assert changed(row, decision) == {"last_seen": NOW}


@pytest.mark.parametrize("late", [0, 1, 8 * 3600, 5 * DAY])
def test_the_predecessor_is_answered_again_while_its_successor_was_never_seen(late: float) -> None:
    row = unsettled_row(rotated_at=NOW - late)
    decision = decide(row, presented(4), NOW, POLICY)
    assert decision.outcome is Outcome.REPLAYED
    assert changed(row, decision) == {"last_seen": NOW}


def test_a_replay_does_not_move_the_idle_end() -> None:
    # The rotation has moved it already; whoever comes late must not prolong anything.
    row = unsettled_row()
    assert "idle_end" not in changed(row, decide(row, presented(4, active_at=NOW), NOW, POLICY))


def test_the_predecessor_from_another_agent_is_theft() -> None:
    decision = decide(unsettled_row(), presented(4, sender=OTHER_AGENT), NOW, POLICY)
    assert refuses(decision, Outcome.REUSED, EndReason.REUSED)


def test_on_a_bound_session_the_key_says_who_it_is_and_not_the_agent() -> None:
    row = unsettled_row(**BOUND)
    updated = Sender("todo-web", "Chrome", "key-1")
    assert decide(row, presented(4, sender=updated), NOW, POLICY).outcome is Outcome.REPLAYED


def test_the_predecessor_of_a_settled_generation_is_theft() -> None:
    assert refuses(decide(a_row(), presented(4), NOW, POLICY), Outcome.REUSED, EndReason.REUSED)


@pytest.mark.parametrize("row", [a_row(), unsettled_row()], ids=["settled", "not settled"])
@pytest.mark.parametrize("generation", [1, 2, 3])
def test_two_generations_behind_is_always_theft(generation: int, row: SessionRow) -> None:
    assert refuses(decide(row, presented(generation), NOW, POLICY), Outcome.REUSED, EndReason.REUSED)


@pytest.mark.parametrize("row", [a_row(), unsettled_row()], ids=["settled", "not settled"])
@pytest.mark.parametrize("generation", [6, 7, 8])
def test_a_generation_that_the_store_has_lost_is_adopted(generation: int, row: SessionRow) -> None:
    decision = decide(row, presented(generation, attempt="other", sender=OTHER_AGENT), NOW, POLICY)
    assert decision.outcome is Outcome.ADOPTED
    assert decision.after is not None
    assert (decision.after.generation, decision.after.confirmed_generation) == (generation, generation)
    assert (decision.after.rotated_at, decision.after.confirmed_at, decision.after.last_seen) == (NOW, NOW, NOW)
    assert (decision.after.attempt, decision.after.sender_hint) == (None, "Chrome")
    assert decision.after.key_version == row.key_version


def test_a_generation_beyond_the_tolerance_is_impossible_and_ends_the_session() -> None:
    decision = decide(a_row(), presented(9), NOW, POLICY)
    assert refuses(decision, Outcome.IMPOSSIBLE, EndReason.IMPOSSIBLE_GENERATION)


def test_without_tolerance_the_next_generation_is_impossible() -> None:
    decision = decide(a_row(), presented(6), NOW, SessionPolicy(rollback_tolerance=0))
    assert refuses(decision, Outcome.IMPOSSIBLE, EndReason.IMPOSSIBLE_GENERATION)


def test_the_last_generation_of_all_never_rotates() -> None:
    row = a_row(generation=MAX_GENERATION, confirmed_generation=MAX_GENERATION)
    assert decide(row, presented(MAX_GENERATION), NOW, POLICY).outcome is Outcome.UNCHANGED


# Order


def test_the_first_line_that_fits_decides() -> None:
    """Every fault at once, then one less at a time from the top: each time the next line of the table answers."""
    row = a_row(revoked_at=NOW, absolute_end=NOW, idle_end=NOW, **BOUND)
    wrong: Presented = presented(3, secret_hash=bytes(32), sender=Sender("todo-cli", "Chrome", "key-2"))
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.INVALID
    wrong = replace(wrong, secret_hash=row.secret_hash)
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.REVOKED
    row = replace(row, revoked_at=None)
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.EXPIRED_ABSOLUTE
    row = replace(row, absolute_end=NOW + DAY)
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.EXPIRED_IDLE
    row = replace(row, idle_end=NOW + DAY)
    assert refuses(decide(row, wrong, NOW, POLICY), Outcome.INVALID)
    wrong = replace(wrong, sender=OTHER_KEY)
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.BINDING_FAILED
    wrong = replace(wrong, sender=OWN_KEY)
    assert decide(row, wrong, NOW, POLICY).outcome is Outcome.REUSED


# Times


@pytest.mark.parametrize(
    ("age", "settled"),
    [(-5.0, False), (0.0, False), (GRACE - 0.001, False), (GRACE, False), (GRACE + 0.001, True)],
    ids=["seen in the future", "just now", "before the grace ends", "exactly the grace", "after the grace"],
)
def test_a_generation_is_settled_only_after_the_grace(age: float, settled: bool) -> None:
    row = a_row(confirmed_at=NOW - age)
    assert is_settled(row, NOW, GRACE) is settled
    assert (decide(row, presented(5), NOW, POLICY).outcome is Outcome.ROTATED) is settled
    assert (decide(row, presented(4), NOW, POLICY).outcome is Outcome.REUSED) is settled


def test_a_generation_that_was_never_seen_never_settles() -> None:
    assert not is_settled(unsettled_row(confirmed_at=0.0), NOW, GRACE)


def test_the_grace_is_the_policy_s() -> None:
    long = SessionPolicy(grace=timedelta(seconds=60))
    assert decide(a_row(confirmed_at=NOW - 30), presented(4), NOW, long).outcome is Outcome.REPLAYED


@pytest.mark.parametrize("name", ["idle_end", "absolute_end"])
def test_a_session_ends_at_its_end_and_not_before(name: str) -> None:
    for end, gives in ((NOW + 0.001, True), (NOW, False), (NOW - 0.001, False)):
        assert decide(a_row(**{name: end}), presented(5), NOW, POLICY).outcome.gives_tokens is gives


def test_where_both_ends_have_passed_the_absolute_one_is_told() -> None:
    row = a_row(idle_end=NOW - DAY, absolute_end=NOW)
    assert decide(row, presented(5), NOW, POLICY).outcome is Outcome.EXPIRED_ABSOLUTE


@pytest.mark.parametrize(
    ("active_at", "end"),
    [
        (None, NOW + 6 * DAY),
        (NOW - 7 * DAY, NOW + 6 * DAY),
        (float("-inf"), NOW + 6 * DAY),
        (NOW, NOW + 7 * DAY),
        (NOW - 60, NOW + 7 * DAY - 60),
        (NOW + 100 * DAY, NOW + 29 * DAY),
    ],
    ids=["nothing known", "long ago", "never", "now", "a minute ago", "in the future"],
)
def test_the_idle_end_only_moves_forward_and_stays_under_the_absolute_end(active_at: float | None, end: float) -> None:
    assert idle_end_after(a_row(), active_at) == end
    for generation, row in ((5, a_row()), (5, unsettled_row()), (6, a_row())):
        decision = decide(row, presented(generation, active_at=active_at), NOW, POLICY)
        assert decision.after is not None
        assert (decision.after.idle_end, decision.after.absolute_end) == (end, row.absolute_end)


def test_last_seen_never_moves_back() -> None:
    row = a_row(last_seen=NOW + 5)
    for generation in (5, 6):
        decision = decide(row, presented(generation), NOW, POLICY)
        assert decision.after is not None
        assert decision.after.last_seen == NOW + 5


# Foreign attempts


def counted(row: SessionRow) -> tuple[int, int]:
    return row.replay_generation, row.replay_streak


def replay(row: SessionRow, attempt: str | None, policy: SessionPolicy = POLICY) -> Decision:
    return decide(row, presented(row.generation - 1, attempt=attempt), NOW, policy)


def test_a_repeated_attempt_is_never_counted() -> None:
    row = unsettled_row(replay_generation=4, replay_streak=1)
    decision = replay(row, "first")
    assert decision.outcome is Outcome.REPLAYED
    assert changed(row, decision) == {"last_seen": NOW}


def test_a_foreign_attempt_is_answered_and_counted() -> None:
    row = unsettled_row()
    decision = replay(row, "thief")
    assert (decision.outcome, decision.suspicious) == (Outcome.REPLAYED, False)
    assert changed(row, decision) == {"replay_generation": 5, "replay_streak": 1, "last_seen": NOW}


def test_a_generation_counts_once_however_many_foreign_attempts_it_sees() -> None:
    row = unsettled_row(replay_generation=5, replay_streak=1)
    for attempt in ("thief", "another", None):
        decision = replay(row, attempt)
        assert decision.outcome is Outcome.REPLAYED
        assert changed(row, decision) == {"last_seen": NOW}


def test_foreign_attempts_in_two_generations_running_end_the_session() -> None:
    decision = replay(unsettled_row(replay_generation=4, replay_streak=1), "thief")
    assert refuses(decision, Outcome.REVOKED, EndReason.SUSPICIOUS_REPLAY)


def test_a_generation_without_a_foreign_attempt_begins_the_count_anew() -> None:
    decision = replay(unsettled_row(replay_generation=3, replay_streak=1), "thief")
    assert decision.outcome is Outcome.REPLAYED
    assert decision.after is not None
    assert counted(decision.after) == (5, 1)


def test_a_policy_can_choose_to_be_told_only() -> None:
    row = unsettled_row(replay_generation=4, replay_streak=1)
    decision = replay(row, "thief", EVENT_ONLY)
    assert (decision.outcome, decision.end, decision.suspicious) == (Outcome.REPLAYED, None, True)
    assert decision.after is not None
    assert counted(decision.after) == (5, 2)
    again = replay(decision.after, "thief", EVENT_ONLY)
    assert (again.outcome, again.suspicious) == (Outcome.REPLAYED, False)


def test_a_client_without_attempts_is_never_counted() -> None:
    row = unsettled_row(attempt=None, replay_generation=4, replay_streak=1)
    decision = replay(row, None)
    assert decision.outcome is Outcome.REPLAYED
    assert changed(row, decision) == {"last_seen": NOW}


def test_leaving_the_attempt_out_does_not_hide_a_thief_who_is_behind() -> None:
    decision = replay(unsettled_row(replay_generation=4, replay_streak=1), None)
    assert refuses(decision, Outcome.REVOKED, EndReason.SUSPICIOUS_REPLAY)


def test_leaving_the_attempt_out_does_not_hide_a_thief_who_goes_first() -> None:
    decision = replay(unsettled_row(attempt=None, replay_generation=4, replay_streak=1), "the owner's")
    assert refuses(decision, Outcome.REVOKED, EndReason.SUSPICIOUS_REPLAY)


def test_after_an_adoption_nobody_knows_the_attempt_so_none_is_foreign() -> None:
    adopted = decide(a_row(replay_generation=5, replay_streak=1), presented(6), NOW, POLICY).after
    assert adopted is not None
    late = decide(adopted, presented(5, attempt="first"), NOW + 1, POLICY)
    assert late.outcome is Outcome.REPLAYED
    assert late.after is not None
    assert counted(late.after) == counted(adopted)
    # The next generation begins at one, not at two.
    row = replace(adopted, generation=7, attempt="owner", confirmed_generation=6)
    decision = replay(row, "thief")
    assert decision.outcome is Outcome.REPLAYED
    assert decision.after is not None
    assert counted(decision.after) == (7, 1)


# The outcomes themselves


def test_only_four_outcomes_give_tokens_and_only_two_of_them_a_refresh_token() -> None:
    assert {outcome for outcome in Outcome if outcome.gives_tokens} == {"rotated", "unchanged", "replayed", "adopted"}
    assert {outcome for outcome in Outcome if outcome.gives_refresh_token} == {"rotated", "replayed"}


def test_the_same_arguments_give_the_same_decision() -> None:
    for generation in range(1, 12):
        first = decide(unsettled_row(), presented(generation), NOW, POLICY)
        assert first == decide(unsettled_row(), presented(generation), NOW, POLICY)


def test_a_sender_is_compared_by_client_and_agent_and_never_shows_more() -> None:
    assert Sender("todo-web", "Firefox") == WEB
    assert {item.name for item in fields(Sender)} == {"client_id", "hint", "key_thumbprint"}
