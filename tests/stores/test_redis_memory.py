"""Memory comes back: rows leave by themselves, and a purge takes along what names them."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from sealring.sessions.record import SessionRow
from sealring.stores.redis import RedisStore
from sealring.testing import NOW, make_rotation, make_row
from tests.stores.redis_help import emptied, until
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

KEPT = 7_200
MANY = 2_000


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[RedisStore]:
    """An open store with nothing in it."""
    async with emptied(valkey, f"keep_ended={KEPT}&timeout=60") as store:
        yield store


def key_of(row: SessionRow) -> str:
    return f"sealring:session:{{{row.session_id}}}"


def life(server: ValkeyServer, key: str) -> float:
    """Return the seconds that a key has left, below zero for ever or for no key."""
    return int(server.ask("PTTL", key).removeprefix(":")) / 1000


async def test_the_row_of_a_session_lives_until_its_end_and_then_as_long_as_ended_ones_are_kept(
    store: RedisStore, valkey: ValkeyServer
) -> None:
    row = make_row(created_at=NOW, idle_end=NOW + 1_000, idle_seconds=3_600.0, absolute_end=NOW + 3_000)
    await store.open_session(row)
    # A minute is the most that a busy machine may lose between the writing and the asking.
    assert 1_000 + KEPT - 60 < life(valkey, key_of(row)) <= 1_000 + KEPT
    assert await store.rotate(make_rotation(row, now=NOW, active_at=NOW)) is not None
    assert 3_000 + KEPT - 60 < life(valkey, key_of(row)) <= 3_000 + KEPT
    await store.end_session(row.sid, "logout", NOW, NOW + 900)
    assert KEPT - 60 < life(valkey, key_of(row)) <= KEPT


async def test_the_epoch_of_a_subject_and_a_lease_leave_by_themselves(store: RedisStore, valkey: ValkeyServer) -> None:
    await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
    await store.take_lease("purge", "somebody", NOW, 60)
    (epoch,) = [key for key in valkey.every_key() if key.endswith(":epoch")]
    assert KEPT - 60 < life(valkey, epoch) <= KEPT
    assert 60 < life(valkey, "sealring:lease:purge") <= 120


async def test_the_index_of_a_subject_outlives_each_of_its_sessions(store: RedisStore, valkey: ValkeyServer) -> None:
    longest = make_row(created_at=NOW, absolute_end=NOW + 9_000)
    await store.open_session(longest)
    await store.open_session(make_row(created_at=NOW, absolute_end=NOW + 4_000))
    (index,) = [key for key in valkey.every_key() if key.endswith(":sessions")]
    assert life(valkey, index) > 9_000 + KEPT - 60


async def test_a_purge_takes_along_what_named_sessions_that_left_by_themselves(
    store: RedisStore, valkey: ValkeyServer
) -> None:
    rows = [make_row(subject=f"user {index % 3}") for index in range(30)]
    for row in rows:
        await store.open_session(row)
    for row in rows[:20]:
        valkey.ask("PEXPIRE", key_of(row), 1)

    async def gone() -> bool:
        return [await store.read_session(row.sid) for row in rows[:20]] == [None] * 20

    await until(gone)
    assert await store.purge_sessions(rows[0].end + 1, 25) == 25
    assert await store.purge_sessions(rows[0].end + 1, 25) == 5
    assert valkey.every_key() == ["sealring:layout"]


async def test_a_session_that_goes_on_is_noted_anew_and_never_purged(store: RedisStore) -> None:
    row = make_row(idle_end=NOW + 10)
    await store.open_session(row)
    rotated = await store.rotate(make_rotation(row))
    assert rotated is not None
    assert rotated.idle_end > NOW + 11
    assert await store.purge_sessions(NOW + 11, 10) == 0
    assert await store.read_session(row.sid) == rotated
    assert await store.purge_sessions(rotated.idle_end + 1, 10) == 1


async def test_after_a_purge_the_server_has_the_memory_that_it_had_before(
    store: RedisStore, valkey: ValkeyServer
) -> None:
    def used() -> int:
        return int(valkey.facts("memory")["used_memory"])

    async def login(number: int) -> SessionRow:
        row = make_row(subject=f"user {number}")
        assert await store.open_session(row)
        return row

    # Once before, so that what the server needs for tables and scripts of this size is there.
    for measured in (False, True):
        before = used()
        rows = await asyncio.gather(*(login(number) for number in range(MANY)))
        held = used() - before
        while await store.purge_sessions(rows[0].end + 1, 500):
            pass
        assert valkey.every_key() == ["sealring:layout"]
        if measured:
            # docs/stores/redis.md tells people to plan with the upper bound.
            assert MANY * 300 < held < MANY * 1_500
            assert used() - before < held / 20
