"""Commands that wait at the same moment go to the server together, over one connection (auto-pipelining).

A round trip costs more than a command. While one pipeline is under way the next one gathers, so the more clients there
are, the fewer round trips each of them costs.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from sealring.errors import SealringError, StoreUnavailable
from sealring.stores.redis_connect import Connect, left, reply_of
from sealring.stores.redis_errors import as_store_error, is_wrong_server
from sealring.stores.redis_link import Asking, Trail
from sealring.stores.redis_scripts import Command, command

LARGEST_PIPELINE: Final = 500
"""Commands after which a pipeline takes no further caller along."""


@dataclass(frozen=True, slots=True)
class _Job:
    commands: Sequence[Command]
    packed: bytes
    answer: "asyncio.Future[tuple[int, list[Any]]]"
    deadline: float  # of the loop's clock

    def is_wanted(self) -> bool:
        """Tell whether somebody still waits."""
        # The time is looked at too: a loop that was held up has not told the caller yet that it waits no more.
        return not self.answer.done() and self.answer.get_loop().time() < self.deadline


class Lane:
    """One connection and the callers that share it.

    A caller that goes away before its commands were sent takes them along, as does one that has waited too long; once
    sent, they are done, whoever waits. A command that fails fails its own caller. A connection that fails takes down
    only those whose answers had not come; the next caller gets a new connection.

    Args:
        connect: returns a connection.
        timeout: seconds that a caller waits, and that one pipeline may take.
        capacity: callers that may wait.
    """

    def __init__(self, connect: Connect, *, timeout: float, capacity: int) -> None:
        self._connect = connect
        self._timeout = timeout
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._connection: AbstractConnection | None = None
        self._connections = 0
        self._waiting: deque[_Job] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._accepts = True

    async def replies(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands, which go one behind the other in one pipeline.

        Raises:
            StoreUnavailable: the lane is closed or full, or there was no answer in time.
        """
        if not commands:
            return []
        connection, replies = await self._answered(commands)
        if trail is not None:
            trail.add((self, connection))
        return replies

    async def replies_in_order(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands: in one pipeline they are done in their order anyway.

        Raises:
            StoreUnavailable: as above.
        """
        return await self.replies(commands, trail)

    async def everywhere(self, command: Command) -> list[Any]:
        """Return the reply of the server.

        Raises:
            StoreUnavailable: as above.
        """
        return await self.replies((command,))

    async def replicated(self, connection: int, replicas: int, within: float) -> None:
        """Wait until replicas have what a connection has written, as many as there are, or until a time is over.

        Args:
            connection: which of the connections of this lane it was.
            replicas: how many replicas at most.
            within: seconds.

        Raises:
            StoreUnavailable: there is another connection by now, which knows nothing of the writes of that one.
        """
        role, _, connected, *_ = await Asking(self).run(command("ROLE"))
        if role == b"master" and connected:
            asking = Asking(self)
            await asking.run(command("WAIT", min(replicas, len(connected)), int(within * 1000)))
            if (self, connection) in asking.trail:
                return
        elif role == b"master" and connection == self._connections:
            return
        raise StoreUnavailable("the connection to Redis was lost before a replica had confirmed")

    async def _answered(self, commands: Sequence[Command]) -> tuple[int, list[Any]]:
        if not self._accepts:
            raise StoreUnavailable("the Redis store is not open")
        if len(self._waiting) >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} operations wait for Redis already")
        answer: asyncio.Future[tuple[int, list[Any]]] = self._loop.create_future()
        # Packed here, so that what cannot be packed fails its own caller and not a pipeline.
        self._waiting.append(_Job(commands, _packed(commands), answer, self._loop.time() + self._timeout))
        if self._serving is None:
            # It begins when the loop turns, so whoever asks in this turn comes along.
            self._serving = self._loop.create_task(self._serve())
        timer = self._loop.call_later(self._timeout, self._expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Accept nothing more, wait until everything that waits has its answer, and disconnect."""
        self._accepts = False
        if self._serving is not None:
            await asyncio.wait([self._serving])
        await self._drop()

    async def give_up(self) -> None:
        """Accept nothing more, wait for nothing, and disconnect."""
        self._accepts = False
        if (serving := self._serving) is not None:
            serving.cancel()
            await asyncio.wait([serving])
        await self._drop()

    def _expire(self, answer: "asyncio.Future[tuple[int, list[Any]]]") -> None:
        # An answer that is done is also how a pipeline knows that nobody waits for it.
        if not answer.done():
            answer.set_exception(StoreUnavailable(f"Redis did not answer within {self._timeout:g} seconds"))

    async def _serve(self) -> None:
        try:
            while jobs := self._next_jobs():
                await self._pipeline(jobs)
        finally:
            self._serving = None

    def _next_jobs(self) -> list[_Job]:
        jobs: list[_Job] = []
        size = 0
        while self._waiting and size < LARGEST_PIPELINE:
            job = self._waiting.popleft()
            if job.is_wanted():
                jobs.append(job)
                size += len(job.commands)
        return jobs

    async def _pipeline(self, jobs: Sequence[_Job]) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                wrong_server = await self._exchange(jobs)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is handed to the callers
            _refuse(jobs, as_store_error(error))
            await self._drop()
        except BaseException:
            _refuse(jobs, StoreUnavailable("the Redis store was stopped"))
            await self._drop()
            raise
        else:
            if wrong_server:
                await self._drop()

    async def _exchange(self, jobs: Sequence[_Job]) -> bool:
        """Send everything, hand out each answer as it comes, and tell whether the server is a replica."""
        connection = await self._connected()
        # Connecting may have taken a while.
        jobs = [job for job in jobs if job.is_wanted()]
        await connection.send_packed_command(b"".join(job.packed for job in jobs), check_health=False)
        unknown: list[tuple[_Job, list[Any]]] = []
        wrong_server = False
        for job in jobs:
            replies = [await reply_of(connection) for _ in job.commands]
            if any(isinstance(reply, NoScriptError) for reply in replies):
                unknown.append((job, replies))
            else:
                wrong_server |= _answer(job, self._connections, replies)
        if unknown:
            await _teach(connection, unknown)
        for job, replies in unknown:
            wrong_server |= _answer(job, self._connections, replies)
        return wrong_server

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        if connection is not None and await connection.can_read():
            # Nothing was asked, so this is the end of the connection, or an answer to nobody.
            await self._drop()
            connection = None
        if connection is None:
            connection = self._connection = await self._connect()
            self._connections += 1
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await left(connection)


def _packed(commands: Sequence[Command]) -> bytes:
    # The stubs say a tuple of one; the function takes any number.
    pack: Any = hiredis.pack_command
    if len(commands) == 1:
        return bytes(pack(commands[0].arguments))
    return b"".join(pack(each.arguments) for each in commands)


async def _teach(connection: AbstractConnection, jobs: Sequence[tuple[_Job, list[Any]]]) -> None:
    """Tell the server the scripts that it did not know, and send what needed them once more, in one pipeline."""
    unknown = [
        (job.commands[index], replies, index)
        for job, replies in jobs
        for index, reply in enumerate(replies)
        if isinstance(reply, NoScriptError)
    ]
    # A dictionary, because it keeps the order.
    scripts = dict.fromkeys(each.script for each, _, _ in unknown if each.script is not None)
    loading = [Command(("SCRIPT", "LOAD", script.source)) for script in scripts]
    packed = _packed([*loading, *(each for each, _, _ in unknown)])
    await connection.send_packed_command(packed, check_health=False)
    for _ in loading:
        await reply_of(connection)
    for _, replies, index in unknown:
        replies[index] = await reply_of(connection)


def _answer(job: _Job, connection: int, replies: list[Any]) -> bool:
    if not job.answer.done():
        job.answer.set_result((connection, replies))
    return any(isinstance(reply, ResponseError) and is_wrong_server(reply) for reply in replies)


def _refuse(jobs: Sequence[_Job], error: SealringError) -> None:
    for job in jobs:
        if not job.answer.done():
            # One each: an exception that is raised at several places collects the tracebacks of all.
            own = type(error)(error.detail)
            own.__cause__ = error.__cause__
            job.answer.set_exception(own)
