"""Commands that wait at the same moment go to the server together, over one connection (auto-pipelining).

A round trip costs more than a command. While one pipeline is under way the next one gathers, so the more clients there
are, the fewer round trips each of them costs.
"""

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError, ResponseError

from sealring.errors import ConfigurationError, SealringError, StoreUnavailable
from sealring.stores.redis_errors import as_store_error, is_wrong_server
from sealring.stores.redis_scripts import Command

LARGEST_PIPELINE: Final = 500
"""Commands after which a pipeline takes no further caller along."""


class Server(Protocol):
    """Where commands go."""

    async def run(self, command: Command) -> Any:  # noqa: ANN401 - a reply has many types
        """Return the reply to one command."""
        ...

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands, which the server does in their order."""
        ...


@dataclass(frozen=True, slots=True)
class _Job:
    commands: Sequence[Command]
    packed: bytes
    answer: "asyncio.Future[list[Any]]"


class Lane:
    """One connection and the callers that share it.

    A caller that goes away before its commands were sent takes them along; once sent, they are done, whoever waits. A
    command that fails fails its own caller. A connection that fails takes down only those whose answers had not come;
    the next caller gets a new connection.

    Args:
        connect: makes a connection that is not yet connected.
        timeout: seconds that a caller waits, and that one pipeline may take.
        capacity: callers that may wait.
    """

    def __init__(self, connect: Callable[[], AbstractConnection], *, timeout: float, capacity: int) -> None:
        self._connect = connect
        self._timeout = timeout
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._connection: AbstractConnection | None = None
        self._waiting: deque[_Job] = deque()
        self._serving: asyncio.Task[None] | None = None
        self._accepts = True

    async def run(self, command: Command) -> Any:  # noqa: ANN401 - see the protocol
        """Return the reply to one command.

        Raises:
            StoreUnavailable: the lane is closed or full, or there was no answer in time.
            InternalError: the server refused the command.
        """
        return (await self.run_all((command,)))[0]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands, which go one behind the other in one pipeline.

        Raises:
            StoreUnavailable: as above; some of the commands may have been done.
            InternalError: the server refused one of them; the others were done.
        """
        if not commands:
            return []
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError("the Redis store is used in another event loop than the one that opened it")
        if not self._accepts:
            raise StoreUnavailable("the Redis store is not open")
        if len(self._waiting) >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} operations wait for Redis already")
        answer: asyncio.Future[list[Any]] = self._loop.create_future()
        # Packed here, so that what cannot be packed fails its own caller and not a pipeline.
        self._waiting.append(_Job(commands, _packed(commands), answer))
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

    def _expire(self, answer: "asyncio.Future[list[Any]]") -> None:
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
            if not job.answer.done():
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
        await connection.send_packed_command(b"".join(job.packed for job in jobs), check_health=False)
        unknown: list[tuple[_Job, list[Any]]] = []
        wrong_server = False
        for job in jobs:
            replies = [await _reply(connection) for _ in job.commands]
            if any(isinstance(reply, NoScriptError) for reply in replies):
                unknown.append((job, replies))
            else:
                wrong_server |= _answer(job, replies)
        if unknown:
            await _teach(connection, unknown)
        for job, replies in unknown:
            wrong_server |= _answer(job, replies)
        return wrong_server

    async def _connected(self) -> AbstractConnection:
        connection = self._connection
        if connection is not None and await connection.can_read():
            # Nothing was asked, so this is the end of the connection, or an answer to nobody.
            await self._drop()
            connection = None
        if connection is None:
            connection = self._connection = self._connect()
            try:
                await connection.connect()  # type: ignore[no-untyped-call]
            except ResponseError as error:
                # No caller's fault, and another address or password may be right tomorrow.
                raise StoreUnavailable(f"Redis refuses the connection ({type(error).__name__})") from error
        return connection

    async def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):
                await connection.disconnect(nowait=True)


def _packed(commands: Sequence[Command]) -> bytes:
    # The stubs say a tuple of one; the function takes any number.
    pack: Any = hiredis.pack_command
    return b"".join(pack(each.arguments) for each in commands)


async def _reply(connection: AbstractConnection) -> Any:  # noqa: ANN401 - a reply has many types
    try:
        # Without a timeout of its own: that of the pipeline is around it.
        return await connection.read_response(disable_decoding=True, timeout=math.inf, disconnect_on_error=False)
    except ResponseError as error:
        return error


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
        await _reply(connection)
    for _, replies, index in unknown:
        replies[index] = await _reply(connection)


def _answer(job: _Job, replies: list[Any]) -> bool:
    error = next((reply for reply in replies if isinstance(reply, ResponseError)), None)
    if not job.answer.done():
        if error is None:
            job.answer.set_result(replies)
        else:
            job.answer.set_exception(as_store_error(error))
    return error is not None and is_wrong_server(error)


def _refuse(jobs: Sequence[_Job], error: SealringError) -> None:
    for job in jobs:
        if not job.answer.done():
            # One each: an exception that is raised at several places collects the tracebacks of all.
            own = type(error)(error.detail)
            own.__cause__ = error.__cause__
            job.answer.set_exception(own)
