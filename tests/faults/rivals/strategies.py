"""Ways to answer a refresh token, ours by its real rule among them; each holds one session.

A token is a number here. Nothing is signed, and nothing is stored: what differs between the strategies is only what
they make of a token that has been used before.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

from sealring.policy import SessionPolicy
from sealring.sessions import Outcome, Presented, Sender, SessionRow, decide
from sealring.testing.build import make_row

WINDOW: Final = 30.0
"""Seconds after its first use for which the strategies with a window take a token again."""

POLICY: Final = SessionPolicy()


class Session(Protocol):
    """One session of one strategy.

    Attributes:
        ended: whether nobody gets anything for it any more.
    """

    ended: bool

    def present(self, token: int, attempt: str, now: float) -> int | None:
        """Return the token to present the next time, which may be the same one; None refuses."""
        ...

    def use(self, token: int, now: float) -> None:
        """See an access token that came with a refresh token."""
        ...


@dataclass
class StrictSingleUse:
    """A token is good once. Whoever comes with a used one ends the session."""

    newest: int = 1
    ended: bool = False

    def present(self, token: int, attempt: str, now: float) -> int | None:
        if self.ended or token != self.newest:
            self.ended = True
            return None
        self.newest += 1
        return self.newest

    def use(self, token: int, now: float) -> None:
        """Learn nothing from it."""


@dataclass
class ForkWithinWindow:
    """A used token is good for a while, and gives another successor each time: the lines live on side by side."""

    used: dict[int, float] = field(default_factory=dict)
    issued: int = 1
    ended: bool = False

    def present(self, token: int, attempt: str, now: float) -> int | None:
        if self.ended or now - self.used.setdefault(token, now) > WINDOW:
            self.ended = True
            return None
        self.issued += 1
        return self.issued

    def use(self, token: int, now: float) -> None:
        """Learn nothing from it."""


@dataclass
class LastReplayWins:
    """A used token is good for a while, and gives another successor each time, which ends the one before.

    What was replaced before it was ever used is refused, without ending anything.
    """

    newest: int = 1
    before: int = 0
    issued: int = 1
    rotated_at: float = 0.0
    used: set[int] = field(default_factory=set)
    ended: bool = False

    def present(self, token: int, attempt: str, now: float) -> int | None:
        again = token == self.before and now - self.rotated_at <= WINDOW
        if self.ended or not (token == self.newest or again):
            self.ended = self.ended or token in self.used
            return None
        if not again:
            self.before, self.rotated_at = token, now
        self.used.add(token)
        self.issued += 1
        self.newest = self.issued
        return self.newest

    def use(self, token: int, now: float) -> None:
        """Learn nothing from it."""


@dataclass
class UnlimitedReplay:
    """A token is good as long as the session."""

    ended: bool = False

    def present(self, token: int, attempt: str, now: float) -> int | None:
        return None if self.ended else token

    def use(self, token: int, now: float) -> None:
        """Learn nothing from it."""


_SENDER: Final = Sender("todo-web", "firefox")


def _opened() -> SessionRow:
    week = 7 * 86_400.0
    return make_row(
        generation=1, confirmed_generation=0, confirmed_at=0.0, rotated_at=0.0, created_at=0.0, last_seen=0.0,
        auth_time=0.0, idle_seconds=week, idle_end=week, absolute_end=30 * 86_400.0,
    )  # fmt: skip


@dataclass
class Sealring:
    """A row, and the rule itself: ``sealring.sessions.decide``."""

    row: SessionRow = field(default_factory=_opened)
    ended: bool = False

    def present(self, token: int, attempt: str, now: float) -> int | None:
        if self.ended:
            return None
        presented = Presented(token, self.row.secret_hash, attempt, _SENDER, active_at=now, key_version=1)
        decision = decide(self.row, presented, now, POLICY)
        self.ended = decision.end is not None
        if decision.after is None or decision.outcome is Outcome.REVOKED:
            return None
        self.row = decision.after
        return self.row.generation if decision.outcome.gives_refresh_token else token

    def use(self, token: int, now: float) -> None:
        # As a store confirms: never beyond the row's generation, and the moment of the first sight counts.
        seen = min(token, self.row.generation)
        if not self.ended and seen > self.row.confirmed_generation:
            self.row = replace(self.row, confirmed_generation=seen, confirmed_at=now)


STRATEGIES: Final[dict[str, Callable[[], Session]]] = {
    "strict single use": StrictSingleUse,
    "fork within 30 s": ForkWithinWindow,
    "last replay wins, 30 s": LastReplayWins,
    "unlimited replay": UnlimitedReplay,
    "Sealring": Sealring,
}
