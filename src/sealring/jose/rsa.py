"""RSASSA-PKCS1-v1_5 and RSASSA-PSS (RFC 7518 sections 3.3 and 3.5)."""

from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealring.errors import KeyRefused
from sealring.jose.encoding import b64u_encode
from sealring.jose.primitives import Algorithm, octets_member
from sealring.jose.rsa_weakness import has_small_factor, is_roca

MIN_BITS: Final = 2048
"""RFC 7518 section 3.3: "A key of size 2048 bits or larger MUST be used"."""

GENERATED_BITS: Final = 3072
"""128 bits of security (ASVS 5.0, 11.2.3)."""

MAX_BITS: Final = 8192
"""A larger key makes every verification slow enough to be a denial of service."""

_MIN_EXPONENT: Final = 65_537  # FIPS 186-5 section A.1.1: odd and larger than 2**16
_MAX_EXPONENT: Final = 2**64  # a larger exponent only makes verification slow
_FACTORS: Final = ("p", "q", "dp", "dq", "qi")


class Rsa(Algorithm[rsa.RSAPrivateKey, rsa.RSAPublicKey]):
    """RSA with one padding and one hash.

    Args:
        name: the ``alg`` value.
        digest: the hash.
        pad: the padding.
    """

    kty = "RSA"
    thumbprint_members = ("e", "kty", "n")

    def __init__(self, name: str, digest: hashes.HashAlgorithm, pad: padding.AsymmetricPadding) -> None:
        super().__init__(name)
        self._digest = digest
        self._padding = pad

    @classmethod
    def pkcs1(cls, name: str, digest: hashes.HashAlgorithm) -> "Rsa":
        """Return the algorithm with PKCS #1 v1.5 padding."""
        return cls(name, digest, padding.PKCS1v15())

    @classmethod
    def pss(cls, name: str, digest: hashes.HashAlgorithm) -> "Rsa":
        """Return the algorithm with PSS padding and MGF1."""
        # RFC 7518 section 3.5: "The size of the salt value is the same size as the hash function output."
        return cls(name, digest, padding.PSS(padding.MGF1(digest), salt_length=digest.digest_size))

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

    def pkcs8(self, key: rsa.RSAPrivateKey) -> bytes:
        """Return the private key as PKCS #8 DER in the clear."""
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def public_of(self, key: rsa.RSAPrivateKey) -> rsa.RSAPublicKey:
        """Return the public half of a private key."""
        return key.public_key()

    def sign(self, key: rsa.RSAPrivateKey, data: bytes) -> bytes:
        """Return the signature, as long as the modulus."""
        return key.sign(data, self._padding, self._digest)

    def verify(self, key: rsa.RSAPublicKey, data: bytes, signature: bytes) -> bool:
        """Tell whether the signature is valid; its length must be the modulus' own (RFC 8017 section 8.2.2).

        A signature that is not below the modulus is out of range (RFC 8017 section 5.2.2): the primitive refuses it.
        """
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
        """Return the public key, or raise KeyRefused: too short or too long, an even or small exponent, ROCA."""
        numbers = _public_numbers(jwk)
        try:
            return numbers.public_key()
        except ValueError:
            raise KeyRefused("modulus and exponent do not make an RSA key") from None

    def to_private_members(self, key: rsa.RSAPrivateKey) -> dict[str, str]:
        """Return the public members, ``d`` and both prime factors with their helpers (RFC 7518 section 6.3.2)."""
        numbers = key.private_numbers()
        values = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
        private = {name: _octets(value) for name, value in zip(_FACTORS, values, strict=True)}
        return {**self.to_members(key.public_key()), "d": _octets(numbers.d), **private}

    def from_private_members(self, jwk: Mapping[str, object]) -> rsa.RSAPrivateKey:
        """Return the private key, or raise KeyRefused: members missing, or numbers that do not belong together."""
        if "oth" in jwk:
            raise KeyRefused("an RSA key of more than two primes is not supported")
        # RFC 7518 section 6.3.2: a producer includes all of these helpers or, badly, none; we want them all.
        d, p, q, dp, dq, qi = (_number(jwk, name) for name in ("d", *_FACTORS))
        numbers = rsa.RSAPrivateNumbers(p, q, d, dp, dq, qi, _public_numbers(jwk))
        try:
            return numbers.private_key()
        except ValueError:
            raise KeyRefused("the numbers of the RSA key do not belong together") from None


def _public_numbers(jwk: Mapping[str, object]) -> rsa.RSAPublicNumbers:
    n, e = _number(jwk, "n"), _number(jwk, "e")
    _check_strength(n, e)
    return rsa.RSAPublicNumbers(e, n)


def _number(jwk: Mapping[str, object], name: str) -> int:
    octets = octets_member(jwk, name)
    # RFC 7518 section 2, Base64urlUInt: "MUST utilize the minimum number of octets needed".
    if octets[0] == 0:
        raise KeyRefused(f"member {name} of the key has a leading zero octet")
    if len(octets) * 8 > MAX_BITS:
        raise KeyRefused(f"member {name} of the key is longer than {MAX_BITS} bits")
    return int.from_bytes(octets, "big")


def _check_strength(n: int, e: int) -> None:
    if not MIN_BITS <= n.bit_length() <= MAX_BITS or n % 2 == 0:
        raise KeyRefused(f"the modulus of an RSA key is odd and has {MIN_BITS} to {MAX_BITS} bits")
    if not _MIN_EXPONENT <= e < _MAX_EXPONENT or e % 2 == 0:
        raise KeyRefused("the exponent of an RSA key is odd, at least 65537 and below 2**64")
    if has_small_factor(n):
        raise KeyRefused("the modulus of the RSA key has a small factor")
    if is_roca(n):
        raise KeyRefused("the modulus of the RSA key carries the fingerprint of weak key generation (CVE-2017-15361)")


def _octets(number: int) -> str:
    return b64u_encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
