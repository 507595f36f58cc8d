"""A million sessions in PostgreSQL beside ten thousand: ``python -m benchmarks.million_sessions``.

Fills two databases of one server and does the same in both: refresh, list the sessions of an account, purge. It prints
the time of each, the pages that the server touched for one, and the index that it used; times are compared only within
one run. The exit code is 1 when an index differs, or when a million cost more than the bounds below.

It takes a minute or two and some 600 MB of disk, in a folder that is deleted at the end.
"""

import argparse
import asyncio
import hashlib
import json
import random
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from sealring.sessions.record import Rotation
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_rows import Columns
from sealring.stores.postgres_sessions import LIST, PURGE, ROTATE
from tests.stores.servers import postgres_server

FEW, MANY = 10_000, 1_000_000
NOW = 1_767_225_600.0
TOGETHER = 100
PURGED = 50

# What a hundred times as many sessions may cost: an index gets one level deeper, and less of it stays in the cache.
MOST_TIMES = 3.0
MOST_PAGES = 2.0

# One session in fifty is over for longer than a day, and one in ten was ended by its user a moment ago.
_FILL = """
    INSERT INTO sealring_session
    SELECT decode(md5(n::text), 'hex'), 'subject ' || n / 3, 0, 'todo-web', decode(repeat('00', 32), 'hex'), 1, 1,
        $2 - 2000, NULL, 1, $2 - 1000, 0, 0, 0, 604800,
        CASE WHEN n % 50 = 0 THEN $2 - 90000 - n % 7200 ELSE $2 + n % 604800 END, $2 + 2592000, true,
        CASE WHEN n % 10 = 1 THEN $2 - n % 3600 END, CASE WHEN n % 10 = 1 THEN 'logout' END, NULL, NULL, 'firefox',
        $2 - 2000, 'pwd', '', $2 - 2000, $2 - 1000, 'Firefox on Linux'
    FROM generate_series(1, $1::bigint) AS n
"""


@dataclass(frozen=True)
class Measured:
    """One kind of operation on one database.

    Attributes:
        seconds: the median of one.
        pages: that the server touched for one.
        index: by which it found its rows.
    """

    seconds: float
    pages: int
    index: str


async def measure(url: str, size: int) -> dict[str, Measured]:
    """Fill a database with so many sessions and measure each kind of operation."""
    chance = random.Random(size)
    live = [number for number in chance.sample(range(1, size + 1), FEW) if number % 50 and number % 10 != 1]
    async with PostgresStore(url, pool_timeout=60) as store:
        connection = await asyncpg.connect(url)
        started = time.perf_counter()
        await connection.execute(_FILL, size, NOW)
        await connection.execute("VACUUM (ANALYZE) sealring_session")
        await connection.execute("CHECKPOINT")
        print(f"filled {size:,} sessions in {time.perf_counter() - started:.0f} s")

        async def refresh() -> None:
            assert await store.rotate(_rotation(live.pop())) is not None

        async def refresh_together() -> None:
            rotated = await asyncio.gather(*(store.rotate(_rotation(live.pop())) for _ in range(TOGETHER)))
            assert None not in rotated

        async def list_all() -> None:
            assert await store.list_sessions(f"subject {live.pop() // 3}")

        async def purge() -> None:
            assert await store.purge_sessions(NOW - 86_400, PURGED) == PURGED

        rotation = Columns(Rotation).values(_rotation(live.pop()))
        explained = {
            "refresh": await _explained(connection, ROTATE, *rotation),
            "list": await _explained(connection, LIST, f"subject {live.pop() // 3}"),
            "purge": await _explained(connection, PURGE, NOW - 86_400, PURGED),
        }
        await connection.close()
        return {
            "refresh": Measured(await _median(400, refresh), *explained["refresh"]),
            f"{TOGETHER} refreshes at once": Measured(await _median(20, refresh_together), 0, ""),
            "list an account": Measured(await _median(400, list_all), *explained["list"]),
            f"purge {PURGED}": Measured(await _median(3, purge), *explained["purge"]),
        }


def _rotation(number: int) -> Rotation:
    return Rotation(
        sid=hashlib.md5(str(number).encode(), usedforsecurity=False).digest(),
        secret_hash=bytes(32),
        client_id="todo-web",
        generation=1,
        cnf_thumbprint=None,
        now=NOW,
        settled_before=NOW - 20,
        active_at=NOW,
        attempt="benchmark",
        sender_hint="firefox",
        key_version=1,
    )


async def _median(times: int, one: Callable[[], Awaitable[None]]) -> float:
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        await one()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


async def _explained(connection: Any, statement: str, *arguments: object) -> tuple[int, str]:
    """Return the pages that a statement touches and the indexes that it uses; what it wrote is undone."""
    for _ in range(2):  # the first time it also reads what the server notes about the tables
        transaction = connection.transaction()
        await transaction.start()
        found = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", *arguments)
        await transaction.rollback()
    nodes = list(_nodes(json.loads(found)[0]["Plan"]))
    used = {str(node["Index Name"]) for node in nodes if "Index Name" in node}
    used |= {f"all of {node['Relation Name']}" for node in nodes if node["Node Type"] == "Seq Scan"}
    return nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"], ", ".join(sorted(used))


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def report(few: dict[str, Measured], many: dict[str, Measured]) -> bool:
    """Print both side by side and return whether a million stays within the bounds."""
    print(f"{'':>24} {f'{FEW:,}':>12} {f'{MANY:,}':>12} {'times':>6} {'pages':>9}  index")
    fine = True
    for name, one in few.items():
        other = many[name]
        times = other.seconds / one.seconds
        pages = f"{one.pages} → {other.pages}" if one.pages else ""
        taken = " ".join(f"{each.seconds * 1000:>9.2f} ms" for each in (one, other))
        print(f"{name:>24} {taken} {times:>6.2f} {pages:>9}  {other.index}")
        fine &= times <= MOST_TIMES and other.pages <= MOST_PAGES * one.pages and other.index == one.index
    return fine


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 when a million cost too much."""
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args(arguments)
    started = time.perf_counter()
    # Commits reach the disk, as they do in use.
    with postgres_server({"fsync": "on", "full_page_writes": "on", "shared_buffers": "256MB"}) as server:
        few = asyncio.run(measure(server.new_database(), FEW))
        many = asyncio.run(measure(server.new_database(), MANY))
    fine = report(few, many)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"within {MOST_TIMES:g} times and {MOST_PAGES:g} times the pages: {'yes' if fine else 'NO'}")
    print(f"took {time.perf_counter() - started:.0f} s and {memory:.0f} MB in this process")
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
