"""What the browsers and the thieves of a lab have lived through, in values that travel as JSON between processes."""

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

AFTER_THE_END = "tokens after the end"
"""What a life is never told, unless the store has forgotten the end."""


def fingerprint(token: str) -> str:
    """Return what tells one refresh token from another without being one."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


@dataclass
class Life:
    """One holder of a session: a browser, or a thief with a copy of its cookies.

    Attributes:
        name: of the holder.
        subject: the account.
        session_id: the session.
        generation: the newest that it was told.
        over: the code that ended it, or None.
        outcomes: of its refreshes, in their order.
        told: how often it was told which code; ``offline`` is no answer at all.
        was_over: whether that was so before the round that is being played.
        tokens: fingerprints of the refresh tokens it was given, by generation.
    """

    name: str
    subject: str
    session_id: str = ""
    generation: int = 0
    over: str | None = None
    was_over: bool = False
    outcomes: list[str] = field(default_factory=list)
    told: Counter[str] = field(default_factory=Counter)
    tokens: dict[int, set[str]] = field(default_factory=dict)

    def given(self, body: dict[str, Any], token: str | None) -> None:
        """Note an answer that gave tokens."""
        self.session_id = str(body["session_id"])
        self.generation = max(self.generation, int(body["generation"]))
        self.outcomes.append(str(body["outcome"]))
        self.told[AFTER_THE_END] += self.was_over
        if token is not None:
            self.tokens.setdefault(int(body["generation"]), set()).add(fingerprint(token))

    def end(self, code: str) -> None:
        """Note that the session is over; the first reason counts."""
        self.over = self.over or code

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        tokens = {str(generation): sorted(prints) for generation, prints in self.tokens.items()}
        return {**asdict(self), "told": dict(self.told), "tokens": tokens}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Life":
        """Return what :meth:`to_json` wrote."""
        tokens = {int(generation): set(prints) for generation, prints in value["tokens"].items()}
        return cls(**{**value, "told": Counter(value["told"]), "tokens": tokens})
