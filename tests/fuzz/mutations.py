"""Draws tokens that are almost good: the same strategies for the property tests and for the coverage-guided fuzzer."""

import json
from typing import Any

from hypothesis import strategies as st

from sealring.jose import JWK, b64u_encode
from tests.jose.making import CLAIMS, MACS, SIGNATURES

ALGORITHMS = (*SIGNATURES, *MACS)
# RSA signs slowly and all of its algorithms share one path, so two of them are drawn.
DRAWN = ("ES256", "ES384", "ES512", "Ed25519", "EdDSA", "RS256", "PS256", *MACS)
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=+/ \n\0{}\u00e9"

names = st.sampled_from(
    ["alg", "kid", "typ", "crit", "b64", "jwk", "jku", "x5c", "x5t", "cty", "zip", "enc", "exp", "x"]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["none", "None", "JWT", "at+jwt", "b64", "exp", *ALGORITHMS])
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=6
)


@st.composite
def headers(draw: st.DrawFn, key: JWK) -> bytes:
    """Draw a header, often the right one with something added, sometimes in odd JSON."""
    members: dict[str, Any] = {"alg": key.alg}
    if draw(st.booleans()):
        members["kid"] = key.kid
    members |= draw(st.dictionaries(names, values, max_size=2))
    text = json.dumps(members, indent=draw(st.sampled_from([None, 1])), ensure_ascii=draw(st.booleans()))
    if draw(st.integers(0, 9)) == 0:
        text = text[:-1] + draw(st.sampled_from([',"alg":"none"}', ',"x":NaN}', ',"x":1e400}', "} ", "}{}", '"x":1,}']))
    return text.encode("utf-8", "surrogatepass")


payloads = (
    st.binary(max_size=60)
    | st.dictionaries(st.text(max_size=4), values, max_size=4).map(json.dumps).map(str.encode)
    | st.just(CLAIMS)
    | st.just(b"")
)


@st.composite
def tokens(draw: st.DrawFn, key: JWK) -> str:
    """Draw a token: rightly signed over whatever its header and payload are, then perhaps touched."""
    signing_input = f"{b64u_encode(draw(headers(key)))}.{b64u_encode(draw(payloads))}"
    token = f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        at = draw(st.integers(0, len(token)))
        cut = draw(st.integers(0, 2))
        token = token[:at] + draw(st.text(CHARACTERS, max_size=2)) + token[at + cut :]
    return token
