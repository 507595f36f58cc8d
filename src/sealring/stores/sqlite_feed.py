"""The feed of denials in SQLite: there is one writer at a time, so the order of cursors is the order of commits."""

import sqlite3
from typing import Final

from sealring.revocation.record import Denial, FeedPage
from sealring.stores.sqlite_rows import Mapping

_ROWS: Final = Mapping(Denial)

APPEND: Final = f"INSERT INTO sealring_denial ({_ROWS.columns}) VALUES ({_ROWS.parameters})"  # noqa: S608 - names of fields

READ: Final = f"SELECT cursor, {_ROWS.columns} FROM sealring_denial WHERE cursor > ? ORDER BY cursor LIMIT ?"  # noqa: S608

HEAD: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'sealring_denial'"

PURGE: Final = (
    "DELETE FROM sealring_denial WHERE cursor IN (SELECT cursor FROM sealring_denial WHERE expires_at <= ? LIMIT ?)"
)


def append(connection: sqlite3.Connection, denial: Denial) -> None:
    """Append one denial."""
    connection.execute(APPEND, _ROWS.values(denial))


def read(connection: sqlite3.Connection, after: int, limit: int) -> FeedPage:
    """Return what was committed after a cursor; everything, after a cursor that this file has never given."""
    anew = after > head(connection)
    if anew:
        after = 0
    rows = connection.execute(READ, (after, max(0, limit))).fetchall()
    return FeedPage(rows[-1][0] if rows else after, tuple(_ROWS.record(row[1:]) for row in rows), anew=anew)


def head(connection: sqlite3.Connection) -> int:
    """Return the newest cursor that was ever given; its denial may have been purged since."""
    row = connection.execute(HEAD).fetchone()
    return int(row[0]) if row else 0


def purge(connection: sqlite3.Connection, now: float, limit: int) -> int:
    """Delete at most ``limit`` denials that have expired."""
    return connection.execute(PURGE, (now, max(0, limit))).rowcount
