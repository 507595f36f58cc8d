"""The only place of the package that reads the time.

Every operation reads its clock once and passes ``now`` on, so that one operation has one time.
"""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of wall-clock time."""

    def now(self) -> float:
        """Return the seconds since the epoch (UTC)."""
        ...

    def monotonic(self) -> float:
        """Return the seconds since some moment; unlike the time of day, it is never set back."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> float:
        """Return the seconds since the epoch (UTC)."""
        return time.time()

    def monotonic(self) -> float:
        """Return the seconds since some moment."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is told otherwise; for tests.

    Args:
        start: seconds since the epoch at which it stands; default 2026-01-01 00:00:00 UTC.
    """

    def __init__(self, start: float = 1_767_225_600.0) -> None:
        self._now = start
        self._passed = 0.0

    def now(self) -> float:
        """Return the seconds since the epoch at which the clock stands."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that the clock was moved forward by."""
        return self._passed

    def advance(self, seconds: float) -> None:
        """Move the clock by a number of seconds; negative sets the time of day back."""
        self._now += seconds
        self._passed += max(0.0, seconds)
