"""The key ring in PostgreSQL: small, read and replaced as a whole, each by one statement."""

from collections.abc import Sequence
from typing import Final

from sealring.keys.record import KeyRow, RingSnapshot
from sealring.stores.postgres_connection import Connection
from sealring.stores.postgres_rows import Columns

_ROWS: Final = Columns(KeyRow)

# One statement is one snapshot: the revision and its keys belong together.
LOAD: Final = f"""
    SELECT {_ROWS.of("sealring_ring_key")}, sealring_key_ring.revision
    FROM sealring_key_ring LEFT JOIN sealring_ring_key USING (revision)
    ORDER BY sealring_ring_key.position
"""  # noqa: S608 - the columns are the fields of a dataclass

# Of two that expect the same revision, the second waits for the first and then finds another one. Tables that were made
# by somebody else's migrations have no first revision yet.
REPLACE: Final = f"""
    WITH first AS (
        INSERT INTO sealring_key_ring SELECT true, 1 WHERE ${len(_ROWS.names) + 1} = 0 ON CONFLICT DO NOTHING
        RETURNING revision
    ), next AS (
        UPDATE sealring_key_ring SET revision = revision + 1 WHERE revision = ${len(_ROWS.names) + 1} RETURNING revision
    ), raised AS (
        SELECT revision FROM first UNION ALL SELECT revision FROM next
    ), gone AS (
        DELETE FROM sealring_ring_key USING raised WHERE sealring_ring_key.revision < raised.revision
    ), come AS (
        INSERT INTO sealring_ring_key (revision, {_ROWS.listed}, position)
        SELECT raised.revision, ring.* FROM raised, unnest({_ROWS.unnested}) WITH ORDINALITY AS ring
    )
    SELECT revision FROM raised
"""  # noqa: S608


async def load(connection: Connection) -> RingSnapshot:
    """Return the ring."""
    rows = await connection.fetch(LOAD)
    revision = rows[0]["revision"] if rows else 0
    return RingSnapshot(revision, tuple(_ROWS.record(row) for row in rows if row["kid"] is not None))


async def replace(connection: Connection, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
    """Replace the ring if its revision is the expected one."""
    return await connection.fetchval(REPLACE, *_ROWS.arrays(rows), expected_revision) is not None
