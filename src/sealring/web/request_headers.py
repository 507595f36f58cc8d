"""One pass over the raw header lines of a request, keeping every line that a rule of this package looks at.

Lines are kept as bytes and never joined: two lines where one is allowed are a fact that the rules want to see.
"""

from collections.abc import Iterable

_FIELDS = {
    b"cookie": "cookie",
    b"authorization": "authorization",
    b"sec-fetch-site": "sec_fetch_site",
    b"origin": "origin",
    b"referer": "referer",
    b"sealring-client": "sealring_client",
    b"content-type": "content_type",
    b"content-length": "content_length",
    b"transfer-encoding": "transfer_encoding",
    b"user-agent": "user_agent",
}


class RequestHeaders:
    """The header lines that matter here, each a tuple of values in the order in which they came.

    Args:
        headers: pairs of lower-case name and value, as ASGI gives them (``scope["headers"]``).

    Attributes:
        cookie, authorization, sec_fetch_site, origin, referer, sealring_client, content_type, content_length,
            transfer_encoding, user_agent: the values of all lines of that name; empty when there was none.
    """

    __slots__ = tuple(_FIELDS.values())

    cookie: tuple[bytes, ...]
    authorization: tuple[bytes, ...]
    sec_fetch_site: tuple[bytes, ...]
    origin: tuple[bytes, ...]
    referer: tuple[bytes, ...]
    sealring_client: tuple[bytes, ...]
    content_type: tuple[bytes, ...]
    content_length: tuple[bytes, ...]
    transfer_encoding: tuple[bytes, ...]
    user_agent: tuple[bytes, ...]

    def __init__(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        for attribute in _FIELDS.values():
            setattr(self, attribute, ())
        for name, value in headers:
            attribute = _FIELDS.get(name, "")
            if attribute:
                setattr(self, attribute, (*getattr(self, attribute), value))
