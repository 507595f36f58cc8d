"""Drawn tokens: nothing escapes our error tree, and what we accept, PyJWT and joserfc accept with the same payload."""

import warnings

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc.jwk import import_key

from sealring.errors import JoseError, SealringError
from sealring.jose import JWK, JWKSet, JwsVerifier, Verified, parse_json_object, verify
from tests.fuzz.mutations import DRAWN, tokens
from tests.jose.making import CLAIMS, TYP, foreign_token, key_of

EXAMPLES = 60
PYJWT_NAMES = {"Ed25519": "EdDSA"}  # PyJWT knows the curve by this name only, so it is asked about the others


def ours(token: str, key: JWK) -> Verified | None:
    """Return our verdict; any exception but a refusal fails the test."""
    try:
        return verify(token, key, algorithms=[key.alg])
    except SealringError:
        return None


def payload_by_pyjwt(token: str, key: JWK) -> bytes:
    members = key.to_dict(private=True)
    native = jwt.PyJWK(members, key.alg).key
    public = native if key.is_symmetric else native.public_key()
    payload: bytes = jwt.PyJWS().decode(token, public, algorithms=[key.alg])
    return payload


def payload_by_joserfc(token: str, key: JWK) -> bytes:
    members: dict[str, str | list[str]] = {name: str(value) for name, value in key.to_dict(private=True).items()}
    # Members that nobody registered are an error for joserfc by default; for the RFC they are not.
    registry = joserfc_jws.JWSRegistry(algorithms=[key.alg], strict_check_header=False)
    return joserfc_jws.deserialize_compact(token, import_key(members), registry=registry).payload


@pytest.fixture(params=DRAWN)
def key(request: pytest.FixtureRequest) -> JWK:
    return key_of(request.param)


def test_what_we_accept_the_others_accept_with_the_same_payload(key: JWK) -> None:
    seen: set[bool] = set()

    @settings(max_examples=EXAMPLES, derandomize=True)
    @given(tokens(key))
    def compare(token: str) -> None:
        verdict = ours(token, key)
        seen.add(verdict is not None)
        if verdict is None:
            return
        with warnings.catch_warnings():
            # Both warn about what they deem old or weak; they answer all the same.
            warnings.simplefilter("ignore")
            assert payload_by_joserfc(token, key) == verdict.payload
            if key.alg not in PYJWT_NAMES:
                assert payload_by_pyjwt(token, key) == verdict.payload

    compare()
    assert seen == {True, False}, "the strategy draws good tokens and bad ones"


@settings(max_examples=300, derandomize=True)
@given(st.data())
def test_nothing_but_a_refusal_escapes_either_profile(data: st.DataObject) -> None:
    drawn = key_of(data.draw(st.sampled_from(["ES256", "Ed25519", "HS256"])))
    token = data.draw(tokens(drawn))
    for each in (drawn, JWKSet([drawn]), {"keys": [drawn.to_dict(private=drawn.is_symmetric)]}):
        verdicts = {ours(token, drawn) is None}
        try:
            verify(token, each, algorithms=[drawn.alg])
            verdicts.add(False)
        except JoseError:
            verdicts.add(True)
        # One key and the set of that key say the same, except about a token that names another key.
        assert len(verdicts) == 1
    if drawn.is_symmetric:
        return
    try:
        strict = JwsVerifier(algorithms=frozenset({drawn.alg}), typ=TYP).verify(
            token, {str(drawn.kid): drawn.verification_key()}.get
        )
    except JoseError:
        return
    general = ours(token, drawn)
    assert general is not None, "the strict profile accepts nothing that the general one refuses"
    assert general.payload == strict.payload


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda raw: raw.decode("latin-1")))
def test_no_text_whatever_is_a_token_or_raises_anything_else(text: str) -> None:
    assert ours(text, key_of("ES256")) is None


@given(st.binary(max_size=200))
def test_no_octets_whatever_raise_anything_else_as_key_or_payload(octets: bytes) -> None:
    for read in (JWK.from_json, JWKSet.from_json, lambda raw: parse_json_object(raw, max_depth=4, what="it")):
        try:
            read(octets)
        except JoseError:
            continue


def test_the_others_are_really_asked() -> None:
    for alg in DRAWN:
        token = foreign_token({"alg": alg, "kid": f"key-{alg}"}, key_of(alg))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert payload_by_joserfc(token, key_of(alg)) == CLAIMS
            if alg not in PYJWT_NAMES:
                assert payload_by_pyjwt(token, key_of(alg)) == CLAIMS
