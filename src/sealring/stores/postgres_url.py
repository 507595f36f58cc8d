"""The URL of the PostgreSQL store: what is ours in it, and what is the driver's."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from sealring.errors import ConfigurationError

_SWITCH: Final = {"on": True, "off": False}
_OURS: Final[dict[str, tuple[Callable[[str], Any], str]]] = {
    "pool_size": (int, "a number"),
    "pool_timeout": (float, "a number"),
    "listen": (_SWITCH.__getitem__, "on or off"),
    "prepare": (_SWITCH.__getitem__, "on or off"),
}


def split(url: str) -> tuple[str, dict[str, Any]]:
    """Return the URL for the driver, and our own options that stood in its query.

    The database shows the connections under the name ``sealring``, unless the URL says ``application_name``.

    Args:
        url: ``postgresql://user:password@host:port/database?sslmode=verify-full&pool_size=10``.

    Raises:
        ConfigurationError: one of our options is not what it must be; the sentence does not hold the URL.
    """
    base, _, query = url.partition("?")
    options: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OURS:
            others.append((name, value))
            continue
        read, kind = _OURS[name]
        try:
            options[name] = read(value)
        except (ValueError, KeyError):
            raise ConfigurationError(f"{name} in the store's URL must be {kind}") from None
    if "application_name" not in dict(others):
        others.append(("application_name", "sealring"))
    return f"{base}?{urlencode(others)}", options
