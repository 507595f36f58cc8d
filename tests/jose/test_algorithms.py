"""ES256 and RS256 against published examples and against malformed signatures."""

from itertools import count
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import ConfigurationError, KeyRefused
from sealring.jose import ALGORITHMS, SigningKey, b64u_decode, generate, import_public_jwk
from sealring.jose.algorithms import algorithm, allow_list, signature_allow_list
from tests.jose.making import KEY, ORDER


def test_the_table_has_no_algorithm_without_a_signature() -> None:
    assert set(ALGORITHMS) == {
        *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
        *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "HS256", "HS384", "HS512"),
    }
    for name in ("none", "None", "RSA1_5", "es256", None, 7, ["ES256"]):
        with pytest.raises(KeyRefused):
            algorithm(name)


@pytest.mark.parametrize("names", [[], ["none"], ["ES256", "none"], ["es256"], "ES256K", ["ES256", 7], ["ES256", []]])
def test_an_allow_list_is_not_empty_and_names_known_algorithms(names: Any) -> None:
    with pytest.raises(ConfigurationError):
        allow_list(names)


def test_an_allow_list_does_not_mix_macs_with_signatures() -> None:
    assert allow_list(["HS256", "HS512"]) == {"HS256", "HS512"}
    assert allow_list("ES256") == {"ES256"}
    with pytest.raises(ConfigurationError):
        allow_list(["HS256", "RS256"])
    with pytest.raises(ConfigurationError):
        signature_allow_list(["HS256"])


def test_the_es256_example_of_rfc_7515_verifies() -> None:
    """RFC 7515 appendix A.3."""
    key = import_public_jwk(
        {
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        },
        alg="ES256",
    )
    signing_input = (
        b"eyJhbGciOiJFUzI1NiJ9"
        b".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    signature = b64u_decode(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q", what="it"
    )
    assert key.verify(signing_input, signature)
    assert not key.verify(signing_input + b"x", signature)


def test_es256_signatures_are_those_of_rfc_6979() -> None:
    """RFC 6979 appendix A.2.5: the curve P-256 with SHA-256, message "sample"."""
    private = ec.derive_private_key(0xC9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721, ec.SECP256R1())
    key = SigningKey.from_private_bytes(
        private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "ES256"
    )
    assert key.sign(b"sample").hex().upper() == (
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
        "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
    )


@given(st.binary(max_size=300))
def test_es256_signs_the_same_input_alike_in_64_bytes(data: bytes) -> None:
    signature = KEY.sign(data)
    assert signature == KEY.sign(data)
    assert len(signature) == 64
    assert KEY.public.verify(data, signature)


@given(st.binary(max_size=140))
def test_no_random_bytes_are_an_es256_signature(signature: bytes) -> None:
    assert KEY.public.verify(b"data", signature) is False


@given(st.integers(0, 511))
def test_no_bit_of_an_es256_signature_can_be_changed(bit: int) -> None:
    changed = bytearray(KEY.sign(b"data"))
    changed[bit // 8] ^= 1 << bit % 8
    assert KEY.public.verify(b"data", bytes(changed)) is False


def test_an_es256_signature_has_64_bytes_even_where_fewer_would_spell_the_same_numbers() -> None:
    data = next(data for number in count() if KEY.sign(data := b"%d" % number)[32] == 0)
    signature = KEY.sign(data)
    assert KEY.public.verify(data, signature)
    assert KEY.public.verify(data, signature[:32] + signature[33:]) is False
    assert KEY.public.verify(data, signature[:32] + b"\0" + signature[32:]) is False


@pytest.mark.parametrize("r", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, ORDER - 1, ORDER, 2**256 - 1])
def test_edge_values_of_r_and_s_are_refused(r: int, s: int) -> None:
    assert KEY.public.verify(b"data", r.to_bytes(32, "big") + s.to_bytes(32, "big")) is False


def test_rs256_signatures_are_as_long_as_the_modulus_and_no_longer_or_shorter() -> None:
    key = generate("RS256")
    signature = key.sign(b"data")
    assert len(signature) == 3072 // 8
    assert key.public.verify(b"data", signature)
    for wrong in (
        b"",
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        b"\xff" * 384,
        bytes(384),
        signature[::-1],
    ):
        assert key.public.verify(b"data", wrong) is False
