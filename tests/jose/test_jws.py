"""Compact JWS: what a verifier returns, what it asks of the resolver, and what it remembers."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import ConfigurationError, JoseError, UnknownKey
from sealring.jose import JwsVerifier, KeyResolver, VerificationKey, VerifiedJws, generate, sign
from sealring.jose.jws import MEMO_ENTRIES
from tests.jose.making import CLAIMS, ES256, KEY, OTHER_KEY, TYP, header_of, token_of

KEYS = {KEY.kid: KEY.public}
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def verify(token: str, resolve_key: KeyResolver, *, algorithms: frozenset[str], typ: str) -> VerifiedJws:
    """Verify with a verifier that remembers nothing yet."""
    return JwsVerifier(algorithms=algorithms, typ=typ).verify(token, resolve_key)


class AskedKeys:
    """A resolver that remembers what it was asked."""

    def __init__(self, keys: dict[str, VerificationKey] = KEYS) -> None:
        self.keys = keys
        self.asked: list[str] = []

    def __call__(self, kid: str) -> VerificationKey | None:
        self.asked.append(kid)
        return self.keys.get(kid)


def check(token: str, keys: Callable[[str], VerificationKey | None] = KEYS.get) -> str | None:
    try:
        verify(token, keys, algorithms=ES256, typ=TYP)
    except JoseError as error:
        return error.reason
    return None


@given(st.binary(min_size=1, max_size=500))
def test_what_is_signed_is_what_is_verified(payload: bytes) -> None:
    jws = verify(sign(payload, KEY, typ=TYP), KEYS.get, algorithms=ES256, typ=TYP)
    assert (jws.payload, jws.kid, jws.alg) == (payload, KEY.kid, "ES256")
    assert jws.header == {"alg": "ES256", "kid": KEY.kid, "typ": TYP}


def test_an_rs256_token_is_verified_where_the_caller_allows_it() -> None:
    key = generate("RS256")
    token = sign(CLAIMS, key, typ=TYP)
    assert verify(token, {key.kid: key.public}.get, algorithms=frozenset({"RS256"}), typ=TYP).alg == "RS256"
    with pytest.raises(JoseError) as caught:
        verify(token, {key.kid: key.public}.get, algorithms=ES256, typ=TYP)
    assert caught.value.reason == "alg"


@given(st.data())
def test_no_single_character_of_a_token_can_be_changed_removed_or_added(draws: st.DataObject) -> None:
    token = sign(CLAIMS, KEY, typ=TYP)
    at = draws.draw(st.integers(0, len(token) - 1))
    character = draws.draw(st.sampled_from(ALPHABET + ".=+/ \n\0"))
    for changed in (
        token[:at] + character + token[at + 1 :],
        token[:at] + token[at + 1 :],
        token[:at] + character + token[at:],
    ):
        assert changed == token or check(changed) is not None


@given(st.text(max_size=60) | st.text(ALPHABET + ".", max_size=60))
def test_no_text_whatever_raises_anything_but_a_refusal(token: str) -> None:
    assert check(token) is not None


def test_the_type_is_compared_as_a_media_type_is() -> None:
    for typ in ("application/at+jwt", "AT+JWT", "Application/At+Jwt"):
        assert verify(token_of(), KEYS.get, algorithms=ES256, typ=typ).kid == KEY.kid
    assert check(token_of(header_of(typ="to\N{KELVIN SIGN}en+jwt"))) == "typ"
    with pytest.raises(JoseError):
        verify(token_of(header_of(typ="to\N{KELVIN SIGN}en+jwt")), KEYS.get, algorithms=ES256, typ="token+jwt")


@pytest.mark.parametrize("typ", ["", "t\u00e9st"])
def test_a_verifier_needs_a_type(typ: str) -> None:
    with pytest.raises(ConfigurationError):
        JwsVerifier(algorithms=ES256, typ=typ)


@pytest.mark.parametrize(
    "algorithms", [frozenset[str](), frozenset({"none"}), frozenset({"ES256", "HS256"}), frozenset({"HS256"})]
)
def test_a_verifier_needs_an_allow_list_of_known_algorithms(algorithms: frozenset[str]) -> None:
    with pytest.raises(ConfigurationError):
        JwsVerifier(algorithms=algorithms, typ=TYP)


def test_the_resolver_is_asked_only_about_well_formed_tokens_and_only_by_a_short_printable_id() -> None:
    keys = AskedKeys()
    assert check(token_of(header_of(kid="a\nb")), keys) == "kid"
    assert check(token_of(header_of(alg="none")), keys) == "alg"
    assert check(token_of() + "=", keys) == "malformed"
    assert keys.asked == []
    assert check(token_of(header_of(kid="some-other")), keys) == "unknown_kid"
    assert keys.asked == ["some-other"]


def test_an_unknown_key_is_told_apart_so_that_a_ring_can_reload() -> None:
    with pytest.raises(UnknownKey) as caught:
        verify(sign(CLAIMS, OTHER_KEY, typ=TYP), KEYS.get, algorithms=ES256, typ=TYP)
    assert caught.value.kid == OTHER_KEY.kid
    assert OTHER_KEY.kid not in caught.value.detail


def test_the_header_is_read_only_to_its_depth() -> None:
    header: Any = verify(token_of(header_of(hint={"a": [1, {"b": 2}]})), KEYS.get, algorithms=ES256, typ=TYP).header
    with pytest.raises(TypeError):
        header["alg"] = "none"
    with pytest.raises(TypeError):
        header["hint"]["a"] = 1
    assert header["hint"] == MappingProxyType({"a": (1, MappingProxyType({"b": 2}))})


def test_a_remembered_header_still_needs_a_key_and_a_good_signature_every_time() -> None:
    verifier = JwsVerifier(algorithms=ES256, typ=TYP)
    keys = AskedKeys()
    token = token_of()
    assert verifier.verify(token, keys).header is verifier.verify(token, keys).header
    assert keys.asked == [KEY.kid, KEY.kid]
    forged = f"{token[:-6]}AAAAAA"
    with pytest.raises(JoseError):
        verifier.verify(forged, keys)
    with pytest.raises(UnknownKey):
        verifier.verify(token, AskedKeys({}))


def test_a_key_of_another_algorithm_under_the_same_id_is_refused_even_for_a_remembered_header() -> None:
    verifier = JwsVerifier(algorithms=frozenset({"ES256", "RS256"}), typ=TYP)
    verifier.verify(token_of(), KEYS.get)
    rsa = generate("RS256").public
    with pytest.raises(JoseError) as caught:
        verifier.verify(token_of(), {KEY.kid: rsa}.get)
    assert caught.value.reason == "alg"


def test_only_headers_of_good_tokens_are_remembered_and_only_so_many() -> None:
    verifier = JwsVerifier(algorithms=ES256, typ=TYP)
    for number in range(3 * MEMO_ENTRIES):
        with pytest.raises(JoseError):
            verifier.verify(token_of(header_of(n=number), key=OTHER_KEY), KEYS.get)
    assert not verifier._memo
    for number in range(3 * MEMO_ENTRIES):
        verifier.verify(token_of(header_of(n=number)), KEYS.get)
        assert len(verifier._memo) <= MEMO_ENTRIES


def test_a_longer_token_than_the_verifier_allows_is_refused_before_anything_else() -> None:
    token = token_of()
    JwsVerifier(algorithms=ES256, typ=TYP, max_bytes=len(token)).verify(token, KEYS.get)
    with pytest.raises(JoseError) as caught:
        JwsVerifier(algorithms=ES256, typ=TYP, max_bytes=len(token) - 1).verify(token, KEYS.get)
    assert caught.value.reason == "size"


def test_no_refusal_repeats_a_part_of_the_token() -> None:
    token = token_of(header_of(kid="unknown-to-everybody"))
    for text in (token, token[:-1], token_of(header_of(typ="secret+typ")), token.replace(".", "..")):
        with pytest.raises(JoseError) as caught:
            verify(text, KEYS.get, algorithms=ES256, typ=TYP)
        assert "unknown-to-everybody" not in caught.value.detail
        assert "secret+typ" not in caught.value.detail
        assert not any(segment and segment in str(caught.value) for segment in text.split("."))
