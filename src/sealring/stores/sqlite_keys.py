"""The key ring in SQLite: small, read and replaced as a whole."""

import sqlite3
from collections.abc import Sequence
from typing import Final

from sealring.keys.record import KeyRow, RingSnapshot
from sealring.stores.sqlite_rows import Mapping

_ROWS: Final = Mapping(KeyRow)

READ_REVISION: Final = "SELECT revision FROM sealring_key_ring WHERE only_one = 1"
READ_KEYS: Final = f"SELECT {_ROWS.columns} FROM sealring_ring_key ORDER BY position"  # noqa: S608 - names of fields
BEGIN_REVISIONS: Final = "INSERT INTO sealring_key_ring (only_one, revision) VALUES (1, 0) ON CONFLICT DO NOTHING"
RAISE_REVISION: Final = "UPDATE sealring_key_ring SET revision = revision + 1 WHERE only_one = 1 AND revision = ?"
DELETE_KEYS: Final = "DELETE FROM sealring_ring_key"
INSERT_KEY: Final = f"INSERT INTO sealring_ring_key ({_ROWS.columns}) VALUES ({_ROWS.parameters})"  # noqa: S608


def load(connection: sqlite3.Connection) -> RingSnapshot:
    """Return the ring; both reads are of one snapshot, because the caller began a transaction."""
    # Tables that were made by somebody else's migrations have no first revision yet.
    (revision,) = connection.execute(READ_REVISION).fetchone() or (0,)
    return RingSnapshot(revision, tuple(map(_ROWS.record, connection.execute(READ_KEYS).fetchall())))


def replace(connection: sqlite3.Connection, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
    """Replace the ring if its revision is the expected one."""
    if expected_revision == 0:
        connection.execute(BEGIN_REVISIONS)
    if connection.execute(RAISE_REVISION, (expected_revision,)).rowcount != 1:
        return False
    connection.execute(DELETE_KEYS)
    connection.executemany(INSERT_KEY, map(_ROWS.values, rows))
    return True
