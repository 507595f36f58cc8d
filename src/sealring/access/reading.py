"""Reads claims by name and type, strictly: a claim of the wrong type makes the token invalid, it is never coerced."""

import re
from collections.abc import Mapping

from sealring.errors import TokenInvalid

# RFC 7519 section 2: a NumericDate; the upper end is 9999-12-31T23:59:59Z, beyond is no date.
LATEST_DATE = 253_402_300_799
_LARGEST_COUNTER = 2**53 - 1
_NUMBER = (int, float)  # made once: this is asked for every date of every token
_SESSION_ID = re.compile(r"[0-9a-f]{32}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")


class PayloadReader:
    """Gives the claims of one payload.

    Args:
        payload: the parsed JSON object of a token whose signature is good.
    """

    def __init__(self, payload: Mapping[str, object]) -> None:
        self._payload = payload

    def text(self, name: str, *, longest: int = 255) -> str:
        """Return a claim that is a string of 1 to ``longest`` characters."""
        value = self._payload.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= longest:
            raise TokenInvalid(f"claim {name} is missing or no text of 1 to {longest} characters")
        return value

    def date(self, name: str) -> float:
        """Return a claim that is a NumericDate (RFC 7519 section 2)."""
        value = self._payload.get(name)
        # A bool is an int in Python and no number in JSON.
        if isinstance(value, bool) or not isinstance(value, _NUMBER) or not 0 <= value <= LATEST_DATE:
            raise TokenInvalid(f"claim {name} is missing or no date")
        return value

    def optional_date(self, name: str) -> float | None:
        """Return a NumericDate, or None when the claim is absent; null is not absent."""
        return self.date(name) if name in self._payload else None

    def counter(self, name: str) -> int:
        """Return a claim that is a whole number from 0."""
        value = self._payload.get(name)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST_COUNTER:
            raise TokenInvalid(f"claim {name} is missing or no whole number from 0")
        return value

    def session_id(self) -> str:
        """Return ``sid``: 32 hex characters."""
        value = self.text("sid")
        if not _SESSION_ID.fullmatch(value):
            raise TokenInvalid("claim sid is no session id")
        return value

    def audience(self) -> tuple[str, ...]:
        """Return ``aud`` (RFC 7519 section 4.1.3): one string, or a list of strings that is not empty."""
        value = self._payload.get("aud")
        members = [value] if isinstance(value, str) else value
        if not isinstance(members, list) or not members or not all(isinstance(item, str) and item for item in members):
            raise TokenInvalid("claim aud is missing or no list of texts")
        return tuple(members)

    def scope(self) -> tuple[str, ...]:
        """Return ``scope`` (RFC 6749 section 3.3); empty when the claim is absent."""
        if "scope" not in self._payload:
            return ()
        value = self.text("scope", longest=4096)
        if not _SCOPE.fullmatch(value):
            raise TokenInvalid("claim scope is no list of scope tokens")
        return tuple(value.split(" "))

    def amr(self) -> tuple[str, ...]:
        """Return ``amr`` (RFC 8176); empty when the claim is absent."""
        value = self._payload.get("amr", [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise TokenInvalid("claim amr is no list of texts")
        return tuple(value)

    def others(self, names: frozenset[str]) -> dict[str, object]:
        """Return the claims whose names are not among some."""
        return {name: value for name, value in self._payload.items() if name not in names}
