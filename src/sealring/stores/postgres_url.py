"""The URL of the PostgreSQL store: what is ours in it, and what is the driver's."""

from typing import Final
from urllib.parse import parse_qsl, urlencode

from sealring.errors import ConfigurationError

_OURS: Final = {"pool_size": int, "pool_timeout": float}


def split(url: str) -> tuple[str, dict[str, float]]:
    """Return the URL for the driver, and our own options that stood in its query.

    The database shows the connections under the name ``sealring``, unless the URL says ``application_name``.

    Args:
        url: ``postgresql://user:password@host:port/database?sslmode=verify-full&pool_size=10``.

    Raises:
        ConfigurationError: one of our options is not a number; the sentence does not hold the URL.
    """
    base, _, query = url.partition("?")
    options: dict[str, float] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OURS:
            others.append((name, value))
            continue
        try:
            options[name] = _OURS[name](value)
        except ValueError:
            raise ConfigurationError(f"{name} in the store's URL must be a number") from None
    if "application_name" not in dict(others):
        others.append(("application_name", "sealring"))
    return f"{base}?{urlencode(others)}", options
