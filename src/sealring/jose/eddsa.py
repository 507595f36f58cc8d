"""Ed25519 (RFC 8032, RFC 8037, RFC 9864): strict about scalars and points, the same with either library below it."""

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sealring.errors import KeyRefused
from sealring.jose.ed25519 import Cryptography, Ed25519Library, EdPrivate, EdPublic
from sealring.jose.edwards import ORDER, has_small_order, is_canonical, is_on_curve
from sealring.jose.encoding import b64u_encode
from sealring.jose.primitives import Algorithm, octets_member

_CURVE = "Ed25519"
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


def preferred_library(*, pynacl: bool = True) -> Ed25519Library:
    """Return the faster library of those that are installed.

    Args:
        pynacl: whether PyNaCl is taken where it is installed.
    """
    if not pynacl:
        return Cryptography()
    try:
        from sealring.jose.sodium import Sodium
    except ImportError:
        return Cryptography()
    return Sodium()


class Ed25519(Algorithm[EdPrivate, EdPublic]):
    """Ed25519 under one ``alg`` name.

    Args:
        name: ``Ed25519`` (RFC 9864), or the deprecated ``EdDSA`` (RFC 8037), which here means this curve only.
        library: makes and checks signatures; default PyNaCl where it is installed, otherwise ``cryptography``.
    """

    kty = "OKP"
    crv = _CURVE
    thumbprint_members = ("crv", "kty", "x")

    def __init__(self, name: str, library: Ed25519Library | None = None) -> None:
        super().__init__(name)
        self._library = library or preferred_library()

    def generate(self) -> EdPrivate:
        """Return a new private key."""
        return EdPrivate.of(Ed25519PrivateKey.generate())

    def check_private(self, key: object) -> EdPrivate:
        """Return the key if it is an Ed25519 key, otherwise raise KeyRefused."""
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyRefused("the private key is not an Ed25519 key")
        return EdPrivate.of(key)

    def pkcs8(self, key: EdPrivate) -> bytes:
        """Return the private key as PKCS #8 DER in the clear (RFC 8410)."""
        return key.pkcs8()

    def public_of(self, key: EdPrivate) -> EdPublic:
        """Return the public point of a private key."""
        return key.public

    def sign(self, key: EdPrivate, data: bytes) -> bytes:
        """Return the 64 octets of the signature; the same for the same data (RFC 8032 section 5.1.6)."""
        return self._library.sign(key, data)

    def verify(self, key: EdPublic, data: bytes, signature: bytes) -> bool:
        """Tell whether the signature is valid: ``S`` below the order, ``R`` canonical and not of small order."""
        if len(signature) != _SIGNATURE_BYTES:
            return False
        commitment, scalar = signature[:32], signature[32:]
        # RFC 8032 section 5.1.7: decode S "as an integer [...] in the range 0 <= s < L", otherwise it is invalid.
        if int.from_bytes(scalar, "little") >= ORDER:
            return False
        # libsodium refuses a commitment of small order and OpenSSL does not: here neither is asked.
        if not is_canonical(commitment) or has_small_order(commitment):
            return False
        return self._library.verify(key, data, signature)

    def to_members(self, key: EdPublic) -> dict[str, str]:
        """Return ``kty``, ``crv`` and the point (RFC 8037 section 2)."""
        return {"kty": self.kty, "crv": _CURVE, "x": b64u_encode(key.raw)}

    def from_members(self, jwk: Mapping[str, object]) -> EdPublic:
        """Return the public key, or raise KeyRefused: another curve, no point of it, small order, odd encoding."""
        if jwk.get("crv") != _CURVE:
            raise KeyRefused(f"{self.name} takes keys on {_CURVE} only")
        raw = octets_member(jwk, "x")
        if len(raw) != _KEY_BYTES or not is_canonical(raw) or not is_on_curve(raw):
            raise KeyRefused("the public key is not 32 octets that encode a point of the curve")
        if has_small_order(raw):
            # With such a key one signature is valid for many messages.
            raise KeyRefused("the public key is a point of small order")
        return EdPublic.of(raw)

    def to_private_members(self, key: EdPrivate) -> dict[str, str]:
        """Return the public members and the seed ``d`` (RFC 8037 section 2)."""
        return {**self.to_members(key.public), "d": b64u_encode(key.seed)}

    def from_private_members(self, jwk: Mapping[str, object]) -> EdPrivate:
        """Return the private key, or raise KeyRefused: a seed that is not 32 octets or not that of the point."""
        public, seed = self.from_members(jwk), octets_member(jwk, "d")
        if len(seed) != _KEY_BYTES:
            raise KeyRefused("the private key is not 32 octets")
        key = EdPrivate.of(Ed25519PrivateKey.from_private_bytes(seed))
        if key.public.raw != public.raw:
            raise KeyRefused("the private key does not belong to the public one")
        return key
