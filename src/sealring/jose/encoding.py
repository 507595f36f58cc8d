"""Base64url and JSON as strictly as RFC 8725 wants them: one spelling per value, no surprise while parsing.

Everything runs in C: no Python loop walks over the characters of a token.
"""

import binascii
import json
import math
import re
from collections.abc import Mapping
from typing import Final

from sealring.errors import JoseError

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON implementation keeps exact (RFC 8259 section 6)."""

MAX_NUMBER_CHARACTERS: Final = 32
"""The longest spelling of a number; no float needs more than 24 characters."""

_URL_SAFE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_TO_URL_SAFE = bytes.maketrans(b"+/", b"-_")
# '+', '/' and '=' become '!', which a2b_base64 refuses in strict mode like every other byte outside its alphabet.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/!!!")

# The characters whose unused low bits are zero: 4 bits are unused after one byte, 2 bits after two.
_LAST_OF_TWO = frozenset(_URL_SAFE[::16])
_LAST_OF_THREE = frozenset(_URL_SAFE[::4])

# A closing quote is optional, so that an unterminated string is matched once to its end: linear time on any input.
_JSON_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = bytes.maketrans(b"{}", b"[]")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def b64u_encode(data: bytes) -> str:
    """Encode bytes as base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).rstrip(b"=").translate(_TO_URL_SAFE).decode("ascii")


def b64u_decode(text: str | bytes, *, what: str) -> bytes:
    """Decode base64url, accepting the one canonical spelling of every value and no other.

    Args:
        text: the encoded value; may be empty.
        what: the name of the value in the error's sentence.

    Raises:
        JoseError: padding, white space, a character outside ``A-Za-z0-9-_``, an impossible length, or unused bits
            that are not zero (RFC 4648 section 3.5).
    """
    try:
        raw = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise JoseError(f"{what} is not base64url") from None
    remainder = len(raw) & 3
    if (remainder == 2 and raw[-1] not in _LAST_OF_TWO) or (remainder == 3 and raw[-1] not in _LAST_OF_THREE):
        raise JoseError(f"{what} is not canonical base64url")
    try:
        return binascii.a2b_base64(raw.translate(_TO_STANDARD) + b"=="[: -remainder & 3], strict_mode=True)
    except binascii.Error:
        raise JoseError(f"{what} is not base64url") from None


def parse_json_object(data: bytes, *, max_depth: int, what: str) -> dict[str, object]:
    """Parse a JSON object (RFC 8259), refusing everything that two parsers could read differently.

    The size is the caller's to bound; time and memory are linear in it.

    Args:
        data: the text in UTF-8 without a byte order mark.
        max_depth: how deep objects and arrays may nest; the outermost object counts as 1.
        what: the name of the value in the error's sentence.

    Raises:
        JoseError: not UTF-8, not one JSON object, nested too deep, a name twice in one object (RFC 7515 section 4,
            RFC 7519 section 4), NaN or an infinity, an integer beyond 2**53 - 1, a number spelled with more than 32
            characters, or a lone surrogate.
    """
    try:
        text = data.decode("utf-8")
        _check_depth(data, max_depth)
        value = _DECODER.decode(text)
        if "\\u" in text:
            # A lone surrogate can only come from an escape, since UTF-8 has no spelling for it; encoding finds it.
            _ENCODER.encode(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        # Only our own sentences are repeated: the parser's quote positions, never content, but say nothing useful.
        rule = str(error) if isinstance(error, _RuleError) else "it is not strict JSON"
        raise JoseError(f"{what} is refused: {rule}", reason="json") from None
    if not isinstance(value, dict):
        raise JoseError(f"{what} is refused: it is not a JSON object", reason="json")
    return value


def dump_json(value: Mapping[str, object] | list[object]) -> bytes:
    """Serialise a value as compact JSON in UTF-8.

    Raises:
        JoseError: the value holds something that JSON cannot say: NaN, a lone surrogate, an unknown type, a cycle.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except (TypeError, ValueError, RecursionError):
        raise JoseError("the value cannot be written as JSON", reason="json") from None


class _RuleError(ValueError):
    """One of our own rules refused; its message is fit for the log."""


def _check_depth(data: bytes, max_depth: int) -> None:
    """Refuse nesting beyond the limit before the recursive parser sees it."""
    # No text can nest deeper than it has opening brackets: that settles nearly every token.
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    # Otherwise drop strings, then everything but brackets, then peel off one level of innermost pairs at a time.
    brackets = _JSON_STRING.sub(b"", data).translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(max_depth):
        brackets = brackets.replace(b"[]", b"")
    if brackets:
        raise _RuleError(f"it nests deeper than {max_depth} or its brackets do not match")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _RuleError("a name occurs twice in one object")
    return members


def _integer(digits: str) -> int:
    # The length comes first: converting a long run of digits takes quadratic time.
    if len(digits) > MAX_NUMBER_CHARACTERS or not -MAX_INTEGER <= (number := int(digits)) <= MAX_INTEGER:
        raise _RuleError("an integer is out of range")
    return number


def _float(digits: str) -> float:
    if len(digits) > MAX_NUMBER_CHARACTERS or not math.isfinite(number := float(digits)):
        raise _RuleError("a number is out of range")
    return number


def _constant(_name: str) -> float:
    raise _RuleError("NaN and infinities are not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant, strict=True
)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
