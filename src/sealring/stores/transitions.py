"""What each write does to a row, as pure functions: for stores that read, change and write a row in one transaction.

They say the same as the statements and scripts of the other stores, which do it without reading first. Whoever uses
them has to see to it that nobody writes to the row between the reading and the writing.
"""

import math
from dataclasses import replace

from sealring.sessions.record import Confirmation, Rotation, SessionRow


def rotated(row: SessionRow, rotation: Rotation) -> SessionRow | None:
    """Return the row after a rotation, or None when one of its conditions does not hold.

    Args:
        row: the session as it is.
        rotation: for this session.
    """
    applies = (
        row.secret_hash == rotation.secret_hash
        and row.client_id == rotation.client_id
        and row.generation == rotation.generation
        and row.is_live(rotation.now)
        and row.cnf_thumbprint in {None, rotation.cnf_thumbprint}
        and row.confirmed_generation >= row.generation
        and row.confirmed_at < rotation.settled_before
    )
    if not applies:
        return None
    return replace(
        row,
        generation=row.generation + 1,
        rotated_at=rotation.now,
        attempt=rotation.attempt,
        idle_end=_idle_end(row, None if rotation.active_at is None else rotation.active_at + row.idle_seconds),
        last_seen=max(row.last_seen, rotation.now),
        sender_hint=rotation.sender_hint,
        key_version=rotation.key_version,
    )


def swapped(row: SessionRow, before: SessionRow, after: SessionRow) -> SessionRow | None:
    """Return the row after a compare-and-swap, or None when somebody was quicker or the session was ended.

    Args:
        row: the session as it is.
        before: as the caller had read it.
        after: what the caller wants it to be; only what a refresh may change is taken over.
    """
    if row.revoked_at is not None or _watched(row) != _watched(before):
        return None
    return replace(
        row,
        generation=after.generation,
        rotated_at=after.rotated_at,
        attempt=after.attempt,
        confirmed_generation=after.confirmed_generation,
        confirmed_at=after.confirmed_at,
        replay_generation=after.replay_generation,
        replay_streak=after.replay_streak,
        idle_end=_idle_end(row, after.idle_end),
        last_seen=max(row.last_seen, after.last_seen),
        sender_hint=after.sender_hint,
        key_version=after.key_version,
        scope=after.scope,
    )


def confirmed(row: SessionRow, seen: Confirmation) -> SessionRow:
    """Return the row after a confirmation; an ended session stays as it is.

    Args:
        row: the session as it is.
        seen: of this session; a generation that it does not have yet counts as its own.
    """
    if row.revoked_at is not None:
        return row
    generation = max(row.confirmed_generation, min(seen.generation, row.generation))
    return replace(
        row,
        confirmed_generation=generation,
        confirmed_at=seen.seen_at if generation > row.confirmed_generation else row.confirmed_at,
        last_seen=max(row.last_seen, seen.seen_at),
    )


def next_epoch(epoch: int, now: float) -> int:
    """Return the epoch of a subject after it was raised: one that it has never had, also if that before was forgotten.

    Args:
        epoch: the epoch until now, 0 for none.
        now: seconds since the epoch.
    """
    return max(epoch + 1, math.floor(now * 1000))


def ended_at(row: SessionRow) -> float:
    """Return when a session ended or will end, in seconds since the epoch."""
    return row.end if row.revoked_at is None else min(row.end, row.revoked_at)


def _idle_end(row: SessionRow, wanted: float | None) -> float:
    """Return the later idle end: only ever later, never past the absolute end."""
    return row.idle_end if wanted is None else max(row.idle_end, min(wanted, row.absolute_end))


def _watched(row: SessionRow) -> tuple[int, int, str | None, int, int]:
    return (row.generation, row.confirmed_generation, row.attempt, row.replay_generation, row.ep)
