"""Measures rotations per second on every engine over the cheapest commit that the same engine and driver can do.

Run it from the repository: ``python -m benchmarks.rotation_speed [ROUNDS]``. It starts a PostgreSQL and Valkeys of its
own, each as durable as its page in ``docs/stores`` tells people to make it. The floor of an engine is one ``UPDATE`` by
key, committed by itself (for Redis: a script that does nothing), over a connection for each client, without any rule;
it takes turns with the store within every round of one run. A figure is the median of the rounds, a ratio the median of
the rounds' own ratios over the floor. Compare ratios, not rates: they depend on the machine and on what else it does.
At the end, sixteen callers present the same token at the same moment, a hundred times on every store: each time one of
them must win.
"""

import asyncio
import queue
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import redis.asyncio

from benchmarks.rotations import SESSIONS, SLICE, Clients, Turn, endless_rows, filled, table
from sealring.sessions.record import Rotation, SessionRow
from sealring.stores import MemoryStore, SqliteStore
from sealring.stores.base import Store
from sealring.stores.postgres import PostgresStore
from sealring.stores.redis import RedisStore
from sealring.testing import make_rotation, make_row
from tests.stores.servers import postgres_server
from tests.stores.valkey_cluster import valkey_cluster
from tests.stores.valkey_sentinel import watched
from tests.stores.valkey_server import PASSWORD, ValkeyServer, valkey_server

MOST_CLIENTS = 32
RACERS, RACES = 16, 100
AS_IT_COMES = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}
KEYS = [number.to_bytes(16, "big") for number in range(SESSIONS)]

Update = Callable[[bytes], Awaitable[object]]


def ticking(update: Update) -> Turn:
    """Return a turn in which each client does one update after another, on its own share of the keys."""

    async def turn(clients: int) -> float:
        share = len(KEYS) // clients
        until = time.perf_counter() + SLICE

        async def client(first: int) -> int:
            done = 0
            while time.perf_counter() < until:
                await update(KEYS[first + done % share])
                done += 1
            return done

        started = time.perf_counter()
        done = await asyncio.gather(*(client(number * share) for number in range(clients)))
        return sum(done) / (time.perf_counter() - started)

    return turn


# Floors


def sqlite_floor(path: Path) -> Turn:
    """Return a turn in which a thread for each client commits by itself, without an event loop in the way."""
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE floor (key BLOB PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID")
        connection.executemany("INSERT INTO floor VALUES (?, 0)", [(key,) for key in KEYS])
    connection.close()

    def client(first: int, share: int, until: float) -> int:
        own = sqlite3.connect(path, isolation_level=None, timeout=60.0)
        try:
            own.execute("PRAGMA synchronous = FULL")
            done = 0
            while time.perf_counter() < until:
                own.execute("UPDATE floor SET number = number + 1 WHERE key = ?", (KEYS[first + done % share],))
                done += 1
            return done
        finally:
            own.close()

    async def turn(clients: int) -> float:
        share = len(KEYS) // clients
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(clients) as pool:
            started = time.perf_counter()
            until = started + SLICE
            running = [loop.run_in_executor(pool, client, number * share, share, until) for number in range(clients)]
            return sum(await asyncio.gather(*running)) / (time.perf_counter() - started)

    return turn


@asynccontextmanager
async def postgres_floor(url: str) -> AsyncIterator[Turn]:
    """Give a turn with a connection for each client."""
    free: queue.SimpleQueue[asyncpg.Connection] = queue.SimpleQueue()
    connections = [await asyncpg.connect(url) for _ in range(MOST_CLIENTS)]
    await connections[0].execute("CREATE TABLE floor (key bytea PRIMARY KEY, number bigint NOT NULL)")
    await connections[0].executemany("INSERT INTO floor VALUES ($1, 0)", [(key,) for key in KEYS])
    for connection in connections:
        free.put(connection)

    async def update(key: bytes) -> None:
        connection = free.get_nowait()
        await connection.execute("UPDATE floor SET number = number + 1 WHERE key = $1", key)
        free.put(connection)

    yield ticking(update)
    for connection in connections:
        await connection.close()


@asynccontextmanager
async def redis_floor(server: ValkeyServer, script: str) -> AsyncIterator[Turn]:
    """Give a turn in which the driver runs a script, with a connection for each client."""
    free: queue.SimpleQueue[redis.asyncio.Redis] = queue.SimpleQueue()
    clients = [
        redis.asyncio.Redis(port=server.port, password=PASSWORD, single_connection_client=True, protocol=2)
        for _ in range(MOST_CLIENTS)
    ]
    digest = await clients[0].script_load(script)
    for client in clients:
        await client.initialize()
        free.put(client)

    async def update(key: bytes) -> None:
        client = free.get_nowait()
        await client.evalsha(digest, 1, key)
        free.put(client)

    yield ticking(update)
    for client in clients:
        await client.aclose()


# Stores


async def rotations(store: Store) -> Turn:
    """Fill a store and return the turn that rotates in it."""
    rows = endless_rows()
    await filled(store, rows)
    return Clients(rows, store.rotate).run


async def races(store: Store) -> str:
    """Return how often how many of those who presented the same token at the same moment have won."""
    winners: dict[int, int] = {}
    for _ in range(RACES):
        row = make_row()
        await store.open_session(row)
        rotation: Rotation = make_rotation(row)
        answers: Sequence[SessionRow | None] = await asyncio.gather(*(store.rotate(rotation) for _ in range(RACERS)))
        won = sum(answer is not None for answer in answers)
        winners[won] = winners.get(won, 0) + 1
    return ", ".join(f"{won} in {times} races" for won, times in sorted(winners.items()))


async def measure(rounds: int, folder: Path) -> None:
    """Print a table for each engine, then the races."""
    stores: dict[str, Store] = {}
    async with AsyncExitStack() as stack:
        enter, open_ = stack.enter_context, stack.enter_async_context
        stores["memory"] = await open_(MemoryStore())

        stores["SQLite"] = await open_(SqliteStore(folder / "sessions.db"))
        turns = {"one UPDATE and commit each": sqlite_floor(folder / "floor.db")}
        turns["sealring, group commit"] = await rotations(stores["SQLite"])
        await table("SQLite, synchronous FULL", turns, rounds)

        url = enter(postgres_server(AS_IT_COMES)).new_database()
        stores["PostgreSQL"] = await open_(PostgresStore(url))
        turns = {"one UPDATE each, asyncpg": await open_(postgres_floor(url))}
        turns["sealring, batched"] = await rotations(stores["PostgreSQL"])
        await table("PostgreSQL, fsync on", turns, rounds)

        valkey = enter(valkey_server())
        stores["Valkey"] = await open_(RedisStore(valkey.url()))
        stores["Valkey behind Sentinel"] = await open_(RedisStore(enter(watched()).url()))
        stores["Valkey Cluster"] = await open_(RedisStore(enter(valkey_cluster()).url()))
        turns = {
            "a script that does nothing, redis-py": await open_(redis_floor(valkey, "return 1")),
            "a script that counts, redis-py": await open_(redis_floor(valkey, "return redis.call('INCR', KEYS[1])")),
        }
        turns["sealring, auto-pipelined"] = await rotations(stores["Valkey"])
        turns["sealring, a cluster of three"] = await rotations(stores["Valkey Cluster"])
        await table("Valkey, appendfsync everysec", turns, rounds)

        print(f"\nWinners of {RACERS} who present the same token at the same moment")
        for name, store in stores.items():
            print(f"{name:<58} {await races(store)}", flush=True)


def main() -> None:
    """Start the servers and print the tables."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    print(f"{rounds} rounds, {SESSIONS:,} sessions")
    with tempfile.TemporaryDirectory(prefix="sealring-rotations-") as folder:
        asyncio.run(measure(rounds, Path(folder)))


if __name__ == "__main__":
    main()
