"""The JOSE header of a compact JWS: parsed and judged before any key is looked up.

Two profiles: the strict one is for tokens that this system makes itself, the general one for tokens of others. Both
refuse whatever would let the token choose its own key, algorithm or meaning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sealring.errors import JoseError
from sealring.jose.encoding import b64u_decode, parse_json_object
from sealring.jose.jwk import is_kid

MAX_DEPTH: Final = 4
"""How deep a header may nest."""

# RFC 7515 sections 4.1.2 to 4.1.6: a key in the token, or an address to fetch one from. RFC 8725 section 3.10 warns of
# trusting them; no profile here reads them, and a token that offers its own key is refused rather than half understood.
_OWN_KEY = frozenset({"jwk", "jku", "x5u", "x5c"})

_HINTS = frozenset({"x5t", "x5t#S256"})

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
    return Header(alg, kid, read_only(members))


@dataclass(frozen=True, slots=True)
class GeneralHeader:
    """A header of somebody else's token that passed every rule that needs no key.

    Attributes:
        alg: an algorithm of the allow list.
        kid: 1 to 128 printable ASCII characters, or None where the token names no key.
        members: the whole header, read-only to its depth.
    """

    alg: str
    kid: str | None
    members: Mapping[str, object]


def parse_general_header(segment: str, *, algorithms: frozenset[str], typ: str | None) -> GeneralHeader:
    """Parse the first segment of a compact JWS of any maker.

    Args:
        segment: base64url.
        algorithms: the allow list.
        typ: the normalised media type that the token must declare; None for any or none.

    Raises:
        JoseError: the first rule that the header breaks, named by ``reason``.
    """
    members = parse_json_object(b64u_decode(segment, what="the header"), max_depth=MAX_DEPTH, what="the header")
    return check_general_header(members, algorithms=algorithms, typ=typ)


def check_general_header(
    members: Mapping[str, object], *, algorithms: frozenset[str], typ: str | None
) -> GeneralHeader:
    """Judge the members of a header; see :func:`parse_general_header`."""
    alg, kid = members.get("alg"), members.get("kid")
    if not isinstance(alg, str) or alg not in algorithms:
        raise JoseError("the algorithm of the header is not on the allow list", reason="alg")
    if "typ" in members and normal_type(members["typ"]) is None:
        raise JoseError("the type in the header is not text", reason="typ")
    if typ is not None and normal_type(members.get("typ")) != typ:
        raise JoseError("the header does not declare the expected type", reason="typ")
    if "crit" in members or "b64" in members:
        raise JoseError("the header demands an extension that is not understood", reason="crit")
    if not _OWN_KEY.isdisjoint(members):
        raise JoseError("the header carries a key or an address of one", reason="header")
    # RFC 7515 sections 4.1.7 and 4.1.8: a hint that is not used, but it is text or the header is malformed.
    if not all(isinstance(members[name], str) for name in _HINTS & members.keys()):
        raise JoseError("a registered member of the header is not text", reason="header")
    # RFC 7519 section 5.2: "JWT" announces a token within the token; only its own checks would make it good.
    if "cty" in members and normal_type(members["cty"]) in {None, "jwt", "jose", "jose+json"}:
        raise JoseError("the header announces a nested token", reason="header")
    if "kid" in members and not is_kid(kid):
        raise JoseError("the header names its key by something else than a short printable string", reason="kid")
    return GeneralHeader(alg, kid if isinstance(kid, str) else None, read_only(members))


def read_only(members: Mapping[str, object]) -> Mapping[str, object]:
    """Return a copy that nobody can change, to its depth; arrays become tuples."""
    return MappingProxyType({name: _frozen(value) for name, value in members.items()})


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
        return read_only(value)
    if isinstance(value, list):
        return tuple(_frozen(member) for member in value)
    return value
