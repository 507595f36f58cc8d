"""What the errors of PostgreSQL and its driver mean for the caller."""

import ssl
from typing import Final

from asyncpg import exceptions as pg

from sealring.errors import ConfigurationError, InternalError, SealringError, StoreUnavailable

CONTENDED: Final = (pg.DeadlockDetectedError, pg.SerializationError)
"""Two transactions stood in each other's way and this one was undone: another try is right."""

LOST: Final = (
    pg.PostgresConnectionError,
    pg.AdminShutdownError,
    pg.CrashShutdownError,
    pg.IdleInTransactionSessionTimeoutError,
    ConnectionError,
)
"""The connection is gone; whether the statement was committed before that is not known."""

_REFUSED_VALUES: Final = ("22", "23")  # classes of SQLSTATE: data exception, integrity constraint violation

_POOLED: Final = (
    "is reached through a pooler that exchanges connections between transactions: put prepare=off&listen=off into the "
    "store's URL"
)

_FIX: Final = {
    pg.InvalidPasswordError: "refuses the user or its password: set the right ones in the store's URL",
    pg.InvalidAuthorizationSpecificationError: (
        "does not let this user in from here: create the role, or allow it in pg_hba.conf"
    ),
    pg.InvalidCatalogNameError: "has no database of this name: create it, or name another one in the store's URL",
    pg.InvalidSchemaNameError: "has no schema to make the tables in: create it, or set the search_path of the role",
    pg.InsufficientPrivilegeError: (
        "does not let this user make or use the tables sealring_*: grant it CREATE on the schema for the first start, "
        "and SELECT, INSERT, UPDATE and DELETE on the tables"
    ),
    pg.InvalidSQLStatementNameError: _POOLED,
    pg.DuplicatePreparedStatementError: _POOLED,
}


def as_store_error(error: Exception) -> SealringError:
    """Return the error of this package for what an operation raised; always a new one, caused by the old one.

    Args:
        error: from the driver, the network, or about a value that cannot be stored.
    """
    ours = _translated(error)
    ours.__cause__ = error
    return ours


def at_start(error: Exception) -> SealringError:
    """Return the error for what went wrong while the store was opened: what only a person can mend is told as such."""
    for kind, sentence in _FIX.items():
        if isinstance(error, kind):
            return ConfigurationError(f"the PostgreSQL server {sentence}")
    if isinstance(error, ssl.SSLCertVerificationError):
        return ConfigurationError(
            f"the certificate of the PostgreSQL server is not trusted ({error.verify_message}): name its issuer by "
            "sslrootcert in the store's URL"
        )
    if isinstance(error, pg.ClientConfigurationError | ValueError):
        # Not the driver's sentence: it may quote a part of the URL.
        return ConfigurationError("the driver cannot read the store's URL: postgresql://user:password@host:port/name")
    return as_store_error(error)


def _translated(error: Exception) -> SealringError:
    if isinstance(error, TimeoutError):
        return StoreUnavailable("PostgreSQL did not answer in time")
    if isinstance(error, pg.PostgresError):
        # The driver sets it on every error; its stubs do not know it.
        state = str(getattr(error, "sqlstate", None) or "")
        if state.startswith(_REFUSED_VALUES):
            # Not the server's sentence: it may quote the value.
            return InternalError(f"PostgreSQL cannot hold what it was given ({type(error).__name__}, {state})")
        return StoreUnavailable(f"PostgreSQL failed ({type(error).__name__}, {state})")
    if isinstance(error, pg.DataError | UnicodeError | OverflowError):
        return InternalError(f"PostgreSQL cannot hold what it was given ({type(error).__name__})")
    if isinstance(error, OSError | pg.InterfaceError | pg.InternalClientError):
        return StoreUnavailable(f"PostgreSQL cannot be reached ({type(error).__name__})")
    return InternalError(f"an operation of the PostgreSQL store failed ({type(error).__name__})")
