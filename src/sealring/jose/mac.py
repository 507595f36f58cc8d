"""HMAC with SHA-2 (RFC 7518 section 3.2): for tokens of others, never for access tokens."""

import hmac
import secrets
from collections.abc import Mapping
from typing import Final

from sealring.errors import KeyRefused
from sealring.jose.encoding import b64u_encode
from sealring.jose.primitives import Algorithm, octets_member
from sealring.jose.weak_secrets import weakness


class Hmac(Algorithm[bytes, bytes]):
    """HMAC with one hash.

    Args:
        name: the ``alg`` value.
        digest: the hash, by the name that :mod:`hashlib` gives it.
        size: octets of the hash's output.
    """

    kty = "oct"
    symmetric = True
    # RFC 7638 section 7: the thumbprint of a secret may help to guess it, so it has none.
    thumbprint_members = ()

    def __init__(self, name: str, digest: str, size: int) -> None:
        super().__init__(name)
        self._digest: Final = digest
        self._size: Final = size

    def generate(self) -> bytes:
        """Return a secret as long as the hash."""
        return secrets.token_bytes(self._size)

    def check_private(self, key: object) -> bytes:
        """Return the secret, or raise KeyRefused: short, or known to everybody."""
        if not isinstance(key, bytes):
            raise KeyRefused("a MAC key is octets")
        # RFC 7518 section 3.2: "A key of the same size as the hash output [...] or larger MUST be used".
        if len(key) < self._size:
            raise KeyRefused(f"a key for {self.name} has at least {self._size} octets")
        if why := weakness(key):
            raise KeyRefused(f"the secret {why}")
        return key

    def pkcs8(self, key: bytes) -> bytes:
        """Raise KeyRefused: PKCS #8 has no form for a secret."""
        raise KeyRefused("a symmetric key has no PKCS #8 form")

    def public_of(self, key: bytes) -> bytes:
        """Return the secret itself: whoever can verify can sign."""
        return key

    def sign(self, key: bytes, data: bytes) -> bytes:
        """Return the whole MAC."""
        return hmac.digest(key, data, self._digest)

    def verify(self, key: bytes, data: bytes, signature: bytes) -> bool:
        """Tell whether the MAC is that of the data."""
        # RFC 7518 section 3.2: the comparison "MUST be done in a constant-time manner".
        return hmac.compare_digest(hmac.digest(key, data, self._digest), signature)

    def to_members(self, key: bytes) -> dict[str, str]:
        """Raise KeyRefused: a secret has no public form."""
        raise KeyRefused("a symmetric key has no public form")

    def from_members(self, jwk: Mapping[str, object]) -> bytes:
        """Return the secret, or raise KeyRefused."""
        return self.check_private(octets_member(jwk, "k"))

    def to_private_members(self, key: bytes) -> dict[str, str]:
        """Return ``kty`` and ``k`` (RFC 7518 section 6.4.1)."""
        return {"kty": self.kty, "k": b64u_encode(key)}

    def from_private_members(self, jwk: Mapping[str, object]) -> bytes:
        """Return the secret, or raise KeyRefused."""
        return self.from_members(jwk)
