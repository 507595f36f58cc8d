"""Sessions in PostgreSQL.

Every write but one is a single statement that is its own transaction, so no lock is ever held while the server waits
for a client. Whatever writes to several rows locks them in the order of ``sid`` first, and the feed last.
"""

from collections.abc import Sequence
from typing import Any, Final

from sealring.revocation.record import ENDED
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores.postgres_connection import Connection, affected
from sealring.stores.postgres_feed import denials_of
from sealring.stores.postgres_rows import Columns

ROWS: Final = Columns(SessionRow)
_ROTATIONS: Final = Columns(Rotation)
_CONFIRMATIONS: Final = Columns(Confirmation)

READ_EPOCH: Final = "SELECT epoch FROM sealring_subject WHERE subject = $1"

# The row of the subject stays locked until the login is committed, and the end of all sessions begins by raising its
# epoch: whoever comes second waits for the first and sees what it did, also where there was no such row before.
OPEN: Final = f"""
    WITH unchanged AS (
        INSERT INTO sealring_subject AS held (subject, epoch, used_at)
        VALUES ($2, 0, ${ROWS.names.index("created_at") + 1})
        ON CONFLICT (subject) DO UPDATE SET used_at = greatest(held.used_at, excluded.used_at)
        RETURNING epoch
    )
    INSERT INTO sealring_session ({ROWS.listed}) SELECT {ROWS.marked} FROM unchanged WHERE epoch IN (0, $3)
"""  # noqa: S608 - the columns are the fields of a dataclass

READ: Final = f"SELECT {ROWS.listed} FROM sealring_session WHERE sid = $1"  # noqa: S608

LIST: Final = f"""
    SELECT {ROWS.listed} FROM sealring_session WHERE subject = $1 AND revoked_at IS NULL ORDER BY created_at, sid
"""  # noqa: S608

_ROTATE: Final = f"""
    UPDATE sealring_session AS session SET
        generation = session.generation + 1,
        rotated_at = asked.now,
        attempt = asked.attempt,
        idle_end = greatest(
            session.idle_end,
            least(coalesce(asked.active_at + session.idle_seconds, session.idle_end), session.absolute_end)
        ),
        last_seen = greatest(session.last_seen, asked.now),
        sender_hint = asked.sender_hint,
        key_version = asked.key_version
    FROM {{source}}
    WHERE session.sid = asked.sid
        AND session.secret_hash = asked.secret_hash
        AND session.client_id = asked.client_id
        AND session.generation = asked.generation
        AND session.revoked_at IS NULL
        AND asked.now < least(session.idle_end, session.absolute_end)
        AND (session.cnf_thumbprint IS NULL OR session.cnf_thumbprint = asked.cnf_thumbprint)
        AND session.confirmed_generation >= session.generation
        AND session.confirmed_at < asked.settled_before
    RETURNING {ROWS.of("session")}
"""  # noqa: S608

ROTATE: Final = _ROTATE.format(source=f"(SELECT {_ROTATIONS.named}) AS asked")

# PostgreSQL waits for the row locks of a statement in the order in which it happens to find the rows; two batches that
# find them in different orders wait for each other for ever. So the locks are taken first, in one order.
_LOCKED: Final = """
    locked AS MATERIALIZED (
        SELECT sid FROM sealring_session WHERE sid = ANY($1::bytea[]) ORDER BY sid FOR NO KEY UPDATE
    )
"""

# True, once the locks are taken.
_ONCE_LOCKED: Final = "(SELECT count(*) FROM locked) > 0"

# The same as "IS NULL", in words that the index of what is not revoked does not answer to. Without statistics, in a new
# table or a restored one, the planner takes NULL for rare and would read that whole index for each batch.
_NOT_REVOKED: Final = "num_nulls(session.revoked_at) = 1"

ROTATE_MANY: Final = f"WITH {_LOCKED}" + _ROTATE.format(
    source=f"unnest({_ROTATIONS.unnested}) AS asked ({_ROTATIONS.listed})"
).replace("session.revoked_at IS NULL", f"{_NOT_REVOKED} AND {_ONCE_LOCKED}")

_BEFORE: Final = len(ROWS.names)

SWAP: Final = f"""
    UPDATE sealring_session AS session SET
        generation = after.generation,
        rotated_at = after.rotated_at,
        attempt = after.attempt,
        confirmed_generation = after.confirmed_generation,
        confirmed_at = after.confirmed_at,
        replay_generation = after.replay_generation,
        replay_streak = after.replay_streak,
        idle_end = greatest(session.idle_end, least(after.idle_end, session.absolute_end)),
        last_seen = greatest(session.last_seen, after.last_seen),
        sender_hint = after.sender_hint,
        key_version = after.key_version,
        scope = after.scope
    FROM (SELECT {ROWS.named}) AS after
    WHERE session.sid = ${_BEFORE + 1}
        AND session.revoked_at IS NULL
        AND session.generation = ${_BEFORE + 2}
        AND session.confirmed_generation = ${_BEFORE + 3}
        AND session.attempt IS NOT DISTINCT FROM ${_BEFORE + 4}
        AND session.replay_generation = ${_BEFORE + 5}
        AND session.ep = ${_BEFORE + 6}
"""  # noqa: S608

CONFIRM: Final = f"""
    WITH {_LOCKED}
    UPDATE sealring_session AS session SET
        confirmed_generation = greatest(session.confirmed_generation, least(seen.generation, session.generation)),
        confirmed_at = CASE
            WHEN least(seen.generation, session.generation) > session.confirmed_generation THEN seen.seen_at
            ELSE session.confirmed_at
        END,
        last_seen = greatest(session.last_seen, seen.seen_at)
    FROM unnest({_CONFIRMATIONS.unnested}) AS seen ({_CONFIRMATIONS.listed})
    WHERE session.sid = seen.sid
        AND {_NOT_REVOKED}
        AND {_ONCE_LOCKED}
        AND (
            least(seen.generation, session.generation) > session.confirmed_generation
            OR seen.seen_at > session.last_seen
        )
"""  # noqa: S608

_ENDED: Final = denials_of("ended", least_epoch=str(ENDED), expires_at="$4")

END: Final = f"""
    WITH ended AS (
        UPDATE sealring_session SET revoked_at = $2, revoked_reason = $3 WHERE sid = $1 AND revoked_at IS NULL
        RETURNING {ROWS.listed}
    ), {_ENDED}
    SELECT * FROM ended
"""  # noqa: S608

# Milliseconds: a number that the subject has never had, also after the one before was purged.
RAISE_SUBJECT_EPOCH: Final = """
    INSERT INTO sealring_subject AS held (subject, epoch, used_at)
    VALUES ($1, greatest(1, floor($2::double precision * 1000)::bigint), $2)
    ON CONFLICT (subject) DO UPDATE SET
        epoch = greatest(held.epoch + 1, excluded.epoch), used_at = greatest(held.used_at, excluded.used_at)
"""

LET_GO: Final = "SET LOCAL idle_in_transaction_session_timeout = '5s'"

END_SUBJECT: Final = f"""
    WITH condemned AS MATERIALIZED (
        SELECT sid FROM sealring_session WHERE subject = $1 AND revoked_at IS NULL AND sid IS DISTINCT FROM $5
        ORDER BY sid FOR NO KEY UPDATE
    ), ended AS (
        UPDATE sealring_session AS session SET revoked_at = $2, revoked_reason = $3 FROM condemned
        WHERE session.sid = condemned.sid AND session.revoked_at IS NULL
        RETURNING {ROWS.of("session")}
    ), {_ENDED}
    SELECT * FROM ended ORDER BY created_at, sid
"""  # noqa: S608

RAISE_EPOCH: Final = f"""
    WITH raised AS (
        UPDATE sealring_session SET ep = ep + 1 WHERE sid = $1 AND revoked_at IS NULL RETURNING {ROWS.listed}
    ), {denials_of("raised", least_epoch="raised.ep", expires_at="$2")}
    SELECT * FROM raised
"""  # noqa: S608

# The hour is that of the index; the rest is the exact rule. A row that somebody has locked is in use: the next purge
# comes for it, and nobody waits for this one.
PURGE: Final = """
    WITH over AS MATERIALIZED (
        SELECT sid FROM sealring_session
        WHERE end_hour <= ceil($1::double precision / 3600) AND least(idle_end, absolute_end, revoked_at) < $1
        ORDER BY end_hour LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM sealring_session WHERE sid = ANY (ARRAY(SELECT sid FROM over))
"""

# Who logs in or is revoked at this moment has locked the row; the index may be behind, so the rule is tested again.
PURGE_SUBJECTS: Final = """
    WITH unused AS MATERIALIZED (
        SELECT subject FROM sealring_subject WHERE used_at < $1 ORDER BY used_at LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM sealring_subject WHERE subject = ANY (ARRAY(SELECT subject FROM unused))
"""

COUNT_DUE: Final = """
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM sealring_session
            WHERE end_hour <= ceil($1::double precision / 3600) AND least(idle_end, absolute_end, revoked_at) < $1
            LIMIT $3
        ) AS over),
        (SELECT count(*) FROM (SELECT FROM sealring_denial WHERE expires_at <= $2 LIMIT $3) AS spent),
        (SELECT count(*) FROM (SELECT FROM sealring_subject WHERE used_at < $1 LIMIT $3) AS unused)
"""


async def subject_epoch(connection: Connection, subject: str) -> int:
    """Return the subject's epoch."""
    return int(await connection.fetchval(READ_EPOCH, subject) or 0)


async def open_session(connection: Connection, row: SessionRow) -> bool:
    """Insert a session unless the subject's epoch has changed."""
    return affected(await connection.execute(OPEN, *ROWS.values(row))) == 1


async def read_session(connection: Connection, sid: bytes) -> SessionRow | None:
    """Return a session, or None."""
    return _one(await connection.fetchrow(READ, sid))


async def list_sessions(connection: Connection, subject: str) -> tuple[SessionRow, ...]:
    """Return the sessions of a subject that are not revoked, oldest first."""
    return tuple(map(ROWS.record, await connection.fetch(LIST, subject)))


async def rotate(connection: Connection, rotations: Sequence[Rotation]) -> dict[bytes, SessionRow]:
    """Apply hot writes, of which no two are for the same session, by one statement; return the rows that changed."""
    if not rotations:
        return {}
    if len(rotations) == 1:
        rows = await connection.fetch(ROTATE, *_ROTATIONS.values(rotations[0]))
    else:
        rows = await connection.fetch(ROTATE_MANY, *_ROTATIONS.arrays(rotations))
    return {row["sid"]: ROWS.record(row) for row in rows}


async def compare_and_swap(connection: Connection, before: SessionRow, after: SessionRow) -> bool:
    """Replace a row if what ``before`` says of it still holds."""
    watched = (before.generation, before.confirmed_generation, before.attempt, before.replay_generation, before.ep)
    return affected(await connection.execute(SWAP, *ROWS.values(after), before.sid, *watched)) == 1


async def confirm(connection: Connection, confirmations: Sequence[Confirmation]) -> None:
    """Write what was seen; no two confirmations are of the same session."""
    await connection.execute(CONFIRM, *_CONFIRMATIONS.arrays(confirmations))


async def end_session(
    connection: Connection, sid: bytes, reason: str, now: float, deny_until: float
) -> SessionRow | None:
    """Revoke one session and append its denial."""
    return _one(await connection.fetchrow(END, sid, now, reason, deny_until))


async def end_subject(
    connection: Connection, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
) -> tuple[SessionRow, ...]:
    """Raise the subject's epoch, revoke its sessions and append their denials.

    Two statements, because the second has to see the logins that the first has waited for.
    """
    async with connection.transaction():
        # A client that stops in here must not keep the feed's lock from everybody else.
        await connection.execute(LET_GO)
        await connection.execute(RAISE_SUBJECT_EPOCH, subject, now)
        rows = await connection.fetch(END_SUBJECT, subject, now, reason, deny_until, keep)
    return tuple(map(ROWS.record, rows))


async def raise_epoch(connection: Connection, sid: bytes, deny_until: float) -> SessionRow | None:
    """Raise the access epoch of a session and append the denial of all lower ones."""
    return _one(await connection.fetchrow(RAISE_EPOCH, sid, deny_until))


async def purge(connection: Connection, ended_before: float, limit: int) -> int:
    """Delete at most ``limit`` sessions that ended before a moment."""
    return affected(await connection.execute(PURGE, ended_before, max(0, limit)))


async def purge_subjects(connection: Connection, unused_since: float, limit: int) -> int:
    """Forget at most ``limit`` subjects that neither logged in nor were revoked since a moment."""
    return affected(await connection.execute(PURGE_SUBJECTS, unused_since, max(0, limit)))


async def count_due(connection: Connection, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
    """Count what a purge would delete, each kind no further than ``limit``."""
    return PurgeCounts(*await connection.fetchrow(COUNT_DUE, ended_before, spent_at, max(0, limit)))


def _one(row: Any) -> SessionRow | None:  # noqa: ANN401 - the driver's row has no useful type
    return ROWS.record(row) if row is not None else None
