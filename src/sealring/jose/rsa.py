"""RSASSA-PKCS1-v1_5 (RFC 7518 section 3.3)."""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sealring.errors import KeyRefused
from sealring.jose.encoding import b64u_encode
from sealring.jose.primitives import Algorithm, octets_member

MIN_BITS: Final = 2048
"""RFC 7518 section 3.3: "A key of size 2048 bits or larger MUST be used"."""

GENERATED_BITS: Final = 3072
"""128 bits of security (ASVS 5.0, 11.2.3)."""

MAX_BITS: Final = 8192
"""A larger key makes every verification slow enough to be a denial of service."""

_MIN_EXPONENT: Final = 65_537  # FIPS 186-5 section A.1.1: odd and larger than 2**16
_MAX_EXPONENT: Final = 2**64  # a larger exponent only makes verification slow


class RsaPkcs1(Algorithm[rsa.RSAPrivateKey, rsa.RSAPublicKey]):
    """RSA with PKCS #1 v1.5 padding and one hash.

    Args:
        name: the ``alg`` value.
        digest: the hash.
    """

    kty = "RSA"
    thumbprint_members = ("e", "kty", "n")

    def __init__(self, name: str, digest: hashes.HashAlgorithm) -> None:
        super().__init__(name)
        self._digest = digest
        self._padding = padding.PKCS1v15()

    def generate(self) -> rsa.RSAPrivateKey:
        """Return a new private key of 3072 bits; takes a noticeable part of a second."""
        return rsa.generate_private_key(_MIN_EXPONENT, GENERATED_BITS)

    def check_private(self, key: object) -> rsa.RSAPrivateKey:
        """Return the key if it is an RSA key that is strong enough, otherwise raise KeyRefused."""
        if not isinstance(key, rsa.RSAPrivateKey):
            raise KeyRefused("the private key is not an RSA key")
        numbers = key.public_key().public_numbers()
        _check_strength(numbers.n, numbers.e)
        return key

    def public_of(self, key: rsa.RSAPrivateKey) -> rsa.RSAPublicKey:
        """Return the public half of a private key."""
        return key.public_key()

    def sign(self, key: rsa.RSAPrivateKey, data: bytes) -> bytes:
        """Return the signature, as long as the modulus."""
        return key.sign(data, self._padding, self._digest)

    def verify(self, key: rsa.RSAPublicKey, data: bytes, signature: bytes) -> bool:
        """Tell whether the signature is valid; its length must be the modulus' own (RFC 8017 section 8.2.2)."""
        if len(signature) != (key.key_size + 7) // 8:
            return False
        try:
            key.verify(signature, data, self._padding, self._digest)
        except InvalidSignature:
            return False
        return True

    def to_members(self, key: rsa.RSAPublicKey) -> dict[str, str]:
        """Return ``kty``, modulus and exponent in the fewest octets (RFC 7518 section 6.3.1)."""
        numbers = key.public_numbers()
        return {"kty": self.kty, "n": _octets(numbers.n), "e": _octets(numbers.e)}

    def from_members(self, jwk: Mapping[str, object]) -> rsa.RSAPublicKey:
        """Return the public key, or raise KeyRefused: too short or too long, an even or tiny exponent."""
        modulus, exponent = octets_member(jwk, "n"), octets_member(jwk, "e")
        # RFC 7518 section 2, Base64urlUInt: "MUST utilize the minimum number of octets needed".
        if modulus[0] == 0 or exponent[0] == 0:
            raise KeyRefused("the modulus or exponent of the key has a leading zero octet")
        if len(modulus) * 8 > MAX_BITS or len(exponent) > 8:
            raise KeyRefused(f"the key is longer than {MAX_BITS} bits, or its exponent than 64")
        n, e = int.from_bytes(modulus, "big"), int.from_bytes(exponent, "big")
        _check_strength(n, e)
        try:
            return rsa.RSAPublicNumbers(e, n).public_key()
        except ValueError:
            raise KeyRefused("modulus and exponent do not make an RSA key") from None


def _check_strength(n: int, e: int) -> None:
    if not MIN_BITS <= n.bit_length() <= MAX_BITS or n % 2 == 0:
        raise KeyRefused(f"the modulus of an RSA key is odd and has {MIN_BITS} to {MAX_BITS} bits")
    if not _MIN_EXPONENT <= e < _MAX_EXPONENT or e % 2 == 0:
        raise KeyRefused("the exponent of an RSA key is odd, at least 65537 and below 2**64")


def _octets(number: int) -> str:
    return b64u_encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
