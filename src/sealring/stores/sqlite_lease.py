"""Leases in SQLite."""

import sqlite3
from typing import Final

TAKE: Final = """
    INSERT INTO sealring_lease (name, holder, until) VALUES (:name, :holder, :now + :seconds)
    ON CONFLICT DO UPDATE SET holder = excluded.holder, until = excluded.until
    WHERE holder = excluded.holder OR until <= :now OR until > :now + 2 * :seconds
"""

LEAVE: Final = "DELETE FROM sealring_lease WHERE name = ? AND holder = ?"


def take(connection: sqlite3.Connection, name: str, holder: str, now: float, seconds: float) -> bool:
    """Take a lease that is free, or prolong it."""
    asked = {"name": name, "holder": holder, "now": now, "seconds": seconds}
    return connection.execute(TAKE, asked).rowcount == 1


def leave(connection: sqlite3.Connection, name: str, holder: str) -> None:
    """Give a lease back."""
    connection.execute(LEAVE, (name, holder))
