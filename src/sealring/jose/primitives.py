"""What one signature algorithm must be able to do; ``ecdsa`` and ``rsa`` implement it on ``cryptography``.

We write no cryptography of our own: an implementation checks the shape of its input and calls the primitive.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, TypeVar

from sealring.errors import JoseError, KeyRefused
from sealring.jose.encoding import b64u_decode

Private = TypeVar("Private")
Public = TypeVar("Public")


class Algorithm(ABC, Generic[Private, Public]):
    """One row of the algorithm table: a fully specified signature algorithm and the one kind of key it takes.

    Attributes:
        name: the registered ``alg`` value (RFC 7518 section 3.1).
        kty: the registered key type (RFC 7518 section 6.1).
        thumbprint_members: the members of a public JWK that identify the key (RFC 7638 section 3.2).
    """

    kty: ClassVar[str]
    thumbprint_members: ClassVar[tuple[str, ...]]

    def __init__(self, name: str) -> None:
        self.name: Final = name

    @abstractmethod
    def generate(self) -> Private:
        """Return a new private key from the operating system's random generator."""

    @abstractmethod
    def check_private(self, key: object) -> Private:
        """Return the key if it is of this algorithm's kind and strong enough, otherwise raise KeyRefused."""

    @abstractmethod
    def public_of(self, key: Private) -> Public:
        """Return the public half of a private key."""

    @abstractmethod
    def sign(self, key: Private, data: bytes) -> bytes:
        """Return the signature in the JWS form (RFC 7518 section 3)."""

    @abstractmethod
    def verify(self, key: Public, data: bytes, signature: bytes) -> bool:
        """Tell whether a signature in the JWS form is valid; False, never an exception, for any malformed one."""

    @abstractmethod
    def to_members(self, key: Public) -> dict[str, str]:
        """Return the key's own members of a public JWK, ``kty`` included."""

    @abstractmethod
    def from_members(self, jwk: Mapping[str, object]) -> Public:
        """Return the public key of a JWK's own members, or raise KeyRefused."""


AnyAlgorithm = Algorithm[Any, Any]


def octets_member(jwk: Mapping[str, object], name: str) -> bytes:
    """Return a member of a JWK that is base64url-encoded octets.

    Raises:
        KeyRefused: the member is missing, not a string, empty, or not canonical base64url.
    """
    value = jwk.get(name)
    if not isinstance(value, str) or not value:
        raise KeyRefused(f"member {name} of the JWK is missing or not a string")
    try:
        return b64u_decode(value, what=f"member {name} of the JWK")
    except JoseError as error:
        raise KeyRefused(error.detail) from None
