"""Keys as typed values with exactly one algorithm each, and their public form as a JWK (RFC 7517, RFC 7638)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from sealring.errors import KeyRefused
from sealring.jose.algorithms import ALGORITHMS, algorithm
from sealring.jose.encoding import b64u_encode, dump_json
from sealring.jose.primitives import AnyAlgorithm

MAX_KID_CHARACTERS: Final = 128
"""The longest key id that is looked up."""

_KID = re.compile(rf"[\x21-\x7e]{{1,{MAX_KID_CHARACTERS}}}")
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: the members of private and symmetric keys.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key that verifies signatures of one algorithm; made by :func:`import_public_jwk` or a signing key.

    Attributes:
        kid: the key id; for keys made here their RFC 7638 thumbprint.
        alg: the one algorithm of the key.
    """

    kid: str
    alg: str
    _members: tuple[tuple[str, str], ...] = field(repr=False)
    _algorithm: AnyAlgorithm = field(repr=False, compare=False)
    _key: Any = field(repr=False, compare=False)

    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        """Tell whether the signature (in the JWS form) belongs to the input; never raises for a bad signature."""
        return self._algorithm.verify(self._key, signing_input, signature)

    def to_jwk(self) -> dict[str, str]:
        """Return the public JWK with ``kid``, ``alg`` and ``use``."""
        return {**dict(self._members), "kid": self.kid, "alg": self.alg, "use": "sig"}

    def thumbprint(self) -> str:
        """Return the RFC 7638 thumbprint, whatever the ``kid`` is."""
        return thumbprint(dict(self._members))


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A private key that signs with one algorithm; made by :func:`generate` or :meth:`from_private_bytes`.

    Attributes:
        kid: the RFC 7638 thumbprint of the public key.
        alg: the one algorithm of the key.
        public: the key that verifies what this one signs.
    """

    kid: str
    alg: str
    public: VerificationKey = field(repr=False)
    _algorithm: AnyAlgorithm = field(repr=False)
    _key: Any = field(repr=False)
    _headers: dict[str, str] = field(default_factory=dict, repr=False)

    def sign(self, signing_input: bytes) -> bytes:
        """Return the signature of the input in the JWS form."""
        return self._algorithm.sign(self._key, signing_input)

    def header_segment(self, typ: str) -> str:
        """Return the encoded JWS header of this key for a type of token; made once for each type.

        Args:
            typ: a constant of the caller's, never a value from outside.
        """
        segment = self._headers.get(typ)
        if segment is None:
            segment = b64u_encode(dump_json({"alg": self.alg, "kid": self.kid, "typ": typ}))
            self._headers[typ] = segment
        return segment

    def private_bytes(self) -> bytes:
        """Return the private key as PKCS #8 DER in the clear: only ever for wrapping it."""
        encoded: bytes = self._key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        return encoded

    @staticmethod
    def from_private_bytes(data: bytes, alg: str) -> "SigningKey":
        """Return the key of PKCS #8 DER bytes.

        Args:
            data: what :meth:`private_bytes` gave.
            alg: the one algorithm of the key.

        Raises:
            KeyRefused: the bytes are no private key, or one that does not fit the algorithm.
        """
        row = algorithm(alg)
        try:
            key = load_der_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyRefused("the bytes are not a PKCS #8 private key") from None
        return _signing_key(row, row.check_private(key))


def generate(alg: str) -> SigningKey:
    """Make a new key; RS256 takes a noticeable part of a second (3072 bits).

    Raises:
        KeyRefused: there is no such algorithm.
    """
    row = algorithm(alg)
    return _signing_key(row, row.generate())


def import_public_jwk(jwk: Mapping[str, object], *, alg: str | None = None) -> VerificationKey:
    """Return the verification key of a public JWK; members that nobody knows are ignored (RFC 7517 section 4).

    Args:
        jwk: the parsed JWK. Without a ``kid`` the key's thumbprint becomes it.
        alg: the algorithm of the key where the JWK does not say it; one of the two must, and they must not differ.

    Raises:
        KeyRefused: a private or symmetric key, a use other than signatures, another algorithm or key type, an invalid
            point, a short or odd RSA key, a ``kid`` that is not 1 to 128 printable ASCII characters.
    """
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise KeyRefused("the JWK holds private members")
    _check_purpose(jwk)
    # RFC 8725bis: each key has exactly one algorithm, so a key without one is not usable.
    if alg is not None and jwk.get("alg", alg) != alg:
        raise KeyRefused("the JWK is for another algorithm")
    row = algorithm(jwk.get("alg", alg))
    if jwk.get("kty") != row.kty:
        raise KeyRefused(f"{row.name} takes keys of type {row.kty} only")
    kid = jwk.get("kid")
    if "kid" in jwk and not is_kid(kid):
        raise KeyRefused("the kid of a JWK is 1 to 128 printable ASCII characters without spaces")
    return _verification_key(row, row.from_members(jwk), kid if isinstance(kid, str) else None)


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public JWK in base64url (RFC 7638 section 3).

    Raises:
        KeyRefused: the key type is not known, or a member that identifies the key is missing.
    """
    names = next((row.thumbprint_members for row in ALGORITHMS.values() if row.kty == jwk.get("kty")), ())
    if not names or not all(isinstance(jwk.get(name), str) for name in names):
        raise KeyRefused("a thumbprint needs the required members of an EC or RSA key")
    # RFC 7638 section 3: only the required members, no white space, "ordered lexicographically".
    return b64u_encode(hashlib.sha256(dump_json({name: jwk[name] for name in names})).digest())


def is_kid(value: object) -> bool:
    """Tell whether a value may be looked up as a key id: 1 to 128 printable ASCII characters without spaces."""
    return isinstance(value, str) and _KID.fullmatch(value) is not None


def _check_purpose(jwk: Mapping[str, object]) -> None:
    # RFC 7517 sections 4.2 and 4.3: the intended use, where it is told, must be respected.
    if "use" in jwk and jwk["use"] != "sig":
        raise KeyRefused("the JWK is not meant for signatures")
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if not isinstance(operations, list) or "verify" not in operations:
            raise KeyRefused("the operations of the JWK do not include verify")


def _verification_key(row: AnyAlgorithm, key: object, kid: str | None = None) -> VerificationKey:
    members = row.to_members(key)
    return VerificationKey(kid or thumbprint(members), row.name, tuple(members.items()), row, key)


def _signing_key(row: AnyAlgorithm, key: object) -> SigningKey:
    public = _verification_key(row, row.public_of(key))
    return SigningKey(public.kid, row.name, public, row, key)
