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


class Denylist:
    """What this process knows to be denied.

    An entry lives until the last token that it concerns is dead, and up to ten seconds longer. What every request asks
    for stands in plain sets, so a check is one look-up; entries that are spent together wait in one list, so that
    forgetting them needs no walk over the others.
    """

    def __init__(self) -> None:
        self._ended = _Names()
        self._raised = _Names()
        self._tokens = _Names()
        self._keys = _Names()
        self._epochs: dict[str, int] = {}  # the least epoch of each name in `_raised`
        # The same sets, within reach of every request.
        self._ended_ids, self._token_ids = self._ended.known, self._tokens.known
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
        """Return the number of sessions, tokens and keys."""
        raised = self._raised.known
        only_raised = raised if not self._ended.known else raised - self._ended.known
        return len(self._ended.known) + len(only_raised) + len(self._tokens.known) + len(self._keys.known)

    def add(self, denial: Denial) -> None:
        """Take in one denial; a weaker or older one never undoes a stronger one."""
        if denial.kind is DenialKind.TOKEN:
            self._tokens.add(denial.ident, denial.expires_at)
        elif denial.kind is DenialKind.KEY:
            self._keys.add(denial.ident, denial.expires_at)
        elif denial.least_epoch >= ENDED:
            self._ended.add(denial.ident, denial.expires_at)
        elif denial.least_epoch > 0:
            self._raised.add(denial.ident, denial.expires_at)
            self._epochs[denial.ident] = max(denial.least_epoch, self._epochs.get(denial.ident, 0))
        for listener in self._listeners:
            listener(denial)

    def add_all(self, denials: Iterable[Denial]) -> None:
        """Take in several denials."""
        for denial in denials:
            self.add(denial)

    def least_epoch(self, session_id: str) -> int:
        """Return the least ``ep`` accepted from a session; 0 when nothing is denied."""
        if session_id in self._ended_ids:
            return ENDED
        return self._epochs.get(session_id, 0)

    def denies_session(self, session_id: str) -> bool:
        """Tell whether a session has ended; one whose epoch was merely raised lives on."""
        return session_id in self._ended_ids

    def denies_token(self, token_id: str) -> bool:
        """Tell whether the one token with this ``jti`` is denied."""
        return token_id in self._token_ids

    def denies_key(self, key_id: str) -> bool:
        """Tell whether the key with this ``kid`` is distrusted."""
        return key_id in self._keys.known

    def covers(self, denial: Denial) -> bool:
        """Tell whether everything that a denial refuses is refused already."""
        if denial.kind is DenialKind.TOKEN:
            return self.denies_token(denial.ident)
        if denial.kind is DenialKind.KEY:
            return self.denies_key(denial.ident)
        return self.least_epoch(denial.ident) >= min(denial.least_epoch, ENDED)

    def live(self, now: float) -> Iterator[Denial]:
        """Give every entry that is still of use, for writing back after a failover; more may be added meanwhile."""
        for ident, until in self._ended.live(now):
            yield Denial(DenialKind.SESSION, ident, ENDED, until)
        for ident, until in self._raised.live(now):
            yield Denial(DenialKind.SESSION, ident, self._epochs.get(ident, 0), until)
        for ident, until in self._tokens.live(now):
            yield Denial(DenialKind.TOKEN, ident, 0, until)
        for ident, until in self._keys.live(now):
            yield Denial(DenialKind.KEY, ident, 0, until)

    def sweep(self, now: float) -> int:
        """Forget what no living token can be concerned by and return how many entries that were.

        One call looks at 5,000 of each kind at most, so that nobody waits for it; what is left is for the next one.
        """
        forgotten = [*self._ended.sweep(now), *self._tokens.sweep(now), *self._keys.sweep(now)]
        for ident in (raised := self._raised.sweep(now)):
            del self._epochs[ident]
        return len(forgotten) + len(raised)


class _Names:
    """Names that are denied, each until a moment."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self._due: dict[float, list[str]] = {}
        self._ends: list[float] = []  # the keys of the above, as a heap
        self._again: dict[str, int] = {}  # how many more lists a name waits in than the one that is usual

    def add(self, ident: str, expires_at: float) -> None:
        if ident in self.known:
            self._again[ident] = self._again.get(ident, 0) + 1
        until = math.ceil(expires_at / _SPAN) * _SPAN
        if until not in self._due:
            self._due[until] = []
            heapq.heappush(self._ends, until)
        self._due[until].append(ident)
        self.known.add(ident)

    def live(self, now: float) -> Iterator[tuple[str, float]]:
        for until, idents in tuple(self._due.items()):
            if until > now:
                # Copied, for whoever takes his time must not hold up the news.
                yield from ((ident, until) for ident in tuple(idents))

    def sweep(self, now: float) -> list[str]:
        forgotten: list[str] = []
        for _ in range(_AT_ONCE):
            if not self._ends or self._ends[0] > now:
                break
            due = self._due[self._ends[0]]
            if not due:
                del self._due[heapq.heappop(self._ends)]
                continue
            ident = due.pop()
            # The lists come in the order of their ends, so the last one that a name waits in is that of its latest.
            if ident in self._again:
                self._waits_once_less(ident)
            else:
                self.known.discard(ident)
                forgotten.append(ident)
        return forgotten

    def _waits_once_less(self, ident: str) -> None:
        self._again[ident] -= 1
        if not self._again[ident]:
            del self._again[ident]
