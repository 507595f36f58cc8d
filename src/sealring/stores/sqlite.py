"""The embedded store: one SQLite file, one thread that writes and one that reads."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeVar

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.keys.record import KeyRow, RingSnapshot
from sealring.revocation.record import Denial, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores import sqlite_feed, sqlite_keys, sqlite_lease, sqlite_sessions
from sealring.stores.schema import SchemaState
from sealring.stores.sqlite_files import look_at, migrate_file, open_reader, open_writer
from sealring.stores.sqlite_thread import SqliteThread

_BATCH: Final = 500
_LONGEST_TIMEOUT: Final = 60.0

# Seconds between two looks for denials of other processes: a look costs some ten microseconds of two threads.
_LOOK_EVERY: Final = 0.1

T = TypeVar("T")


class SqliteStore:
    """Keeps everything in one file, which several processes of one machine may share.

    A commit is on disk before it is answered (write-ahead log, ``synchronous = FULL``); writes that wait at the same
    moment share one commit. The store belongs to the event loop in which it was opened.

    Args:
        path: the file; created with permissions 0600 if it is missing, in a directory that exists. It is the store's
            own: another program's database is refused.
        timeout: seconds that an operation waits for its turn and for other processes; default 5, at most 60.
        capacity: operations that may wait at the same time, reading and writing each; default 10,000.

    Raises:
        ConfigurationError: timeout or capacity is out of range.
    """

    shared = True
    durable = True

    def __init__(self, path: Path | str, *, timeout: float = 5.0, capacity: int = 10_000) -> None:
        if not 0 < timeout <= _LONGEST_TIMEOUT:
            raise ConfigurationError(f"the store's timeout must be above 0 and at most {_LONGEST_TIMEOUT:g} seconds")
        if capacity < 1:
            raise ConfigurationError("the store's capacity must be 1 or more operations")
        self._path = Path(path).absolute()
        self._timeout = timeout
        self._capacity = capacity
        self._loop: asyncio.AbstractEventLoop | None = None
        self._writer: SqliteThread | None = None
        self._reader: SqliteThread | None = None
        self._file: tuple[int, int] | None = None

    @property
    def path(self) -> Path:
        """The absolute path of the file."""
        return self._path

    async def __aenter__(self) -> Self:
        """Open the file, bring its schema to the newest version and start the threads.

        Raises:
            ConfigurationError: the file cannot be used; the sentence says what to do.
            StoreUnavailable: another process holds it, or the disk fails.
        """
        if self._writer is not None:
            raise ConfigurationError(f"the store on {self._path} is open already")
        self._loop = asyncio.get_running_loop()
        self._writer = self._thread("writer", open_writer, "BEGIN IMMEDIATE")
        self._reader = self._thread("reader", open_reader, "BEGIN DEFERRED")
        try:
            await self._writer.start()
            await self._reader.start()
            self._file = await asyncio.to_thread(_identity, self._path)
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish everything that waits, then close the file."""
        await self._close()

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        """Bring the schema of a store that is not open to the newest version; opening it does the same.

        Args:
            look_only: change nothing and only tell how it stands.

        Raises:
            ConfigurationError: the file cannot be used; the sentence says what to do.
            StoreUnavailable: another process holds it, or the disk fails.
        """
        return await asyncio.to_thread(look_at if look_only else migrate_file, self._path, self._timeout)

    async def ping(self) -> None:
        """Prove that the file is still there, can be read, and can be locked for writing.

        Raises:
            StoreUnavailable: one of these does not hold.
        """
        if self._writer is not None and await asyncio.to_thread(_identity, self._path) != self._file:
            raise StoreUnavailable(f"{self._path} was removed or replaced while it was open: restart the process")
        await self._read(sqlite_keys.load)
        await self._write(sqlite_keys.load)

    def _thread(self, name: str, connect: Callable[[Path, float], sqlite3.Connection], begin: str) -> SqliteThread:
        return SqliteThread(
            f"sealring-sqlite-{name}",
            partial(connect, self._path, self._timeout),
            begin=begin,
            timeout=self._timeout,
            capacity=self._capacity,
            batch=_BATCH,
        )

    async def _close(self) -> None:
        threads = [thread for thread in (self._reader, self._writer) if thread is not None]
        self._reader = self._writer = None
        # Both are told before either is waited for, so that a cancellation in between leaves none behind.
        for thread in threads:
            thread.close()
        for thread in threads:
            await thread.stop()

    async def _read(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._usable(self._reader).run(operation)

    async def _write(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        return await self._usable(self._writer).run(operation)

    def _usable(self, thread: SqliteThread | None) -> SqliteThread:
        if thread is None:
            raise StoreUnavailable(f"the store on {self._path} is not open")
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError("the SQLite store is used in another event loop than the one that opened it")
        return thread

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        return await self._read(lambda file: sqlite_sessions.subject_epoch(file, subject))

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0."""
        return await self._write(lambda file: sqlite_sessions.open_session(file, row))

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        return await self._read(lambda file: sqlite_sessions.read_session(file, sid))

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first."""
        return await self._read(lambda file: sqlite_sessions.list_sessions(file, subject))

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write in one statement, if all of its conditions hold."""
        return await self._write(lambda file: sqlite_sessions.rotate(file, rotation))

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker."""
        return await self._write(lambda file: sqlite_sessions.compare_and_swap(file, before, after))

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in one transaction."""
        seen = tuple(confirmations)
        await self._write(lambda file: sqlite_sessions.confirm(file, seen))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Revoke one session and write its denial to the feed, in one transaction."""
        return await self._write(lambda file: sqlite_sessions.end_session(file, sid, reason, now, deny_until))

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch and revoke its sessions with their denials, in one transaction."""
        return await self._write(lambda file: sqlite_sessions.end_subject(file, subject, keep, reason, now, deny_until))

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Raise ``ep`` of a session that was not ended by one and write the denial of all lower ones."""
        return await self._write(lambda file: sqlite_sessions.raise_epoch(file, sid, deny_until))

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        """Delete at most ``limit`` sessions that ended before a moment."""
        return await self._write(lambda file: sqlite_sessions.purge(file, ended_before, limit))

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        """Forget the epochs of at most ``limit`` subjects that were not revoked since a moment."""
        return await self._write(lambda file: sqlite_sessions.purge_subjects(file, unused_since, limit))

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        """Return how much a purge would delete, counted no further than ``limit`` of each kind."""
        return await self._read(lambda file: sqlite_sessions.count_due(file, ended_before, spent_at, limit))

    # Leases

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take a lease that is free, or prolong it."""
        return await self._write(lambda file: sqlite_lease.take(file, name, holder, now, seconds))

    async def leave_lease(self, name: str, holder: str) -> None:
        """Give a lease back; does nothing when it is another holder's."""
        await self._write(lambda file: sqlite_lease.leave(file, name, holder))

    # Feed

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials committed after a cursor, oldest first."""
        return await self._read(lambda file: sqlite_feed.read(file, after, limit))

    async def watch_feed(self) -> AsyncGenerator[None, None]:
        """Give a turn at the beginning and whenever the newest cursor has changed, looked at ten times a second."""
        # The newest cursor and not the version of the file, which every rotation changes.
        told = await self._read(sqlite_feed.head)
        yield
        while True:
            await asyncio.sleep(_LOOK_EVERY)
            newest = await self._read(sqlite_feed.head)
            if newest != told:
                told = newest
                yield

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        await self._write(lambda file: sqlite_feed.append(file, denial))

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now``."""
        return await self._write(lambda file: sqlite_feed.purge(file, now, limit))

    # Keys

    async def load_ring(self) -> RingSnapshot:
        """Return the ring; revision 0 without rows when there is none yet."""
        return await self._read(sqlite_keys.load)

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        """Replace all rows in one transaction if the revision still is the expected one, and raise it by one."""
        ring = tuple(rows)
        return await self._write(lambda file: sqlite_keys.replace(file, expected_revision, ring))


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from another one at the same path."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)
