"""Which URLs are fetched: https, a host, nothing hidden; never one that a token names."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from sealring.errors import ConfigurationError

_PRINTABLE: Final = re.compile(r"[\x21-\x7e]{1,2048}")


def checked_url(url: object, *, plain_http: bool) -> str:
    """Return a URL that may be fetched.

    Args:
        url: as it stands in a setting or in metadata.
        plain_http: whether ``http`` will do.

    Raises:
        ConfigurationError: another scheme, no host, a user, a fragment, or no printable ASCII.
    """
    # Judged before it is split: urlsplit drops line breaks and tabs.
    if not isinstance(url, str) or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise ConfigurationError("A URL is printable ASCII of at most 2,048 characters.")
    parts = _split(url)
    if parts.scheme != "https" and not (plain_http and parts.scheme == "http"):
        raise ConfigurationError("Only https URLs are fetched.")
    if not parts.hostname or "@" in parts.netloc or "#" in url:
        raise ConfigurationError("A URL that is fetched names a host, and no user and no fragment.")
    return url


def origin_of(url: str) -> str:
    """Return scheme, host and port of a checked URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise ConfigurationError("A URL that is fetched has a valid host and port.") from None
    return parts
