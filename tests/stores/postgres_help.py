"""What the tests of the PostgreSQL store share: another client of the same database, and waiting without sleeping."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

PATIENCE = 30.0
"""Seconds after which a test gives up waiting; no test takes as long unless something is wrong."""

_WAITING = """
    SELECT pid FROM pg_stat_activity
    WHERE application_name = 'sealring' AND datname = current_database() AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Any]:
    """Give a connection that is not the store's."""
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close(timeout=PATIENCE)


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """Ask again and again until there is something in the answer, and return that."""
    async with asyncio.timeout(PATIENCE):
        while not (answer := await condition()):
            await asyncio.sleep(0.005)
    return answer


async def waiting(connection: Any, at_least: int = 1) -> list[int]:
    """Wait until this many statements of stores on this database wait for a lock; return their processes."""

    async def enough() -> list[int]:
        # Within a transaction the server goes on showing what it has shown once.
        await connection.execute("SELECT pg_stat_clear_snapshot()")
        pids = [row["pid"] for row in await connection.fetch(_WAITING)]
        return pids if len(pids) >= at_least else []

    pids: list[int] = await until(enough)
    return pids
