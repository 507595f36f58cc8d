"""The in-process denylist that every access token is held against, without I/O.

State is keyed on ``sid``, ``jti`` and ``kid``, never on token bytes: one ES256 token has several valid spellings.
"""

from collections.abc import Iterable

from sealring.revocation.record import ENDED, Denial, DenialKind


class Denylist:
    """What this process knows to be denied.

    An entry lives until the last token that it concerns is dead; ``sweep`` forgets the rest.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, tuple[int, float]] = {}
        self._tokens: dict[str, float] = {}
        self._keys: dict[str, float] = {}

    def __len__(self) -> int:
        """Return the number of entries."""
        return len(self._sessions) + len(self._tokens) + len(self._keys)

    def add(self, denial: Denial) -> None:
        """Take in one denial; a weaker or older one never undoes a stronger one."""
        if denial.kind is DenialKind.SESSION:
            least, expires = self._sessions.get(denial.ident, (0, 0.0))
            self._sessions[denial.ident] = (max(least, denial.least_epoch), max(expires, denial.expires_at))
            return
        table = self._tokens if denial.kind is DenialKind.TOKEN else self._keys
        table[denial.ident] = max(table.get(denial.ident, 0.0), denial.expires_at)

    def add_all(self, denials: Iterable[Denial]) -> None:
        """Take in several denials."""
        for denial in denials:
            self.add(denial)

    def least_epoch(self, session_id: str) -> int:
        """Return the least ``ep`` accepted from a session; 0 when nothing is denied."""
        entry = self._sessions.get(session_id)
        return entry[0] if entry is not None else 0

    def denies_session(self, session_id: str) -> bool:
        """Tell whether a session has ended; one whose epoch was merely raised lives on."""
        return self.least_epoch(session_id) >= ENDED

    def denies_token(self, token_id: str) -> bool:
        """Tell whether the one token with this ``jti`` is denied."""
        return token_id in self._tokens

    def denies_key(self, key_id: str) -> bool:
        """Tell whether the key with this ``kid`` is distrusted."""
        return key_id in self._keys

    def live(self, now: float) -> tuple[Denial, ...]:
        """Return every entry that is still of use, for writing back after a failover."""
        sessions = (Denial(DenialKind.SESSION, ident, *entry) for ident, entry in self._sessions.items())
        tokens = (Denial(DenialKind.TOKEN, ident, 0, expires) for ident, expires in self._tokens.items())
        keys = (Denial(DenialKind.KEY, ident, 0, expires) for ident, expires in self._keys.items())
        return tuple(denial for group in (sessions, tokens, keys) for denial in group if denial.expires_at > now)

    def sweep(self, now: float) -> int:
        """Forget what no living token can be concerned by and return how many entries that were."""
        before = len(self)
        self._sessions = {ident: entry for ident, entry in self._sessions.items() if entry[1] > now}
        self._tokens = {ident: expires for ident, expires in self._tokens.items() if expires > now}
        self._keys = {ident: expires for ident, expires in self._keys.items() if expires > now}
        return before - len(self)
