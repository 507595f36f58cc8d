"""Compact JSON Web Signatures (RFC 7515) of this system's own making: the strict gate before the cryptography.

Only the compact form exists here (RFC 8725bis: a character outside ``A-Za-z0-9-_.`` means that it is no JWT), and
nothing of a token is returned before its signature was found good.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sealring.errors import ConfigurationError, JoseError, UnknownKey
from sealring.jose.algorithms import signature_allow_list
from sealring.jose.encoding import b64u_decode, b64u_encode
from sealring.jose.header import Header, normal_type, parse_header
from sealring.jose.jwk import SigningKey, VerificationKey

MAX_TOKEN_BYTES: Final = 8192
"""The longest token that is looked at."""

MEMO_ENTRIES: Final = 64
"""How many headers a verifier remembers; tokens of one key and type share their header."""

KeyResolver = Callable[[str], VerificationKey | None]
"""Looks a ``kid`` up among known keys, by equality and nothing else; None when it is not there."""


@dataclass(frozen=True, slots=True)
class VerifiedJws:
    """What a token said, after its signature was found good.

    Attributes:
        header: the JOSE header, read-only.
        payload: the signed bytes, not yet parsed.
        kid: the id of the key that signed.
        alg: the algorithm of that key.
    """

    header: Mapping[str, object]
    payload: bytes
    kid: str
    alg: str


def sign(payload: bytes, key: SigningKey, *, typ: str) -> str:
    """Return a compact JWS whose header is ``alg``, ``kid`` and ``typ``.

    Args:
        payload: the bytes to sign.
        key: the signing key; its one algorithm is used.
        typ: the media type without ``application/``, for example ``at+jwt``.
    """
    signing_input = f"{key.header_segment(typ)}.{b64u_encode(payload)}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode('ascii')))}"


class JwsVerifier:
    """Verifies tokens of one type against one allow list, remembering headers that led to a good signature.

    The memory holds parsed headers only; the key is looked up for every token, so a key that leaves is gone at once.

    Args:
        algorithms: the allow list.
        typ: the type that a token must declare, with or without ``application/``, in any case.
        max_bytes: the longest token that is looked at.

    Raises:
        ConfigurationError: the allow list is empty or names an unknown algorithm or a MAC, or the type is empty.
    """

    def __init__(self, *, algorithms: frozenset[str], typ: str, max_bytes: int = MAX_TOKEN_BYTES) -> None:
        self._algorithms = signature_allow_list(algorithms)
        if not (normal := normal_type(typ)):
            raise ConfigurationError("a verifier needs the type of its tokens, for example at+jwt")
        self._typ = normal
        self._max_bytes = max_bytes
        self._memo: dict[str, Header] = {}

    def verify(self, token: str, resolve_key: KeyResolver) -> VerifiedJws:
        """Check everything about a token that needs no knowledge of its claims.

        Args:
            token: the compact form, without any white space around it.
            resolve_key: gives the key of a ``kid``.

        Returns:
            The verified content.

        Raises:
            UnknownKey: the token is well-formed, but nobody knows its key.
            JoseError: any other rule; ``reason`` names it.
        """
        if not isinstance(token, str):
            raise JoseError("a token is text")
        if len(token) > self._max_bytes:
            raise JoseError(f"the token is longer than {self._max_bytes} characters", reason="size")
        first, second, third = _segments(token)
        remembered = self._memo.get(first)
        header = remembered or parse_header(first, algorithms=self._algorithms, typ=self._typ)
        payload = b64u_decode(second, what="the payload")
        signature = b64u_decode(third, what="the signature")
        key = resolve_key(header.kid)
        if key is None:
            raise UnknownKey(header.kid)
        # RFC 8725bis: the header's algorithm MUST be the key's own; compared before the cryptography.
        if key.alg != header.alg:
            raise JoseError("the algorithm of the header is not the algorithm of the key", reason="alg")
        if not key.verify(token[: -len(third) - 1].encode("ascii"), signature):
            raise JoseError("the signature is not valid", reason="signature")
        if remembered is None:
            self._remember(first, header)
        return VerifiedJws(header.members, payload, header.kid, header.alg)

    def _remember(self, segment: str, header: Header) -> None:
        # Only holders of a key get here, so nobody else can push entries out. Starting over is simple and bounded.
        if len(self._memo) >= MEMO_ENTRIES:
            self._memo.clear()
        self._memo[segment] = header


def _segments(token: str) -> tuple[str, str, str]:
    segments = token.split(".", 3)
    # RFC 7515 section 7.1: three parts. Two, or an empty one, is an unsecured or detached token; five are a JWE.
    if len(segments) != 3 or not all(segments):
        raise JoseError("a compact JWS has three segments and none is empty")
    return segments[0], segments[1], segments[2]
