"""The store in Redis or Valkey: for several processes and machines, when sessions may live in memory."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sealring.errors import ConfigurationError, SealringError, StoreUnavailable
from sealring.keys.record import KeyRow, RingSnapshot
from sealring.revocation.record import Denial, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores import redis_feed, redis_lease, redis_purge, redis_ring, redis_start
from sealring.stores.redis_errors import at_start
from sealring.stores.redis_lane import Lane
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import command
from sealring.stores.redis_sessions import RedisSessions
from sealring.stores.redis_turns import Turns
from sealring.stores.redis_url import connector, split

_LONGEST_TIMEOUT: Final = 60.0
_LEAST_KEPT: Final = 3_600.0

# How long an end waits for a replica, in seconds; it stands whether or not one confirms.
_REPLICA_WITHIN: Final = 1.0

T = TypeVar("T")


class RedisStore:
    """Keeps everything in one Redis or Valkey server, which any number of processes may share.

    How durable an answer is, the server's ``appendfsync`` says. Where the server has a replica, an end of a session
    waits up to a second until one has it. The store belongs to the event loop in which it was opened. A server that
    comes back is used again without a restart.

    Args:
        url: ``redis://user:password@host:port/0``, or ``rediss://`` for TLS, with the options of the driver
            (``ssl_ca_certs`` …) and of this class in its query.
        timeout: seconds that an operation waits for the server; default 5, at most 60, or ``timeout`` in the URL.
        capacity: operations that may wait at the same time; default 10,000.
        prefix: what every key begins with; default ``sealring``, or ``prefix`` in the URL.
        keep_ended: seconds that the row of an ended session stays at most; not below ``keep_ended`` of the session
            policy; default 2 days, at least an hour, or ``keep_ended`` in the URL.

    Raises:
        ConfigurationError: an argument is out of its range.
    """

    shared = True
    durable = True

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        capacity: int = 10_000,
        prefix: str = "sealring",
        keep_ended: float = 172_800.0,
    ) -> None:
        address, options = split(url)
        self._timeout: float = options.get("timeout", timeout)
        self._keep_ended: float = options.get("keep_ended", keep_ended)
        self._names = Names(options.get("prefix", prefix))
        self._capacity = capacity
        if not 0 < self._timeout <= _LONGEST_TIMEOUT:
            raise ConfigurationError(f"the store's timeout must be above 0 and at most {_LONGEST_TIMEOUT:g} seconds")
        if not self._keep_ended >= _LEAST_KEPT:
            raise ConfigurationError(f"the store's keep_ended must be {_LEAST_KEPT:g} seconds or more")
        if capacity < 1:
            raise ConfigurationError("the store's capacity must be 1 or more operations")
        self._connect = connector(address, timeout=self._timeout)
        self._lanes: tuple[Lane, Lane] | None = None
        self._turns = Turns()
        self._begun: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Connect, and check that the server can keep sessions.

        Raises:
            ConfigurationError: user, password, rights, version or memory policy are wrong; the sentence says what to do
                and holds no password.
            StoreUnavailable: the server does not answer.
        """
        if self._lanes is not None:
            raise ConfigurationError("the Redis store is open already")
        # Ends have a connection of their own, because waiting for a replica holds it up.
        self._lanes = self._lane(), self._lane()
        try:
            await redis_start.check(self._hot, self._names)
        except SealringError as error:
            await self._close()
            raise at_start(error) from error.__cause__
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish everything that has begun or waits, then disconnect."""
        await self._close()

    async def ping(self) -> None:
        """Prove that the server answers.

        Raises:
            StoreUnavailable: it does not.
        """
        await self._hot.run(command("PING"))

    def _lane(self) -> Lane:
        return Lane(self._connect, timeout=self._timeout, capacity=self._capacity)

    @property
    def _hot(self) -> Lane:
        return self._open_lanes[0]

    @property
    def _ends(self) -> Lane:
        return self._open_lanes[1]

    @property
    def _open_lanes(self) -> tuple[Lane, Lane]:
        if self._lanes is None:
            raise StoreUnavailable("the Redis store is not open")
        return self._lanes

    async def _close(self) -> None:
        lanes = self._lanes
        if self._begun:
            await asyncio.wait(self._begun)
        self._lanes = None
        for lane in lanes or ():
            await lane.close()

    def _sessions(self, lane: Lane) -> RedisSessions:
        return RedisSessions(lane, self._names, keep_ended=self._keep_ended)

    async def _to_its_end(
        self, steps: Coroutine[Any, Any, T], turn: AbstractAsyncContextManager[None] | None = None
    ) -> T:
        """Do several steps to the last one, whoever waits for them."""

        async def do() -> T:
            async with turn or nullcontext():
                return await steps

        task = asyncio.create_task(do())
        self._begun.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, in case that its caller has gone

    async def _confirmed_by_a_replica(self) -> None:
        """Wait until a replica has what the connection of the ends has written, if there is one."""
        role, _, replicas, *_ = await self._ends.run(command("ROLE"))
        if role == b"master" and replicas:
            await self._ends.run(command("WAIT", 1, int(min(_REPLICA_WITHIN, self._timeout / 2) * 1000)))

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        return await self._sessions(self._hot).subject_epoch(subject)

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0."""
        return await self._to_its_end(self._sessions(self._hot).open(row))

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        return await self._sessions(self._hot).read(sid)

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first."""
        return await self._sessions(self._hot).list_all(subject)

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write, together with others that wait at the same moment, if all of its conditions hold."""
        return await self._sessions(self._hot).rotate(rotation)

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker."""
        return await self._sessions(self._hot).compare_and_swap(before, after)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in one pipeline."""
        await self._to_its_end(self._sessions(self._hot).confirm(tuple(confirmations)))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Write the denial of a session, then revoke it, then wait for a replica if there is one."""

        async def steps() -> SessionRow | None:
            ended = await self._sessions(self._ends).end(sid, reason, now, deny_until)
            if ended is not None:
                await self._confirmed_by_a_replica()
            return ended

        return await self._to_its_end(steps(), self._turns.of(sid))

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch, then end its sessions, then wait for a replica if there is one."""

        async def steps() -> tuple[SessionRow, ...]:
            ended = await self._sessions(self._ends).end_subject(subject, keep, reason, now, deny_until)
            await self._confirmed_by_a_replica()
            return ended

        return await self._to_its_end(steps(), self._turns.of(subject))

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Write the denial of all epochs up to now, then raise ``ep``, then wait for a replica if there is one."""

        async def steps() -> SessionRow | None:
            raised = await self._sessions(self._ends).raise_epoch(sid, deny_until)
            if raised is not None:
                await self._confirmed_by_a_replica()
            return raised

        return await self._to_its_end(steps(), self._turns.of(sid))

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        """Delete at most ``limit`` sessions that ended before a moment, those included that left by themselves."""
        return await self._to_its_end(redis_purge.purge(self._hot, self._names, ended_before, limit))

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        """Return 0: an epoch leaves by itself, ``keep_ended`` after it was raised last."""
        del unused_since, limit
        return 0

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        """Return how much a purge would delete, counted no further than ``limit`` of each kind."""
        return PurgeCounts(
            sessions=await redis_purge.count(self._hot, self._names, ended_before, limit),
            denials=await redis_feed.count_spent(self._hot, self._names, spent_at, limit),
        )

    # Leases

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take a lease that is free, or prolong it."""
        return await redis_lease.take(self._hot, self._names, name, holder, now, seconds)

    async def leave_lease(self, name: str, holder: str) -> None:
        """Give a lease back; does nothing when it is another holder's."""
        await redis_lease.leave(self._hot, self._names, name, holder)

    # Feed

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials written after a cursor, oldest first; all of them, after one beyond the newest."""
        return await redis_feed.read(self._hot, self._names, after, limit)

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        await self._ends.run(redis_feed.appending(self._names, denial))
        await self._confirmed_by_a_replica()

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now``."""
        return await redis_feed.purge(self._hot, self._names, now, limit)

    # Keys

    async def load_ring(self) -> RingSnapshot:
        """Return the ring; revision 0 without rows when there is none yet."""
        return await redis_ring.load(self._hot, self._names)

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        """Replace all rows if the revision still is the expected one, and raise it by one."""
        return await redis_ring.replace(self._hot, self._names, expected_revision, rows)
