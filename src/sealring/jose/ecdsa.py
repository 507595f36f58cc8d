"""ECDSA over the NIST curves (RFC 7518 section 3.4): signatures of fixed length, deterministic when made."""

from collections.abc import Mapping

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sealring.errors import KeyRefused
from sealring.jose.encoding import b64u_encode
from sealring.jose.primitives import Algorithm, octets_member


class Ecdsa(Algorithm[ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey]):
    """One curve with one hash.

    Args:
        name: the ``alg`` value.
        crv: the JWK name of the curve (RFC 7518 section 6.2.1.1).
        curve: the curve.
        digest: the hash.
    """

    kty = "EC"
    thumbprint_members = ("crv", "kty", "x", "y")

    def __init__(self, name: str, crv: str, curve: ec.EllipticCurve, digest: hashes.HashAlgorithm) -> None:
        super().__init__(name)
        self.crv = crv
        self._curve = curve
        self._size = (curve.key_size + 7) // 8
        self._order = curve.group_order
        # RFC 8725bis: signatures SHOULD be deterministic (RFC 6979), so a weak random generator cannot leak the key.
        self._signing = ec.ECDSA(digest, deterministic_signing=True)
        self._verifying = ec.ECDSA(digest)

    def generate(self) -> ec.EllipticCurvePrivateKey:
        """Return a new private key on the curve."""
        return ec.generate_private_key(self._curve)

    def check_private(self, key: object) -> ec.EllipticCurvePrivateKey:
        """Return the key if it is on this curve, otherwise raise KeyRefused."""
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != self._curve.name:
            raise KeyRefused(f"the private key is not a {self.crv} key")
        return key

    def pkcs8(self, key: ec.EllipticCurvePrivateKey) -> bytes:
        """Return the private key as PKCS #8 DER in the clear."""
        return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def public_of(self, key: ec.EllipticCurvePrivateKey) -> ec.EllipticCurvePublicKey:
        """Return the public point of a private key."""
        return key.public_key()

    def sign(self, key: ec.EllipticCurvePrivateKey, data: bytes) -> bytes:
        """Return ``r`` and ``s`` as fixed-length octets, one after the other (RFC 7518 section 3.4)."""
        r, s = decode_dss_signature(key.sign(data, self._signing))
        return r.to_bytes(self._size, "big") + s.to_bytes(self._size, "big")

    def verify(self, key: ec.EllipticCurvePublicKey, data: bytes, signature: bytes) -> bool:
        """Tell whether ``r || s`` is a signature of the data."""
        size = self._size
        # RFC 7518 section 3.4: "If the JWS Signature is not [...] octet sequence, the validation has failed."
        if len(signature) != 2 * size:
            return False
        r = int.from_bytes(signature[:size], "big")
        s = int.from_bytes(signature[size:], "big")
        # FIPS 186-5 section 6.4.2: reject unless r and s are integers in [1, n-1].
        if not (0 < r < self._order and 0 < s < self._order):
            return False
        try:
            key.verify(encode_dss_signature(r, s), data, self._verifying)
        except InvalidSignature:
            return False
        return True

    def to_members(self, key: ec.EllipticCurvePublicKey) -> dict[str, str]:
        """Return ``kty``, ``crv`` and the coordinates, each as long as the field (RFC 7518 section 6.2.1.2)."""
        numbers = key.public_numbers()
        return {
            "kty": self.kty,
            "crv": str(self.crv),
            "x": b64u_encode(numbers.x.to_bytes(self._size, "big")),
            "y": b64u_encode(numbers.y.to_bytes(self._size, "big")),
        }

    def from_members(self, jwk: Mapping[str, object]) -> ec.EllipticCurvePublicKey:
        """Return the public key, or raise KeyRefused: another curve, a wrong length, a point off the curve."""
        if jwk.get("crv") != self.crv:
            raise KeyRefused(f"{self.name} takes keys on {self.crv} only")
        x, y = octets_member(jwk, "x"), octets_member(jwk, "y")
        # RFC 7518 section 6.2.1.2: "The length of this octet string MUST be the full size of a coordinate".
        if len(x) != self._size or len(y) != self._size:
            raise KeyRefused("a coordinate of the key does not have the full size of the curve's field")
        numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), self._curve)
        try:
            return numbers.public_key()
        except ValueError:
            # RFC 8725 section 3.4: inputs MUST be validated to be points on the curve.
            raise KeyRefused("the point of the key is not on its curve") from None

    def to_private_members(self, key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
        """Return the public members and ``d``, as long as the order (RFC 7518 section 6.2.2.1)."""
        scalar = key.private_numbers().private_value
        return {**self.to_members(key.public_key()), "d": b64u_encode(scalar.to_bytes(self._size, "big"))}

    def from_private_members(self, jwk: Mapping[str, object]) -> ec.EllipticCurvePrivateKey:
        """Return the private key, or raise KeyRefused: a wrong length, or a point that is not its own."""
        public, scalar = self.from_members(jwk), octets_member(jwk, "d")
        value = int.from_bytes(scalar, "big")
        if len(scalar) != self._size or not 0 < value < self._order:
            raise KeyRefused("the private number of the key is out of range")
        key = ec.derive_private_key(value, self._curve)
        if key.public_key() != public:
            raise KeyRefused("the private number of the key does not belong to its point")
        return key
