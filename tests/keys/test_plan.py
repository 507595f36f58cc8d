"""What is due, as a function of rows and time."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import KeyRingError
from sealring.keys import Cause, KeyRow, KeyState, Schedule
from sealring.keys.plan import MAX_RETIRED, Plan, next_rotation, plan, plan_distrust, plan_retirement
from sealring.testing.build import NOW, make_key

SCHEDULE = Schedule(period=1_000.0, announce=300.0, known_after=100.0, overlap=200.0, keep=5_000.0)
ORDER = tuple(KeyState)
TIMES: dict[KeyState, str] = {
    KeyState.ACTIVE: "activated_at",
    KeyState.RETIRING: "retiring_at",
    KeyState.RETIRED: "retired_at",
    KeyState.DISTRUSTED: "distrusted_at",
}


def row(kid: str, state: KeyState, *, since: float = NOW, created: float = NOW) -> KeyRow:
    """Return the row of a key that is in its state since a moment."""
    bare = make_key(kid, state=state, created_at=created, activated_at=None)
    return dated(bare, since) if state in TIMES else bare


def dated(row: KeyRow, now: float) -> KeyRow:
    changes: dict[str, Any] = {TIMES[row.state]: now}
    return replace(row, **changes)


def ring(*, active_since: float = NOW, announced_at: float = NOW) -> tuple[KeyRow, KeyRow]:
    return row("a", KeyState.ACTIVE, since=active_since), row("b", KeyState.ANNOUNCED, created=announced_at)


def after(rows: tuple[KeyRow, ...], made: Plan, now: float, names: list[str]) -> tuple[KeyRow, ...]:
    """Return the rows after a plan, without any cryptography."""
    moved = tuple(
        dated(replace(each, state=made.moves[each.kid]), now) if each.kid in made.moves else each
        for each in rows
        if each.kid not in made.dropped
    )
    return (*moved, *(row(names.pop(), state, since=now, created=now) for state in made.fresh))


def test_nothing_is_due_before_the_period_of_the_active_key_is_over() -> None:
    assert plan(ring(), NOW + 999.9, SCHEDULE) is None


def test_the_announced_key_takes_over_and_another_is_announced() -> None:
    assert plan(ring(), NOW + 1_000, SCHEDULE) == Plan(
        Cause.SCHEDULE, {"a": KeyState.RETIRING, "b": KeyState.ACTIVE}, (KeyState.ANNOUNCED,)
    )


def test_a_key_that_was_announced_too_late_waits_although_the_period_is_over() -> None:
    rows = ring(announced_at=NOW + 900)
    assert plan(rows, NOW + 1_199.9, SCHEDULE) is None
    assert plan(rows, NOW + 1_200, SCHEDULE) is not None


def test_a_missing_announced_key_is_announced_at_once() -> None:
    assert plan(ring()[:1], NOW, SCHEDULE) == Plan(Cause.SCHEDULE, fresh=(KeyState.ANNOUNCED,))


def test_the_key_that_was_announced_longest_comes_first_and_the_other_goes_on_waiting() -> None:
    rows = (*ring(announced_at=NOW + 100), row("c", KeyState.ANNOUNCED, created=NOW + 50))
    made = plan(rows, NOW + 1_000, SCHEDULE)
    assert made == Plan(Cause.SCHEDULE, {"a": KeyState.RETIRING, "c": KeyState.ACTIVE})


def test_a_retiring_key_is_retired_when_its_last_token_is_dead() -> None:
    rows = (*ring(), row("c", KeyState.RETIRING))
    assert plan(rows, NOW + 199.9, SCHEDULE) is None
    assert plan(rows, NOW + 200, SCHEDULE) == Plan(Cause.SCHEDULE, {"c": KeyState.RETIRED})


def test_a_retired_key_leaves_the_ring_when_no_session_can_hold_a_token_of_it_and_a_distrusted_one_never() -> None:
    rows = (*ring(active_since=NOW + 5_000), row("c", KeyState.RETIRED), row("d", KeyState.DISTRUSTED))
    assert plan(rows, NOW + 4_999, SCHEDULE) is None
    assert plan(rows, NOW + 5_000, SCHEDULE) == Plan(Cause.SCHEDULE, dropped=frozenset({"c"}))


def test_a_ring_never_holds_more_retired_keys_than_its_bound() -> None:
    retired = tuple(row(f"r{n}", KeyState.RETIRED, since=NOW + n) for n in range(MAX_RETIRED + 2))
    made = plan((*ring(active_since=NOW + 200), *retired), NOW + 200, SCHEDULE)
    assert made == Plan(Cause.SCHEDULE, dropped=frozenset({"r0", "r1"}))


def test_without_a_key_that_signs_the_schedule_does_nothing_and_an_operator_may_force_it() -> None:
    waiting = (ring()[1],)
    assert plan(waiting, NOW + 1e6, SCHEDULE) is None
    assert plan(waiting, NOW, SCHEDULE, Cause.EARLY) is None
    forced = plan(waiting, NOW, SCHEDULE, Cause.FORCED)
    assert forced == Plan(Cause.FORCED, {"b": KeyState.ACTIVE}, (KeyState.ANNOUNCED,))
    lonely = plan((row("a", KeyState.ACTIVE),), NOW, SCHEDULE, Cause.FORCED)
    assert lonely == Plan(Cause.FORCED, {"a": KeyState.RETIRING}, (KeyState.ACTIVE, KeyState.ANNOUNCED))


def test_an_early_rotation_waits_until_every_verifier_knows_the_next_key() -> None:
    with pytest.raises(KeyRingError, match=r"announced for 99 seconds: only after 100"):
        plan(ring(), NOW + 99.4, SCHEDULE, Cause.EARLY)
    made = plan(ring(), NOW + 100, SCHEDULE, Cause.EARLY)
    assert made is not None
    assert made.moves["b"] is KeyState.ACTIVE


def test_a_clock_that_was_set_back_makes_nothing_due() -> None:
    rows = (*ring(), row("c", KeyState.RETIRING), row("d", KeyState.RETIRED))
    assert plan(rows, NOW - 1e6, SCHEDULE) is None
    with pytest.raises(KeyRingError, match="announced for 0 seconds"):
        plan(rows, NOW - 1e6, SCHEDULE, Cause.EARLY)


def test_retiring_and_announced_keys_can_be_retired_and_the_active_one_cannot() -> None:
    rows = (*ring(), row("c", KeyState.RETIRING), row("d", KeyState.RETIRED), row("e", KeyState.DISTRUSTED))
    assert plan_retirement(rows, "c") == Plan(Cause.RETIRE, {"c": KeyState.RETIRED})
    assert plan_retirement(rows, "b") == Plan(Cause.RETIRE, {"b": KeyState.RETIRED}, (KeyState.ANNOUNCED,))
    assert plan_retirement(rows, "d") is None
    assert plan_retirement(rows, "e") is None
    with pytest.raises(KeyRingError, match="rotate first, or distrust it"):
        plan_retirement(rows, "a")
    with pytest.raises(KeyRingError, match="no authentic key"):
        plan_retirement(rows, "nobody")


def test_distrusting_the_active_key_lets_the_announced_one_sign_without_waiting_for_anything() -> None:
    assert plan_distrust(ring(), "a") == Plan(Cause.DISTRUST, {"a": KeyState.DISTRUSTED, "b": KeyState.ACTIVE})


def test_distrusting_the_only_key_makes_another_one_sign() -> None:
    assert plan_distrust(ring()[:1], "a") == Plan(Cause.DISTRUST, {"a": KeyState.DISTRUSTED}, (KeyState.ACTIVE,))


@pytest.mark.parametrize("state", [KeyState.ANNOUNCED, KeyState.RETIRING, KeyState.RETIRED])
def test_distrusting_another_key_leaves_the_active_one_alone(state: KeyState) -> None:
    assert plan_distrust((*ring(), row("c", state)), "c") == Plan(Cause.DISTRUST, {"c": KeyState.DISTRUSTED})


def test_what_is_distrusted_already_or_not_there_needs_no_plan() -> None:
    assert plan_distrust((*ring(), row("c", KeyState.DISTRUSTED)), "c") is None
    assert plan_distrust(ring(), "nobody") is None


def test_the_next_rotation_is_due_when_both_times_are_over() -> None:
    assert next_rotation(ring(), SCHEDULE) == NOW + 1_000
    assert next_rotation(ring(announced_at=NOW + 900), SCHEDULE) == NOW + 1_200
    assert next_rotation(ring()[:1], SCHEDULE) is None
    assert next_rotation(ring()[1:], SCHEDULE) is None


CAUSES = {"look": Cause.SCHEDULE, "early": Cause.EARLY, "force": Cause.FORCED}
STEPS = st.lists(
    st.tuples(st.floats(-50, 1_500), st.sampled_from(["look", "early", "force", "distrust", "retire"])),
    min_size=1,
    max_size=30,
)


def wanted(act: str, rows: tuple[KeyRow, ...], kid: str, now: float) -> Plan | None:
    """Return the plan of one act."""
    if act == "distrust":
        return plan_distrust(rows, kid)
    if act == "retire":
        return plan_retirement(rows, kid)
    return plan(rows, now, SCHEDULE, CAUSES[act])


@given(STEPS, st.randoms(use_true_random=False))
def test_whatever_happens_one_key_signs_none_comes_back_and_no_living_token_loses_its_key(
    steps: list[tuple[float, str]], random: Random
) -> None:
    rows: tuple[KeyRow, ...] = ring()
    names = [f"k{n}" for n in range(200)]
    now = NOW
    for passed, act in steps:
        now += passed
        before = {each.kid: each for each in rows}
        kid = random.choice(rows).kid
        try:
            made = wanted(act, rows, kid, now)
        except KeyRingError:
            continue
        rows = after(rows, made, now, names) if made else rows
        due = plan(rows, now, SCHEDULE)
        rows = after(rows, due, now, names) if due else rows

        assert [each.state for each in rows].count(KeyState.ACTIVE) == 1
        assert KeyState.ANNOUNCED in {each.state for each in rows}
        # Looking again at the same moment finds nothing: no process does twice what another has done.
        assert plan(rows, now, SCHEDULE) is None
        for each in rows:
            was = before.get(each.kid)
            if was is not None:
                assert ORDER.index(was.state) <= ORDER.index(each.state)
                if act == "look" and (was.state, each.state) == (KeyState.ANNOUNCED, KeyState.ACTIVE):
                    assert now - was.created_at >= SCHEDULE.announce
                if act != "retire" and (was.state, each.state) == (KeyState.RETIRING, KeyState.RETIRED):
                    assert now - (was.retiring_at or 0) >= SCHEDULE.overlap
        gone = before.keys() - {each.kid for each in rows}
        assert {before[kid].state for kid in gone} <= {KeyState.RETIRED}
