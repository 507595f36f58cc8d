"""Attacks on the signature itself: S5, S6 (ECDSA), S8 (Ed25519, with either library), S9 (RSA), S16 (nonces)."""

import hashlib
import secrets
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_private_key

from sealring.jose import ALGORITHMS, JWK, b64u_decode, b64u_encode, sign, verify
from sealring.jose.ed25519 import Cryptography, Ed25519Library, EdPublic
from sealring.jose.eddsa import Ed25519, preferred_library
from sealring.jose.edwards import ORDER, PRIME
from tests.attacks.gate import general
from tests.jose.making import CLAIMS, KEY, MACS, SIGNATURES, key_of, with_signature

pytestmark = pytest.mark.usefixtures("no_network")

ORDERS = {
    "ES256": ec.SECP256R1.group_order,
    "ES384": ec.SECP384R1.group_order,
    "ES512": ec.SECP521R1.group_order,
}
SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}


def signature_of(token: str) -> bytes:
    return b64u_decode(token.rpartition(".")[2], what="the signature")


def refuse(token: str, alg: str, *signatures: bytes) -> None:
    """Fail unless the token with each of these signatures is refused for its signature."""
    for signature in signatures:
        changed = with_signature(token, signature)
        assert general(changed, key_of(alg), algorithms={alg}) == ("signature" if signature else "malformed")


# S5, S6 and S16: ECDSA


@pytest.mark.parametrize("alg", ORDERS)
def test_s5_edge_values_of_r_and_s_are_refused(alg: str) -> None:
    size, n = SIZES[alg], ORDERS[alg]
    token = sign(CLAIMS, key_of(alg))
    good = signature_of(token)
    edges = [number.to_bytes(size, "big") for number in (0, 1, 2, n - 2, n - 1, n, n + 1, 2 ** (8 * size) - 1)]
    refuse(token, alg, *(r + s for r in edges for s in edges))
    refuse(token, alg, *(good[:size] + s for s in edges), *(r + good[size:] for r in edges))


@pytest.mark.parametrize("alg", ORDERS)
def test_s5_a_signature_of_another_length_or_form_is_refused(alg: str) -> None:
    size = SIZES[alg]
    token = sign(CLAIMS, key_of(alg))
    good = signature_of(token)
    r, s = good[:size], good[size:]
    der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
    refuse(token, alg, der, r, s, s + r, good + b"\0", b"\0" + good, good[:-1], good[1:], good * 2)
    refuse(token, alg, b"\0" + r + b"\0" + s, r + s[::-1], good[::-1], b"\0", b"\0" * len(good), b"")
    # Not reduced: the same number modulo the order, where it still fits.
    n = ORDERS[alg]
    larger = [(int.from_bytes(part, "big") + n) for part in (r, s)]
    refuse(
        token,
        alg,
        *(
            number.to_bytes(size + 1, "big")[-size:] + other
            for number, other in zip(larger, (s, r), strict=True)
            if number.bit_length() <= 8 * size
        ),
    )


@pytest.mark.parametrize("alg", ORDERS)
def test_s6_the_other_valid_signature_is_the_same_token_for_everyone_who_keys_on_its_content(alg: str) -> None:
    """ECDSA is malleable: nothing may be denied, cached or counted by the bytes of a token."""
    size, n = SIZES[alg], ORDERS[alg]
    token = sign(CLAIMS, key_of(alg))
    good = signature_of(token)
    other = good[:size] + (n - int.from_bytes(good[size:], "big")).to_bytes(size, "big")
    twin = with_signature(token, other)
    assert twin != token
    assert verify(twin, key_of(alg), algorithms={alg}).payload == CLAIMS
    negative_r = (n - int.from_bytes(good[:size], "big")).to_bytes(size, "big")
    refuse(token, alg, negative_r + good[size:], negative_r + other[size:])


@pytest.mark.parametrize("alg", ORDERS)
def test_s16_the_same_input_never_shares_r_with_another_s(alg: str) -> None:
    size = SIZES[alg]
    made = [key_of(alg).sign(b"the same input") for _ in range(20)]
    by_r = {signature[:size]: {each for each in made if each[:size] == signature[:size]} for signature in made}
    assert all(len(signatures) == 1 for signatures in by_r.values())


@pytest.mark.parametrize("alg", ORDERS)
def test_s16_different_inputs_never_share_r(alg: str) -> None:
    size = SIZES[alg]
    made = [key_of(alg).sign(b"%d" % number) for number in range(50)]
    assert len({signature[:size] for signature in made}) == len(made)


# S8, Ed25519 with either library

NEUTRAL = (1).to_bytes(32, "little")
SMALL = [
    NEUTRAL,
    (PRIME - 1).to_bytes(32, "little"),
    bytes(32),
    (2**255).to_bytes(32, "little"),
    *(
        (y | sign_bit << 255).to_bytes(32, "little")
        for y in (
            0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
            PRIME - 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
        )
        for sign_bit in (0, 1)
    ),
]


LIBRARIES: dict[str, Ed25519Library] = {
    "cryptography": preferred_library(pynacl=False),
    "PyNaCl": preferred_library(),
}


@pytest.fixture(params=list(LIBRARIES.values()), ids=list(LIBRARIES))
def row(request: pytest.FixtureRequest) -> Ed25519:
    """The algorithm on one of the two libraries; PyNaCl is hidden from it, or it is there."""
    return Ed25519("Ed25519", request.param)


def test_s8_the_two_libraries_are_two() -> None:
    names = {type(library).__name__ for library in LIBRARIES.values()}
    assert names == {"Cryptography", "Sodium"}


def test_s8_a_signature_is_verified_and_no_changed_one_is(row: Ed25519) -> None:
    key = row.generate()
    good = row.sign(key, b"data")
    assert good == key.native.sign(b"data")
    assert row.verify(key.public, b"data", good)
    assert not row.verify(key.public, b"date", good)
    for bit in range(512):
        changed = bytearray(good)
        changed[bit // 8] ^= 1 << bit % 8
        assert not row.verify(key.public, b"data", bytes(changed))
    for wrong in (b"", good[:-1], good + b"\0", b"\0" + good, good * 2, bytes(64), b"\xff" * 64):
        assert not row.verify(key.public, b"data", wrong)


def test_s8_a_scalar_that_is_not_reduced_is_refused(row: Ed25519) -> None:
    """The same signature with s + L would be a second spelling (RFC 8032 section 5.1.7)."""
    key = row.generate()
    for number in range(10):
        data = b"%d" % number
        good = row.sign(key, data)
        s = int.from_bytes(good[32:], "little")
        for multiple in range(1, (2**256 - 1 - s) // ORDER + 1):
            assert not row.verify(key.public, data, good[:32] + (s + multiple * ORDER).to_bytes(32, "little"))


def challenge(commitment: bytes, public: bytes, data: bytes) -> int:
    return int.from_bytes(hashlib.sha512(commitment + public + data).digest(), "little") % ORDER


def scalar_of(key: ed25519.Ed25519PrivateKey) -> int:
    """Return the secret scalar of a key (RFC 8032 section 5.1.5)."""
    octets = bytearray(hashlib.sha512(key.private_bytes_raw()).digest()[:32])
    octets[0] &= 248
    octets[31] = octets[31] & 127 | 64
    return int.from_bytes(octets, "little")


def test_s8_a_commitment_of_small_order_is_refused(row: Ed25519) -> None:
    """The owner of a key can make one with the neutral element as R: OpenSSL takes it and libsodium does not."""
    key = row.generate()
    s = challenge(NEUTRAL, key.public.raw, b"data") * scalar_of(key.native) % ORDER
    crafted = NEUTRAL + s.to_bytes(32, "little")
    assert Cryptography().verify(key.public, b"data", crafted), "the attack is a real one"
    assert not row.verify(key.public, b"data", crafted)


def test_s8_no_odd_commitment_is_taken(row: Ed25519) -> None:
    key = row.generate()
    good = row.sign(key, b"data")
    not_reduced = [(PRIME + y).to_bytes(32, "little") for y in range(19)]
    for commitment in (*SMALL, *not_reduced, b"\xff" * 32):
        for s in (bytes(32), good[32:], NEUTRAL):
            assert not row.verify(key.public, b"data", commitment + s)


@pytest.mark.parametrize("public", SMALL, ids=lambda point: point.hex()[:8])
def test_s8_the_signature_that_a_small_order_key_would_verify_for_any_message_meets_no_such_key(
    row: Ed25519, public: bytes
) -> None:
    forged = NEUTRAL + bytes(32)
    assert not row.verify(EdPublic.of(public), b"any message", forged)


def test_s8_both_libraries_agree_about_signatures_close_to_good_ones() -> None:
    rows = [Ed25519("Ed25519", library) for library in LIBRARIES.values()]
    key = rows[0].generate()
    good = rows[0].sign(key, b"data")
    parts = [good[:32], good[32:], *SMALL[:4], ORDER.to_bytes(32, "little"), secrets.token_bytes(32)]
    for first in parts:
        for second in parts:
            verdicts = {each.verify(key.public, b"data", first + second) for each in rows}
            assert verdicts == {first + second == good}


# S9, forged RSA padding

PREFIX = bytes.fromhex("3031300d060960864801650304020105000420")


@pytest.fixture(scope="module")
def raw() -> Callable[[bytes], bytes]:
    """Signs any block with the bare RSA operation, as no library does any more."""
    members = key_of("RS256").to_dict(private=True)
    n, d = (int.from_bytes(b64u_decode(str(members[name]), what=name), "big") for name in ("n", "d"))

    def power(block: bytes) -> bytes:
        return pow(int.from_bytes(block, "big"), d, n).to_bytes(384, "big")

    return power


def test_s9_a_block_with_any_flaw_is_refused(raw: Callable[[bytes], bytes]) -> None:
    token = sign(CLAIMS, key_of("RS256"))
    digest = hashlib.sha256(token.rpartition(".")[0].encode()).digest()
    tail = b"\0" + PREFIX + digest

    def block(middle: int, *, start: bytes = b"\0\1", end: bytes = tail) -> bytes:
        return start + b"\xff" * (384 - middle) + end

    good = block(2 + len(tail))
    assert len(good) == 384
    assert raw(good) == signature_of(token)
    fill = 384 - 2
    without_null = b"\0" + bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest
    long_length = b"\0" + bytes.fromhex("308131300d060960864801650304020105000420") + digest
    flawed = {
        "block type 2": block(2 + len(tail), start=b"\0\2"),
        "block type 0": b"\0\0" + bytes(fill - len(tail)) + tail,
        "a first octet that is not zero": block(2 + len(tail), start=b"\1\1"),
        "no separator": b"\0\1" + b"\xff" * (fill - len(tail) + 1) + tail[1:],
        "a hole in the padding": good[:50] + b"\0" + good[51:],
        "an odd octet in the padding": good[:50] + b"\xfe" + good[51:],
        "short padding and garbage behind (CVE-2006-4339)": (b"\0\1" + b"\xff" * 8 + tail).ljust(384, b"\0"),
        "random garbage behind": b"\0\1" + b"\xff" * 8 + tail + secrets.token_bytes(fill - 8 - len(tail)),
        "garbage within the parameters": b"\0\1"
        + b"\xff" * (fill - len(tail) - 4)
        + b"\0"
        + PREFIX[:17]
        + b"abcd"
        + PREFIX[17:]
        + digest,
        "no NULL parameter": b"\0\1" + b"\xff" * (fill - len(without_null)) + without_null,
        "a length in the long form": b"\0\1" + b"\xff" * (fill - len(long_length)) + long_length,
        "no digest info at all": b"\0\1" + b"\xff" * (fill - 33) + b"\0" + digest,
        "the name of SHA-1": good.replace(PREFIX, PREFIX[:14] + b"\2" + PREFIX[15:]),
        "another digest": good[:-1] + bytes([good[-1] ^ 1]),
    }
    for name, each in flawed.items():
        assert len(each) == 384, name
        assert general(with_signature(token, raw(each)), key_of("RS256"), algorithms={"RS256"}) == "signature", name


@pytest.mark.parametrize("alg", [name for name in SIGNATURES if name[:2] in {"RS", "PS"}])
def test_s9_a_signature_is_exactly_as_long_as_the_modulus_and_below_it(alg: str) -> None:
    token = sign(CLAIMS, key_of(alg))
    good = signature_of(token)
    n = int.from_bytes(b64u_decode(str(key_of(alg).to_dict()["n"]), what="n"), "big")
    s = int.from_bytes(good, "big")
    refuse(token, alg, good[:-1], good + b"\0", b"\0" + good, good[::-1], good[1:], b"\0")
    edges = (0, 1, 2, n - 1, n, n + 1, 2**3072 - 1)
    refuse(token, alg, *(number.to_bytes(384, "big") for number in edges))
    # The same number modulo n, in as many octets as it takes.
    refuse(token, alg, (s + n).to_bytes(385, "big"), *([(s + n).to_bytes(384, "big")] if s + n < 2**3072 else []))


def test_s9_the_salt_of_pss_is_as_long_as_the_hash() -> None:
    """RFC 7518 section 3.5; a verifier that finds out the length by itself accepts more than one."""
    key = key_of("PS256")
    native = load_der_private_key(key.signing_key().private_bytes(), None)
    assert isinstance(native, RSAPrivateKey)
    token = sign(CLAIMS, key)
    data = token.rpartition(".")[0].encode()
    for mask, digest, salt in (
        (hashes.SHA256(), hashes.SHA256(), 0),
        (hashes.SHA256(), hashes.SHA256(), 31),
        (hashes.SHA256(), hashes.SHA256(), 33),
        (hashes.SHA256(), hashes.SHA256(), 350),
        (hashes.SHA1(), hashes.SHA256(), 32),
        (hashes.SHA384(), hashes.SHA256(), 32),
        (hashes.SHA384(), hashes.SHA384(), 32),
    ):
        signature = native.sign(data, padding.PSS(padding.MGF1(mask), salt), digest)
        refuse(token, "PS256", signature)
    fitting = native.sign(data, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())
    assert verify(with_signature(token, fitting), key, algorithms={"PS256"}).payload == CLAIMS


# All of them


@pytest.mark.parametrize("alg", [*SIGNATURES, *MACS])
def test_s5_no_signature_of_another_key_payload_or_header_is_taken(alg: str) -> None:
    token = sign(CLAIMS, key_of(alg))
    refuse(token, alg, signature_of(sign(b"{}", key_of(alg))), signature_of(sign(CLAIMS, key_of(alg), typ="JWT")))
    other = JWK.from_dict({**key_of(alg).to_dict(private=True)})
    assert verify(token, other, algorithms={alg}).payload == CLAIMS
    if not alg.startswith(("RS", "PS")):
        refuse(token, alg, signature_of(sign(CLAIMS, JWK.generate(alg, kid=f"key-{alg}"))))


def test_every_algorithm_of_the_table_is_attacked_here() -> None:
    assert {*SIGNATURES, *MACS} == set(ALGORITHMS)
    assert verify(sign(CLAIMS, KEY), KEY, algorithms=["ES256"]).key.kid == KEY.kid
    assert b64u_encode(signature_of(sign(CLAIMS, KEY)))
