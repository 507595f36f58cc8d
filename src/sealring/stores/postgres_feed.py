"""The feed of denials in PostgreSQL.

Transactions take their numbers from a sequence in one order and may commit in another; a follower that has read number
8 would then never see a number 7 that is committed later. So a number is taken only under a lock that its transaction
keeps until its commit can be seen: the order of cursors is the order of commits.

Whoever commits a denial also wakes the followers (``NOTIFY``, empty: what is news, the table says). Committing a
notification takes a lock of the whole server, so nothing but a denial ever sends one.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

import asyncpg

from sealring.revocation.record import Denial, DenialKind, FeedPage
from sealring.stores.postgres_connection import Connection, affected
from sealring.stores.postgres_rows import Columns

_ROWS: Final = Columns(Denial)

FEED_LOCK: Final = 0x5EA1_5147_0000_0002
"""Key of the transaction advisory lock under which the feed is written."""

_CHANNEL: Final = "sealring_feed"

_TURN: Final = f"pg_advisory_xact_lock({FEED_LOCK}), pg_notify('{_CHANNEL}', '')"

# Taken in the statement that commits, so a client that stops in the middle never keeps it.
APPEND: Final = f"""
    WITH turn AS MATERIALIZED (SELECT {_TURN})
    INSERT INTO sealring_denial ({_ROWS.listed}) SELECT {_ROWS.marked} FROM turn
"""  # noqa: S608 - the columns are the fields of a dataclass

READ: Final = f"""
    SELECT {_ROWS.listed}, cursor FROM sealring_denial WHERE cursor >= $1 ORDER BY cursor LIMIT $2
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
            SELECT {_TURN} FROM (SELECT FROM {sessions} LIMIT 1) AS one_of_them
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
    """Return what was committed after a cursor; everything, if neither that nor anything later is there.

    Then it was purged, so that little is left to read, or lost.
    """
    most = max(0, limit)
    rows = await connection.fetch(READ, after, most + 1)
    anew = after > 0 and not rows
    if anew:
        after = 0
        rows = await connection.fetch(READ, after, most)
    elif rows and rows[0]["cursor"] == after:
        rows = rows[1:]
    rows = rows[:most]
    return FeedPage(rows[-1]["cursor"] if rows else after, tuple(map(_ROWS.record, rows)), anew=anew)


async def watch(connection: Any, prove_every: float) -> AsyncGenerator[None, None]:  # noqa: ANN401 - the driver has no types
    """Give a turn at the beginning and after every notification, until the connection is lost.

    Args:
        connection: to the server itself; a pooler that gives it to others between transactions loses notifications.
        prove_every: seconds without news after which the connection has to show that it still lives.
    """
    news = asyncio.Event()

    def hear(*_: object) -> None:
        news.set()

    connection.add_termination_listener(hear)
    await connection.add_listener(_CHANNEL, hear)
    while not connection.is_closed():
        # Before the turn: what comes while it is taken brings another one.
        news.clear()
        yield
        while not news.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(prove_every):
                    await news.wait()
            if not news.is_set():
                # A router that forgot the connection tells neither side.
                await connection.execute("SELECT")
    raise asyncpg.ConnectionDoesNotExistError("the connection that hears of denials was closed")


async def purge(connection: Connection, now: float, limit: int) -> int:
    """Delete at most ``limit`` denials that have expired."""
    return affected(await connection.execute(PURGE, now, max(0, limit)))
