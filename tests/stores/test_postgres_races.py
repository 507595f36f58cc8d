"""Transactions of different processes that meet in PostgreSQL: whoever comes second sees what the first has done."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from sealring.revocation.record import ENDED, Denial
from sealring.sessions.record import Confirmation
from sealring.stores import postgres_sessions
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_connection import Connection
from sealring.stores.postgres_feed import APPEND
from sealring.stores.postgres_pool import PostgresPool
from sealring.stores.postgres_rows import Columns
from sealring.stores.postgres_url import split
from sealring.testing import NOW, make_denial, make_rotation, make_row
from tests.stores.postgres_help import PATIENCE, client, waiting
from tests.stores.servers import PostgresServer

pytestmark = pytest.mark.anyio

_PROCESSES = 4
_ROUNDS = 60
_SESSIONS = 24


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.new_schema()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    async with PostgresStore(url) as store:
        yield store


@pytest.mark.parametrize("known", [False, True], ids=["a subject without an epoch", "a subject with an epoch"])
async def test_a_login_that_meets_the_end_of_all_sessions_waits_for_it_and_is_refused(
    url: str, store: PostgresStore, known: bool
) -> None:
    epoch = 0
    if known:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        epoch = await store.subject_epoch("alice")
    async with client(url) as other:
        async with other.transaction():
            await other.execute(postgres_sessions.RAISE_SUBJECT_EPOCH, "alice", NOW)
            row = make_row(subject_epoch=epoch)
            login = asyncio.create_task(store.open_session(row))
            await waiting(other)
        assert not await login
    assert await store.read_session(row.sid) is None


@pytest.mark.parametrize("known", [False, True], ids=["a subject without an epoch", "a subject with an epoch"])
async def test_the_end_of_all_sessions_that_meets_a_login_waits_for_it_and_ends_what_it_opened(
    url: str, store: PostgresStore, known: bool
) -> None:
    epoch = 0
    if known:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        epoch = await store.subject_epoch("alice")
    row = make_row(subject_epoch=epoch)
    async with client(url) as other:
        async with other.transaction():
            await other.execute(postgres_sessions.OPEN, *postgres_sessions.ROWS.values(row))
            end = asyncio.create_task(store.end_subject("alice", None, "password_changed", NOW, NOW + 900))
            await waiting(other)
        assert [ended.sid for ended in await end] == [row.sid]
    assert await store.list_sessions("alice") == ()


async def test_a_rotation_that_meets_the_end_of_its_session_waits_for_it_and_does_not_apply(
    url: str, store: PostgresStore
) -> None:
    rows = [make_row() for _ in range(5)]
    assert all([await store.open_session(row) for row in rows])
    async with client(url) as other:
        async with other.transaction():
            await other.execute(postgres_sessions.END, rows[2].sid, NOW, "logout", NOW + 900)
            rotations = [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]
            await waiting(other)
        rotated = await asyncio.gather(*rotations)
    assert [row is not None for row in rotated] == [True, True, False, True, True]


async def test_a_purge_passes_over_what_is_being_written_to_and_a_session_that_came_back_to_life_stays(
    url: str, store: PostgresStore
) -> None:
    # A shared row lock is enough to be passed over; the other session is not locked and goes.
    row, gone = make_row(idle_end=NOW - 1), make_row(idle_end=NOW - 1)
    assert await store.open_session(row)
    assert await store.open_session(gone)
    async with client(url) as other, other.transaction():
        await other.execute("UPDATE sealring_session SET idle_end = $2 WHERE sid = $1", row.sid, NOW + 60)
        assert await store.purge_sessions(NOW, 100) == 1
    assert await store.purge_sessions(NOW, 100) == 0
    assert await store.read_session(gone.sid) is None
    assert await store.read_session(row.sid) is not None


async def test_a_denial_waits_for_the_commit_of_the_one_before_so_that_no_follower_passes_it(
    url: str, store: PostgresStore
) -> None:
    first, second = make_denial("first"), make_denial("second")
    async with client(url) as other:
        async with other.transaction():
            await other.execute(APPEND, *Columns(Denial).values(first))
            write = asyncio.create_task(store.write_denial(second))
            await waiting(other)
            assert (await store.read_feed(0, 10)).denials == ()
        await write
    assert (await store.read_feed(0, 10)).denials == (first, second)


async def test_a_client_that_stops_in_the_middle_of_a_transaction_keeps_nobody_out_for_long(
    url: str, store: PostgresStore
) -> None:
    row = make_row()
    assert await store.open_session(row)
    async with client(url) as stopped:
        await stopped.execute("BEGIN")
        await stopped.execute(postgres_sessions.LET_GO.replace("5s", "50ms"))
        await stopped.execute(postgres_sessions.RAISE_SUBJECT_EPOCH, "alice", NOW)
        await stopped.fetch(postgres_sessions.END_SUBJECT, "alice", NOW, "logout_all", NOW + 900, None)
        # It says nothing more: the server ends it, and what it had begun is undone.
        ended = await store.end_subject("alice", None, "administrator", NOW, NOW + 900)
    assert [each.revoked_reason for each in ended] == ["administrator"]
    assert await store.subject_epoch("alice") == NOW * 1000


async def test_a_transaction_that_a_deadlock_undid_is_done_again(
    postgres: PostgresServer, url: str, store: PostgresStore
) -> None:
    """Two operations lock two rows in opposite orders and wait for each other: one is undone, and then repeated."""
    first, second = make_row(), make_row()
    for row in (first, second):
        assert await store.open_session(row)
    pool = PostgresPool(split(url)[0], size=4, timeout=PATIENCE)
    await pool.open()
    met = asyncio.Barrier(2)
    tries = 0

    async def touch(server: Connection, order: list[bytes]) -> None:
        nonlocal tries
        tries += 1
        async with server.transaction():
            for position, sid in enumerate(order):
                await server.execute("UPDATE sealring_session SET ep = ep + 1 WHERE sid = $1", sid)
                if position == 0 and tries <= 2:
                    await met.wait()

    there, back = [first.sid, second.sid], [second.sid, first.sid]
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            pool.write(lambda server: touch(server, there)), pool.write(lambda server: touch(server, back))
        )
    await pool.close()
    # More, when the one that was undone takes the first row again before the other one has woken up.
    assert tries >= 3
    assert "ERROR:  deadlock detected" in postgres.log
    for row in (first, second):
        now = await store.read_session(row.sid)
        assert now is not None
        assert now.ep == 2


async def test_a_storm_of_everything_at_once_has_no_deadlock_and_leaves_sessions_denials_and_epochs_in_step(
    postgres: PostgresServer,
) -> None:
    url = postgres.new_database()
    chance = random.Random(20_260_101)
    rows = [make_row(subject=f"subject {index % 3}") for index in range(_SESSIONS)]
    ended: list[str] = []

    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(PostgresStore(url, pool_timeout=PATIENCE)) for _ in range(_PROCESSES)]
        assert all(await asyncio.gather(*(stores[0].open_session(row) for row in rows)))

        async def end_subject(store: PostgresStore) -> None:
            subject = chance.choice(rows).subject
            keep = chance.choice([None, *(row.sid for row in rows[-_SESSIONS:])])
            gone = await store.end_subject(subject, keep, "logout_all", NOW, NOW + 900)
            ended.extend(row.session_id for row in gone)

        async def sign_in(store: PostgresStore) -> None:
            subject = f"subject {chance.randrange(3)}"
            row = make_row(subject=subject, subject_epoch=await store.subject_epoch(subject))
            if await store.open_session(row):
                rows.append(row)

        async def confirm(store: PostgresStore) -> None:
            some = chance.sample(rows[-_SESSIONS:], 16)
            await store.confirm([Confirmation(row.sid, 9, NOW + chance.random()) for row in some])

        async def rotate(store: PostgresStore) -> None:
            some = chance.sample(rows[-_SESSIONS:], 16)
            await asyncio.gather(*(store.rotate(make_rotation(row, settled_before=NOW + 9)) for row in some))

        async def end_one(store: PostgresStore) -> None:
            row = chance.choice(rows[-_SESSIONS:])
            if await store.end_session(row.sid, "logout", NOW, NOW + 900) is not None:
                ended.append(row.session_id)

        async def purge(store: PostgresStore) -> None:
            await store.purge_sessions(NOW + 1, 3)
            await store.purge_subjects(NOW - 500, 2)

        async def raise_epoch(store: PostgresStore) -> None:
            await store.raise_epoch(chance.choice(rows[-_SESSIONS:]).sid, NOW + 900)

        async def process(store: PostgresStore) -> None:
            what: list[Callable[[PostgresStore], Awaitable[None]]] = [
                sign_in, sign_in, sign_in, sign_in, end_subject, end_one, raise_epoch, confirm, rotate, purge,
            ]  # fmt: skip
            for _ in range(_ROUNDS):
                await asyncio.gather(*(act(store) for act in chance.sample(what, 6)))

        async with asyncio.TaskGroup() as group:
            for store in stores:
                group.create_task(process(store))
        denials = (await stores[0].read_feed(0, 1_000_000)).denials
        live = {row.session_id for index in range(3) for row in await stores[0].list_sessions(f"subject {index}")}
    denied = [denial.ident for denial in denials if denial.least_epoch == ENDED]
    assert sorted(denied) == sorted(ended)
    assert len(ended) > _ROUNDS
    assert not live & set(denied)
    async with client(url) as connection:
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM sealring_session WHERE (revoked_at IS NULL) = (encode(sid, 'hex') = ANY ($1))",
                denied,
            )
            == 0
        )
    # A deadlock would have been repeated and not noticed above, but the server tells of it.
    assert f"{url.rpartition('/')[2]} ERROR:  deadlock detected" not in postgres.log
