"""Keys as typed values with exactly one algorithm each, and their public form as a JWK (RFC 7517, RFC 7638)."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key

from sealring.errors import KeyRefused
from sealring.jose.algorithms import ALGORITHMS, algorithm, algorithm_of
from sealring.jose.encoding import b64u_encode, dump_json
from sealring.jose.primitives import AnyAlgorithm

MAX_KID_CHARACTERS: Final = 128
"""The longest key id that is looked up."""

_KID = re.compile(rf"[\x21-\x7e]{{1,{MAX_KID_CHARACTERS}}}")
# RFC 7518 sections 6.2.2, 6.3.2 and 6.4: the members of private and symmetric keys.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

SIGNATURE_OPERATIONS: Final = frozenset({"sign", "verify"})
"""RFC 7517 section 4.3: the operations of a signature key."""

_OTHER_OPERATIONS = frozenset({"encrypt", "decrypt", "wrapKey", "unwrapKey", "deriveKey", "deriveBits"})


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
        kid: the RFC 7638 thumbprint of the public key, unless a JWK gave another.
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
        return self._algorithm.pkcs8(self._key)

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
        return make_signing_key(row, row.check_private(key))


def generate(alg: str) -> SigningKey:
    """Make a new key pair; an RSA key takes a noticeable part of a second (3072 bits).

    Args:
        alg: the one algorithm of the key.

    Raises:
        KeyRefused: there is no such algorithm, or it is symmetric; :meth:`JWK.generate` makes secrets.
    """
    row = algorithm(alg)
    if row.symmetric:
        raise KeyRefused("a symmetric key is no key pair")
    return make_signing_key(row, row.generate())


def import_public_jwk(jwk: Mapping[str, object], *, alg: str | None = None) -> VerificationKey:
    """Return the verification key of a public JWK; members that nobody knows are ignored (RFC 7517 section 4).

    Args:
        jwk: the parsed JWK. Without a ``kid`` the key's thumbprint becomes it.
        alg: the algorithm of the key where the JWK does not say it; one of the two must, and they must not differ.

    Raises:
        KeyRefused: a private or symmetric key, a use other than signatures, another algorithm or key type, an invalid
            point, a short or odd RSA key, a ``kid`` that is not 1 to 128 printable ASCII characters.
    """
    if holds_private_members(jwk):
        raise KeyRefused("the JWK holds private members")
    if "verify" not in operations_of(jwk):
        raise KeyRefused("the operations of the JWK do not include verify")
    # RFC 8725bis: each key has exactly one algorithm; a public key that is imported here must come with it.
    if alg is None and "alg" not in jwk:
        raise KeyRefused("the JWK does not say its algorithm")
    row = algorithm_of(jwk, alg=alg)
    return make_verification_key(row, row.from_members(jwk), kid_of(jwk))


def thumbprint(jwk: Mapping[str, object]) -> str:
    """Return the SHA-256 thumbprint of a public JWK in base64url (RFC 7638 section 3).

    Raises:
        KeyRefused: the key type is not known, or a member that identifies the key is missing.
    """
    names = next((row.thumbprint_members for row in ALGORITHMS.values() if row.kty == jwk.get("kty")), ())
    if not names or not all(isinstance(jwk.get(name), str) for name in names):
        raise KeyRefused("a thumbprint needs the required members of an EC, RSA or OKP key")
    # RFC 7638 section 3: only the required members, no white space, "ordered lexicographically".
    return b64u_encode(hashlib.sha256(dump_json({name: jwk[name] for name in names})).digest())


def is_kid(value: object) -> bool:
    """Tell whether a value may be looked up as a key id: 1 to 128 printable ASCII characters without spaces."""
    return isinstance(value, str) and _KID.fullmatch(value) is not None


def kid_of(jwk: Mapping[str, object]) -> str | None:
    """Return the ``kid`` of a JWK, None where it has none.

    Raises:
        KeyRefused: it is there and not 1 to 128 printable ASCII characters without spaces.
    """
    kid = jwk.get("kid")
    if "kid" in jwk and not is_kid(kid):
        raise KeyRefused("the kid of a JWK is 1 to 128 printable ASCII characters without spaces")
    return kid if isinstance(kid, str) else None


def holds_private_members(jwk: Mapping[str, object]) -> bool:
    """Tell whether a JWK has a member that must stay secret, even if its value is none."""
    return not _PRIVATE_MEMBERS.isdisjoint(jwk)


def operations_of(jwk: Mapping[str, object]) -> frozenset[str]:
    """Return which of ``sign`` and ``verify`` a JWK allows; both where it says nothing.

    Raises:
        KeyRefused: it is meant for something else, or for that as well.
    """
    # RFC 7517 section 4.2: the intended use, where it is told, must be respected.
    if "use" in jwk and jwk["use"] != "sig":
        raise KeyRefused("the JWK is not meant for signatures")
    if "key_ops" not in jwk:
        return SIGNATURE_OPERATIONS
    told = jwk["key_ops"]
    if not isinstance(told, list | tuple) or not all(isinstance(each, str) for each in told):
        raise KeyRefused("the operations of the JWK are not a list of names")
    # RFC 7517 section 4.3: "Duplicate key operation values MUST NOT be present in the array."
    if len(set(told)) != len(told):
        raise KeyRefused("an operation of the JWK is named twice")
    # The same section: "Multiple unrelated key operations SHOULD NOT be specified for a key".
    if not _OTHER_OPERATIONS.isdisjoint(told) or SIGNATURE_OPERATIONS.isdisjoint(told):
        raise KeyRefused("the operations of the JWK are not those of signatures")
    return SIGNATURE_OPERATIONS.intersection(told)


def make_verification_key(row: AnyAlgorithm, key: object, kid: str | None = None) -> VerificationKey:
    """Return the key that verifies, from an algorithm and its own form of a public key; for this room only.

    Raises:
        KeyRefused: the algorithm is symmetric, so the key has no public form.
    """
    members = row.to_members(key)
    return VerificationKey(kid or thumbprint(members), row.name, tuple(members.items()), row, key)


def make_signing_key(row: AnyAlgorithm, key: object, kid: str | None = None) -> SigningKey:
    """Return the key that signs, from an algorithm and its own form of a private key; for this room only.

    Raises:
        KeyRefused: the algorithm is symmetric.
    """
    public = make_verification_key(row, row.public_of(key), kid)
    return SigningKey(public.kid, row.name, public, row, key)
