"""Does a state-changing request come from the application's own pages? (OWASP CSRF, Fetch Metadata; RFC 10017.)

Three independent facts: where the browser says the request comes from, a header that a foreign page cannot send
without a preflight, and a content type that no form can send.
"""

from collections.abc import Collection
from enum import Enum

from sealring.errors import CsrfRefused, MediaTypeRefused
from sealring.web.printable import printable
from sealring.web.request_headers import RequestHeaders

# RFC 9110 section 9.2.1: GET, HEAD, OPTIONS and TRACE are safe. Methods are case-sensitive.
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class Verdict(Enum):
    """Where a request comes from."""

    SAFE = "safe"  # its method changes nothing
    SAME_ORIGIN = "same_origin"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"  # no header tells


def is_safe(method: str) -> bool:
    """Tell whether a request method changes nothing."""
    return method in _SAFE_METHODS


def judge(method: str, headers: RequestHeaders, allowed_origins: Collection[str]) -> Verdict:
    """Tell where a request comes from; a safe method is not looked at further.

    Args:
        method: the request method, as it was sent.
        headers: of the request.
        allowed_origins: origins whose pages may change state, as browsers write them (``https://host[:port]``).
    """
    return Verdict.SAFE if is_safe(method) else judge_source(headers, allowed_origins)


def judge_source(headers: RequestHeaders, allowed_origins: Collection[str]) -> Verdict:
    """Tell where a request comes from, whatever its method: by Fetch Metadata, else Origin, else Referer.

    Args:
        headers: of the request.
        allowed_origins: origins whose pages may change state.

    Returns:
        SAME_ORIGIN, FOREIGN, or UNKNOWN when none of the three headers says anything.
    """
    # Browsers send each of the three at most once: a second one was added on the way.
    if max(len(headers.sec_fetch_site), len(headers.origin), len(headers.referer)) > 1:
        return Verdict.FOREIGN
    if headers.sec_fetch_site:
        site = headers.sec_fetch_site[0]
        if site in {b"same-origin", b"none"}:
            return Verdict.SAME_ORIGIN
        if site in {b"same-site", b"cross-site"} or b"," in site:
            return Verdict.FOREIGN
        # Fetch Metadata section 2.3: servers SHOULD ignore a value that they do not know.
    if headers.origin:
        # RFC 6454 section 7.3: `null` stands for an origin that the browser will not name, such as a sandboxed frame.
        return _compare(headers.origin[0], allowed_origins)
    if headers.referer:
        return _compare(_origin_of(headers.referer[0]), allowed_origins)
    return Verdict.UNKNOWN


def check_source(verdict: Verdict, headers: RequestHeaders, *, sensitive: bool) -> None:
    """Refuse a foreign request, and whatever is not surely our own where it could do harm.

    Args:
        verdict: what :func:`judge` said; SAFE passes.
        headers: of the request.
        sensitive: whether a cookie of ours came along, or the path logs in or out.

    Raises:
        CsrfRefused: see :func:`require_own_page`.
        MediaTypeRefused: see :func:`require_own_page`.
    """
    if sensitive:
        require_own_page(verdict, headers)
    elif verdict is Verdict.FOREIGN:
        raise CsrfRefused(explain(verdict, headers))


def require_own_page(verdict: Verdict, headers: RequestHeaders) -> None:
    """Refuse a request that the application's own pages cannot have made.

    Args:
        verdict: what :func:`judge` said; SAFE passes.
        headers: of the request.

    Raises:
        CsrfRefused: it comes from elsewhere, or its source or the header ``Sealring-Client`` is missing.
        MediaTypeRefused: it has a body that is not ``application/json``.
    """
    if verdict is Verdict.SAFE:
        return
    if verdict is not Verdict.SAME_ORIGIN:
        raise CsrfRefused(explain(verdict, headers))
    if not any(headers.sealring_client):
        raise CsrfRefused("The header Sealring-Client is missing.")
    if has_body(headers) and not is_json(headers):
        raise MediaTypeRefused(_explain_media_type(headers))


def has_body(headers: RequestHeaders) -> bool:
    """Tell whether the headers announce a body (RFC 9112 section 6; HTTP/2 need not announce one)."""
    return bool(headers.transfer_encoding) or any(value != b"0" for value in headers.content_length)


def is_json(headers: RequestHeaders) -> bool:
    """Tell whether the one content type is ``application/json``, with or without parameters."""
    if len(headers.content_type) != 1:
        return False
    return headers.content_type[0].partition(b";")[0].strip(b" \t").lower() == b"application/json"


def explain(verdict: Verdict, headers: RequestHeaders) -> str:
    """Say for the log what a verdict rests on: each of the three headers, never with a path or query."""
    if verdict is Verdict.UNKNOWN:
        return "None of Sec-Fetch-Site, Origin and Referer tells where the request comes from."
    referers = tuple(_origin_of(value) for value in headers.referer)
    parts = (("Sec-Fetch-Site", headers.sec_fetch_site), ("Origin", headers.origin), ("Referer", referers))
    return "Foreign: " + ", ".join(f"{name} {_show(values)}" for name, values in parts) + "."


def _compare(origin: bytes, allowed_origins: Collection[str]) -> Verdict:
    return Verdict.SAME_ORIGIN if origin.decode("latin-1") in allowed_origins else Verdict.FOREIGN


def _origin_of(referer: bytes) -> bytes:
    """Return scheme and authority exactly as written; user information stays in, and so never matches."""
    scheme, colon, rest = referer.partition(b"://")
    for end in (b"/", b"?", b"#"):
        rest = rest.partition(end)[0]
    return scheme + colon + rest if colon else b""


def _show(values: tuple[bytes, ...]) -> str:
    if not values:
        return "absent"
    return " and ".join(repr(printable(value.decode("latin-1"), 80)) for value in values[:2])


def _explain_media_type(headers: RequestHeaders) -> str:
    return f"The body must be application/json; Content-Type is {_show(headers.content_type)}."
