"""Looks at rows again and again, and knows what may never happen to one, whatever else happens."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from sealring.sessions import SessionRow

_ALWAYS: Final[dict[str, Callable[[SessionRow], bool]]] = {
    "its generation is 1 or more": lambda row: row.generation >= 1,
    "nothing is confirmed that was never made": lambda row: row.confirmed_generation <= row.generation,
    "no replay is counted in a generation that was never made": lambda row: row.replay_generation <= row.generation,
    "a streak has a generation": lambda row: (row.replay_streak > 0) <= (row.replay_generation > 0),
    "the idle end is not past the absolute one": lambda row: row.idle_end <= row.absolute_end,
    "it has a reason if and only if it was ended": lambda row: (row.revoked_at is None) == (row.revoked_reason is None),
}

_FROZEN: Final = (
    "sid", "subject", "subject_epoch", "client_id", "secret_hash", "absolute_end", "idle_seconds", "created_at",
    "auth_time", "persistent", "cnf_thumbprint",
)  # fmt: skip
_ONLY_UP: Final = ("generation", "confirmed_generation", "replay_generation", "ep", "idle_end", "last_seen")


@dataclass
class Watch:
    """What the rows were when they were last looked at, and what was wrong with them.

    Attributes:
        known: the rows by their sid.
        faults: sentences.
        looks: how often a row was looked at.
    """

    known: dict[bytes, SessionRow] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    looks: int = 0

    def see(self, subject: str, rows: Iterable[SessionRow], now: float) -> None:
        """Take in the rows of an account that are not revoked; there is one login, so there is at most one."""
        live = [row for row in rows if row.is_live(now)]
        if len(live) > 1:
            self.faults.append(f"{subject} has {len(live)} live sessions")
        for row in live:
            self.known.setdefault(row.sid, row)

    def look(self, sid: bytes, now: SessionRow | None) -> None:
        """Hold a row against what it was."""
        self.looks += 1
        before = self.known[sid]
        if now is None:
            self.faults.append(f"{before.session_id} is gone")
            return
        self.faults += [
            f"{before.session_id}: not true that {rule}" for rule, holds in _ALWAYS.items() if not holds(now)
        ]
        self.faults += [f"{before.session_id}: {what}" for what in _changes(before, now)]
        self.known[sid] = now

    def begin_anew(self, rows: Iterable[SessionRow]) -> None:
        """Begin anew with the rows of a store that has fallen back."""
        self.known = {row.sid: row for row in rows}


def _changes(before: SessionRow, now: SessionRow) -> list[str]:
    wrong = [f"{name} changed" for name in _FROZEN if getattr(before, name) != getattr(now, name)]
    wrong += [f"{name} went back" for name in _ONLY_UP if getattr(before, name) > getattr(now, name)]
    if before.revoked_at is not None:
        if now.revoked_at is None:
            wrong.append("it was ended and lives again")
        elif before != now:
            wrong.append("it changed after its end")
    return wrong
