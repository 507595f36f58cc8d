"""JWK and JWKSet: what goes in comes out, private only when asked, and nothing private in print."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealring.errors import JoseError, KeyRefused, UnknownKey
from sealring.jose import JWK, JWKSet, b64u_decode, generate, import_public_jwk, sign, verify
from sealring.jose.algorithms import algorithm_of
from tests.jose.making import CLAIMS, KEY, MACS, SIGNATURES, foreign_token, key_of

PRIVATE_NAMES = {"d", "p", "q", "dp", "dq", "qi", "k"}


@pytest.mark.parametrize("alg", [*SIGNATURES, *MACS])
def test_a_key_survives_its_own_jwk(alg: str) -> None:
    key = key_of(alg)
    again = JWK.from_json(key.to_json(private=True))
    assert again.to_dict(private=True) == key.to_dict(private=True)
    assert (again.kid, again.alg, again.kty, again.is_private) == (key.kid, alg, key.kty, True)
    assert verify(sign(CLAIMS, again), key, algorithms=[alg]).payload == CLAIMS
    if alg not in MACS:
        public = JWK.from_json(key.to_json())
        assert not PRIVATE_NAMES & set(public.to_dict())
        assert public.to_dict() == key.public().to_dict() == key.to_dict()
        assert (public.is_private, public.public().is_private, key.public().is_private) == (False, False, False)
        assert verify(sign(CLAIMS, key), public, algorithms=[alg]).payload == CLAIMS
        assert public.thumbprint() == key.thumbprint()


@pytest.mark.parametrize("alg", SIGNATURES)
def test_a_key_goes_to_the_types_of_the_ring_and_back(alg: str) -> None:
    key = key_of(alg)
    assert JWK.of(key.signing_key()).to_dict(private=True) == key.to_dict(private=True)
    assert JWK.of(key.verification_key()).to_dict() == key.to_dict()
    assert import_public_jwk(key.to_dict()) == key.verification_key() == key.signing_key().public
    made = generate(alg) if not alg.startswith(("RS", "PS")) else key.signing_key()
    assert JWK.of(made).kid == made.kid
    again = type(made).from_private_bytes(made.private_bytes(), alg)
    assert again.public.verify(b"data", made.sign(b"data"))


@pytest.mark.parametrize("alg", MACS)
def test_a_symmetric_key_has_no_public_form_whatsoever(alg: str) -> None:
    key = key_of(alg)
    ways: list[Callable[[], object]] = [
        key.public,
        key.to_dict,
        key.to_json,
        key.thumbprint,
        key.signing_key,
        key.verification_key,
        lambda: JWKSet([key]).to_json(),
        lambda: generate(alg),
        lambda: import_public_jwk(key.to_dict(private=True)),
    ]
    for way in ways:
        with pytest.raises(KeyRefused):
            way()
    assert JWK.generate(alg).kid is None


def test_a_public_key_gives_no_private_form_and_makes_no_signature() -> None:
    public = key_of("ES256").public()
    ways: list[Callable[[], object]] = [
        lambda: public.to_dict(private=True),
        lambda: sign(CLAIMS, public),
        lambda: public.sign(b"data"),
        public.signing_key,
    ]
    for way in ways:
        with pytest.raises(KeyRefused):
            way()


@pytest.mark.parametrize("alg", [*SIGNATURES, *MACS])
def test_no_print_of_a_key_shows_a_private_member(alg: str) -> None:
    key = key_of(alg)
    members = key.to_dict(private=True)
    shown = f"{key!r} {key} {[key]!r} {JWKSet([key])!r} {vars(JWKSet([key]))}"
    for name in PRIVATE_NAMES & set(members):
        text = str(members[name])
        assert text not in shown
        assert repr(b64u_decode(text, what=name)) not in shown


def test_a_jwk_that_does_not_say_its_algorithm_gets_the_only_one_that_fits() -> None:
    def unnamed(alg: str, *, private: bool = False) -> dict[str, object]:
        return {name: value for name, value in key_of(alg).to_dict(private=private).items() if name != "alg"}

    for alg in ("ES256", "ES384", "ES512", "Ed25519"):
        assert JWK.from_dict(unnamed(alg)).alg == alg
    for alg in ("RS256", "PS256"):
        with pytest.raises(KeyRefused, match="name one"):
            JWK.from_dict(unnamed(alg))
        assert JWK.from_dict(unnamed(alg), alg=alg).alg == alg
        assert JWK.from_dict(unnamed(alg), algorithms={alg, "ES256", "HS256"}).alg == alg
        with pytest.raises(KeyRefused, match="name one"):
            JWK.from_dict(unnamed(alg), algorithms={"RS256", "PS256"})
    with pytest.raises(KeyRefused, match="name one"):
        JWK.from_dict(unnamed("HS256", private=True))
    assert JWK.from_dict(unnamed("HS256", private=True), alg="HS256").alg == "HS256"
    with pytest.raises(KeyRefused, match="another algorithm"):
        JWK.from_dict(key_of("ES256").to_dict(), alg="ES384")
    with pytest.raises(KeyRefused):
        JWK.from_dict(unnamed("ES256"), alg="none")
    assert algorithm_of(key_of("EdDSA").to_dict()).name == "EdDSA"


def test_a_generated_key_has_its_thumbprint_or_the_id_that_was_asked_for() -> None:
    key = JWK.generate("Ed25519")
    assert key.kid == key.thumbprint()
    assert JWK.generate("HS512", kid="k-1").kid == "k-1"
    for kid in ("", "a b", "k" * 129, "\n"):
        with pytest.raises(KeyRefused):
            JWK.generate("ES256", kid=kid)
    with pytest.raises(KeyRefused):
        JWK.generate("none")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{}", '{"kty":"EC"}', b"\xff", "\ud800", "x" * 20_000, '{"keys":7}']
)
def test_what_is_no_key_text_is_refused(text: Any) -> None:
    for read in (JWK.from_json, JWKSet.from_json):
        with pytest.raises(KeyRefused):
            read(text)


@pytest.mark.parametrize("value", [None, 7, "text", [], object()])
def test_what_is_no_jwk_is_refused(value: Any) -> None:
    with pytest.raises(KeyRefused):
        JWK.from_dict(value)
    assert [skipped.index for skipped in JWKSet.from_dict({"keys": [value]}).skipped] == [0]


jwk_members = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "k", "p", "alg", "kid", "use", "key_ops", "oth"])
jwk_values = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(
        ["EC", "RSA", "OKP", "oct", "P-256", "P-521", "Ed25519", "sig", "AQAB", "AAAA", *SIGNATURES, *MACS]
    )
    | st.lists(st.sampled_from(["sign", "verify", "encrypt", 7]), max_size=3)
)


@settings(max_examples=200)
@given(
    st.sampled_from(["ES256", "ES512", "Ed25519", "RS256", "HS256"]),
    st.dictionaries(jwk_members, jwk_values, max_size=3),
)
def test_no_change_of_a_jwk_raises_anything_but_a_refusal(alg: str, changes: dict[str, Any]) -> None:
    jwk = {**key_of(alg).to_dict(private=True), **changes}
    try:
        key = JWK.from_dict(jwk)
    except KeyRefused:
        return
    assert key.kty == jwk["kty"]
    assert JWKSet.from_dict({"keys": [jwk]}, private=True).keys[0].alg == key.alg


def test_a_set_finds_keys_by_id_and_nothing_else() -> None:
    keys = JWKSet([key_of("ES256").public(), key_of("Ed25519").public()])
    assert len(keys) == 2
    assert keys.get("key-ES256") is keys.keys[0]
    for odd in ("KEY-ES256", "key-ES256 ", "", "__proto__", "key"):
        assert keys.get(odd) is None
        assert keys.verification_key(odd) is None
    again = JWKSet.from_json(keys.to_json())
    assert again.to_dict() == keys.to_dict()
    assert json.loads(keys.to_json())["keys"][0]["kid"] == "key-ES256"


def test_a_token_without_key_id_is_tried_with_the_one_key_of_its_algorithm() -> None:
    keys = JWKSet([key_of("ES256").public(), key_of("Ed25519").public()])
    token = foreign_token({"alg": "ES256"}, key_of("ES256"))
    assert verify(token, keys, algorithms=["ES256", "Ed25519"]).key.alg == "ES256"
    second = JWK.generate("ES256")
    with pytest.raises(KeyRefused, match="not exactly one"):
        verify(token, JWKSet([*keys, second]), algorithms=["ES256"])
    with pytest.raises(KeyRefused, match="not exactly one"):
        verify(token, JWKSet([]), algorithms=["ES256"])


def test_a_key_without_id_contradicts_no_token() -> None:
    nameless = {name: value for name, value in key_of("ES256").to_dict().items() if name != "kid"}
    token = foreign_token({"alg": "ES256", "kid": "whatever"}, key_of("ES256"))
    assert verify(token, nameless, algorithms=["ES256"]).payload == CLAIMS
    assert verify(token, {"keys": [nameless]}, algorithms=["ES256"]).payload == CLAIMS
    named = {**KEY.public.to_jwk(), "kid": "whatever"}
    with pytest.raises(JoseError):
        verify(token, {"keys": [nameless, named]}, algorithms=["ES256"])
    with pytest.raises(UnknownKey):
        verify(token, key_of("ES256"), algorithms=["ES256"])
