"""The size of a request body: what the headers announce, and what really arrives."""

import re

from sealring.errors import BodyTooLarge, MediaTypeRefused, RequestInvalid
from sealring.web.request_headers import RequestHeaders

_LENGTH = re.compile(rb"[0-9]+")


def announced_length(headers: RequestHeaders, limit: int) -> int | None:
    """Return the announced size of a body, in bytes; None when the headers announce none.

    Args:
        headers: of the request.
        limit: the largest body that is taken, in bytes.

    Raises:
        BodyTooLarge: the announced size exceeds the limit.
        RequestInvalid: ``Content-Length`` is not one whole number.
    """
    if not headers.content_length:
        return None
    # RFC 9110 section 8.6: a recipient MUST reject a message with an invalid or differing Content-Length.
    text = headers.content_length[0]
    if len(set(headers.content_length)) > 1 or not _LENGTH.fullmatch(text):
        raise RequestInvalid("Content-Length is not one whole number.")
    digits = text.lstrip(b"0") or b"0"
    # The number of digits is looked at first: turning thousands of them into a number is work for an attacker.
    if len(digits) > len(str(limit)) or int(digits) > limit:
        raise BodyTooLarge(f"Content-Length exceeds the limit of {limit} bytes.")
    return int(digits)


class BodyMeter:
    """Counts a body while it arrives, and stops it where it breaks a rule.

    Args:
        limit: the largest body that is taken, in bytes.
        announced: the size that ``Content-Length`` announced, or None.
        refuse_any: whether not even one byte may come, because the request has no JSON content type.
    """

    __slots__ = ("_announced", "_limit", "_refuse_any", "_seen")

    def __init__(self, limit: int, announced: int | None, *, refuse_any: bool = False) -> None:
        self._limit = limit
        self._announced = announced
        self._refuse_any = refuse_any
        self._seen = 0

    def add(self, size: int, *, last: bool) -> None:
        """Count one part of the body.

        Args:
            size: bytes of this part.
            last: whether the body ends with it.

        Raises:
            MediaTypeRefused: a body came though the request has no JSON content type.
            BodyTooLarge: the body exceeds the limit.
            RequestInvalid: the body is longer or shorter than announced.
        """
        self._seen += size
        if self._refuse_any and self._seen:
            raise MediaTypeRefused("A body came without the content type application/json.")
        if self._seen > self._limit:
            raise BodyTooLarge(f"The body exceeds the limit of {self._limit} bytes.")
        if self._announced is not None and (self._seen > self._announced or (last and self._seen < self._announced)):
            raise RequestInvalid("The body has another size than Content-Length says.")
