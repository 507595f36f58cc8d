"""The JOSE header of a compact JWS: parsed and judged before any key is looked up."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sealring.errors import JoseError
from sealring.jose.encoding import b64u_decode, parse_json_object
from sealring.jose.jwk import is_kid

MAX_DEPTH: Final = 4
"""How deep a header may nest."""

# RFC 7515 sections 4.1.2 to 4.1.8 and 4.1.10. The first six point at or carry a key; RFC 8725 section 3.10 warns of
# trusting them, and a token made here has none of them, so a token with one is foreign: it is refused, not ignored.
# "cty" announces a token within the token.
_FOREIGN = frozenset({"jwk", "jku", "x5u", "x5c", "x5t", "x5t#S256", "cty"})


@dataclass(frozen=True, slots=True)
class Header:
    """A header that passed every rule that needs no key.

    Attributes:
        alg: an algorithm of the allow list.
        kid: 1 to 128 printable ASCII characters; still chosen by whoever sent the token.
        members: the whole header, read-only to its depth.
    """

    alg: str
    kid: str
    members: Mapping[str, object]


def parse_header(segment: str, *, algorithms: frozenset[str], typ: str) -> Header:
    """Parse the first segment of a compact JWS.

    Args:
        segment: base64url.
        algorithms: the allow list.
        typ: the normalised media type that the token must declare; see :func:`normal_type`.

    Raises:
        JoseError: the first rule that the header breaks, named by ``reason``.
    """
    members = parse_json_object(b64u_decode(segment, what="the header"), max_depth=MAX_DEPTH, what="the header")
    alg, kid = members.get("alg"), members.get("kid")
    # RFC 8725 section 3.1: the caller's list decides, and it is an allow list.
    if not isinstance(alg, str) or alg not in algorithms:
        raise JoseError("the algorithm of the header is not on the allow list", reason="alg")
    # RFC 8725 section 3.11: explicit typing keeps one kind of token from passing as another.
    if normal_type(members.get("typ")) != typ:
        raise JoseError("the header does not declare the expected type", reason="typ")
    # RFC 7515 section 4.1.11: an extension named in "crit" that is not understood makes the JWS invalid, and an empty
    # or malformed list is invalid as well. We understand none. RFC 7797: "b64" must be listed there; refused anyway.
    if "crit" in members or "b64" in members:
        raise JoseError("the header demands an extension that is not understood", reason="crit")
    if not _FOREIGN.isdisjoint(members):
        raise JoseError("the header carries a key, a pointer to one, or a nested token", reason="header")
    if not isinstance(kid, str) or not is_kid(kid):
        raise JoseError("the header names no key, or not by a short printable string", reason="kid")
    return Header(alg, kid, MappingProxyType({name: _frozen(value) for name, value in members.items()}))


def normal_type(typ: object) -> str | None:
    """Return a ``typ`` in the form to compare: lower case, without the optional ``application/`` prefix.

    RFC 7515 section 4.1.9: a value without a slash is to be treated as if ``application/`` stood before it; media
    types compare case-insensitively (RFC 2045 section 5.1).

    Returns:
        The normal form, or None when it is no ASCII string.
    """
    if not isinstance(typ, str) or not typ.isascii():
        return None
    return typ.lower().removeprefix("application/")


def _frozen(value: object) -> object:
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(member) for name, member in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value
