"""One module per engine; each implements the ports of the rooms above."""

from pathlib import Path
from typing import Final

from sealring.errors import ConfigurationError
from sealring.stores.base import Store
from sealring.stores.memory import MemoryStore
from sealring.stores.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "Store", "open_store"]

_WHAT_EXISTS: Final = (
    "there are sqlite:///relative.db and sqlite:////absolute.db (a file), and memory: (tests; lost with the process)"
)


def open_store(url: str) -> Store:
    """Return the store that a URL names; it is opened by ``async with``.

    Args:
        url: ``memory:``, or ``sqlite:///`` and a path: relative to the working directory, absolute after a fourth
            slash. The path is taken as it is, without escapes and options.

    Raises:
        ConfigurationError: it names no store; the sentence says which exist.
    """
    if url == "memory:":
        return MemoryStore()
    scheme, separator, rest = url.partition("://")
    if scheme != "sqlite" or not separator:
        # Not the URL itself: it may hold a password.
        raise ConfigurationError(f"the store's URL names no engine that exists: {_WHAT_EXISTS}")
    path = rest.removeprefix("/")
    if path == rest or path in {"", "/", ":memory:"} or "?" in path or "\0" in path:
        raise ConfigurationError(f"the store's URL names no file: {_WHAT_EXISTS}")
    return SqliteStore(Path(path))
