"""The cache of verified tokens: what of a verdict may be kept, for how many, and how it is found again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import sha256
from types import NoneType
from typing import Final, Generic
from uuid import UUID

from pydantic import BaseModel

from sealring.access.claims import AccessToken, ClaimsT
from sealring.jose import MAX_TOKEN_BYTES, VerificationKey

CACHED_TOKENS: Final = 8_192
"""Verified tokens that a verifier keeps by default; each takes some 2 KB."""

_CONSTANT: Final = frozenset({NoneType, bool, int, float, str, bytes, Decimal, date, datetime, time, timedelta, UUID})
_GROUPS: Final = (tuple, frozenset)


@dataclass(frozen=True, slots=True)
class Times:
    """The times of a token as it says them, in seconds since the epoch, fractions included.

    Attributes:
        issued_at: ``iat``.
        expires_at: ``exp``.
        not_before: ``nbf``, None when it is absent.
    """

    issued_at: float
    expires_at: float
    not_before: float | None


@dataclass(frozen=True, slots=True)
class CachedToken(Generic[ClaimsT]):
    """What never changes about a token that was found good; everything else is asked again each time.

    Attributes:
        key: verified its signature.
        times: as the token says them.
        token: what it says.
        values: the application's claims, to be read anew each time because what was read from them could be changed;
            None where nobody can change it, so that ``token`` itself is given again.
    """

    key: VerificationKey
    times: Times
    token: AccessToken[ClaimsT]
    values: Mapping[str, object] | None


class TokenCache(Generic[ClaimsT]):
    """Good tokens by the digest of their text: bounded, and nothing in it could be presented as a token.

    It belongs to one verifier with one policy. Only who holds good tokens can fill it, so strangers push nothing out.

    Args:
        most: tokens that are kept; 0 for none.
    """

    def __init__(self, most: int = CACHED_TOKENS) -> None:
        # Two halves that take turns: a token that is used moves to the young one, the old one is dropped as a whole.
        self._half = -(-most // 2)
        self._young: dict[bytes, CachedToken[ClaimsT]] = {}
        self._old: dict[bytes, CachedToken[ClaimsT]] = {}

    def __len__(self) -> int:
        """Return how many tokens are kept; one that has just moved counts twice."""
        return len(self._young) + len(self._old)

    def get(self, digest: bytes) -> CachedToken[ClaimsT] | None:
        """Return what is known of the token with a digest."""
        cached = self._young.get(digest)
        if cached is None and (cached := self._old.get(digest)) is not None:
            self.add(digest, cached)
        return cached

    def add(self, digest: bytes, cached: CachedToken[ClaimsT]) -> None:
        """Keep a token that was found good."""
        if len(self._young) >= self._half:
            self._young, self._old = {}, self._young
        if digest and self._half:
            self._young[digest] = cached

    def clear(self) -> None:
        """Forget everything."""
        self._young, self._old = {}, {}


def digest_of(text: str) -> bytes:
    """Return the SHA-256 of a token's whole text, or nothing for what cannot be a token."""
    if not isinstance(text, str):
        return b""
    # What is longer, the verifier refuses; it must cost nothing.
    return sha256(text.encode()).digest() if len(text) <= MAX_TOKEN_BYTES and text.isascii() else b""


def is_constant(value: object) -> bool:
    """Tell whether nobody who is given a value can change it for the next one: all the way down."""
    kind = type(value)
    if kind in _CONSTANT:
        return True
    if isinstance(value, BaseModel):
        if value.__pydantic_private__ or value.__pydantic_extra__ or not value.model_config.get("frozen"):
            return False
        return all(map(is_constant, value.__dict__.values()))
    if isinstance(value, _GROUPS):
        return kind in _GROUPS and all(map(is_constant, value))
    return isinstance(value, Enum)
