"""One thread with one connection: everything that waits goes into one transaction (group commit).

A disk makes some hundred commits durable in a second, but each of them may hold many writes; so whoever waits while
one commit is under way shares the next one.
"""

import asyncio
import contextlib
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sealring.errors import SealringError, StoreUnavailable
from sealring.stores.sqlite_files import as_store_error, as_unavailable

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job:
    operation: Callable[[sqlite3.Connection], Any]
    future: "asyncio.Future[Any]"
    deadline: float  # of the loop's clock


@dataclass(frozen=True, slots=True)
class _Answer:
    job: _Job
    result: Any = None
    error: SealringError | None = None


class SqliteThread:
    """Runs operations on a connection, in the order in which they were asked for.

    An operation whose caller has gone before its turn, or that has waited too long for it, is dropped; once begun, it
    runs to its end and is committed, whoever waits. An operation that fails is undone alone.

    Args:
        name: of the thread.
        connect: opens the connection; it is called in the thread, which alone uses it.
        begin: how a transaction begins.
        timeout: seconds after which a caller stops waiting.
        capacity: operations that may wait.
        batch: operations in one transaction at most.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], sqlite3.Connection],
        *,
        begin: str,
        timeout: float,
        capacity: int,
        batch: int,
    ) -> None:
        self._connect = connect
        self._begin = begin
        self._timeout = timeout
        self._capacity = capacity
        self._batch = batch
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._ended: asyncio.Future[None] = self._loop.create_future()
        self._accepts = True
        # A daemon: a program that ends without closing its store must not hang, and every commit is on disk already.
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)

    async def start(self) -> None:
        """Start the thread and wait until its connection is open.

        Raises:
            SealringError: what ``connect`` raised.
        """
        self._thread.start()
        try:
            await self._opened
        except asyncio.CancelledError:
            self.close()
            raise

    async def run(self, operation: Callable[[sqlite3.Connection], T]) -> T:
        """Run one operation and wait until it is committed.

        Args:
            operation: gets the connection inside a transaction that it neither commits nor rolls back.

        Raises:
            StoreUnavailable: it did not begin in time, or its transaction failed.
            InternalError: what it was given cannot be stored.
        """
        if not self._accepts:
            raise StoreUnavailable("the SQLite store is closed")
        if self._queue.qsize() >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} operations wait for the SQLite store already")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(_Job(operation, future, self._loop.time() + self._timeout))
        timer = self._loop.call_later(self._timeout, self._expire, future)
        try:
            return await future
        finally:
            timer.cancel()

    def close(self) -> None:
        """Accept nothing more; the thread finishes what waits, closes its connection and ends, whoever waits for it."""
        if self._accepts:
            self._accepts = False
            self._queue.put(None)

    async def stop(self) -> None:
        """Close, and wait for the end."""
        self.close()
        if self._thread.ident is None:
            return  # it was never started
        # Shielded: whoever else waits for the end must not lose it to one caller's cancellation.
        await asyncio.shield(self._ended)
        self._thread.join()

    def _expire(self, future: "asyncio.Future[Any]") -> None:
        # A future that is done is also how the thread knows that nobody waits for its operation.
        if not future.done():
            future.set_exception(StoreUnavailable(f"the SQLite store did not answer within {self._timeout:g} seconds"))

    # From here on in the thread

    def _serve(self) -> None:
        try:
            connection = self._connect()
        except Exception as error:  # noqa: BLE001 - it is handed to whoever opens the store
            self._post(_refuse, self._opened, error if isinstance(error, SealringError) else as_store_error(error))
            self._post(_resolve, self._ended)
            return
        self._post(_resolve, self._opened)
        try:
            while jobs := self._next_jobs():
                waiting = [job for job in jobs if job is not None and self._is_wanted(job)]
                if waiting:
                    self._post(_answer, self._transact(connection, waiting))
                if jobs[-1] is None:
                    break
        finally:
            self._finish(connection)

    def _is_wanted(self, job: _Job) -> bool:
        # The time is looked at too: a loop that was held up has not told the caller yet that it waits no more.
        return not job.future.done() and self._loop.time() < job.deadline

    def _next_jobs(self) -> list[_Job | None]:
        """Wait for one job and take all that wait behind it; None is the last one ever."""
        jobs = [self._queue.get()]
        with contextlib.suppress(queue.Empty):
            while jobs[-1] is not None and len(jobs) < self._batch:
                jobs.append(self._queue.get_nowait())
        return jobs

    def _transact(self, connection: sqlite3.Connection, jobs: Sequence[_Job]) -> list[_Answer]:
        try:
            connection.execute(self._begin)
            # Time has passed if another process held the file; who has gone in the meantime wants no write any more.
            answers = [_attempt(connection, job) for job in jobs if self._is_wanted(job)]
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(connection)
            return [_Answer(job, error=as_unavailable(error)) for job in jobs]
        return answers

    def _finish(self, connection: sqlite3.Connection) -> None:
        self._accepts = False
        # Without a checkpoint the next opening replays the log: slower, never wrong; so a failure here is no failure.
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint")
        with contextlib.suppress(sqlite3.Error):
            connection.close()
        self._post(_resolve, self._ended)

    def _post(self, function: Callable[..., None], *arguments: Any) -> None:  # noqa: ANN401
        # The loop is gone when a program ends without closing its store; then nobody waits.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)


def _attempt(connection: sqlite3.Connection, job: _Job) -> _Answer:
    """Run one operation; if it fails, undo it alone.

    Raises:
        sqlite3.Error: the whole transaction is lost.
    """
    connection.execute("SAVEPOINT operation")
    try:
        answer = _Answer(job, result=job.operation(connection))
    except Exception as error:
        if not connection.in_transaction:
            # Out of disk or memory, SQLite rolls back everything by itself.
            raise sqlite3.OperationalError(str(error)) from error
        connection.execute("ROLLBACK TO operation")
        answer = _Answer(job, error=error if isinstance(error, SealringError) else as_store_error(error))
    connection.execute("RELEASE operation")
    return answer


def _roll_back(connection: sqlite3.Connection) -> None:
    with contextlib.suppress(sqlite3.Error):
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _resolve(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


def _refuse(future: "asyncio.Future[None]", error: SealringError) -> None:
    if not future.done():
        future.set_exception(error)


def _answer(answers: Sequence[_Answer]) -> None:
    for answer in answers:
        future = answer.job.future
        if future.done():
            continue
        if answer.error is not None:
            future.set_exception(answer.error)
        else:
            future.set_result(answer.result)
