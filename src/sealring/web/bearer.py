"""The ``Authorization`` header as RFC 6750 section 2.1 has it."""

import re

from sealring.errors import RequestInvalid

# RFC 6750 section 2.1: credentials = "Bearer" 1*SP b64token
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)
# RFC 9110 section 11.4: credentials = auth-scheme [ 1*SP ( token68 / auth-params ) ]
_SCHEME = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?: |$)")
# RFC 9110 section 5.3: only a header that is a list may be sent in several lines or be joined by commas.
_JOINED = re.compile(rb",\s*bearer(?:\s|$)", re.IGNORECASE)


def read_bearer(values: tuple[bytes, ...]) -> str | None:
    """Return the bearer token of a request.

    Args:
        values: the value of every ``Authorization`` line.

    Returns:
        The token, not yet verified; None when there is no such header or it is of another scheme, which is the
        application's business.

    Raises:
        RequestInvalid: two headers, two credentials in one, or no well-formed credential.
    """
    if not values:
        return None
    value, *others = values
    if others:
        raise RequestInvalid("More than one Authorization header.")
    match = _BEARER.fullmatch(value)
    if match:
        return match[1].decode("ascii")
    scheme = _SCHEME.match(value)
    if scheme is None or scheme[1].lower() == b"bearer":
        raise RequestInvalid("The Authorization header is not a well-formed Bearer credential.")
    if _JOINED.search(value):
        raise RequestInvalid("The Authorization header holds more than one credential.")
    return None
