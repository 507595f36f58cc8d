"""The two libraries that make and check Ed25519 signatures: ``cryptography``, and PyNaCl in half the time.

Both compute ``S*B - h*A`` and compare its encoding with ``R`` (RFC 8032 section 5.1.7 without the cofactor), so once
``edwards`` has refused the odd inputs their verdicts are the same.
"""

from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True, slots=True)
class EdPublic:
    """A public key in the forms that the libraries want.

    Attributes:
        raw: the 32 octets of RFC 8032.
        native: the same for ``cryptography``.
    """

    raw: bytes
    native: Ed25519PublicKey = field(compare=False)

    @classmethod
    def of(cls, raw: bytes) -> "EdPublic":
        """Return the key of 32 octets that were checked before."""
        return cls(raw, Ed25519PublicKey.from_public_bytes(raw))


@dataclass(frozen=True, slots=True, eq=False)
class EdPrivate:
    """A private key in the forms that the libraries want; it prints nothing of itself.

    Attributes:
        public: what verifies its signatures.
    """

    public: EdPublic
    _seed: bytes = field(repr=False)
    _native: Ed25519PrivateKey = field(repr=False)

    @classmethod
    def of(cls, native: Ed25519PrivateKey) -> "EdPrivate":
        """Return the key of a ``cryptography`` key."""
        return cls(EdPublic.of(native.public_key().public_bytes_raw()), native.private_bytes_raw(), native)

    @property
    def seed(self) -> bytes:
        """The 32 octets of the private key (RFC 8032 section 5.1.5)."""
        return self._seed

    @property
    def native(self) -> Ed25519PrivateKey:
        """The key for ``cryptography``."""
        return self._native

    def pkcs8(self) -> bytes:
        """Return PKCS #8 DER in the clear."""
        return self._native.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


class Ed25519Library(Protocol):
    """Makes and checks signatures; the shape of every input was checked before."""

    def sign(self, key: EdPrivate, data: bytes) -> bytes:
        """Return 64 octets."""
        ...

    def verify(self, key: EdPublic, data: bytes, signature: bytes) -> bool:
        """Tell whether 64 octets are a signature of the data."""
        ...


class Cryptography:
    """Ed25519 of ``cryptography``, which is OpenSSL's."""

    def sign(self, key: EdPrivate, data: bytes) -> bytes:
        """Return 64 octets."""
        return key.native.sign(data)

    def verify(self, key: EdPublic, data: bytes, signature: bytes) -> bool:
        """Tell whether 64 octets are a signature of the data."""
        try:
            key.native.verify(signature, data)
        except InvalidSignature:
            return False
        return True
