"""What one signature algorithm must be able to do; ``ecdsa``, ``rsa``, ``eddsa`` and ``mac`` implement it.

We write no cryptography of our own: an implementation checks the shape of its input and calls the primitive.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

from sealring.errors import JoseError, KeyRefused
from sealring.jose.encoding import b64u_decode

Private = TypeVar("Private")
Public = TypeVar("Public")

_MAX_MEMBER_CHARACTERS: Final = 4096  # the modulus of the longest RSA key takes 1,366


class Algorithm(ABC, Generic[Private, Public]):
    """One row of the algorithm table: a fully specified signature algorithm and the one kind of key it takes.

    Attributes:
        name: the registered ``alg`` value (RFC 7518 section 3.1).
        kty: the registered key type (RFC 7518 section 6.1).
        crv: the registered curve (RFC 7518 section 6.2.1.1), or None where the key type has none.
        symmetric: whether the key that verifies also signs, so that it has no public form.
        thumbprint_members: the members of a public JWK that identify the key (RFC 7638 section 3.2).
    """

    kty: ClassVar[str]
    crv: str | None = None
    symmetric: ClassVar[bool] = False
    thumbprint_members: ClassVar[tuple[str, ...]]

    def __init__(self, name: str) -> None:
        self.name: Final = name

    def takes(self, jwk: Mapping[str, object]) -> bool:
        """Tell whether a JWK says that it is of this algorithm's kind; its strength is another question."""
        return jwk.get("kty") == self.kty and (self.crv is None or jwk.get("crv") == self.crv)

    @abstractmethod
    def generate(self) -> Private:
        """Return a new private key from the operating system's random generator."""

    @abstractmethod
    def check_private(self, key: object) -> Private:
        """Return the key if it is of this algorithm's kind and strong enough, otherwise raise KeyRefused."""

    @abstractmethod
    def pkcs8(self, key: Private) -> bytes:
        """Return the private key as PKCS #8 DER in the clear, or raise KeyRefused where there is no such form."""

    @abstractmethod
    def public_of(self, key: Private) -> Public:
        """Return what verifies the signatures of a private key."""

    @abstractmethod
    def sign(self, key: Private, data: bytes) -> bytes:
        """Return the signature in the JWS form (RFC 7518 section 3)."""

    @abstractmethod
    def verify(self, key: Public, data: bytes, signature: bytes) -> bool:
        """Tell whether a signature in the JWS form is valid; False, never an exception, for any malformed one."""

    @abstractmethod
    def to_members(self, key: Public) -> dict[str, str]:
        """Return the key's own members of a public JWK, ``kty`` included; KeyRefused where there is no such form."""

    @abstractmethod
    def from_members(self, jwk: Mapping[str, object]) -> Public:
        """Return the key that verifies, from a JWK's own members, or raise KeyRefused."""

    @abstractmethod
    def to_private_members(self, key: Private) -> dict[str, str]:
        """Return the key's own members of a private JWK, ``kty`` included."""

    @abstractmethod
    def from_private_members(self, jwk: Mapping[str, object]) -> Private:
        """Return the private key of a JWK's own members, or raise KeyRefused: its halves differ, or it is weak."""


AnyAlgorithm = Algorithm[Any, Any]


def octets_member(jwk: Mapping[str, object], name: str) -> bytes:
    """Return a member of a JWK that is base64url-encoded octets.

    Raises:
        KeyRefused: the member is missing, not a string, empty, too long, or not canonical base64url.
    """
    value = jwk.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_MEMBER_CHARACTERS:
        raise KeyRefused(f"member {name} of the JWK is missing, too long or not a string")
    try:
        return b64u_decode(value, what=f"member {name} of the JWK")
    except JoseError as error:
        raise KeyRefused(error.detail) from None
