"""What the errors of a Redis or Valkey server and its driver mean for the caller."""

import re
import ssl
from typing import Final

from redis import exceptions as driver

from sealring.errors import ConfigurationError, InternalError, SealringError, StoreUnavailable


class UnknownServiceError(driver.RedisError):
    """No sentinel watches over a primary of this name."""


class SentinelRefusesError(driver.RedisError):
    """A sentinel refuses us."""


_NOT_NOW: Final = (
    driver.AskError,
    driver.ReadOnlyError,
    driver.MasterDownError,
    driver.ClusterDownError,
    driver.TryAgainError,
    driver.OutOfMemoryError,
    driver.NoPermissionError,
)
"""The server answered that it cannot do this now, whatever this is."""

# Answers for which the driver has no class: no disk to write to, a script of somebody else, too few replicas.
_NOT_NOW_CODES: Final = ("MISCONF", "BUSY", "NOREPLICAS", "UNBLOCKED")

_NO_CLUSTER: Final = re.compile("cluster support disabled", re.IGNORECASE)
_NO_SUCH_DATABASE: Final = re.compile("invalid database|DB index", re.IGNORECASE)

_MOVED_AWAY: Final = (driver.ReadOnlyError, driver.MasterDownError)


def as_store_error(error: BaseException) -> SealringError:
    """Return the error of this package for what an operation raised; always a new one, caused by the old one."""
    ours = _translated(error)
    ours.__cause__ = error.__cause__ if isinstance(error, SealringError) else error
    return ours


def is_wrong_server(error: BaseException) -> bool:
    """Tell whether another server has to be asked from now on: this one is a replica."""
    return isinstance(error, _MOVED_AWAY)


def at_start(error: SealringError) -> SealringError:
    """Return the error for what went wrong while the store was opened: what only a person can mend is told as such."""
    cause = error.__cause__
    if isinstance(cause, UnknownServiceError):
        return ConfigurationError(
            "no sentinel watches over a primary of the name in the store's URL: redis+sentinel://host:port/NAME/0"
        )
    if isinstance(cause, SentinelRefusesError):
        return ConfigurationError(
            "the sentinels refuse us: set sentinel_username and sentinel_password in the store's URL, for a user who "
            "may call SENTINEL GET-MASTER-ADDR-BY-NAME"
        )
    if isinstance(cause, driver.ResponseError) and _NO_CLUSTER.search(str(cause)):
        return ConfigurationError("the Redis server is no node of a cluster: name it by redis://")
    if isinstance(cause, driver.AuthenticationError | driver.AuthenticationWrongNumberOfArgsError):
        return ConfigurationError(
            "the Redis server refuses the user or its password: set the right ones in the store's URL"
        )
    if isinstance(cause, driver.NoPermissionError):
        return ConfigurationError(
            "the Redis server does not let this user work: its ACL must allow +@all -@dangerous +info +role (and "
            "+cluster in a cluster) on the keys of the store"
        )
    if isinstance(cause, driver.RedisError) and _NO_SUCH_DATABASE.search(str(cause)):
        return ConfigurationError("the Redis server has no database of this number: choose another in the store's URL")
    if (refused := _certificate(cause)) is not None:
        return ConfigurationError(
            f"the certificate of the Redis server is not trusted ({refused.verify_message}): name its issuer by "
            "ssl_ca_certs in the store's URL"
        )
    return error


def _certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _translated(error: BaseException) -> SealringError:
    kind = type(error).__name__
    if isinstance(error, SealringError):
        return type(error)(error.detail)
    if isinstance(error, TimeoutError | driver.TimeoutError):
        return StoreUnavailable("Redis did not answer in time")
    if isinstance(error, driver.BusyLoadingError):
        return StoreUnavailable("Redis is still loading its data")
    if isinstance(error, OSError | EOFError | driver.ConnectionError):
        # Not the driver's sentence: it may quote a part of the URL.
        return StoreUnavailable(f"Redis cannot be reached ({kind})")
    if isinstance(error, _NOT_NOW):
        return StoreUnavailable(f"Redis cannot do this now ({kind})")
    if isinstance(error, driver.ResponseError):
        return _of_code(str(error).partition(" ")[0])
    if isinstance(error, UnicodeError | OverflowError | driver.DataError):
        return InternalError(f"Redis cannot hold what it was given ({kind})")
    if isinstance(error, driver.RedisError):
        return StoreUnavailable(f"Redis failed ({kind})")
    return InternalError(f"an operation of the Redis store failed ({kind})")


def _of_code(code: str) -> SealringError:
    if code in _NOT_NOW_CODES:
        return StoreUnavailable(f"Redis cannot do this now ({code})")
    # Not the server's sentence: it may quote a value.
    return InternalError(f"Redis refused an operation ({code if code.isupper() else 'ERR'})")
