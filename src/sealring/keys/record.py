"""The rows of the key ring as a store keeps them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final


class KeyState(StrEnum):
    """Where a key stands in its life; it only ever moves down this list, or straight to ``distrusted``."""

    ANNOUNCED = "announced"
    """Published, not signing yet: verifiers learn it before it is used."""
    ACTIVE = "active"
    """Signs. A ring has exactly one."""
    RETIRING = "retiring"
    """Verifies only, until the last token it signed is dead."""
    RETIRED = "retired"
    """Out of use; the private key is gone, the row tells an old token from a forged one."""
    DISTRUSTED = "distrusted"
    """Refused at once everywhere after an emergency; the private key is gone."""

    @property
    def verifies(self) -> bool:
        """Whether tokens signed by a key in this state are good."""
        return self in _VERIFYING


# Outside of the class, where a look-up is cheap: this is asked at every request.
_VERIFYING: Final = (KeyState.ACTIVE, KeyState.ANNOUNCED, KeyState.RETIRING)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key. All times are seconds since the epoch, None for what has not happened.

    Attributes:
        kid: RFC 7638 thumbprint of the public key.
        alg: the one algorithm of the key.
        public_jwk: the public JWK as compact JSON, ``kid``, ``alg`` and ``use`` included.
        state: where the key stands.
        kek_version: the key-encryption key that sealed the row.
        wrapped: the private key (nothing, for a retired or distrusted key) under authenticated encryption; it
            authenticates every other field of the row.
        created_at: when the key was made.
        activated_at: when it began to sign.
        retiring_at: when it stopped signing.
        retired_at: when it went out of use.
        distrusted_at: when it was declared unsafe.
    """

    kid: str
    alg: str
    public_jwk: str
    state: KeyState
    kek_version: int
    wrapped: bytes = field(repr=False)
    created_at: float
    activated_at: float | None = None
    retiring_at: float | None = None
    retired_at: float | None = None
    distrusted_at: float | None = None


@dataclass(frozen=True, slots=True)
class RingSnapshot:
    """The whole ring at one moment.

    Attributes:
        revision: counts the replacements of the ring; 0 for a store that never had one.
        rows: every key, in the order in which they were given to ``replace_ring``.
    """

    revision: int
    rows: tuple[KeyRow, ...]
