"""Opening the file of the SQLite store, and what SQLite's own errors mean for the caller."""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

from sealring.errors import ConfigurationError, InternalError, SealringError, StoreUnavailable
from sealring.stores.schema import SchemaState
from sealring.stores.sqlite_schema import MIGRATIONS, Migration, look, migrate

_OLDEST_SQLITE: Final = (3, 37, 0)  # the first with STRICT tables; RETURNING came with 3.35
_PAUSE: Final = 0.02  # seconds between two tries to open a file that another process holds
_LARGEST_IDLE_LOG: Final = 64 * 1024 * 1024  # bytes that the write-ahead log may keep after a checkpoint

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_LET_WRITE: Final = "let this process write to the file and its directory, or give the session store another path"
_RESTORE: Final = "restore the file from a backup, or give the session store another path"
_UNUSABLE: Final = {
    sqlite3.SQLITE_CANTOPEN: f"cannot be opened: {_LET_WRITE}",
    sqlite3.SQLITE_READONLY: f"cannot be written to: {_LET_WRITE}",
    sqlite3.SQLITE_PERM: f"cannot be written to: {_LET_WRITE}",
    sqlite3.SQLITE_NOTADB: f"is not an SQLite database: {_RESTORE}",
    sqlite3.SQLITE_CORRUPT: f"is damaged: {_RESTORE}",
}
_REFUSED_VALUES: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    UnicodeEncodeError,
    OverflowError,
)


def create_file(path: Path) -> None:
    """Create the file, readable and writable by its owner only, unless it exists.

    Raises:
        ConfigurationError: it cannot be created; the sentence says why.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a directory: the session store needs the path of a file in it")
    try:
        # An existing file must not even be opened here: closing it would drop the locks that SQLite holds on it.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except FileNotFoundError:
        raise ConfigurationError(
            f"the directory {path.parent} does not exist: create it, or give the session store another path"
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be created ({error.strerror}): let this process write to the directory {path.parent}, "
            "or give the session store another path"
        ) from None


def look_at(path: Path, timeout: float) -> SchemaState:
    """Return how the schema of a file stands, without making or changing it.

    Args:
        path: the file; one that is missing has version 0.
        timeout: seconds to wait for other processes.

    Raises:
        ConfigurationError: the file cannot be used.
        StoreUnavailable: another process holds it, or the disk fails.
    """
    if not path.exists():
        return SchemaState(0, len(MIGRATIONS))
    found: list[SchemaState] = []
    _open(path, timeout, lambda connection: found.append(look(connection, path))).close()
    return found[-1]


def migrate_file(path: Path, timeout: float) -> SchemaState:
    """Bring the schema of a file to the newest version, as opening it does.

    Args:
        path: the file; created if it is missing.
        timeout: seconds to wait for other processes.

    Raises:
        ConfigurationError: the file cannot be used.
        StoreUnavailable: another process holds it, or the disk fails.
    """
    made: list[int] = []
    with closing(open_writer(path, timeout, told=made.append)) as connection:
        return replace(look(connection, path), made=tuple(made))


def open_writer(
    path: Path,
    timeout: float,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    *,
    told: Callable[[int], None] = lambda _: None,
) -> sqlite3.Connection:
    """Open the file for writing and bring its schema to the newest version.

    Args:
        path: the file; created if it is missing.
        timeout: seconds to wait for other processes, now and for every lock later.
        migrations: every step of the schema.
        told: hears of every version that this call has made.

    Raises:
        ConfigurationError: the file cannot be used.
        StoreUnavailable: another process holds it, or the disk fails.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise ConfigurationError(
            f"this Python comes with SQLite {sqlite3.sqlite_version}: the session store needs {oldest} or newer"
        )
    create_file(path)

    def prepare(connection: sqlite3.Connection) -> None:
        # A commit is acknowledged only when the disk has it; macOS needs to be told to mean it.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")
        connection.execute("PRAGMA checkpoint_fullfsync = ON")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute(f"PRAGMA journal_size_limit = {_LARGEST_IDLE_LOG}")
        # Before the write-ahead log, because that already writes to the file, and it may be somebody else's.
        migrate(connection, path, migrations, told)
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise ConfigurationError(
                f"the file system of {path} cannot hold a write-ahead log: give the session store a local disk"
            )

    return _open(path, timeout, prepare)


def open_reader(path: Path, timeout: float) -> sqlite3.Connection:
    """Open the file for reading; a reader sees what was committed before it asked, and waits for no writer.

    Args:
        path: the file, which a writer has prepared.
        timeout: seconds to wait for other processes.

    Raises:
        ConfigurationError: the file cannot be used.
        StoreUnavailable: another process holds it, or the disk fails.
    """

    def prepare(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA trusted_schema = OFF")

    return _open(path, timeout, prepare)


def _open(path: Path, timeout: float, prepare: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """Open and prepare, again and again while others hold the file.

    SQLite's own waiting does not cover the switch to a write-ahead log nor its recovery.
    """
    for _ in range(max(1, round(timeout / _PAUSE))):
        connection = None
        try:
            connection = sqlite3.connect(path, timeout=0, isolation_level=None, cached_statements=256)
            prepare(connection)
            connection.execute(f"PRAGMA busy_timeout = {round(timeout * 1000)}")
            return connection
        except sqlite3.Error as error:
            _close(connection)
            if primary_code(error) not in _BUSY:
                raise _at_start(error, path) from error
        except BaseException:
            _close(connection)
            raise
        time.sleep(_PAUSE)
    raise StoreUnavailable(f"{path} was held by another process for {timeout:g} seconds")


def _close(connection: sqlite3.Connection | None) -> None:
    if connection is not None:
        connection.close()


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's primary result code; 0 for an error of the Python module itself."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _at_start(error: sqlite3.Error, path: Path) -> SealringError:
    sentence = _UNUSABLE.get(primary_code(error))
    return ConfigurationError(f"{path} {sentence}") if sentence is not None else as_store_error(error)


def as_store_error(error: Exception) -> SealringError:
    """Return the error of this package for what an operation raised; always a new one, caused by the old one.

    Args:
        error: from :mod:`sqlite3`, or about a value that cannot be stored.
    """
    if isinstance(error, _REFUSED_VALUES):
        # Neither waiting nor another try will help, and the store itself is well. Only SQLite's own sentence is
        # quoted: it names columns, never values.
        reason = str(error) if isinstance(error, sqlite3.Error) else type(error).__name__
        ours = InternalError(f"the SQLite store cannot hold what it was given: {reason}")
    elif isinstance(error, sqlite3.Error):
        return as_unavailable(error)
    else:
        ours = InternalError(f"an operation of the SQLite store failed: {type(error).__name__}")
    ours.__cause__ = error
    return ours


def as_unavailable(error: sqlite3.Error) -> StoreUnavailable:
    """Return the error for a file that cannot be read or written now; always a new one, caused by the old one."""
    held = primary_code(error) in _BUSY
    ours = StoreUnavailable(
        "the SQLite file was held by another process for too long" if held else f"the SQLite store failed: {error}"
    )
    ours.__cause__ = error
    return ours
