"""Reads a token without believing it: for showing it to a person, never for deciding anything."""

from collections.abc import Mapping
from dataclasses import dataclass

from sealring.access import TokenSize, measure
from sealring.errors import JoseError
from sealring.jose import MAX_TOKEN_BYTES, b64u_decode, parse_json_object

_HEADER_DEPTH = 4
_CLAIMS_DEPTH = 16


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """What a text says that has the form of a token. Anybody can have written it.

    Attributes:
        header: the JOSE header.
        claims: the payload.
        size: the cost of each part in bytes.
    """

    header: Mapping[str, object]
    claims: Mapping[str, object]
    size: TokenSize

    @property
    def kid(self) -> str | None:
        """The key that it names, or None when it names none."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None


def unverified_read(text: str) -> UnverifiedToken:
    """Take a compact JWS apart, as strictly as the gate does, but without any key.

    Args:
        text: the token, without white space around it.

    Raises:
        JoseError: it has not the form of a token; one sentence.
    """
    try:
        return _read(text)
    except JoseError as error:
        raise JoseError(f"This is not a token: {error.detail}.", reason=error.reason) from None


def _read(text: str) -> UnverifiedToken:
    if not text:
        raise JoseError("it is empty")
    if len(text) > MAX_TOKEN_BYTES:
        raise JoseError(f"it is longer than {MAX_TOKEN_BYTES} characters", reason="size")
    segments = text.split(".")
    if len(segments) != 3:
        raise JoseError("a token has three parts with dots between them")
    header = parse_json_object(b64u_decode(segments[0], what="the header"), max_depth=_HEADER_DEPTH, what="the header")
    claims = parse_json_object(
        b64u_decode(segments[1], what="the payload"), max_depth=_CLAIMS_DEPTH, what="the payload"
    )
    b64u_decode(segments[2], what="the signature")
    return UnverifiedToken(header, claims, measure(text, claims))
