"""The application's database on a PostgreSQL server, which several processes and machines may share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from backend.db import DatabaseUnavailable, Engine
from sealring.errors import ConfigurationError

try:
    import asyncpg
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "TODO_DATABASE_URL names a PostgreSQL server, whose driver is not installed: pip install asyncpg"
    ) from error

_CONNECTIONS = 8

# What a migration may take, in seconds, and what it waits for the migration of another process.
_MIGRATION = 300.0

# SQLSTATEs (PostgreSQL manual, appendix A) that tell of the server or of the way there, not of a wrong statement.
_WHY = {
    "28": "refuses the user or the password. Set the right ones in TODO_DATABASE_URL",
    "3D": "does not exist. Create it, or name another one in TODO_DATABASE_URL",
    "42501": "does not let this user do that. Grant it CREATE on the schema, or all rights on the tables",
    "08": "cannot be reached",
    "53": "has no room or no connection left",
    "57P": "is being stopped or started",
    "55P03": "is locked by another process. Wait until it has finished, and try again",
    "40": "undid the transaction because another one stood in its way",
    "25006": "is read-only at the moment: the server is a replica",
}


def postgres_engine(url: URL, patience: float) -> Engine:
    """Return the engine on a server.

    Args:
        url: as the driver takes it, ``postgresql://user:password@host:port/database?sslmode=verify-full``.
        patience: seconds to wait for a connection and for the answer to a statement.
    """
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect(timeout: float) -> partial[Any]:
        # The driver reads its own URL: what may stand in it is the same as in SEALRING_STORE.
        # It takes fractions of a second; only its stubs say whole ones.
        return partial(asyncpg.connect, dsn, timeout=patience, command_timeout=timeout)  # pyright: ignore[reportArgumentType]

    writing = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect(patience),
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=patience,
        # A server that was restarted has closed its connections.
        pool_pre_ping=True,
    )
    changing: AsyncEngine = create_async_engine(
        "postgresql+asyncpg://", async_creator=connect(_MIGRATION), poolclass=NullPool
    )
    reading = writing.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    name = url.set(username=None, password=None, query={}).render_as_string()
    return Engine(name, reading, writing, changing, _nobody_waits, _refusal)


@asynccontextmanager
async def _nobody_waits() -> AsyncIterator[None]:
    yield  # the server lets writers wait for each other where they have to


def _refusal(error: Exception) -> DatabaseUnavailable | None:
    if isinstance(error, TimeoutError):
        return DatabaseUnavailable("did not answer in time", "PostgreSQL did not answer in time")
    if isinstance(error, OSError | asyncpg.InterfaceError):
        # Not its words: they may quote a part of the URL.
        return DatabaseUnavailable("cannot be reached", f"PostgreSQL cannot be reached ({type(error).__name__})")
    # What happens while a connection is opened comes as the driver has raised it.
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return DatabaseUnavailable("cannot be reached", "the connection to PostgreSQL was lost")
    state = str(getattr(cause, "sqlstate", None) or "")
    why = next((sentence for prefix, sentence in _WHY.items() if state.startswith(prefix)), None)
    return DatabaseUnavailable(why, f"PostgreSQL failed ({state})") if why is not None else None
