"""The connections of the PostgreSQL store: bounded, replaced when they die, and safe from callers that go away."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final, TypeVar

import asyncpg

from sealring.errors import ConfigurationError, InternalError, SealringError, StoreUnavailable
from sealring.stores.postgres_connection import Connection
from sealring.stores.postgres_errors import CONTENDED, LOST, as_store_error, at_start
from sealring.stores.postgres_schema import look, migrate
from sealring.stores.schema import SchemaState

_CACHE: Final = "statement_cache_size"
_TRIES: Final = 3  # of a transaction that a deadlock or a serialization failure undid

T = TypeVar("T")

Operation = Callable[[Connection], Awaitable[T]]
"""What is done with a connection: one transaction."""


class PostgresPool:
    """At most ``size`` connections; a connection that died is replaced when the next one is needed.

    Args:
        dsn: where, as the driver takes it.
        size: connections at most.
        timeout: seconds that a caller waits for a connection, and then for the answer to each statement.
        prepare: whether each connection keeps its statements prepared.
    """

    def __init__(self, dsn: str, *, size: int, timeout: float, prepare: bool = True) -> None:
        self._dsn = dsn
        # Without a name, a statement is parsed and run in one go: the driver lets nothing come in between.
        self._driver: dict[str, Any] = {"timeout": timeout} if prepare else {"timeout": timeout, _CACHE: 0}
        self._size = size
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._pool: Any = None  # the driver has no types
        self._begun: set[asyncio.Future[Any]] = set()

    async def open(self) -> None:
        """Bring the schema to the newest version and open the first connection.

        Raises:
            ConfigurationError: user, password, database or rights are wrong; the sentence says what to do.
            StoreUnavailable: there is no answer.
        """
        with _at_start():
            await self._once(migrate)
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._size,
                command_timeout=self._timeout,
                reset=_nothing,
                **self._driver,
            )

    async def migrate(self, *, look_only: bool) -> SchemaState:
        """Bring the schema to the newest version, or only look, by a connection of its own.

        Raises:
            ConfigurationError: user, password, database or rights are wrong; the sentence says what to do.
            StoreUnavailable: there is no answer.
        """
        with _at_start():
            return await self._once(look if look_only else migrate)

    async def _once(self, operation: Operation[T]) -> T:
        connection = await asyncpg.connect(self._dsn, **self._driver)
        try:
            return await operation(connection)
        finally:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await connection.close(timeout=self._timeout)

    async def close(self) -> None:
        """Let what has begun come to its end, then close the connections."""
        if self._begun:
            await asyncio.wait(self._begun)
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await pool.close()
        except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            pool.terminate()

    @asynccontextmanager
    async def own_connection(self) -> AsyncIterator[Any]:
        """Give a connection that is none of the pool's, for as long as somebody needs it.

        Raises:
            StoreUnavailable: there is no answer, or the server or the connection failed.
        """
        if self._pool is None:
            raise StoreUnavailable("the PostgreSQL store is not open")
        try:
            connection = await asyncpg.connect(self._dsn, command_timeout=self._timeout, **self._driver)
            try:
                yield connection
            finally:
                with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
                    await connection.close(timeout=self._timeout)
        except SealringError:
            raise
        except Exception as error:
            raise as_store_error(error) from error

    async def read(self, operation: Operation[T]) -> T:
        """Run an operation that changes nothing; if its caller goes away, it is given up.

        Raises:
            StoreUnavailable: no connection was free in time, or the server failed or did not answer in time.
        """
        try:
            async with self._connection() as connection:
                return await operation(connection)
        except SealringError:
            raise
        except Exception as error:
            raise as_store_error(error) from error

    async def write(self, operation: Operation[T], *, repeatable: bool = False) -> T:
        """Run an operation that is one transaction.

        If its caller goes away before it has a connection, or there is none in time, nothing happens; once begun, it
        runs to its end, and the caller's cancellation waits for that, so that whatever the caller does next sees it.

        Args:
            operation: run again when a deadlock or a serialization failure undid it.
            repeatable: whether it may also be run again after the connection was lost in the middle, when nobody knows
                whether it was committed.

        Raises:
            StoreUnavailable: no connection was free in time, or the server failed or did not answer in time.
            InternalError: what it was given cannot be stored.
        """
        deadline = self._loop.time() + self._timeout
        for tries_left in range(_TRIES - 1, -1, -1):
            try:
                async with self._connection(deadline) as connection:
                    return await self._finished(operation(connection))
            except CONTENDED as error:
                if not tries_left:
                    raise as_store_error(error) from error
            except LOST as error:
                if not (repeatable and tries_left):
                    raise as_store_error(error) from error
                repeatable = False
            except SealringError:
                raise
            except Exception as error:
                raise as_store_error(error) from error
        raise InternalError("a loop that always ends by an answer or an error has ended without")

    @asynccontextmanager
    async def _connection(self, deadline: float = math.inf) -> AsyncIterator[Connection]:
        pool = self._pool
        if pool is None:
            raise StoreUnavailable("the PostgreSQL store is not open")
        if asyncio.get_running_loop() is not self._loop:
            raise ConfigurationError("the PostgreSQL store is used in another event loop than the one that opened it")
        within = min(self._timeout, deadline - self._loop.time())
        if within <= 0:
            raise StoreUnavailable(f"PostgreSQL did not answer within {self._timeout:g} seconds")
        connection = await pool.acquire(timeout=within)
        try:
            yield connection
        except asyncio.CancelledError:
            # The driver asks the server to give up the statement and waits for its word; the caller need not.
            self._keep(asyncio.ensure_future(pool.release(connection)))
            raise
        except BaseException:
            await self._released(pool, connection)
            raise
        else:
            await self._released(pool, connection)

    async def _released(self, pool: Any, connection: Any) -> None:  # noqa: ANN401 - the driver has no types
        # What goes wrong here goes wrong after the answer; the driver has closed the connection then.
        with suppress(TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            await pool.release(connection)

    async def _finished(self, operation: Awaitable[T]) -> T:
        task = asyncio.ensure_future(operation)
        self._keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait([task])
            raise

    def _keep(self, task: "asyncio.Future[Any]") -> None:
        self._begun.add(task)
        task.add_done_callback(self._let_go)

    def _let_go(self, task: "asyncio.Future[Any]") -> None:
        self._begun.discard(task)
        if not task.cancelled():
            task.exception()  # somebody has it, or nobody waits for it any more


@contextmanager
def _at_start() -> Iterator[None]:
    try:
        yield
    except SealringError:
        raise
    except Exception as error:
        ours = at_start(error)
        if isinstance(ours, ConfigurationError):
            # The driver's own words about a URL that it cannot read may quote the password in it.
            raise ours from None
        raise ours from error


async def _nothing(connection: Any) -> None:  # noqa: ANN401
    """Reset nothing: no operation leaves anything behind, and the driver's own reset costs a round trip each time."""
