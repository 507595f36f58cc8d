"""The store in Redis or Valkey: for several processes and machines, when sessions may live in memory."""

import asyncio
import math
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, nullcontext
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from sealring.errors import ConfigurationError, SealringError, StoreUnavailable
from sealring.keys.record import KeyRow, RingSnapshot
from sealring.revocation.record import Denial, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores import redis_feed, redis_lease, redis_purge, redis_ring, redis_start
from sealring.stores.redis_errors import at_start
from sealring.stores.redis_link import Asking, Link, Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import command
from sealring.stores.redis_sessions import RedisSessions
from sealring.stores.redis_turns import Turns
from sealring.stores.redis_url import RedisUrl
from sealring.stores.schema import SchemaState

_LONGEST_TIMEOUT: Final = 60.0
_LEAST_KEPT: Final = 3_600.0
_MOST_REPLICAS: Final = 16

T = TypeVar("T")


class RedisStore:
    """Keeps everything in a Redis or Valkey server or cluster, which any number of processes may share.

    How durable an answer is, the server's ``appendfsync`` says. Where the server has a replica, an end of a session
    waits up to a second until one has it. The store belongs to the event loop in which it was opened. A server that
    comes back is used again without a restart, and so is the replica that takes over from one.

    Args:
        url: ``redis://user:password@host:port/0`` for one server;
            ``redis+sentinel://user:password@host:port,host:port/service/0`` for the primary that sentinels at these
            addresses watch over under the name ``service`` (the sentinels' own user and password, if they ask for
            one, are ``sentinel_username`` and ``sentinel_password`` in its query);
            ``redis+cluster://user:password@host:port,host:port`` for a cluster, some of whose nodes these are. Each
            with ``rediss`` instead of ``redis`` for TLS, and with the options of the driver (``ssl_ca_certs`` …) and
            of this class in its query.
        timeout: seconds that an operation waits for the server; default 5, at most 60, or ``timeout`` in the URL.
        capacity: operations that may wait at the same time; default 10,000.
        prefix: what every key begins with; default ``sealring``, or ``prefix`` in the URL.
        keep_ended: seconds that the row of an ended session stays at most; not below ``keep_ended`` of the session
            policy; default 2 days, at least an hour, or ``keep_ended`` in the URL.
        wait_replicas: replicas that must have an end of a session before it is answered, as far as there are so many;
            default 1, 0 to 16, or ``wait_replicas`` in the URL. 0 waits for none.
        wait_within: seconds after which it is answered all the same; default 1, at most half of ``timeout``, or
            ``wait_within`` in the URL.

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
        wait_replicas: int = 1,
        wait_within: float = 1.0,
    ) -> None:
        self._url = RedisUrl(url)
        options = self._url.options
        self._timeout: float = options.get("timeout", timeout)
        self._keep_ended: float = options.get("keep_ended", keep_ended)
        self._wait_replicas: int = options.get("wait_replicas", wait_replicas)
        self._wait_within: float = options.get("wait_within", wait_within)
        self._names = Names(options.get("prefix", prefix))
        self._capacity = capacity
        if not 0 < self._timeout <= _LONGEST_TIMEOUT:
            raise ConfigurationError(f"the store's timeout must be above 0 and at most {_LONGEST_TIMEOUT:g} seconds")
        if not self._keep_ended >= _LEAST_KEPT:
            raise ConfigurationError(f"the store's keep_ended must be {_LEAST_KEPT:g} seconds or more")
        if not 0 <= self._wait_replicas <= _MOST_REPLICAS:
            raise ConfigurationError(f"the store's wait_replicas must be 0 to {_MOST_REPLICAS} replicas")
        if not 0 < self._wait_within < math.inf:
            raise ConfigurationError("the store's wait_within must be above 0 seconds")
        if capacity < 1:
            raise ConfigurationError("the store's capacity must be 1 or more operations")
        # For the server, 0 milliseconds would be for ever.
        self._wait_within = max(0.001, min(self._wait_within, self._timeout / 2))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._links: tuple[Link, Link] | None = None
        self._feed = redis_feed.Feed(self._names)
        self._turns = Turns()
        self._begun: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        """Connect, and check that the server can keep sessions.

        Raises:
            ConfigurationError: user, password, rights, version or memory policy are wrong; the sentence says what to do
                and holds no password.
            StoreUnavailable: the server does not answer.
        """
        if self._links is not None:
            raise ConfigurationError("the Redis store is open already")
        self._loop = asyncio.get_running_loop()
        # Ends have connections of their own, because waiting for a replica holds them up.
        self._links = self._url.links(timeout=self._timeout, capacity=self._capacity)
        try:
            await redis_start.check(self._hot, self._names, cluster=self._url.cluster)
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

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        """Note the layout of keys in a server that has none, as opening the store does; there is no other step yet.

        Args:
            look_only: change nothing and only tell how it stands.

        Raises:
            ConfigurationError: the server cannot be used; the sentence says what to do.
            StoreUnavailable: it does not answer.
        """
        links = self._url.links(timeout=self._timeout, capacity=self._capacity)
        asking = Asking(links[0])
        try:
            if look_only:
                return SchemaState(await redis_start.layout(asking, self._names), redis_start.LAYOUT)
            made = await redis_start.check(asking, self._names, cluster=self._url.cluster)
            return SchemaState(redis_start.LAYOUT, redis_start.LAYOUT, (redis_start.LAYOUT,) if made else ())
        except SealringError as error:
            raise at_start(error) from error.__cause__
        finally:
            for link in links:
                await link.close()

    async def ping(self) -> None:
        """Prove that the server answers.

        Raises:
            StoreUnavailable: it does not.
        """
        # In a cluster it goes to the node with the feed, without which no process may trust a token for long.
        await self._hot.run(command("EXISTS", self._names.feed[0]))

    @property
    def _hot(self) -> Asking:
        return Asking(self._open_links[0])

    @property
    def _ends(self) -> Asking:
        return Asking(self._open_links[1])

    @property
    def _open_links(self) -> tuple[Link, Link]:
        if self._links is None:
            raise StoreUnavailable("the Redis store is not open")
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError("the Redis store is used in another event loop than the one that opened it")
        return self._links

    async def _close(self) -> None:
        links = self._links
        if self._begun:
            await asyncio.wait(self._begun)
        self._links = None
        for link in links or ():
            await link.close()

    @property
    def _sessions(self) -> RedisSessions:
        return self._sessions_over(self._hot)

    def _sessions_over(self, server: Server) -> RedisSessions:
        return RedisSessions(server, self._names, keep_ended=self._keep_ended)

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

    async def _replicated(self, asking: Asking) -> None:
        """Wait until a replica has what was asked, if there is one."""
        if self._wait_replicas:
            await asking.replicated(self._wait_replicas, self._wait_within)

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        return await self._sessions.subject_epoch(subject)

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0."""
        return await self._to_its_end(self._sessions.open(row))

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        return await self._sessions.read(sid)

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first."""
        return await self._sessions.list_all(subject)

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write, together with others that wait at the same moment, if all of its conditions hold."""
        return await self._sessions.rotate(rotation)

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker."""
        return await self._sessions.compare_and_swap(before, after)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in one pipeline."""
        await self._to_its_end(self._sessions.confirm(tuple(confirmations)))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Write the denial of a session, then revoke it, then wait for a replica if there is one."""

        async def steps() -> SessionRow | None:
            asking = self._ends
            ended = await self._sessions_over(asking).end(sid, reason, now, deny_until)
            if ended is not None:
                await self._replicated(asking)
            return ended

        return await self._to_its_end(steps(), self._turns.of(sid))

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch, then end its sessions, then wait for a replica if there is one."""

        async def steps() -> tuple[SessionRow, ...]:
            asking = self._ends
            ended = await self._sessions_over(asking).end_subject(subject, keep, reason, now, deny_until)
            await self._replicated(asking)
            return ended

        return await self._to_its_end(steps(), self._turns.of(subject))

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Write the denial of all epochs up to now, then raise ``ep``, then wait for a replica if there is one."""

        async def steps() -> SessionRow | None:
            asking = self._ends
            raised = await self._sessions_over(asking).raise_epoch(sid, deny_until)
            if raised is not None:
                await self._replicated(asking)
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
        return await self._feed.read(self._hot, after, limit)

    async def watch_feed(self) -> AsyncGenerator[None, None]:
        """Give a turn at the beginning and after every denial."""
        _ = self._open_links
        # A connection of its own: the server holds each question until there is an answer.
        link, _ = self._url.links(timeout=self._timeout, capacity=1)
        try:
            async with aclosing(redis_feed.watch(Asking(link), self._names, self._timeout / 2)) as turns:
                async for turn in turns:
                    yield turn
        finally:
            await link.give_up()

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        asking = self._ends
        await asking.run(redis_feed.appending(self._names, denial))
        await self._replicated(asking)

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
