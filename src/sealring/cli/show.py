"""Tables for people."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Column, Table

from sealring.keys.record import KeyRow
from sealring.sessions.record import SessionRow


def stamp(seconds: float | None) -> str:
    """Return a moment as ISO 8601 in UTC; a dash for none.

    Args:
        seconds: since the epoch, or None.
    """
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def key_table(rows: Iterable[KeyRow]) -> None:
    """Print the keys as a table."""
    table = Table(_id_column("key id"), "algorithm", "state", "created", "active since", "sealed under")
    for row in rows:
        table.add_row(
            row.kid, row.alg, row.state, stamp(row.created_at), stamp(row.activated_at), f"version {row.kek_version}"
        )
    Console().print(table)


def session_table(rows: Iterable[SessionRow]) -> None:
    """Print sessions as a table."""
    table = Table(_id_column("session"), "device", "generation", "opened", "last seen", "ends")
    for row in rows:
        table.add_row(
            row.session_id,
            row.device,
            str(row.generation),
            stamp(row.created_at),
            stamp(row.last_seen),
            stamp(row.end),
        )
    Console().print(table)


def _id_column(name: str) -> Column:
    # An id that is cut off cannot be copied into the next command.
    return Column(name, overflow="fold", no_wrap=True)
