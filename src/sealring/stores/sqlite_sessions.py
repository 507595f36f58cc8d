"""Sessions in SQLite: each function is one operation inside a transaction that the caller commits."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores.sqlite_feed import append
from sealring.stores.sqlite_rows import Mapping

ROWS: Final = Mapping(SessionRow)
_ROTATIONS: Final = Mapping(Rotation)
_CONFIRMATIONS: Final = Mapping(Confirmation)

READ_EPOCH: Final = "SELECT epoch FROM sealring_subject WHERE subject = ?"

# Milliseconds: a number that the subject has never had, also after the one before was purged.
RAISE_SUBJECT_EPOCH: Final = """
    INSERT INTO sealring_subject (subject, epoch, used_at)
    VALUES (:subject, max(1, CAST(:now * 1000 AS INTEGER)), :now)
    ON CONFLICT DO UPDATE SET epoch = max(epoch + 1, excluded.epoch), used_at = max(used_at, excluded.used_at)
"""

OPEN: Final = f"""
    INSERT INTO sealring_session ({ROWS.columns}) SELECT {ROWS.parameters}
    WHERE coalesce((SELECT epoch FROM sealring_subject WHERE subject = :subject), 0) IN (0, :subject_epoch)
"""  # noqa: S608 - the columns are the fields of a dataclass

READ: Final = f"SELECT {ROWS.columns} FROM sealring_session WHERE sid = ?"  # noqa: S608

LIST: Final = f"""
    SELECT {ROWS.columns} FROM sealring_session WHERE subject = ? AND revoked_at IS NULL ORDER BY created_at, sid
"""  # noqa: S608

ROTATE: Final = f"""
    UPDATE sealring_session SET
        generation = generation + 1,
        rotated_at = :now,
        attempt = :attempt,
        idle_end = max(idle_end, min(coalesce(:active_at + idle_seconds, idle_end), absolute_end)),
        last_seen = max(last_seen, :now),
        sender_hint = :sender_hint,
        key_version = :key_version
    WHERE sid = :sid
        AND secret_hash = :secret_hash
        AND client_id = :client_id
        AND generation = :generation
        AND revoked_at IS NULL
        AND :now < min(idle_end, absolute_end)
        AND (cnf_thumbprint IS NULL OR cnf_thumbprint = :cnf_thumbprint)
        AND confirmed_generation >= generation
        AND confirmed_at < :settled_before
    RETURNING {ROWS.columns}
"""  # noqa: S608

SWAP: Final = """
    UPDATE sealring_session SET
        generation = :generation,
        rotated_at = :rotated_at,
        attempt = :attempt,
        confirmed_generation = :confirmed_generation,
        confirmed_at = :confirmed_at,
        replay_generation = :replay_generation,
        replay_streak = :replay_streak,
        idle_end = max(idle_end, min(:idle_end, absolute_end)),
        last_seen = max(last_seen, :last_seen),
        sender_hint = :sender_hint,
        key_version = :key_version,
        scope = :scope
    WHERE sid = :before_sid
        AND revoked_at IS NULL
        AND generation = :before_generation
        AND confirmed_generation = :before_confirmed_generation
        AND attempt IS :before_attempt
        AND replay_generation = :before_replay_generation
        AND ep = :before_ep
"""

CONFIRM: Final = """
    UPDATE sealring_session SET
        confirmed_generation = max(confirmed_generation, min(:generation, generation)),
        confirmed_at = iif(min(:generation, generation) > confirmed_generation, :seen_at, confirmed_at),
        last_seen = max(last_seen, :seen_at)
    WHERE sid = :sid
        AND revoked_at IS NULL
        AND (min(:generation, generation) > confirmed_generation OR :seen_at > last_seen)
"""

END: Final = f"""
    UPDATE sealring_session SET revoked_at = :now, revoked_reason = :reason WHERE sid = :sid AND revoked_at IS NULL
    RETURNING {ROWS.columns}
"""  # noqa: S608

END_SUBJECT: Final = f"""
    UPDATE sealring_session SET revoked_at = :now, revoked_reason = :reason
    WHERE subject = :subject AND revoked_at IS NULL AND sid IS NOT :keep
    RETURNING {ROWS.columns}
"""  # noqa: S608

RAISE_EPOCH: Final = f"""
    UPDATE sealring_session SET ep = ep + 1 WHERE sid = ? AND revoked_at IS NULL RETURNING {ROWS.columns}
"""  # noqa: S608

PURGE_PAST_END: Final = """
    DELETE FROM sealring_session WHERE sid IN (SELECT sid FROM sealring_session WHERE ends_at < ? LIMIT ?)
"""

PURGE_REVOKED: Final = """
    DELETE FROM sealring_session WHERE sid IN (SELECT sid FROM sealring_session WHERE revoked_at < ? LIMIT ?)
"""

PURGE_SUBJECTS: Final = """
    DELETE FROM sealring_subject WHERE subject IN (SELECT subject FROM sealring_subject WHERE used_at < ? LIMIT ?)
"""

# Each part is found by an index of its own, and none twice.
COUNT_SESSIONS: Final = """
    SELECT count(*) FROM (
        SELECT 1 FROM sealring_session WHERE ends_at < :before
        UNION ALL
        SELECT 1 FROM sealring_session WHERE revoked_at < :before AND ends_at >= :before
        LIMIT :most
    )
"""

COUNT_DENIALS: Final = """
    SELECT count(*) FROM (SELECT 1 FROM sealring_denial WHERE expires_at <= :spent_at LIMIT :most)
"""

COUNT_SUBJECTS: Final = "SELECT count(*) FROM (SELECT 1 FROM sealring_subject WHERE used_at < :before LIMIT :most)"


def subject_epoch(connection: sqlite3.Connection, subject: str) -> int:
    """Return the subject's epoch."""
    row = connection.execute(READ_EPOCH, (subject,)).fetchone()
    return int(row[0]) if row is not None else 0


def open_session(connection: sqlite3.Connection, row: SessionRow) -> bool:
    """Insert a session unless the subject's epoch has changed."""
    return connection.execute(OPEN, ROWS.values(row)).rowcount == 1


def read_session(connection: sqlite3.Connection, sid: bytes) -> SessionRow | None:
    """Return a session, or None."""
    return _one(connection.execute(READ, (sid,)))


def list_sessions(connection: sqlite3.Connection, subject: str) -> tuple[SessionRow, ...]:
    """Return the sessions of a subject that are not revoked, oldest first."""
    return tuple(map(ROWS.record, connection.execute(LIST, (subject,))))


def rotate(connection: sqlite3.Connection, rotation: Rotation) -> SessionRow | None:
    """Apply the hot write: one statement, with every condition in it."""
    return _one(connection.execute(ROTATE, _ROTATIONS.values(rotation)))


def compare_and_swap(connection: sqlite3.Connection, before: SessionRow, after: SessionRow) -> bool:
    """Replace a row if what ``before`` says of it still holds."""
    conditions = {f"before_{name}": value for name, value in ROWS.values(before).items()}
    return connection.execute(SWAP, ROWS.values(after) | conditions).rowcount == 1


def confirm(connection: sqlite3.Connection, confirmations: Sequence[Confirmation]) -> None:
    """Write what was seen."""
    connection.executemany(CONFIRM, map(_CONFIRMATIONS.values, confirmations))


def end_session(
    connection: sqlite3.Connection, sid: bytes, reason: str, now: float, deny_until: float
) -> SessionRow | None:
    """Revoke one session and append its denial."""
    row = _one(connection.execute(END, {"sid": sid, "reason": str(reason), "now": now}))
    if row is not None:
        append(connection, Denial(DenialKind.SESSION, row.session_id, ENDED, deny_until))
    return row


def end_subject(
    connection: sqlite3.Connection, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
) -> tuple[SessionRow, ...]:
    """Raise the subject's epoch, revoke its sessions and append their denials."""
    connection.execute(RAISE_SUBJECT_EPOCH, {"subject": subject, "now": now})
    parameters = {"subject": subject, "keep": keep, "reason": str(reason), "now": now}
    rows = [ROWS.record(row) for row in connection.execute(END_SUBJECT, parameters).fetchall()]
    for row in rows:
        append(connection, Denial(DenialKind.SESSION, row.session_id, ENDED, deny_until))
    return tuple(sorted(rows, key=lambda row: (row.created_at, row.sid)))


def raise_epoch(connection: sqlite3.Connection, sid: bytes, deny_until: float) -> SessionRow | None:
    """Raise the access epoch of a session and append the denial of all lower ones."""
    row = _one(connection.execute(RAISE_EPOCH, (sid,)))
    if row is not None:
        append(connection, Denial(DenialKind.SESSION, row.session_id, row.ep, deny_until))
    return row


def purge(connection: sqlite3.Connection, ended_before: float, limit: int) -> int:
    """Delete at most ``limit`` sessions that ended before a moment."""
    left = max(0, limit)  # a negative LIMIT would mean none
    deleted = connection.execute(PURGE_PAST_END, (ended_before, left)).rowcount
    return deleted + connection.execute(PURGE_REVOKED, (ended_before, left - deleted)).rowcount


def purge_subjects(connection: sqlite3.Connection, unused_since: float, limit: int) -> int:
    """Forget the epochs of at most ``limit`` subjects that were not revoked since a moment."""
    return connection.execute(PURGE_SUBJECTS, (unused_since, max(0, limit))).rowcount


def count_due(connection: sqlite3.Connection, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
    """Count what a purge would delete, each kind no further than ``limit``."""
    asked = {"before": ended_before, "spent_at": spent_at, "most": max(0, limit)}
    counts = (connection.execute(one, asked).fetchone()[0] for one in (COUNT_SESSIONS, COUNT_DENIALS, COUNT_SUBJECTS))
    return PurgeCounts(*counts)


def _one(cursor: sqlite3.Cursor) -> SessionRow | None:
    # Read to the end, because a statement with RETURNING is not finished before.
    rows = cursor.fetchall()
    return ROWS.record(rows[0]) if rows else None
