"""Attacks by way of the key: S7 (curves), S8 (points), S9 (weak RSA), S10 (weak secrets), S14 (purpose and sets)."""

import base64
import math
import os
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import KeyRefused, UnknownKey
from sealring.jose import JWK, JWKSet, JwsVerifier, b64u_decode, b64u_encode, sign, verify
from sealring.jose.edwards import PRIME
from sealring.jose.weak_secrets import weakness
from tests.attacks.gate import general, key_refusal
from tests.jose.making import CLAIMS, KEY, TYP, foreign_token, key_of

pytestmark = pytest.mark.usefixtures("no_network")

CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


def public(alg: str, /, **changes: object) -> dict[str, object]:
    """Return the public JWK of an algorithm with changes; a value of None removes the member."""
    jwk: dict[str, object] = {**key_of(alg).to_dict(), **changes}
    return {name: value for name, value in jwk.items() if value is not None}


def private(alg: str, /, **changes: object) -> dict[str, object]:
    """Return the private JWK of an algorithm with changes; a value of None removes the member."""
    jwk: dict[str, object] = {**key_of(alg).to_dict(private=True), **changes}
    return {name: value for name, value in jwk.items() if value is not None}


def oct_key(secret: bytes, alg: str = "HS256") -> dict[str, object]:
    return {"kty": "oct", "alg": alg, "k": b64u_encode(secret)}


def flipped(value: object) -> str:
    """Return a base64url value whose last octet is another."""
    octets = b64u_decode(str(value), what="it")
    return b64u_encode(octets[:-1] + bytes([octets[-1] ^ 1]))


# S7, curves


@pytest.mark.parametrize("alg", CURVES)
def test_s7_a_point_off_its_curve_is_refused_at_import(alg: str) -> None:
    size = CURVES[alg][1]
    zero, huge = b64u_encode(bytes(size)), b64u_encode(b"\xff" * size)
    for changes in (
        {"y": flipped(public(alg)["y"])},
        {"x": flipped(public(alg)["x"])},
        {"x": zero, "y": zero},
        {"x": huge},
        {"y": huge},
        {"x": public(alg)["y"], "y": public(alg)["x"]},
    ):
        assert "not on its curve" in key_refusal(public(alg, **changes))


@pytest.mark.parametrize("alg", CURVES)
def test_s7_coordinates_have_the_full_length_and_are_text(alg: str) -> None:
    octets = b64u_decode(str(public(alg)["x"]), what="x")
    for x in (b64u_encode(b"\0" + octets), b64u_encode(octets[1:]), b64u_encode(octets + b"\0"), "", "AA=", "A+A"):
        key_refusal(public(alg, x=x))
    for wrong in (int.from_bytes(octets, "big"), 7, True, [public(alg)["x"]], {"b": 1}):
        assert "not a string" in key_refusal(public(alg, x=wrong))
    assert "not a string" in key_refusal(public(alg, y=None))


@pytest.mark.parametrize("alg", CURVES)
@pytest.mark.parametrize("crv", ["P-256", "P-384", "P-521", "secp256k1", "Ed25519", "p-256", 256, ["P-256"]])
def test_s7_a_key_is_on_the_curve_of_its_algorithm(alg: str, crv: Any) -> None:
    if crv != CURVES[alg][0]:
        key_refusal(public(alg, crv=crv))
        key_refusal(public(alg, crv=crv, alg=None))


def test_s7_the_type_of_a_key_is_that_of_its_algorithm() -> None:
    for alg in ("ES256", "RS256", "Ed25519"):
        for kty in ("EC", "RSA", "OKP", "oct", "ec", "AKP", 7, None):
            if kty != key_of(alg).kty:
                key_refusal(public(alg, kty=kty))
                key_refusal(public(alg, kty=kty, alg=None))
    # Agreement keys are no signature keys (CVE-2017-16007 used one in ECDH-ES).
    key_refusal({"kty": "OKP", "crv": "X25519", "x": public("Ed25519")["x"]})
    key_refusal({"kty": "EC", "crv": "P-256", "alg": "ECDH-ES", "x": public("ES256")["x"], "y": public("ES256")["y"]})


def test_s7_the_halves_of_a_private_key_belong_together() -> None:
    other = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big")
    assert "does not belong" in key_refusal(private("ES256", d=b64u_encode(other)))
    for d in (bytes(32), b"\xff" * 32, other + b"\0", other[1:]):
        assert "out of range" in key_refusal(private("ES256", d=b64u_encode(d)))
    assert "does not belong" in key_refusal(private("Ed25519", d=b64u_encode(secrets.token_bytes(32))))
    assert "32 octets" in key_refusal(private("Ed25519", d=b64u_encode(bytes(31))))
    for name in ("d", "p", "q", "dp", "dq", "qi"):
        assert "belong together" in key_refusal(private("RS256", **{name: flipped(private("RS256")[name])}))
        key_refusal(private("RS256", **{name: None}))
    assert "two primes" in key_refusal(private("RS256", oth=[]))


# S8, points of Ed25519

ODD_POINTS = {
    "the neutral element": 1,
    "(0, -1), of order 2": PRIME - 1,
    "of order 4": 0,
    "of order 8": 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    "also of order 8": PRIME - 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    "the neutral element, not reduced": PRIME + 1,
    "of order 4, not reduced": PRIME,
    "the largest number": 2**255 - 1,
    "a point, not reduced": PRIME + 3,
    "no point of the curve": 2,
}


@pytest.mark.parametrize("sign_bit", [0, 1])
@pytest.mark.parametrize("y", ODD_POINTS.values(), ids=ODD_POINTS)
def test_s8_an_odd_public_key_is_refused_at_import(y: int, sign_bit: int) -> None:
    x = b64u_encode((y | sign_bit << 255).to_bytes(32, "little"))
    for alg in ("Ed25519", "EdDSA"):
        key_refusal({"kty": "OKP", "crv": "Ed25519", "alg": alg, "x": x})


def test_s8_the_ordinates_of_order_eight_are_what_the_curve_says() -> None:
    """Doubling such a point gives an ordinate of 0; with the curve's equation: d*y**4 + 2*y**2 = 1."""
    d = -121665 * pow(121666, -1, PRIME)
    for name in ("of order 8", "also of order 8"):
        y = ODD_POINTS[name]
        assert (d * y**4 + 2 * y**2 - 1) % PRIME == 0


def test_s8_a_public_key_has_32_octets() -> None:
    octets = b64u_decode(str(public("Ed25519")["x"]), what="x")
    for x in (octets[:-1], octets + b"\0", b"\x04" + octets, b"\x40" + octets):
        assert "32 octets" in key_refusal(public("Ed25519", x=b64u_encode(x)))


# S9, weak RSA


def rsa_jwk(n: int, e: int = 65537, alg: str = "RS256") -> dict[str, object]:
    modulus, exponent = (number.to_bytes((number.bit_length() + 7) // 8, "big") for number in (n, e))
    return {"kty": "RSA", "alg": alg, "n": b64u_encode(modulus), "e": b64u_encode(exponent)}


MODULUS = int.from_bytes(b64u_decode(str(key_of("RS256").to_dict()["n"]), what="n"), "big")
RSA = [f"{family}{bits}" for family in ("RS", "PS") for bits in (256, 384, 512)]


@pytest.mark.parametrize("alg", RSA)
@pytest.mark.parametrize("e", [1, 2, 3, 5, 17, 257, 65535, 65536, 65538, 2**64 + 1, 2**3000 + 1])
def test_s9_a_small_even_or_huge_exponent_is_refused(alg: str, e: int) -> None:
    key_refusal(rsa_jwk(MODULUS, e, alg))


@pytest.mark.parametrize("alg", RSA)
def test_s9_a_short_long_or_broken_modulus_is_refused(alg: str) -> None:
    short = rsa.generate_private_key(65537, 1024).public_key().public_numbers().n
    for n in (short, MODULUS >> (MODULUS.bit_length() - 2047) | 1, MODULUS - 1, (1 << 8192) | 1, 1):
        assert "2048 to 8192 bits" in key_refusal(rsa_jwk(n, alg=alg)) or n.bit_length() > 8192
    assert "small factor" in key_refusal(rsa_jwk(MODULUS * 3, alg=alg))
    assert "small factor" in key_refusal(rsa_jwk(MODULUS * 167, alg=alg))


def test_s9_a_modulus_with_the_fingerprint_of_cve_2017_15361_is_refused_and_others_are_not() -> None:
    """Such a modulus is a power of 65537 modulo the product of the first primes, like its factors."""
    primorial = math.prod(p for p in range(2, 702) if all(p % q for q in range(2, p)))
    for _ in range(20):
        n = pow(65537, secrets.randbelow(2**64), primorial) + primorial * secrets.randbits(2047 - 970)
        n += primorial << (2047 - primorial.bit_length() + 1)
        assert n.bit_length() >= 2048
        assert "CVE-2017-15361" in key_refusal(rsa_jwk(n))
    assert JWK.from_dict(rsa_jwk(MODULUS)).alg == "RS256"


# S10, weak secrets


@pytest.mark.parametrize(("alg", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_s10_a_secret_is_at_least_as_long_as_the_hash(alg: str, size: int) -> None:
    for secret in (secrets.token_bytes(size - 1), b"secret", b"\0", b"your-256-bit-secret"):
        assert f"at least {size} octets" in key_refusal(oct_key(secret, alg))
    assert JWK.from_dict(oct_key(secrets.token_bytes(size), alg)).is_symmetric
    empties: list[object] = ["", None, 7, []]
    for empty in empties:
        key_refusal({"kty": "oct", "alg": alg, "k": empty})
    key_refusal({"kty": "oct", "alg": alg})


WEAK = {
    "zeroes": bytes(64),
    "ones": b"\xff" * 64,
    "one letter": b"a" * 64,
    "few letters": b"abcabcdefg" * 7,
    "a word again and again": b"secret" * 11,
    "a word, cut off at the end": (b"password1" * 8)[:64],
    "sixteen octets twice": secrets.token_bytes(16) * 4,
}


@pytest.mark.parametrize("secret", WEAK.values(), ids=[*WEAK])
def test_s10_a_secret_without_entropy_is_refused(secret: bytes) -> None:
    assert key_refusal(oct_key(secret)) in {
        "the secret is made of a few octets only",
        "the secret is a shorter one, repeated",
    }


@given(st.binary(min_size=8, max_size=60), st.integers(2, 4), st.integers(0, 59), st.data())
def test_s10_a_secret_that_repeats_is_seen_wherever_the_last_repetition_is_cut_off(
    part: bytes, times: int, cut: int, data: st.DataObject
) -> None:
    secret = part * times + part[:cut]
    assert weakness(secret) in {"is made of a few octets only", "is a shorter one, repeated"}
    at = data.draw(st.integers(0, len(secret) - 1))
    changed = secret[:at] + bytes([secret[at] ^ 1]) + secret[at + 1 :]
    repeats = any(changed.startswith(changed[period:]) for period in range(1, len(changed) // 2 + 1))
    assert (weakness(changed) == "is a shorter one, repeated") == (repeats and len(set(changed)) >= 8)


RFC_7515_A1 = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"
FASTAPI = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
LISTED = {
    "RFC 7515 A.1": base64.urlsafe_b64decode(RFC_7515_A1 + "=="),
    "RFC 7515 A.1 as text": RFC_7515_A1.encode(),
    "jwt.io HS256": b"a-string-secret-at-least-256-bits-long",
    "jwt.io HS384": b"a-valid-string-secret-that-is-at-least-384-bits-long",
    "jwt.io HS512": b"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
    "the FastAPI tutorial": FASTAPI.encode(),
    "the FastAPI tutorial as octets": bytes.fromhex(FASTAPI),
    "the NestJS tutorial": (
        b"DO NOT USE THIS VALUE. INSTEAD, CREATE A COMPLEX SECRET AND KEEP IT SAFE OUTSIDE OF THE SOURCE CODE."
    ),
    "what Django marks as insecure": b"django-insecure-" + secrets.token_hex(32).encode(),
}


@pytest.mark.parametrize("secret", LISTED.values(), ids=LISTED)
def test_s10_a_published_secret_is_refused(secret: bytes) -> None:
    assert key_refusal(oct_key(secret)) == "the secret is a published example"
    with pytest.raises(KeyRefused):
        JWKSet([JWK.from_dict(oct_key(secret))])


def test_s10_random_secrets_are_never_called_weak() -> None:
    for _ in range(300):
        for secret in (secrets.token_bytes(32), secrets.token_hex(32).encode(), base64.b64encode(os.urandom(32))):
            assert JWK.from_dict(oct_key(secret)).is_private


# S14, purpose, and sets of keys


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "Ed25519", "HS256"])
def test_s14_a_key_for_another_purpose_is_refused(alg: str) -> None:
    purposes: list[dict[str, object]] = [
        {"use": "enc"},
        {"use": "SIG"},
        {"use": ["sig"]},
        {"use": ""},
        {"key_ops": []},
        {"key_ops": ["encrypt"]},
        {"key_ops": ["verify", "encrypt"]},
        {"key_ops": ["sign", "deriveKey"]},
        {"key_ops": ["verify", "verify"]},
        {"key_ops": ["Verify"]},
        {"key_ops": ["sign, verify"]},
        {"key_ops": "verify"},
        {"key_ops": [7]},
        {"key_ops": {"verify": True}},
        {"use": "enc", "key_ops": ["verify"]},
    ]
    for changes in purposes:
        key_refusal(private(alg, **changes))
    key_refusal({**private(alg), "use": None})


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519", "HS256"])
def test_s14_a_key_does_only_what_its_owner_allows(alg: str) -> None:
    signs_only, verifies_only = (JWK.from_dict(private(alg, use=None, key_ops=[each])) for each in ("sign", "verify"))
    token = sign(CLAIMS, signs_only)
    assert general(token, signs_only, algorithms={alg}) == "key"
    assert verify(token, verifies_only, algorithms={alg}).payload == CLAIMS
    with pytest.raises(KeyRefused):
        sign(CLAIMS, verifies_only)
    if alg != "HS256":
        with pytest.raises(KeyRefused):
            signs_only.verification_key()
        with pytest.raises(KeyRefused):
            verifies_only.signing_key()
        with pytest.raises(KeyRefused):
            sign(CLAIMS, verifies_only.public())
        assert JWKSet([signs_only]).verification_key(str(signs_only.kid)) is None


GOOD = [public("ES256"), public("Ed25519")]
BAD: dict[str, tuple[Any, str]] = {
    "a private key": (private("ES384"), "gave the key away"),
    "a key for encryption": (public("ES384", use="enc"), "not meant for signatures"),
    "a key whose operations lack verify": (public("ES384", use=None, key_ops=["encrypt"]), "not those of signatures"),
    "a type that nobody knows": ({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"}, "is one of"),
    "a type that nobody knows, without algorithm": ({"kty": "AKP", "pub": "AAAA"}, "name one"),
    "a curve that is not here": ({"kty": "EC", "crv": "secp256k1", "x": "AA", "y": "AA"}, "name one"),
    "a point off the curve": (public("ES384", y=flipped(public("ES384")["y"])), "not on its curve"),
    "a short RSA key": (rsa_jwk(MODULUS >> 2048), "2048 to 8192"),
    "an RSA key that several algorithms fit": (public("RS256", alg=None), "name one"),
    "no object": ("text", "is a JSON object"),
    "an odd kid": (public("ES384", kid="a\nb"), "the kid of a JWK"),
}


@pytest.mark.parametrize(("bad", "why"), BAD.values(), ids=BAD)
def test_s14_one_bad_key_of_a_set_is_left_out_with_a_reason_and_the_others_work(bad: Any, why: str) -> None:
    keys = JWKSet.from_dict({"keys": [GOOD[0], bad, GOOD[1]]})
    assert [key.alg for key in keys] == ["ES256", "Ed25519"]
    assert [skipped.index for skipped in keys.skipped] == [1]
    assert why in keys.skipped[0].reason
    for alg in ("ES256", "Ed25519"):
        assert verify(sign(CLAIMS, key_of(alg)), keys, algorithms={"ES256", "Ed25519"}).payload == CLAIMS
    if isinstance(bad, dict) and bad.get("kid") == "key-ES384":
        assert keys.skipped[0].kid == "key-ES384"
        token = foreign_token({"alg": "ES384", "kid": "key-ES384"}, key_of("ES384"))
        with pytest.raises(UnknownKey):
            verify(token, keys, algorithms={"ES256", "ES384"})


def test_s14_a_private_key_in_a_set_is_used_only_where_private_keys_belong() -> None:
    document = {"keys": [private("ES256"), private("RS256")]}
    assert len(JWKSet.from_dict(document)) == 0
    kept = JWKSet.from_dict(document, private=True)
    assert [key.is_private for key in kept] == [True, True]
    assert all("d" not in each for each in kept.to_dict()["keys"])  # type: ignore[attr-defined]
    assert kept.to_dict(private=True)["keys"] == [private("ES256"), private("RS256")]


def test_s14_two_keys_under_one_id_refuse_the_set_even_when_one_of_them_is_bad() -> None:
    same = {"kid": "key-ES256"}
    for second in (
        public("ES256"),
        public("Ed25519", **same),
        public("ES384", use="enc", **same),
        public("ES384", y="AAAA", **same),
        {"kty": "AKP", **same},
    ):
        with pytest.raises(KeyRefused, match="same kid"):
            JWKSet.from_dict({"keys": [public("ES256"), second]})
    with pytest.raises(KeyRefused, match="same kid"):
        JWKSet([key_of("ES256"), key_of("ES256").public()])


def test_s14_symmetric_beside_asymmetric_keys_refuse_the_set_even_when_one_of_them_is_bad() -> None:
    for mixed in ([GOOD[0], private("HS256")], [GOOD[0], oct_key(b"short")], [{"kty": "EC"}, private("HS256")]):
        with pytest.raises(KeyRefused, match="mixes"):
            JWKSet.from_dict({"keys": mixed})
        with pytest.raises(KeyRefused, match="mixes"):
            verify(sign(CLAIMS, KEY), {"keys": mixed}, algorithms={"HS256"})
    for both_kinds in ([key_of("ES256"), key_of("HS256")], [GOOD[0], private("HS256")]):
        with pytest.raises(KeyRefused, match="mixes"):
            verify(sign(CLAIMS, KEY), both_kinds, algorithms={"ES256"})


def test_s14_a_set_of_secrets_is_a_set() -> None:
    keys = JWKSet.from_dict({"keys": [private("HS256"), private("HS512")]})
    assert verify(sign(CLAIMS, key_of("HS512")), keys, algorithms={"HS256", "HS512"}).key.kid == "key-HS512"
    with pytest.raises(KeyRefused):
        keys.to_dict()
    assert keys.verification_key("key-HS256") is None


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "text"}, {"Keys": []}])
def test_s14_what_is_no_set_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(KeyRefused):
        JWKSet.from_dict(document)


def test_s14_a_set_is_looked_up_by_the_strict_profile_too() -> None:
    keys = JWKSet.from_dict({"keys": GOOD})
    verifier = JwsVerifier(algorithms=frozenset({"ES256", "Ed25519"}), typ=TYP)
    for alg in ("ES256", "Ed25519"):
        token = sign(CLAIMS, key_of(alg), typ=TYP)
        assert verifier.verify(token, keys.verification_key).alg == alg
    with pytest.raises(UnknownKey):
        verifier.verify(sign(CLAIMS, KEY, typ=TYP), keys.verification_key)
