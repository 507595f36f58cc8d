"""The in-process denylist that every access token is held against, without I/O.

State is keyed on ``sid``, ``jti`` and ``kid``, never on token bytes: one ES256 token has several valid spellings.
"""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from sealring.revocation.record import ENDED, Denial, DenialKind

_SPAN: Final = 10.0
"""Entries whose last token dies within the same span of seconds are forgotten together, at its end."""

_AT_ONCE: Final = 5_000
"""Entries forgotten by one sweep at most: a few milliseconds, however many are spent."""

_FOR_EVER: Final = (0, math.inf)

_Entry = tuple[int, float]  # the least epoch accepted, and when it may be forgotten


class Denylist:
    """What this process knows to be denied.

    An entry lives until the last token that it concerns is dead, and up to ten seconds longer. Each kind is one
    dictionary, so a check is one look-up; entries that are spent together wait in one list, so that forgetting them
    needs no walk over the others.
    """

    def __init__(self) -> None:
        self._sessions = _Entries()
        self._tokens = _Entries()
        self._keys = _Entries()
        self._tables = {
            DenialKind.SESSION: self._sessions,
            DenialKind.TOKEN: self._tokens,
            DenialKind.KEY: self._keys,
        }
        self._listeners: list[Callable[[Denial], None]] = []

    def subscribe(self, listener: Callable[[Denial], None]) -> Callable[[], None]:
        """Call a function with each denial right after it is taken in, known or new.

        Args:
            listener: must be quick; what it raises reaches whoever adds.

        Returns:
            What ends it.
        """
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def __len__(self) -> int:
        """Return the number of entries."""
        return sum(len(table.known) for table in self._tables.values())

    def add(self, denial: Denial) -> None:
        """Take in one denial; a weaker or older one never undoes a stronger one."""
        least = denial.least_epoch if denial.kind is DenialKind.SESSION else ENDED
        self._tables[denial.kind].add(denial.ident, least, denial.expires_at)
        for listener in self._listeners:
            listener(denial)

    def add_all(self, denials: Iterable[Denial]) -> None:
        """Take in several denials."""
        for denial in denials:
            self.add(denial)

    def least_epoch(self, session_id: str) -> int:
        """Return the least ``ep`` accepted from a session; 0 when nothing is denied."""
        entry = self._sessions.known.get(session_id)
        return entry[0] if entry is not None else 0

    def denies_session(self, session_id: str) -> bool:
        """Tell whether a session has ended; one whose epoch was merely raised lives on."""
        return self.least_epoch(session_id) >= ENDED

    def denies_token(self, token_id: str) -> bool:
        """Tell whether the one token with this ``jti`` is denied."""
        return token_id in self._tokens.known

    def denies_key(self, key_id: str) -> bool:
        """Tell whether the key with this ``kid`` is distrusted."""
        return key_id in self._keys.known

    def covers(self, denial: Denial) -> bool:
        """Tell whether everything that a denial refuses is refused already."""
        least, _ = self._tables[denial.kind].known.get(denial.ident, (0, 0.0))
        return least >= (denial.least_epoch if denial.kind is DenialKind.SESSION else ENDED)

    def live(self, now: float) -> Iterator[Denial]:
        """Give every entry that is still of use, for writing back after a failover; more may be added meanwhile."""
        for kind, table in self._tables.items():
            # A copy of the names alone: whoever takes his time must not hold up the news.
            for ident in tuple(table.known):
                least, until = table.known.get(ident, (0, 0.0))
                if until > now:
                    yield Denial(kind, ident, least if kind is DenialKind.SESSION else 0, until)

    def sweep(self, now: float) -> int:
        """Forget what no living token can be concerned by and return how many entries that were.

        One call forgets 5,000 of each kind at most, so that nobody waits for it; what is left is for the next one.
        """
        return sum(table.sweep(now) for table in self._tables.values())


class _Entries:
    """The entries of one kind."""

    def __init__(self) -> None:
        self.known: dict[str, _Entry] = {}
        self._due: dict[float, list[str]] = {}
        self._ends: list[float] = []  # the keys of the above, as a heap
        self._last: _Entry = (0, 0.0)

    def add(self, ident: str, least: int, expires_at: float) -> None:
        until = math.ceil(expires_at / _SPAN) * _SPAN
        known = self.known.get(ident)
        if known is not None:
            if least <= known[0] and until <= known[1]:
                return
            least, until = max(least, known[0]), max(until, known[1])
        if known is None or until > known[1]:
            self._wait(ident, until)
        # News of one moment are alike, and share one pair.
        if self._last != (least, until):
            self._last = (least, until)
        self.known[ident] = self._last

    def _wait(self, ident: str, until: float) -> None:
        if until not in self._due:
            self._due[until] = []
            heapq.heappush(self._ends, until)
        self._due[until].append(ident)

    def sweep(self, now: float) -> int:
        forgotten = 0
        for _ in range(_AT_ONCE):
            if not self._ends or self._ends[0] > now:
                break
            due = self._due[self._ends[0]]
            if not due:
                del self._due[heapq.heappop(self._ends)]
                continue
            ident = due.pop()
            # What was denied again since waits in a later list as well, and is forgotten by the last of them.
            if self.known.get(ident, _FOR_EVER)[1] <= now:
                del self.known[ident]
                forgotten += 1
        return forgotten
