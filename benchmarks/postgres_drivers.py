"""Compares asyncpg with psycopg 3 on the statements that every refresh waits for.

Run it from the repository: ``python -m benchmarks.postgres_drivers [ROUNDS]``. It starts a PostgreSQL of its own with
its durability as it comes (``fsync`` on). Both drivers run the store's own text of the statement, prepared, each with
its binary format, and take turns within every round of one run; a figure is the median of the rounds, a ratio the
median of the rounds' own ratios over asyncpg. "Single" is one statement for each rotation on a connection for each
client; "batched" gathers the rotations of one moment into one statement on two connections, as the store does. Compare
ratios, not rates: they depend on the machine and on what else it does.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import asyncpg
import psycopg

from benchmarks.rotations import Clients, Turn, endless_rows, filled, table
from sealring.sessions.record import Rotation, SessionRow
from sealring.stores import postgres_sessions
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_batch import LANES, RotationBatches
from sealring.stores.postgres_rows import Columns
from tests.stores.servers import postgres_server

MOST_CLIENTS = 32
AS_IT_COMES = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
ROTATIONS, ROWS = Columns(Rotation), Columns(SessionRow)

Fetch = Callable[[str, Sequence[Any]], Awaitable[Sequence[Any]]]
"""Runs a statement with its parameters and returns all rows."""


@asynccontextmanager
async def by_asyncpg(url: str) -> AsyncIterator[Fetch]:
    """Connect by asyncpg."""
    connection = await asyncpg.connect(url)
    try:
        yield lambda statement, values: connection.fetch(statement, *values)
    finally:
        await connection.close()


@asynccontextmanager
async def by_psycopg(url: str) -> AsyncIterator[Fetch]:
    """Connect by psycopg, with the placeholders that the server itself has."""
    connection = await psycopg.AsyncConnection.connect(url, autocommit=True)
    async with connection:
        cursor = psycopg.AsyncRawCursor(connection)

        async def fetch(statement: str, values: Sequence[Any]) -> Sequence[Any]:
            await cursor.execute(statement.encode(), values, prepare=True, binary=True)
            return await cursor.fetchall()

        yield fetch


async def single(fetch: Fetch, rotation: Rotation) -> SessionRow | None:
    """Rotate one session."""
    rows = await fetch(postgres_sessions.ROTATE, ROTATIONS.values(rotation))
    return ROWS.record(rows[0]) if rows else None


async def many(
    free: "asyncio.Queue[Fetch]", still_wanted: Callable[[], Sequence[Rotation]]
) -> Mapping[bytes, SessionRow]:
    """Rotate a batch over one of the connections that are free."""
    fetch = await free.get()
    try:
        rotations = still_wanted()
        if len(rotations) == 1:
            rows = await fetch(postgres_sessions.ROTATE, ROTATIONS.values(rotations[0]))
        else:
            rows = await fetch(postgres_sessions.ROTATE_MANY, ROTATIONS.arrays(rotations))
        return {record.sid: record for record in map(ROWS.record, rows)}
    finally:
        free.put_nowait(fetch)


async def contenders(stack: AsyncExitStack, url: str, sessions: Mapping[str, list[SessionRow]]) -> dict[str, Turn]:
    """Connect everything, and return what to run under each name."""
    turns: dict[str, Turn] = {}
    for name, connect in (("asyncpg", by_asyncpg), ("psycopg", by_psycopg)):
        fetches = [await stack.enter_async_context(connect(url)) for _ in range(MOST_CLIENTS + LANES)]
        own: asyncio.Queue[Fetch] = asyncio.Queue()
        for fetch in fetches[:MOST_CLIENTS]:
            own.put_nowait(fetch)
        shared: asyncio.Queue[Fetch] = asyncio.Queue()
        for fetch in fetches[MOST_CLIENTS:]:
            shared.put_nowait(fetch)

        async def alone(rotation: Rotation, own: "asyncio.Queue[Fetch]" = own) -> SessionRow | None:
            fetch = own.get_nowait()
            try:
                return await single(fetch, rotation)
            finally:
                own.put_nowait(fetch)

        batches = RotationBatches(partial(many, shared), timeout=30.0, capacity=10_000)
        stack.push_async_callback(batches.close)
        turns[f"{name}, single"] = Clients(sessions[f"{name}, single"], alone).run
        turns[f"{name}, batched"] = Clients(sessions[f"{name}, batched"], batches.rotate).run
    return turns


async def measure(url: str, rounds: int) -> None:
    """Print both tables."""
    names = [f"{driver}, {way}" for driver in ("asyncpg", "psycopg") for way in ("single", "batched")]
    sessions = {name: endless_rows(1_024) for name in names}
    async with PostgresStore(url) as store:
        for rows in sessions.values():
            await filled(store, rows)
    async with AsyncExitStack() as stack:
        turns = await contenders(stack, url, sessions)
        for way in ("single", "batched"):
            await table(f"Rotations, {way}", {name: turn for name, turn in turns.items() if name.endswith(way)}, rounds)


def main() -> None:
    """Start a server and print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"asyncpg {asyncpg.__version__}, psycopg {psycopg.__version__} ({psycopg.pq.__impl__}), {rounds} rounds")
    with postgres_server(AS_IT_COMES) as server:
        asyncio.run(measure(server.new_database(), rounds))


if __name__ == "__main__":
    main()
