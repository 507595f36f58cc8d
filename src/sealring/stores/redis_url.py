"""The URL of the Redis store: what is ours in it, and what is the driver's."""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from redis.asyncio.connection import AbstractConnection, ConnectionPool

from sealring.errors import ConfigurationError

_OURS: Final[dict[str, Callable[[str], Any]]] = {"timeout": float, "keep_ended": float, "prefix": str}


def split(url: str) -> tuple[str, dict[str, Any]]:
    """Return the URL for the driver, and our own options that stood in its query.

    Args:
        url: ``redis://user:password@host:port/0?prefix=todo&timeout=5``.

    Raises:
        ConfigurationError: one of our options is not a number; the sentence does not hold the URL.
    """
    base, mark, query = url.partition("?")
    options: dict[str, Any] = {}
    others: list[tuple[str, str]] = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in _OURS:
            others.append((name, value))
            continue
        try:
            options[name] = _OURS[name](value)
        except ValueError:
            raise ConfigurationError(f"{name} in the store's URL must be a number") from None
    return (f"{base}?{urlencode(others)}" if mark and others else base), options


def connector(url: str, *, timeout: float) -> Callable[[], AbstractConnection]:
    """Return what makes a connection to the server of a URL, not yet connected.

    Args:
        url: ``redis://``, or ``rediss://`` for TLS, with the options of the driver in its query.
        timeout: seconds to wait for a connection.

    Raises:
        ConfigurationError: the driver cannot read it; the sentence does not hold it.
    """
    try:
        if not urlsplit(url).hostname:
            raise ValueError
        pool = ConnectionPool.from_url(
            url,
            # Replies are what scripts return; the newer protocol has nothing that is needed for that.
            protocol=2,
            decode_responses=False,
            client_name="sealring",
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
        )
        pool.make_connection()  # type: ignore[no-untyped-call]
    except (ValueError, TypeError, OSError):
        # Not the driver's sentence: it may quote a part of the URL.
        raise ConfigurationError(
            "the driver cannot read the store's URL: redis://user:password@host:port/0, or rediss:// for TLS"
        ) from None
    return pool.make_connection
