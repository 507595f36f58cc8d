"""The feed as it travels to services without a store: compact JSON, and cursors that a restored store cannot misread.

A page is one JSON object. Members that say nothing are left out:

    {"cursor": "105.mark", "at": 0.012, "more": true, "reset": true, "base": 1767225600,
     "sessions": [["22 characters", 905], ["22 characters", 905, 3]], "tokens": [["jti", 60]], "keys": [["kid", 86400]]}

``base`` is seconds since the epoch, and the number in an entry how many seconds later it may be forgotten. A session
without a third member has ended; with one, that is the least epoch still accepted.
"""

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sealring.errors import JoseError
from sealring.jose import b64u_decode, b64u_encode, dump_json, parse_json_object
from sealring.revocation.record import ENDED, Denial, DenialKind

START: Final = "0"
"""The cursor before the first denial."""

MAX_PAGE: Final = 1_000
"""The most denials of one page."""

MAX_PAGE_BYTES: Final = 512 * 1024
"""The longest page that is read."""

_LONGEST_CURSOR: Final = 64
_MARK_BYTES: Final = 9
_SID_BYTES: Final = 16
_LISTS: Final = {"sessions": DenialKind.SESSION, "tokens": DenialKind.TOKEN, "keys": DenialKind.KEY}


@dataclass(frozen=True, slots=True, kw_only=True)
class WirePage:
    """One page of the feed.

    Attributes:
        cursor: what to ask after next.
        denials: in the order in which they were committed.
        at: seconds after the request came in at which nothing else had been committed after the cursor.
        more: whether the next page is waiting already.
        reset: whether the cursor of the request was not this feed's, so that it is read again from its beginning.
    """

    cursor: str
    denials: tuple[Denial, ...]
    at: float
    more: bool = False
    reset: bool = False


def make_cursor(number: int, last: Denial) -> str:
    """Return the cursor after a denial: its number in the feed, and a mark of what it says.

    After a failover or a restore a number may be given a second time; the mark tells the two apart.
    """
    said = f"{last.kind} {last.least_epoch} {last.expires_at!r} {last.ident}"
    return f"{number}.{b64u_encode(hashlib.sha256(said.encode()).digest()[:_MARK_BYTES])}"


def cursor_number(cursor: str) -> int:
    """Return the number in a cursor; 0 for the start, and for what is no cursor."""
    digits = cursor[:_LONGEST_CURSOR].partition(".")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 19 else 0


def encode_page(page: WirePage) -> bytes:
    """Return a page as JSON."""
    document: dict[str, object] = {"cursor": page.cursor, "at": round(page.at, 3)}
    document |= {name: True for name in ("more", "reset") if getattr(page, name)}
    if page.denials:
        base = math.floor(min(denial.expires_at for denial in page.denials))
        document["base"] = base
        for name, kind in _LISTS.items():
            if entries := [_entry(denial, base) for denial in page.denials if denial.kind is kind]:
                document[name] = entries
    return dump_json(document)


def decode_page(data: bytes) -> WirePage:
    """Read a page strictly.

    Raises:
        JoseError: it is no page.
    """
    document = parse_json_object(data, max_depth=3, what="the page of the feed")
    cursor, at = document.get("cursor"), document.get("at")
    if not isinstance(cursor, str) or not 1 <= len(cursor) <= _LONGEST_CURSOR or not cursor.isascii():
        raise JoseError("the page of the feed has no cursor")
    if isinstance(at, bool) or not isinstance(at, int | float):
        raise JoseError("the page of the feed does not say as of when it is complete")
    return WirePage(
        cursor=cursor,
        denials=tuple(_denials(document)),
        at=at,
        more=document.get("more") is True,
        reset=document.get("reset") is True,
    )


def _entry(denial: Denial, base: int) -> list[object]:
    # Rounded up: an entry must not be forgotten while a token that it concerns is alive.
    later = math.ceil(denial.expires_at) - base
    if denial.kind is not DenialKind.SESSION:
        return [denial.ident, later]
    ident = b64u_encode(bytes.fromhex(denial.ident))
    return [ident, later] if denial.least_epoch >= ENDED else [ident, later, denial.least_epoch]


def _denials(document: Mapping[str, object]) -> Iterable[Denial]:
    base = _whole(document.get("base", 0))
    for name, kind in _LISTS.items():
        entries = document.get(name, [])
        if not isinstance(entries, list) or len(entries) > MAX_PAGE:
            raise JoseError(f"the page of the feed has no list of at most {MAX_PAGE} {name}")
        for entry in entries:
            yield _denial(kind, entry, base)


def _denial(kind: DenialKind, entry: object, base: int) -> Denial:
    session = kind is DenialKind.SESSION
    match entry:
        case [str(ident), later]:
            named = _session_id(ident) if session else ident
            return Denial(kind, named, ENDED if session else 0, float(base + _whole(later)))
        case [str(ident), later, least] if session:
            return Denial(kind, _session_id(ident), _whole(least), float(base + _whole(later)))
        case _:
            # Passing over one that is not understood would accept a token that is denied.
            raise JoseError("the page of the feed has an entry that is not understood")


def _session_id(text: str) -> str:
    sid = b64u_decode(text, what="a session id of the feed")
    if len(sid) != _SID_BYTES:
        raise JoseError("a session id of the feed is not one")
    return sid.hex()


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise JoseError("a number in the page of the feed is no whole number from 0")
    return value
