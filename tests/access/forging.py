"""Tokens that the running ring has really signed, with one thing wrong."""

import json
from collections.abc import Mapping
from typing import Any, Final

from sealring import SessionTokens
from sealring.jose.encoding import b64u_decode, b64u_encode
from tests.support import Bench, signing_key

MISSING: Final = object()
"""In place of a value: leave the name out."""


class Raw(str):
    """JSON text in place of a value, for what no serialiser writes."""

    __slots__ = ()


def payload_of(tokens: SessionTokens) -> dict[str, Any]:
    """Return what an access token says."""
    payload: dict[str, Any] = json.loads(b64u_decode(tokens.access_token.split(".")[1], what="a payload"))
    return payload


def with_claims(payload: Mapping[str, object], **changes: object) -> bytes:
    """Return a payload with some claims changed, left out (``MISSING``) or written in raw JSON (``Raw``)."""
    members = {name: value for name, value in {**payload, **changes}.items() if value is not MISSING}
    pairs = (f"{json.dumps(name)}:{v if isinstance(v, Raw) else json.dumps(v)}" for name, v in members.items())
    return f"{{{','.join(pairs)}}}".encode()


def signed(it: Bench, payload: bytes, **header: object) -> str:
    """Return a token over any payload, signed with the ring's own key."""
    key = signing_key(it.ring)
    members = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt", **header}
    text = json.dumps({name: value for name, value in members.items() if value is not MISSING})
    signing_input = f"{b64u_encode(text.encode())}.{b64u_encode(payload)}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"
