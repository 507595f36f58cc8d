"""The store in PostgreSQL: for several processes and machines."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Final, Self

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.keys.record import KeyRow, RingSnapshot
from sealring.revocation.record import Denial, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores import postgres_feed, postgres_keys, postgres_lease, postgres_sessions
from sealring.stores.postgres_batch import LANES, RotationBatches, rounds
from sealring.stores.postgres_pool import PostgresPool
from sealring.stores.postgres_url import split
from sealring.stores.schema import SchemaState

_LONGEST_TIMEOUT: Final = 60.0

# So many timeouts without news, and the connection that listens is asked whether it still lives.
_PROVE: Final = 6


class PostgresStore:
    """Keeps everything in tables ``sealring_*`` of one database, which any number of processes may share.

    An answer waits for its commit; how durable a commit is, the server's ``synchronous_commit`` says. The store belongs
    to the event loop in which it was opened. A server that comes back is used again without a restart.

    Args:
        url: ``postgresql://user:password@host:port/database`` with the options of the driver (``sslmode``,
            ``target_session_attrs``, several hosts) and of this class in its query.
        pool_size: connections at most, 3 or more, for this process; default 10, or ``pool_size`` in the URL.
        pool_timeout: seconds to wait for a connection, and then for the answer to each statement; default 5, at most
            60, or ``pool_timeout`` in the URL.
        capacity: rotations that may wait at the same time; default 10,000.
        listen: whether one more connection hears at once of what other processes have revoked; default True, or
            ``listen=on`` or ``off`` in the URL. Turn it off behind a pooler that lends connections for a transaction:
            ``LISTEN`` does not reach through it, and the interval of the policy is enough.
        prepare: whether each connection keeps its statements prepared; default True, or ``prepare=on`` or ``off`` in
            the URL. Turn it off behind such a pooler when that does not carry prepared statements over.

    Raises:
        ConfigurationError: an argument is out of its range.
    """

    shared = True
    durable = True

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_timeout: float = 5.0,
        capacity: int = 10_000,
        listen: bool = True,
        prepare: bool = True,
    ) -> None:
        self._dsn, options = split(url)
        self._size = int(options.get("pool_size", pool_size))
        self._timeout = options.get("pool_timeout", pool_timeout)
        self._capacity = capacity
        self._listen: bool = options.get("listen", listen)
        self._prepare: bool = options.get("prepare", prepare)
        self._pool: PostgresPool | None = None
        self._rotations: RotationBatches | None = None
        if self._size <= LANES:
            raise ConfigurationError(f"the store's pool_size must be {LANES + 1} connections or more")
        if not 0 < self._timeout <= _LONGEST_TIMEOUT:
            raise ConfigurationError(
                f"the store's pool_timeout must be above 0 and at most {_LONGEST_TIMEOUT:g} seconds"
            )
        if capacity < 1:
            raise ConfigurationError("the store's capacity must be 1 or more rotations")

    async def __aenter__(self) -> Self:
        """Bring the schema to the newest version and connect.

        Raises:
            ConfigurationError: user, password, database or rights are wrong, or a newer version made the tables; the
                sentence says what to do and holds no password.
            StoreUnavailable: the server does not answer.
        """
        if self._pool is not None:
            raise ConfigurationError("the PostgreSQL store is open already")
        pool = PostgresPool(self._dsn, size=self._size, timeout=self._timeout, prepare=self._prepare)
        self._pool = pool
        self._rotations = RotationBatches(
            lambda wanted: pool.write(lambda server: postgres_sessions.rotate(server, wanted()), repeatable=True),
            timeout=self._timeout,
            capacity=self._capacity,
        )
        try:
            await pool.open()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish everything that has begun or waits, then close the connections."""
        await self._close()

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        """Bring the schema of a store that is not open to the newest version; opening it does the same.

        Args:
            look_only: change nothing and only tell how it stands.

        Raises:
            ConfigurationError: user, password, database or rights are wrong, or a newer version made the tables.
            StoreUnavailable: the server does not answer.
        """
        pool = PostgresPool(self._dsn, size=1, timeout=self._timeout, prepare=self._prepare)
        return await pool.migrate(look_only=look_only)

    async def ping(self) -> None:
        """Prove that the server answers.

        Raises:
            StoreUnavailable: it does not.
        """
        await self._open_pool.read(postgres_keys.load)

    @property
    def _open_pool(self) -> PostgresPool:
        if self._pool is None:
            raise StoreUnavailable("the PostgreSQL store is not open")
        return self._pool

    async def _close(self) -> None:
        pool, rotations = self._pool, self._rotations
        self._pool = self._rotations = None
        try:
            if rotations is not None:
                await rotations.close()
        finally:
            if pool is not None:
                await pool.close()

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        return await self._open_pool.read(lambda server: postgres_sessions.subject_epoch(server, subject))

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0."""
        return await self._open_pool.write(lambda server: postgres_sessions.open_session(server, row))

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        return await self._open_pool.read(lambda server: postgres_sessions.read_session(server, sid))

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first."""
        return await self._open_pool.read(lambda server: postgres_sessions.list_sessions(server, subject))

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write, together with others that wait at the same moment, if all of its conditions hold."""
        if self._rotations is None:
            raise StoreUnavailable("the PostgreSQL store is not open")
        return await self._rotations.rotate(rotation)

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker."""
        return await self._open_pool.write(lambda server: postgres_sessions.compare_and_swap(server, before, after))

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in as few statements as possible."""
        for seen in rounds(confirmations):
            await self._open_pool.write(partial(postgres_sessions.confirm, confirmations=seen))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Revoke one session and write its denial to the feed, in one transaction."""
        return await self._open_pool.write(
            lambda server: postgres_sessions.end_session(server, sid, reason, now, deny_until)
        )

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch and revoke its sessions with their denials, in one transaction."""
        return await self._open_pool.write(
            lambda server: postgres_sessions.end_subject(server, subject, keep, reason, now, deny_until)
        )

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Raise ``ep`` of a session that was not ended by one and write the denial of all lower ones."""
        return await self._open_pool.write(lambda server: postgres_sessions.raise_epoch(server, sid, deny_until))

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        """Delete at most ``limit`` sessions that ended before a moment; one that is being written to is left."""
        return await self._open_pool.write(lambda server: postgres_sessions.purge(server, ended_before, limit))

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        """Forget at most ``limit`` subjects that neither logged in nor were revoked since a moment."""
        return await self._open_pool.write(lambda server: postgres_sessions.purge_subjects(server, unused_since, limit))

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        """Return how much a purge would delete, counted no further than ``limit`` of each kind."""
        return await self._open_pool.read(
            lambda server: postgres_sessions.count_due(server, ended_before, spent_at, limit)
        )

    # Leases

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take a lease that is free, or prolong it."""
        return await self._open_pool.write(lambda server: postgres_lease.take(server, name, holder, now, seconds))

    async def leave_lease(self, name: str, holder: str) -> None:
        """Give a lease back; does nothing when it is another holder's."""
        await self._open_pool.write(lambda server: postgres_lease.leave(server, name, holder))

    # Feed

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials committed after a cursor, oldest first; all of them, after one beyond the newest."""
        return await self._open_pool.read(lambda server: postgres_feed.read(server, after, limit))

    async def watch_feed(self) -> AsyncGenerator[None, None]:
        """Give a turn at the beginning and after every notification; none at all where listening is turned off."""
        if not self._listen:
            return
        async with (
            self._open_pool.own_connection() as connection,
            aclosing(postgres_feed.watch(connection, _PROVE * self._timeout)) as turns,
        ):
            async for turn in turns:
                yield turn

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        await self._open_pool.write(lambda server: postgres_feed.append(server, denial))

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now``."""
        return await self._open_pool.write(lambda server: postgres_feed.purge(server, now, limit))

    # Keys

    async def load_ring(self) -> RingSnapshot:
        """Return the ring; revision 0 without rows when there is none yet."""
        return await self._open_pool.read(postgres_keys.load)

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        """Replace all rows in one transaction if the revision still is the expected one, and raise it by one."""
        return await self._open_pool.write(lambda server: postgres_keys.replace(server, expected_revision, rows))
