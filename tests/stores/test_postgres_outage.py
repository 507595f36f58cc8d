"""A PostgreSQL that cannot be reached, is slow, or comes back."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest

from sealring.errors import ConfigurationError, RefusedError, StoreUnavailable
from sealring.stores import open_store
from sealring.stores.postgres import PostgresStore
from sealring.testing import NOW, make_rotation, make_row
from tests.stores.postgres_help import PATIENCE, client, until, waiting
from tests.stores.servers import PASSWORD, USER, PostgresServer, postgres_server

pytestmark = pytest.mark.anyio

_SECRET = "hunter2-hunter2"


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.new_schema()


@pytest.fixture
async def impatient(url: str) -> AsyncIterator[PostgresStore]:
    """Give a store that does not wait long."""
    async with PostgresStore(url, pool_size=3, pool_timeout=0.3) as store:
        yield store


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """Give a server that this test may kill."""
    with postgres_server() as server:
        yield server


async def refused_at_start(url: str) -> str:
    """Open a store in vain, and return every sentence that is said of it."""
    with pytest.raises((ConfigurationError, StoreUnavailable)) as error:
        await open_store(url).__aenter__()
    assert isinstance(error.value, ConfigurationError)
    return error.value.detail


async def test_a_wrong_password_is_a_clear_error_at_the_start_without_the_password(postgres: PostgresServer) -> None:
    detail = await refused_at_start(postgres.url(password=_SECRET))
    assert "refuses the user or its password" in detail
    assert _SECRET not in detail


async def test_an_unknown_user_is_a_clear_error_at_the_start(postgres: PostgresServer) -> None:
    assert "refuses the user or its password" in await refused_at_start(postgres.url(user="nobody-of-ours"))


async def test_an_unknown_database_is_a_clear_error_at_the_start(postgres: PostgresServer) -> None:
    assert "has no database of this name" in await refused_at_start(postgres.url("no_such_database"))


async def test_a_schema_that_does_not_exist_is_a_clear_error_at_the_start(postgres: PostgresServer) -> None:
    assert "has no schema" in await refused_at_start(f"{postgres.url()}?search_path=no_such_schema")


@pytest.mark.parametrize("rest", ["host:not-a-port/database", "host:5432/database?sslmode=nonsense"])
async def test_a_url_that_the_driver_cannot_read_is_a_clear_error_without_the_password(rest: str) -> None:
    detail = await refused_at_start(f"postgresql://{USER}:{_SECRET}@{rest}")
    assert "cannot read the store's URL" in detail
    assert _SECRET not in detail


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("pool_size=2", "pool_size must be 3"),
        ("pool_size=many", "pool_size in the store's URL must be a number"),
        ("pool_timeout=0", "pool_timeout must be above 0"),
        ("pool_timeout=61", "at most 60 seconds"),
        ("pool_timeout=nan", "pool_timeout must be above 0"),
    ],
)
def test_options_out_of_range_are_refused_without_the_password(options: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as error:
        open_store(f"postgresql://{USER}:{_SECRET}@host/database?{options}")
    assert _SECRET not in error.value.detail


def test_a_capacity_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="1 or more rotations"):
        PostgresStore("postgresql://host/database", capacity=0)


async def test_a_server_that_is_not_there_is_unavailable_at_the_start_and_the_store_can_be_opened_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    store = PostgresStore(f"postgresql://{USER}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{port}/postgres")
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await store.__aenter__()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.ping()


async def test_a_server_that_does_not_answer_is_unavailable_at_the_start() -> None:
    # A host that takes the connection and then says nothing.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://{USER}@127.0.0.1:{silent.getsockname()[1]}/postgres?pool_timeout=0.1"
        with pytest.raises(StoreUnavailable, match="did not answer in time"):
            await open_store(url).__aenter__()


async def test_a_store_that_is_closed_or_not_open_says_so(url: str) -> None:
    store = PostgresStore(url)
    row = make_row()
    for _ in range(2):
        for call in (store.ping(), store.read_session(row.sid), store.rotate(make_rotation(row))):
            with pytest.raises(StoreUnavailable, match="not open"):
                await call
        async with store:
            await store.ping()
            with pytest.raises(ConfigurationError, match="open already"):
                await store.__aenter__()


async def test_a_store_that_is_used_in_another_loop_says_so(impatient: PostgresStore) -> None:
    def elsewhere() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(impatient.ping())

    await asyncio.to_thread(elsewhere)
    await impatient.ping()


async def test_what_waits_too_long_is_unavailable_and_the_store_goes_on_when_the_way_is_free(
    url: str, impatient: PostgresStore
) -> None:
    row = make_row()
    async with PostgresStore(url) as patient:
        assert await patient.open_session(row)
    async with client(url) as other, other.transaction():
        await other.execute("LOCK TABLE sealring_session IN ACCESS EXCLUSIVE MODE")
        calls = [
            impatient.rotate(make_rotation(row)),
            impatient.end_session(row.sid, "logout", NOW, NOW + 900),
            *(impatient.read_session(row.sid) for _ in range(9)),
        ]
        async with asyncio.timeout(PATIENCE):
            answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    assert all(isinstance(answer, RefusedError) and answer.retry_after for answer in answers)

    async def answered() -> bool:
        # The driver may still be putting its connections in order.
        with suppress(StoreUnavailable):
            return await impatient.read_session(row.sid) is not None
        return False

    await until(answered)


async def test_a_reader_that_goes_away_waits_for_nobody_and_gives_its_connection_back(url: str) -> None:
    row = make_row()
    async with PostgresStore(url, pool_size=3) as store:
        assert await store.open_session(row)
        async with client(url) as other, other.transaction():
            await other.execute("LOCK TABLE sealring_session IN ACCESS EXCLUSIVE MODE")
            readers = [asyncio.create_task(store.read_session(row.sid)) for _ in range(9)]
            await waiting(other, 3)
            for reader in readers:
                reader.cancel()
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait(readers)
            assert all(reader.cancelled() for reader in readers)
        assert await asyncio.gather(*(store.read_session(row.sid) for _ in range(9))) == [row] * 9


async def test_an_application_that_asks_too_much_at_once_waits_for_its_own_connections_only(
    postgres: PostgresServer,
) -> None:
    url = await postgres.new_schema()
    async with PostgresStore(url, pool_size=3) as store, client(url) as other:
        rows = [make_row() for _ in range(100)]
        assert all(await asyncio.gather(*map(store.open_session, rows)))
        assert all(await asyncio.gather(*(store.rotate(make_rotation(row)) for row in rows)))
        connections = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sealring' AND query LIKE '%sealring_%'"
        )
        assert await other.fetchval(connections) <= 3


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=lambda how: how.name)
async def test_a_server_that_goes_and_comes_back_is_used_again_without_a_restart(
    own_server: PostgresServer, how: signal.Signals
) -> None:
    row = make_row()
    async with PostgresStore(own_server.url()) as store:
        assert await store.open_session(row)
        assert all(await asyncio.gather(*(store.read_session(row.sid) for _ in range(20))))
        await asyncio.to_thread(own_server.stop, how)

        async def gone() -> bool:
            # Whose postmaster was killed, those servers may finish a statement before they notice.
            answers = await asyncio.gather(*(store.ping() for _ in range(20)), return_exceptions=True)
            return {type(answer) for answer in answers} == {StoreUnavailable}

        await until(gone)
        for _ in range(3):
            calls = [
                store.ping(),
                store.read_session(row.sid),
                store.rotate(make_rotation(row)),
                store.end_session(row.sid, "logout", NOW, NOW + 900),
                store.read_feed(0, 10),
            ]
            async with asyncio.timeout(PATIENCE):
                answers = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(answer) for answer in answers} == {StoreUnavailable}
        await asyncio.to_thread(own_server.start)
        await store.ping()
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None
        assert rotated.generation == 2
