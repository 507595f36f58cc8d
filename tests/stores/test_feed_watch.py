"""Watching the feed from another process's place: woken through the engine, told when the engine is gone."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.stores import Store, open_store
from sealring.testing.build import NOW, make_denial, make_rotation, make_row
from tests.stores.postgres_help import client, until
from tests.stores.servers import PostgresServer, postgres_server
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

PATIENCE = 30.0


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a store is, once for each engine that processes share."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sessions.db'}"
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        return await server.new_schema()
    valkey: ValkeyServer = request.getfixturevalue("valkey")
    valkey.flush()
    return valkey.url()


@pytest.fixture
async def postgres_url(postgres: PostgresServer) -> str:
    """Return an empty place in PostgreSQL."""
    return await postgres.new_schema()


@pytest.fixture
async def stores(url: str) -> AsyncIterator[tuple[Store, Store]]:
    """Give two stores on one place, as two processes have them."""
    async with open_store(url) as one, open_store(url) as other:
        yield one, other


async def turn(turns: AsyncGenerator[None, None]) -> None:
    """Wait for a turn."""
    async with asyncio.timeout(PATIENCE):
        await anext(turns)


async def test_a_denial_wakes_the_other_process_and_is_there_when_it_reads(stores: tuple[Store, Store]) -> None:
    one, other = stores
    async with aclosing(other.watch_feed()) as turns:
        await turn(turns)
        cursor = 0
        for _ in range(3):
            denial = make_denial()
            await one.write_denial(denial)
            await turn(turns)
            page = await other.read_feed(cursor, 10)
            assert page.denials == (denial,)
            cursor = page.cursor


async def test_what_denies_nothing_wakes_nobody(stores: tuple[Store, Store]) -> None:
    one, other = stores
    row = make_row()
    async with aclosing(other.watch_feed()) as turns:
        await turn(turns)
        waiting = asyncio.create_task(turn(turns))
        assert await one.open_session(row)
        assert await one.rotate(make_rotation(row))
        assert await one.end_session(b"no such session ", "logout", NOW, NOW + 900) is None
        assert await one.end_subject("nobody", None, "logout_all", NOW, NOW + 900) == ()
        # What was written later wakes; so the turn that came is not for what was written before.
        assert not waiting.done()
        await one.write_denial(make_denial())
        await waiting


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
async def test_who_watches_a_postgresql_server_that_ends_is_told_and_can_watch_it_again(how: signal.Signals) -> None:
    with postgres_server() as server:
        async with open_store(server.url()) as store:
            async with aclosing(store.watch_feed()) as turns:
                await turn(turns)
                waiting = asyncio.create_task(turn(turns))
                await asyncio.sleep(0)
                server.stop(how)
                with pytest.raises(StoreUnavailable):
                    await waiting
            with pytest.raises(StoreUnavailable):
                await turn(store.watch_feed())
            server.start()
            async with aclosing(store.watch_feed()) as turns:
                await turn(turns)
                await store.write_denial(make_denial())
                await turn(turns)


async def test_who_watches_a_valkey_that_ends_is_told_and_can_watch_it_again() -> None:
    with valkey_server() as server:
        async with open_store(server.url()) as store:
            async with aclosing(store.watch_feed()) as turns:
                await turn(turns)
                waiting = asyncio.create_task(turn(turns))
                await asyncio.sleep(0)
                server.stop(signal.SIGKILL)
                with pytest.raises(StoreUnavailable):
                    await waiting
            server.start()
            async with aclosing(store.watch_feed()) as turns:
                await turn(turns)
                await store.write_denial(make_denial())
                await turn(turns)


async def test_a_watch_needs_no_more_than_one_connection_and_leaves_none(
    postgres: PostgresServer, postgres_url: str
) -> None:
    listening = "SELECT count(*) FROM pg_stat_activity WHERE query ILIKE 'LISTEN%' AND datname = current_database()"
    async with client(postgres_url) as watcher, open_store(postgres_url) as store:
        async with aclosing(store.watch_feed()) as turns:
            await turn(turns)
            assert await watcher.fetchval(listening) == 1

        async def gone() -> bool:
            return bool(await watcher.fetchval(listening) == 0)

        await until(gone)


async def test_a_connection_that_hangs_is_found_though_there_is_no_news() -> None:
    with postgres_server() as server:
        async with (
            open_store(f"{server.url()}?pool_timeout=0.5") as store,
            aclosing(store.watch_feed()) as turns,
        ):
            await turn(turns)
            pids = server.sql("SELECT pid FROM pg_stat_activity WHERE query ILIKE 'LISTEN%'").split()
            for pid in pids:
                os.kill(int(pid), signal.SIGSTOP)
            try:
                with pytest.raises(StoreUnavailable, match="in time"):
                    await turn(turns)
            finally:
                for pid in pids:
                    os.kill(int(pid), signal.SIGCONT)


async def test_a_notification_says_nothing_and_comes_with_a_denial_only(postgres_url: str) -> None:
    heard: list[tuple[str, str]] = []
    row = make_row()
    async with client(postgres_url) as watcher, open_store(postgres_url) as store:
        await watcher.add_listener(
            "sealring_feed", lambda _connection, _pid, channel, said: heard.append((channel, said))
        )
        assert await store.open_session(row)
        assert await store.rotate(make_rotation(row))
        await store.confirm([])
        assert await store.end_session(row.sid, "logout", NOW, NOW + 900)
        assert await store.end_session(row.sid, "logout", NOW, NOW + 900) is None

        async def something() -> bool:
            await watcher.execute("SELECT")
            return bool(heard)

        await until(something)
        assert heard == [("sealring_feed", "")]


async def test_behind_a_pooler_listening_is_turned_off_and_nobody_waits_for_a_turn(postgres_url: str) -> None:
    async with open_store(f"{postgres_url}&listen=off") as store:
        assert [turn async for turn in store.watch_feed()] == []


async def test_listening_is_on_or_off_and_nothing_else() -> None:
    with pytest.raises(ConfigurationError, match="listen in the store's URL must be on or off"):
        open_store("postgresql://ada:hunter2@host/database?listen=maybe")


async def test_a_store_that_is_not_open_cannot_be_watched(url: str) -> None:
    store = open_store(url)
    with pytest.raises(StoreUnavailable):
        await turn(store.watch_feed())
