"""What has to happen to the ring, as pure functions of its authentic rows and the time: no store, no keys, no clock.

A plan only names states. :mod:`sealring.keys.change` carries it out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sealring.errors import KeyRingError
from sealring.keys.record import KeyRow, KeyState
from sealring.keys.rules import signing_row
from sealring.keys.schedule import Schedule

MAX_RETIRED: Final = 100
"""Retired keys that a ring holds; the oldest leave first, so that no policy can make the ring grow without bound."""


class Cause(StrEnum):
    """Why a key changes its state."""

    SCHEDULE = "schedule"  # its time has come
    EARLY = "early"  # an operator asked for it, and every verifier knows the next key
    FORCED = "forced"  # an operator insisted
    RETIRE = "retire"  # an operator took one key out of use
    DISTRUST = "distrust"  # an emergency


@dataclass(frozen=True, slots=True)
class Plan:
    """A change of the ring.

    Attributes:
        cause: why.
        moves: the keys that change their state, and to which.
        fresh: the states of keys to make.
        dropped: the keys that leave the ring.
    """

    cause: Cause
    moves: Mapping[str, KeyState] = field(default_factory=dict)
    fresh: tuple[KeyState, ...] = ()
    dropped: frozenset[str] = frozenset()

    def or_none(self) -> "Plan | None":
        """Return the plan, or None when it changes nothing."""
        return self if self.moves or self.fresh or self.dropped else None


def plan(rows: Iterable[KeyRow], now: float, schedule: Schedule, cause: Cause = Cause.SCHEDULE) -> Plan | None:
    """Return what is due, or None.

    Args:
        rows: the authentic rows.
        now: seconds since the epoch.
        schedule: the times.
        cause: ``SCHEDULE`` rotates when the period of the active key is over and the next one was announced for long
            enough; ``EARLY`` rotates at once, if every verifier knows the next key; ``FORCED`` rotates whatever holds.

    Raises:
        KeyRingError: ``EARLY``, and some verifier may not know the next key yet; nothing is planned.
    """
    rows = tuple(rows)
    active, waiting = signing_row(rows), _waiting(rows)
    moves: dict[str, KeyState] = {
        row.kid: KeyState.RETIRED
        for row in rows
        if row.state is KeyState.RETIRING and now - (row.retiring_at or row.created_at) >= schedule.overlap
    }
    fresh: list[KeyState] = []
    rotates = _rotates(active, waiting[0] if waiting else None, now, schedule, cause)
    if rotates:
        if active is not None:
            moves[active.kid] = KeyState.RETIRING
        if waiting:
            moves[waiting.pop(0).kid] = KeyState.ACTIVE
        else:
            fresh.append(KeyState.ACTIVE)
    # One announced key is always waiting. Without a key that signs, nothing is made: an operator has to look.
    if not waiting and (rotates or active is not None):
        fresh.append(KeyState.ANNOUNCED)
    return Plan(cause, moves, tuple(fresh), _spent(rows, now, schedule)).or_none()


def plan_retirement(rows: Iterable[KeyRow], kid: str) -> Plan | None:
    """Return how one key that does not sign leaves its use before its time, or None when it is out of use already.

    Args:
        rows: the authentic rows.
        kid: a retiring key, whose tokens are then superseded at once; or an announced one, which is replaced.

    Raises:
        KeyRingError: the ring does not have the key, or it is the one that signs.
    """
    rows = tuple(rows)
    row = _row(rows, kid)
    if not row.state.verifies:
        return None
    if row.state is KeyState.ACTIVE:
        raise KeyRingError("the active key cannot be retired: rotate first, or distrust it")
    waiting = [each for each in _waiting(rows) if each.kid != kid]
    return Plan(Cause.RETIRE, {kid: KeyState.RETIRED}, () if waiting else (KeyState.ANNOUNCED,))


def plan_distrust(rows: Iterable[KeyRow], kid: str) -> Plan | None:
    """Return how a key that somebody else may hold is shut out, or None when it is distrusted or not there.

    When it was the active key, the key that was announced longest takes its place: verifiers know it. No other key is
    made, so that an emergency waits for nothing; the schedule announces the next one.

    Args:
        rows: the authentic rows.
        kid: a key in any state.
    """
    rows = tuple(rows)
    row = next((row for row in rows if row.kid == kid), None)
    if row is None or row.state is KeyState.DISTRUSTED:
        return None
    waiting = [each for each in _waiting(rows) if each.kid != kid]
    moves = {kid: KeyState.DISTRUSTED}
    if row.state is KeyState.ACTIVE and waiting:
        moves[waiting[0].kid] = KeyState.ACTIVE
    fresh = (KeyState.ACTIVE,) if row.state is KeyState.ACTIVE and not waiting else ()
    return Plan(Cause.DISTRUST, moves, fresh)


def next_rotation(rows: Iterable[KeyRow], schedule: Schedule) -> float | None:
    """Return when the next rotation on schedule is due, in seconds since the epoch; None for a ring without both keys.

    Args:
        rows: the authentic rows.
        schedule: the times.
    """
    rows = tuple(rows)
    active, waiting = signing_row(rows), _waiting(rows)
    if active is None or not waiting:
        return None
    return max((active.activated_at or active.created_at) + schedule.period, waiting[0].created_at + schedule.announce)


def _rotates(active: KeyRow | None, next_: KeyRow | None, now: float, schedule: Schedule, cause: Cause) -> bool:
    if cause is Cause.FORCED:
        return True
    if next_ is None or active is None:
        return False
    announced_for = now - next_.created_at
    if cause is Cause.EARLY:
        if announced_for < schedule.known_after:
            raise KeyRingError(
                f"the next key has been announced for {max(0.0, announced_for):.0f} seconds: only after "
                f"{schedule.known_after:.0f} does every verifier know it"
            )
        return True
    in_use_for = now - (active.activated_at or active.created_at)
    return in_use_for >= schedule.period and announced_for >= schedule.announce


def _waiting(rows: Iterable[KeyRow]) -> list[KeyRow]:
    """Return the announced keys, the one that was announced longest first."""
    announced = (row for row in rows if row.state is KeyState.ANNOUNCED)
    return sorted(announced, key=lambda row: (row.created_at, row.kid))


def _spent(rows: Iterable[KeyRow], now: float, schedule: Schedule) -> frozenset[str]:
    """Return the retired keys whose time in the ring is over. A distrusted key stays: that is never forgotten."""
    retired = sorted(
        (row for row in rows if row.state is KeyState.RETIRED), key=lambda row: row.retired_at or 0.0, reverse=True
    )
    old = (row.kid for row in retired if now - (row.retired_at or 0.0) >= schedule.keep)
    return frozenset((*old, *(row.kid for row in retired[MAX_RETIRED:])))


def _row(rows: Iterable[KeyRow], kid: str) -> KeyRow:
    for row in rows:
        if row.kid == kid:
            return row
    raise KeyRingError("the ring has no authentic key with this id")
