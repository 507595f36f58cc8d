"""A week of one browser, hour by hour, with everything that goes wrong on the way, and perhaps a thief.

The browser is awake for eight hours a day and refreshes every ten minutes. Requests and answers take their time and get
lost, a laptop is closed in the middle, and now and then two tabs refresh at the same moment. What happens is drawn from
one seed, so every strategy lives through the same kind of week.
"""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from tests.faults.rivals.strategies import Session

HOUR: Final = 3_600.0
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY
EVERY: Final = 600.0
"""Seconds between two refreshes."""


@dataclass(frozen=True)
class Weather:
    """How often things go wrong: of 1, at each refresh.

    Attributes:
        two_tabs: two tabs refresh at the same moment.
        lost: a request is lost on its way; as often, an answer is.
        slow: a request takes up to five seconds; as often, an answer does.
        nap: somebody who waits in vain closes the laptop, for eight hours.
    """

    two_tabs: float = 0.002
    lost: float = 0.001
    slow: float = 0.02
    nap: float = 0.2


TIMEOUT: Final = 10.0
"""Seconds after which the client gives up waiting."""
_CONFIRMED_AFTER: Final = 1.0
_LATER: Final = HOUR


class Thief(StrEnum):
    """What somebody does with a copy of the cookies."""

    LATER = "later"  # comes back after an hour
    RACE = "race"  # each time a second after the owner was answered
    FIRST = "first"  # each time a second before the owner asks


@dataclass
class Week:
    """One browser, its session, and what came of both.

    Attributes:
        session: of the strategy under test.
        chance: everything that is left to chance.
        weather: how often things go wrong.
        thief: what is done with a copy of the cookies, or None where nobody takes one.
        logged_out: whether the browser was refused.
        robbed: when the thief was given something for the first time, or None.
        freed: when the thief was refused, or None.
        stolen: whether there was something to steal.
        thief_acted: whether the thief has presented anything.
    """

    session: Session
    chance: random.Random
    weather: Weather = field(default_factory=Weather)
    thief: Thief | None = None
    logged_out: bool = False
    robbed: float | None = None
    freed: float | None = None
    stolen: bool = False
    thief_acted: bool = False
    _now: float = 0.0
    _jar: int = 1
    _attempt: str = "1"
    _renewals: int = 0
    _copy: int = 0
    _queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _sequence: int = 0

    @property
    def is_spurious(self) -> bool:
        """Whether the browser was refused although nobody else had done anything."""
        return self.logged_out and not self.thief_acted

    @property
    def dwell(self) -> float:
        """Seconds for which a thief got something for its copy, up to the end of the week."""
        return 0.0 if self.robbed is None else (self.freed or WEEK) - self.robbed

    def live(self) -> "Week":
        """Let the week pass."""
        self._at(_CONFIRMED_AFTER, lambda: self.session.use(1, self._now))
        for day in range(7):
            for index in range(int(8 * HOUR / EVERY)):
                self._at(day * DAY + 8 * HOUR + index * EVERY, self._refresh_all)
        if self.thief is not None:
            # In the first two hours, between two refreshes: a week later, many a strategy has nothing left to steal.
            self._at(8 * HOUR + (self.chance.randrange(12) + 0.5) * EVERY, self._steal)
        while self._queue and not (self.session.ended and self.logged_out):
            self._now, _, act = heapq.heappop(self._queue)
            if self._now >= WEEK:
                break
            act()
            if self.session.ended and self.robbed is not None and self.freed is None:
                self.freed = self._now
        return self

    def _at(self, when: float, act: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (when, self._sequence, act))

    # The owner

    def _refresh_all(self) -> None:
        if self.logged_out:
            return
        if self.stolen and self.thief is Thief.FIRST:
            self._act_as_thief()
        for _ in range(2 if self.chance.random() < self.weather.two_tabs else 1):
            self._at(self._now + 1.0, self._send)

    def _send(self) -> None:
        if self.logged_out:
            return
        token, attempt, asked = self._jar, self._attempt, self._renewals
        if self.chance.random() < self.weather.lost:
            self._wait_in_vain()
        else:
            self._at(self._now + self._way(), lambda: self._arrive(token, attempt, asked))

    def _arrive(self, token: int, attempt: str, asked: int) -> None:
        given = self.session.present(token, attempt, self._now)
        if self.chance.random() < self.weather.lost:
            self._wait_in_vain()
        else:
            self._at(self._now + self._way(), lambda: self._hear(given, asked))

    def _hear(self, given: int | None, asked: int) -> None:
        if given is None:
            # Where another tab has refreshed meanwhile, what it was told is newer than this refusal.
            self.logged_out = self.logged_out or self._renewals == asked
            return
        if given != self._jar:
            self._attempt = f"{self.chance.getrandbits(64):x}"
        self._jar = given
        self._renewals += 1
        self._at(self._now + _CONFIRMED_AFTER, lambda: self.session.use(given, self._now))
        if self.stolen and self.thief is Thief.RACE:
            self._at(self._now + 1.0, self._act_as_thief)

    def _wait_in_vain(self) -> None:
        nap = 8 * HOUR if self.chance.random() < self.weather.nap else 0.0
        self._at(self._now + TIMEOUT + nap, self._send)

    def _way(self) -> float:
        return self.chance.uniform(0.02, 5.0 if self.chance.random() < self.weather.slow else 0.3)

    # The thief

    def _steal(self) -> None:
        if self.logged_out:
            return
        self.stolen, self._copy = True, self._jar
        if self.thief is Thief.LATER:
            self._at(self._now + _LATER, self._come_back)

    def _come_back(self) -> None:
        self._act_as_thief()
        self._at(self._now + EVERY, self._come_back)

    def _act_as_thief(self) -> None:
        if self.freed is not None:
            return
        self.thief_acted = True
        given = self.session.present(self._copy, f"thief {self.chance.getrandbits(64):x}", self._now)
        if given is None:
            self.freed = self._now
            return
        self.robbed = self._now if self.robbed is None else self.robbed
        self._copy = given
        self.session.use(given, self._now)
