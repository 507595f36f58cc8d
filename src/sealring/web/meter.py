"""Counts how often somebody did something, in windows of time; bounded in memory."""

import math
from dataclasses import dataclass
from typing import Final

_MOST_NAMES: Final = 4_096


@dataclass(slots=True)
class _Window:
    began_at: float
    count: int


class Meter:
    """Allows a number of acts in a window for each name.

    Args:
        limit: acts that are allowed in a window.
        window: its length in seconds.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._windows: dict[str, _Window] = {}

    def count(self, name: str, now: float) -> int:
        """Count one act.

        Args:
            name: who acts.
            now: seconds of a clock that is never set back.

        Returns:
            0 when it is within the limit, otherwise the seconds until the next window.
        """
        window = self._windows.get(name)
        if window is None or now - window.began_at >= self._window:
            self._forget(now)
            window = self._windows[name] = _Window(now, 0)
        window.count += 1
        return 0 if window.count <= self._limit else math.ceil(window.began_at + self._window - now) or 1

    def _forget(self, now: float) -> None:
        if len(self._windows) < _MOST_NAMES:
            return
        live = {name: each for name, each in self._windows.items() if now - each.began_at < self._window}
        # Starting over is simple and bounded; whoever floods with names gains one window.
        self._windows = live if len(live) < _MOST_NAMES else {}
