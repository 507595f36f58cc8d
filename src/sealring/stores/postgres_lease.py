"""Leases in PostgreSQL."""

from typing import Final

from sealring.stores.postgres_connection import Connection, affected

TAKE: Final = """
    INSERT INTO sealring_lease AS held (name, holder, until)
    VALUES ($1, $2, $3::double precision + $4::double precision)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE held.holder = excluded.holder OR held.until <= $3 OR held.until > $3 + 2 * $4
"""

LEAVE: Final = "DELETE FROM sealring_lease WHERE name = $1 AND holder = $2"


async def take(connection: Connection, name: str, holder: str, now: float, seconds: float) -> bool:
    """Take a lease that is free, or prolong it."""
    return affected(await connection.execute(TAKE, name, holder, now, seconds)) == 1


async def leave(connection: Connection, name: str, holder: str) -> None:
    """Give a lease back."""
    await connection.execute(LEAVE, name, holder)
