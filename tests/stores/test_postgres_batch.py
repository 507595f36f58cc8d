"""Rotations that wait at the same moment go together, and nobody's answer is touched by another's misfortune."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from sealring.errors import InternalError, StoreUnavailable
from sealring.sessions.record import Confirmation, Rotation, SessionRow
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_batch import LANES, LARGEST_BATCH, RotationBatches, rounds
from sealring.testing import make_rotation, make_row
from tests.stores.postgres_help import client, until, waiting
from tests.stores.servers import PostgresServer

pytestmark = pytest.mark.anyio

MANY = 40


class Engine:
    """Stands where the database would: notes each batch and answers when it is let."""

    def __init__(self) -> None:
        self.batches: list[list[Rotation]] = []
        self.under_way: list[list[bytes]] = []
        self.most_under_way = 0
        self.go = asyncio.Event()
        self.connected = asyncio.Event()
        self.connected.set()

    async def apply(self, wanted: Callable[[], Sequence[Rotation]]) -> dict[bytes, SessionRow]:
        await self.connected.wait()
        batch = wanted()
        sids = [rotation.sid for rotation in batch]
        self.batches.append(list(batch))
        self.under_way.append(sids)
        self.most_under_way = max(self.most_under_way, len(self.under_way))
        assert all(times == 1 for times in Counter(sid for each in self.under_way for sid in each).values())
        await self.go.wait()
        self.under_way.remove(sids)
        return {sid: make_row(sid=sid) for sid in sids}


def batches_on(engine: Engine, *, timeout: float = 30.0, capacity: int = 10_000) -> RotationBatches:
    return RotationBatches(engine.apply, timeout=timeout, capacity=capacity)


async def begun(engine: Engine, batches: int) -> None:
    async def so_many() -> bool:
        return len(engine.batches) >= batches

    await until(so_many)


async def test_rotations_of_one_moment_go_in_one_batch_and_those_that_come_later_in_the_next() -> None:
    engine = Engine()
    batches = batches_on(engine)
    early = [asyncio.create_task(batches.rotate(make_rotation(make_row()))) for _ in range(MANY)]
    await begun(engine, 1)
    late = [asyncio.create_task(batches.rotate(make_rotation(make_row()))) for _ in range(MANY)]
    await begun(engine, LANES)
    later = [asyncio.create_task(batches.rotate(make_rotation(make_row()))) for _ in range(MANY)]
    await asyncio.sleep(0)
    engine.go.set()
    rows = await asyncio.gather(*early, *late, *later)
    assert [len(batch) for batch in engine.batches] == [MANY] * 3
    assert engine.most_under_way == LANES
    asked = [rotation.sid for batch in engine.batches for rotation in batch]
    assert [row.sid for row in rows if row] == asked
    await batches.close()


async def test_a_batch_has_an_upper_limit() -> None:
    engine = Engine()
    engine.go.set()
    batches = batches_on(engine)
    await asyncio.gather(*(batches.rotate(make_rotation(make_row())) for _ in range(LARGEST_BATCH * 2 + 1)))
    assert max(len(batch) for batch in engine.batches) == LARGEST_BATCH
    assert sum(len(batch) for batch in engine.batches) == LARGEST_BATCH * 2 + 1


async def test_of_many_rotations_of_one_session_one_is_under_way_and_nobody_else_waits_for_them() -> None:
    engine = Engine()
    batches = batches_on(engine)
    row = make_row()
    same = [asyncio.create_task(batches.rotate(make_rotation(row))) for _ in range(10)]
    other = asyncio.create_task(batches.rotate(make_rotation(make_row())))
    await begun(engine, 1)
    assert len(engine.batches[0]) == 2
    engine.go.set()
    assert await other is not None
    await asyncio.gather(*same)
    assert [len(batch) for batch in engine.batches] == [2] + [1] * 9


async def test_who_goes_away_before_the_turn_takes_the_rotation_along() -> None:
    engine = Engine()
    batches = batches_on(engine)
    row = make_row()
    first = asyncio.create_task(batches.rotate(make_rotation(row, attempt="first")))
    await begun(engine, 1)
    gone = asyncio.create_task(batches.rotate(make_rotation(row, attempt="gone")))
    last = asyncio.create_task(batches.rotate(make_rotation(row, attempt="last")))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait([gone])
    engine.go.set()
    await asyncio.gather(first, last)
    assert [rotation.attempt for batch in engine.batches for rotation in batch] == ["first", "last"]
    assert gone.cancelled()


async def test_who_waits_too_long_is_told_so_and_what_had_not_begun_is_never_done() -> None:
    engine = Engine()
    batches = batches_on(engine, timeout=0.05)
    row = make_row()
    under_way = asyncio.create_task(batches.rotate(make_rotation(row, attempt="under way")))
    waits = asyncio.create_task(batches.rotate(make_rotation(row, attempt="waits")))
    for task in (under_way, waits):
        with pytest.raises(StoreUnavailable, match=r"within 0\.05 seconds"):
            await task
    engine.go.set()
    await batches.close()
    assert [rotation.attempt for batch in engine.batches for rotation in batch] == ["under way"]


async def test_what_waited_too_long_for_a_connection_is_never_sent() -> None:
    engine = Engine()
    engine.connected.clear()
    engine.go.set()
    batches = batches_on(engine, timeout=0.05)
    with pytest.raises(StoreUnavailable):
        await batches.rotate(make_rotation(make_row()))
    engine.connected.set()
    await batches.close()
    assert engine.batches == [[]]


async def test_more_than_the_capacity_is_refused_at_once_and_room_comes_back() -> None:
    engine = Engine()
    batches = batches_on(engine, capacity=2)
    row = make_row()
    first = asyncio.create_task(batches.rotate(make_rotation(row)))
    await begun(engine, 1)
    waits = [asyncio.create_task(batches.rotate(make_rotation(row))) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="2 rotations wait"):
        await batches.rotate(make_rotation(make_row()))
    engine.go.set()
    await asyncio.gather(first, *waits)
    assert await batches.rotate(make_rotation(row)) is not None


async def test_closing_waits_for_all_answers_and_lets_nobody_in() -> None:
    engine = Engine()
    batches = batches_on(engine)
    row = make_row()
    asked = [asyncio.create_task(batches.rotate(make_rotation(row))) for _ in range(3)]
    await begun(engine, 1)
    closing = asyncio.create_task(batches.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable, match="not open"):
        await batches.rotate(make_rotation(row))
    engine.go.set()
    await closing
    assert all(task.done() for task in asked)


def test_confirmations_are_split_so_that_a_session_occurs_once_in_a_batch_and_in_its_order() -> None:
    one, other = bytes(16), bytes([1]) * 16
    seen = [
        Confirmation(one, 1, 1.0),
        Confirmation(other, 1, 2.0),
        Confirmation(one, 2, 3.0),
        Confirmation(one, 1, 4.0),
    ]
    assert rounds(seen) == [seen[:2], [seen[2]], [seen[3]]]
    many = [Confirmation(index.to_bytes(16, "big"), 1, 1.0) for index in range(LARGEST_BATCH + 1)]
    assert [len(batch) for batch in rounds(many)] == [LARGEST_BATCH, 1]
    assert rounds([]) == []


# On a real server


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    return await postgres.new_schema()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    async with PostgresStore(url) as store:
        yield store


async def opened(store: PostgresStore, count: int = MANY) -> list[SessionRow]:
    rows = [make_row(subject=f"subject {index}") for index in range(count)]
    assert all(await asyncio.gather(*map(store.open_session, rows)))
    return rows


async def test_a_rotation_that_cannot_be_stored_is_found_and_the_others_of_its_batch_are_done(
    store: PostgresStore,
) -> None:
    rows = await opened(store)
    poison = {5: "a\0b", 11: "lone \ud800", 23: "a\0b"}
    answers = await asyncio.gather(
        *(store.rotate(make_rotation(row, attempt=poison.get(index, "fine"))) for index, row in enumerate(rows)),
        return_exceptions=True,
    )
    assert {index for index, answer in enumerate(answers) if isinstance(answer, InternalError)} == set(poison)
    assert Counter(type(answer) for answer in answers) == {SessionRow: MANY - len(poison), InternalError: len(poison)}
    assert [(await store.read_session(rows[index].sid)) for index in poison] == [rows[index] for index in poison]


async def test_a_connection_that_is_killed_in_the_middle_of_a_batch_costs_nobody_an_answer(
    url: str, store: PostgresStore
) -> None:
    rows = await opened(store)
    async with client(url) as other:
        async with other.transaction():
            await other.execute("SELECT FROM sealring_session WHERE sid = $1 FOR UPDATE", rows[0].sid)
            rotations = [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]
            for pid in await waiting(other):
                assert await other.fetchval("SELECT pg_terminate_backend($1)", pid)
            # The batch is asked again on another connection, and waits again.
            await waiting(other)
        rotated = await asyncio.gather(*rotations)
    assert [row.generation for row in rotated if row] == [2] * MANY


async def test_a_caller_that_goes_away_leaves_its_rotation_done_and_the_others_answered(
    url: str, store: PostgresStore
) -> None:
    rows = await opened(store)
    async with client(url) as other:
        async with other.transaction():
            await other.execute("SELECT FROM sealring_session WHERE sid = $1 FOR UPDATE", rows[0].sid)
            rotations = [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]
            await waiting(other)
            for gone in rotations[:10]:
                gone.cancel()
            await asyncio.wait(rotations[:10])
        rotated = await asyncio.gather(*rotations[10:])
    assert all(task.cancelled() for task in rotations[:10])
    assert [row.generation for row in rotated if row] == [2] * (MANY - 10)
    for row in rows[:10]:
        now = await store.read_session(row.sid)
        assert now is not None
        assert now.generation == 2
