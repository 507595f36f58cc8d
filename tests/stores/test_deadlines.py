"""What waited too long for its turn is never done, also where the event loop was held up and nobody could be told."""

import asyncio
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from sealring.errors import StoreUnavailable
from sealring.stores.base import Store
from sealring.stores.postgres import PostgresStore
from sealring.stores.redis import RedisStore
from sealring.stores.sqlite import SqliteStore
from sealring.testing import make_denial, make_rotation, make_row
from tests.stores.servers import PostgresServer
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

TIMEOUT = 2.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


def hold_up() -> None:
    """Keep the event loop busy until every deadline is over."""
    time.sleep(TIMEOUT + 0.1)


@pytest.fixture(params=["postgres", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """Open a store that sends from the event loop."""
    opened: AbstractAsyncContextManager[Store]
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        opened = PostgresStore(await server.new_schema(), pool_timeout=TIMEOUT)
    else:
        opened = RedisStore(request.getfixturevalue("valkey").url(), timeout=TIMEOUT)
    async with opened as store:
        yield store


async def test_a_rotation_that_a_busy_loop_kept_from_being_sent_in_time_is_never_sent(store: Store) -> None:
    row = make_row()
    assert await store.open_session(row)
    asking = asyncio.create_task(store.rotate(make_rotation(row)))
    await asyncio.sleep(0)  # It is asked for, and goes with the next turn of the loop.
    hold_up()
    with pytest.raises(StoreUnavailable, match="within 2 seconds"):
        await asking
    assert await store.read_session(row.sid) == row
    again = await store.rotate(make_rotation(row))
    assert again is not None
    assert again.generation == 2


async def test_a_swap_in_redis_that_waits_behind_a_server_that_hangs_is_never_done(valkey: ValkeyServer) -> None:
    sent, waits = make_row(), make_row()
    async with RedisStore(valkey.url(), timeout=TIMEOUT) as store:
        for row in (sent, waits):
            assert await store.open_session(row)
        valkey.send(signal.SIGSTOP)
        try:
            first = asyncio.create_task(store.rotate(make_rotation(sent)))
            await asyncio.sleep(0.2)
            second = asyncio.create_task(store.rotate(make_rotation(waits)))
            answers = await asyncio.gather(first, second, return_exceptions=True)
        finally:
            valkey.send(signal.SIGCONT)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
    async with RedisStore(valkey.url()) as store:
        assert await store.read_session(waits.sid) == waits


async def test_sqlite_drops_what_waited_too_long_while_the_loop_was_held_up(tmp_path: Path) -> None:
    """Another process holds the file; the thread comes to the rotation only when the time is over."""
    path, row = tmp_path / "sessions.db", make_row()
    async with SqliteStore(path, timeout=TIMEOUT) as store:
        assert await store.open_session(row)
        locked, enough = threading.Event(), threading.Event()

        def hold_the_file() -> None:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            locked.set()
            enough.wait(20)
            other.execute("ROLLBACK")
            other.close()

        holder = threading.Thread(target=hold_the_file)
        holder.start()
        assert await asyncio.to_thread(locked.wait, 20)
        blocked = asyncio.create_task(store.write_denial(make_denial()))
        await asyncio.sleep(TIMEOUT / 2)  # The thread waits for the file with this one.
        behind = asyncio.create_task(store.rotate(make_rotation(row)))
        await asyncio.sleep(0)
        hold_up()
        enough.set()
        holder.join()
        hold_up()  # The thread has the file now, and the loop cannot tell it anything.
        answers = await asyncio.gather(blocked, behind, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
        assert await store.read_session(row.sid) == row
