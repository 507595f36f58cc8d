"""Keys: one algorithm each, refused at import when weak or of the wrong kind, silent about what is private."""

import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import KeyRefused
from sealring.jose import SigningKey, b64u_decode, b64u_encode, generate, import_public_jwk, thumbprint
from tests.jose.making import KEY, OTHER_KEY

# RFC 7638 section 3.1 gives this key and its thumbprint.
RFC7638_MODULUS = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMst"
    "n64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajr"
    "n1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
)
RFC7638_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
EC_JWK: dict[str, object] = dict(KEY.public.to_jwk())
RSA_JWK: dict[str, object] = {"kty": "RSA", "alg": "RS256", "n": RFC7638_MODULUS, "e": "AQAB"}


@pytest.fixture(scope="module")
def rsa_key() -> SigningKey:
    return generate("RS256")


def test_the_thumbprint_of_the_rfc_example_is_the_rfcs_own() -> None:
    jwk = {**RSA_JWK, "kid": "2011-04-29", "unknown": [1]}
    assert thumbprint(jwk) == RFC7638_THUMBPRINT
    assert import_public_jwk({**RSA_JWK}).kid == RFC7638_THUMBPRINT
    assert import_public_jwk(jwk).kid == "2011-04-29"
    assert import_public_jwk(jwk).thumbprint() == RFC7638_THUMBPRINT


@pytest.mark.parametrize(
    "jwk", [{}, {"kty": "oct", "k": "AA"}, {"kty": "EC", "crv": "P-256", "x": "AA"}, {"kty": ["EC"]}]
)
def test_a_key_without_its_identifying_members_has_no_thumbprint(jwk: dict[str, object]) -> None:
    with pytest.raises(KeyRefused):
        thumbprint(jwk)


@pytest.mark.parametrize("alg", ["ES256", "RS256"])
def test_a_generated_key_survives_its_own_bytes_and_its_public_jwk(alg: str) -> None:
    key = generate(alg)
    again = SigningKey.from_private_bytes(key.private_bytes(), alg)
    public = import_public_jwk(key.public.to_jwk())
    assert key.kid == again.kid == public.kid == thumbprint(key.public.to_jwk())
    assert public == key.public == again.public
    assert public.verify(b"data", key.sign(b"data"))
    assert public.verify(b"data", again.sign(b"data"))
    assert not public.verify(b"date", key.sign(b"data"))


def test_generated_rsa_keys_have_3072_bits(rsa_key: SigningKey) -> None:
    assert len(b64u_decode(rsa_key.public.to_jwk()["n"], what="n")) == 3072 // 8
    assert rsa_key.public.to_jwk()["e"] == "AQAB"


def test_two_generated_keys_differ() -> None:
    assert generate("ES256").kid != generate("ES256").kid
    assert KEY.public != OTHER_KEY.public


def test_the_public_jwk_has_public_members_only_and_names_key_algorithm_and_use(rsa_key: SigningKey) -> None:
    assert EC_JWK.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
    assert rsa_key.public.to_jwk().keys() == {"kty", "n", "e", "kid", "alg", "use"}
    assert (EC_JWK["kid"], EC_JWK["alg"], EC_JWK["use"]) == (KEY.kid, "ES256", "sig")


@pytest.mark.parametrize("show", [repr, str, "{!r}".format, "{}".format])
def test_no_way_of_printing_a_key_shows_more_than_its_id_and_algorithm(show: Callable[[object], str]) -> None:
    assert show(KEY) == f"SigningKey(kid='{KEY.kid}', alg='ES256')"
    assert show(KEY.public) == f"VerificationKey(kid='{KEY.kid}', alg='ES256')"


def point_off_the_curve() -> dict[str, object]:
    return {**EC_JWK, "y": OTHER_KEY.public.to_jwk()["y"]}


def on_p384() -> dict[str, object]:
    numbers = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    x, y = (b64u_encode(number.to_bytes(48, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-384", "alg": "ES256", "x": x, "y": y}


def rsa_jwk(modulus: int, exponent: int = 65537) -> dict[str, object]:
    n, e = (b64u_encode(number.to_bytes((number.bit_length() + 7) // 8, "big")) for number in (modulus, exponent))
    return {"kty": "RSA", "alg": "RS256", "n": n, "e": e}


MODULUS = int.from_bytes(b64u_decode(RFC7638_MODULUS, what="n"), "big")


@pytest.mark.parametrize(
    "jwk",
    [
        pytest.param({}, id="nothing"),
        pytest.param({**EC_JWK, "alg": "none"}, id="alg none"),
        pytest.param({**EC_JWK, "alg": "HS256"}, id="alg HS256"),
        pytest.param({**EC_JWK, "alg": "RS256"}, id="an EC key for RS256"),
        pytest.param({**RSA_JWK, "alg": "ES256"}, id="an RSA key for ES256"),
        pytest.param({**RSA_JWK, "alg": "RSA1_5"}, id="alg RSA1_5"),
        pytest.param({**EC_JWK, "alg": ["ES256"]}, id="a list as alg"),
        pytest.param({name: value for name, value in EC_JWK.items() if name != "alg"}, id="no alg"),
        pytest.param({"kty": "oct", "k": "AAAA", "alg": "HS256"}, id="a symmetric key"),
        pytest.param({**EC_JWK, "d": "AAAA"}, id="a private EC key"),
        pytest.param({**RSA_JWK, "d": "AAAA"}, id="a private RSA key"),
        pytest.param({**RSA_JWK, "qi": None}, id="a private member that is null"),
        pytest.param({**EC_JWK, "use": "enc"}, id="a key for encryption"),
        pytest.param({**EC_JWK, "use": None}, id="a use that is null"),
        pytest.param({**EC_JWK, "key_ops": ["sign"]}, id="operations without verify"),
        pytest.param({**EC_JWK, "key_ops": "verify"}, id="operations that are no list"),
        pytest.param({**EC_JWK, "kid": ""}, id="an empty kid"),
        pytest.param({**EC_JWK, "kid": 7}, id="a number as kid"),
        pytest.param({**EC_JWK, "kid": None}, id="a kid that is null"),
        pytest.param({**EC_JWK, "kid": "k" * 129}, id="a long kid"),
        pytest.param({**EC_JWK, "kid": "a\nb"}, id="a kid with a line feed"),
        pytest.param({**EC_JWK, "crv": "P-384"}, id="another curve's name"),
        pytest.param({**EC_JWK, "crv": None}, id="no curve"),
        pytest.param(on_p384(), id="a key on another curve"),
        pytest.param(point_off_the_curve(), id="a point off the curve"),
        pytest.param({**EC_JWK, "x": b64u_encode(bytes(32)), "y": b64u_encode(bytes(32))}, id="the point 0, 0"),
        pytest.param({**EC_JWK, "x": b64u_encode(b"\xff" * 32)}, id="a coordinate beyond the field"),
        pytest.param({**EC_JWK, "kty": "RSA"}, id="an EC key that calls itself RSA"),
        pytest.param({**EC_JWK, "kty": None}, id="no key type"),
        pytest.param(
            {**EC_JWK, "x": b64u_encode(b"\0" + b64u_decode(str(EC_JWK["x"]), what="x"))}, id="a long coordinate"
        ),
        pytest.param({**EC_JWK, "x": str(EC_JWK["x"]) + "="}, id="a padded coordinate"),
        pytest.param({**EC_JWK, "x": 12}, id="a number as coordinate"),
        pytest.param({**EC_JWK, "y": ""}, id="an empty coordinate"),
        pytest.param({**RSA_JWK, "n": b64u_encode(b"\0" + MODULUS.to_bytes(256, "big"))}, id="a leading zero octet"),
        pytest.param(rsa_jwk(MODULUS >> 1 | 1), id="2047 bits"),
        pytest.param(rsa_jwk((1 << 8192) | 1), id="8193 bits"),
        pytest.param(rsa_jwk(MODULUS - 1), id="an even modulus"),
        pytest.param(rsa_jwk(MODULUS, 1), id="exponent 1"),
        pytest.param(rsa_jwk(MODULUS, 3), id="exponent 3"),
        pytest.param(rsa_jwk(MODULUS, 65535), id="exponent 65535"),
        pytest.param(rsa_jwk(MODULUS, 65538), id="an even exponent"),
        pytest.param(rsa_jwk(MODULUS, (1 << 64) + 1), id="a huge exponent"),
    ],
)
def test_a_key_that_must_not_be_used_is_refused_at_import(jwk: dict[str, object]) -> None:
    with pytest.raises(KeyRefused) as caught:
        import_public_jwk(jwk)
    assert caught.value.reason == "key"


def test_the_caller_may_say_the_algorithm_but_not_contradict_the_key() -> None:
    without = {name: value for name, value in EC_JWK.items() if name != "alg"}
    assert import_public_jwk(without, alg="ES256").alg == "ES256"
    with pytest.raises(KeyRefused):
        import_public_jwk(EC_JWK, alg="RS256")
    with pytest.raises(KeyRefused):
        import_public_jwk(without, alg="none")


def test_unknown_members_and_a_right_purpose_are_accepted() -> None:
    jwk = {**EC_JWK, "key_ops": ["verify"], "x5c": ["MII="], "note": {"a": 1}}
    assert import_public_jwk(jwk) == KEY.public


@given(st.dictionaries(st.sampled_from([*EC_JWK, "key_ops", "n", "e"]), st.none() | st.text() | st.integers()))
def test_nonsense_in_a_jwk_is_refused_or_the_same_key(changes: dict[str, object]) -> None:
    try:
        key = import_public_jwk({**EC_JWK, **changes})
    except KeyRefused:
        return
    assert key.thumbprint() == KEY.kid


def pkcs8(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_private_bytes_of_the_wrong_kind_are_refused(rsa_key: SigningKey) -> None:
    public = ec.derive_private_key(7, ec.SECP256R1()).public_key()
    for data, alg in (
        (b"", "ES256"),
        (b"junk", "ES256"),
        (KEY.private_bytes(), "RS256"),
        (KEY.private_bytes(), "none"),
        (rsa_key.private_bytes(), "ES256"),
        (pkcs8(ec.generate_private_key(ec.SECP384R1())), "ES256"),
        (public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), "ES256"),
        (pkcs8(rsa.generate_private_key(65537, 1024)), "RS256"),
    ):
        with pytest.raises(KeyRefused):
            SigningKey.from_private_bytes(data, alg)


@pytest.mark.parametrize("alg", ["none", "HS256", "RSA1_5", "", "es256"])
def test_no_key_is_made_for_an_algorithm_that_is_not_here(alg: str) -> None:
    with pytest.raises(KeyRefused):
        generate(alg)


def test_refusals_say_nothing_of_the_key_that_was_refused() -> None:
    with pytest.raises(KeyRefused) as caught:
        import_public_jwk({**EC_JWK, "d": "secret-value"})
    assert "secret-value" not in json.dumps([caught.value.detail, repr(caught.value)])
