"""The feed of denials in PostgreSQL.

Transactions take their numbers from a sequence in one order and may commit in another; a follower that has read number
8 would then never see a number 7 that is committed later. So a number is taken only under a lock that its transaction
keeps until its commit can be seen: the order of cursors is the order of commits.
"""

from typing import Final

from sealring.revocation.record import Denial, DenialKind, FeedPage
from sealring.stores.postgres_connection import Connection, affected
from sealring.stores.postgres_rows import Columns

_ROWS: Final = Columns(Denial)

FEED_LOCK: Final = 0x5EA1_5147_0000_0002
"""Key of the transaction advisory lock under which the feed is written."""

# Taken in the statement that commits, so a client that stops in the middle never keeps it.
APPEND: Final = f"""
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock({FEED_LOCK}))
    INSERT INTO sealring_denial ({_ROWS.listed}) SELECT {_ROWS.marked} FROM turn
"""  # noqa: S608 - the columns are the fields of a dataclass

READ: Final = f"""
    SELECT {_ROWS.listed}, cursor FROM sealring_denial WHERE cursor > $1 ORDER BY cursor LIMIT $2
"""  # noqa: S608

PURGE: Final = """
    WITH expired AS MATERIALIZED (
        SELECT cursor FROM sealring_denial WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2
        FOR UPDATE SKIP LOCKED
    )
    DELETE FROM sealring_denial WHERE cursor = ANY (ARRAY(SELECT cursor FROM expired))
"""


def denials_of(sessions: str, *, least_epoch: str, expires_at: str) -> str:
    """Return the two common table expressions that write the denials of sessions to the feed.

    Args:
        sessions: the common table expression before them, with the column ``sid``.
        least_epoch: an SQL expression over it.
        expires_at: another one.
    """
    return f"""
        turn AS MATERIALIZED (
            SELECT pg_advisory_xact_lock({FEED_LOCK}) FROM (SELECT FROM {sessions} LIMIT 1) AS one_of_them
        ),
        fed AS (
            INSERT INTO sealring_denial ({_ROWS.listed})
            SELECT '{DenialKind.SESSION}', encode({sessions}.sid, 'hex'), {least_epoch}, {expires_at}
            FROM {sessions}, turn
        )
    """  # noqa: S608


async def append(connection: Connection, denial: Denial) -> None:
    """Append one denial."""
    await connection.execute(APPEND, *_ROWS.values(denial))


async def read(connection: Connection, after: int, limit: int) -> FeedPage:
    """Return what was committed after a cursor."""
    rows = await connection.fetch(READ, after, max(0, limit))
    return FeedPage(rows[-1]["cursor"] if rows else after, tuple(map(_ROWS.record, rows)))


async def purge(connection: Connection, now: float, limit: int) -> int:
    """Delete at most ``limit`` denials that have expired."""
    return affected(await connection.execute(PURGE, now, max(0, limit)))
