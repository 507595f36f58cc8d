"""One module per engine; each implements the ports of the rooms above."""

from pathlib import Path
from typing import Final

from sealring.errors import ConfigurationError
from sealring.stores.base import Store
from sealring.stores.memory import MemoryStore
from sealring.stores.sqlite import SqliteStore

__all__ = ["MemoryStore", "SqliteStore", "Store", "open_store"]

_WHAT_EXISTS: Final = (
    "there are sqlite:///relative.db and sqlite:////absolute.db (a file), "
    "postgresql://user:password@host:port/database and redis://user:password@host:port/0 (servers; "
    "redis+sentinel://user:password@host:port,host:port/service/0 and redis+cluster://user:password@host:port too), "
    "and memory: (tests; lost with the process)"
)


def open_store(url: str) -> Store:
    """Return the store that a URL names; it is opened by ``async with``.

    Args:
        url: ``memory:``; or ``sqlite:///`` and a path: relative to the working directory, absolute after a fourth
            slash, taken as it is, without escapes and options; or ``postgresql://user:password@host:port/database``
            with the options that :class:`~sealring.stores.postgres.PostgresStore` names; or
            ``redis://user:password@host:port/0``, ``redis+sentinel://user:password@host:port,host:port/service/0`` or
            ``redis+cluster://user:password@host:port,host:port`` (``rediss`` for TLS) with those that
            :class:`~sealring.stores.redis.RedisStore` names.

    Raises:
        ConfigurationError: it names no store, or one whose extra is not installed; the sentence says what there is.
    """
    if url == "memory:":
        return MemoryStore()
    scheme, separator, rest = url.partition("://")
    if separator and scheme in {"postgresql", "postgres"}:
        return _postgres(url)
    if separator and scheme.partition("+")[0] in {"redis", "rediss"}:
        return _redis(url)
    if scheme != "sqlite" or not separator:
        # Not the URL itself: it may hold a password.
        raise ConfigurationError(f"the store's URL names no engine that exists: {_WHAT_EXISTS}")
    path = rest.removeprefix("/")
    if path == rest or path in {"", "/", ":memory:"} or "?" in path or "\0" in path:
        raise ConfigurationError(f"the store's URL names no file: {_WHAT_EXISTS}")
    return SqliteStore(Path(path))


def _postgres(url: str) -> Store:
    # Imported only where it is asked for: nobody else has to install its driver.
    try:
        from sealring.stores.postgres import PostgresStore
    except ModuleNotFoundError as error:
        if error.name != "asyncpg":
            raise
        raise ConfigurationError("the PostgreSQL store needs its driver: pip install 'sealring[postgres]'") from None
    return PostgresStore(url)


def _redis(url: str) -> Store:
    # Imported only where it is asked for: nobody else has to install its driver.
    try:
        from sealring.stores.redis import RedisStore
    except ModuleNotFoundError as error:
        if error.name not in {"redis", "hiredis"}:
            raise
        raise ConfigurationError("the Redis store needs its driver: pip install 'sealring[redis]'") from None
    return RedisStore(url)
