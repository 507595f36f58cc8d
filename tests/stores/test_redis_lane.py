"""Callers share a connection, and nobody's answer is touched by another's misfortune."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator

import pytest

from sealring.errors import ConfigurationError, InternalError, StoreUnavailable
from sealring.sessions.record import SessionRow
from sealring.stores.redis import RedisStore
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import command
from sealring.testing import make_rotation, make_row
from tests.stores.redis_help import emptied, line, until
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

MANY = 100


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[RedisStore]:
    """An open store with nothing in it."""
    async with emptied(valkey) as store:
        yield store


@pytest.fixture
async def rows(store: RedisStore) -> list[SessionRow]:
    """Many sessions of several subjects."""
    rows = [make_row(subject=f"user {index % 7}") for index in range(MANY)]
    assert all(await asyncio.gather(*(store.open_session(row) for row in rows)))
    return rows


def rotations(store: RedisStore, rows: list[SessionRow]) -> "list[asyncio.Task[SessionRow | None]]":
    return [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]


async def test_rotations_of_one_moment_reach_the_server_in_a_few_readings_over_one_connection(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    # Two: the connection of the ends comes into being with the first end.
    assert valkey.ask("CLIENT", "LIST").count("name=sealring") == 1
    before = int(valkey.facts("stats")["total_reads_processed"])
    rotated = await asyncio.gather(*rotations(store, rows))
    after = int(valkey.facts("stats")["total_reads_processed"])
    assert [row.generation for row in rotated if row] == [2] * MANY
    assert after - before < MANY // 4
    assert valkey.ask("CLIENT", "LIST").count("name=sealring") == 1


async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    await store.rotate(make_rotation(rows[0]))
    valkey.ask("SCRIPT", "FLUSH")
    rotated = await asyncio.gather(*rotations(store, rows[1:]))
    assert [row.sid for row in rotated if row] == [row.sid for row in rows[1:]]


async def test_a_session_that_the_server_cannot_rotate_fails_alone(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    poisoned = rows[50]
    key = Names("sealring").session(poisoned.sid).decode()
    valkey.ask("DEL", key)
    valkey.ask("SET", key, "no hash")
    answers = await asyncio.gather(*rotations(store, rows), return_exceptions=True)
    failed = [index for index, answer in enumerate(answers) if not isinstance(answer, SessionRow)]
    assert failed == [50]
    assert isinstance(answers[50], InternalError)


async def test_a_session_whose_row_has_lost_a_field_is_our_own_fault_and_no_session(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    key = Names("sealring").session(rows[0].sid).decode()
    valkey.ask("HDEL", key, "secret_hash")
    with pytest.raises(InternalError, match="lacks fields"):
        await store.read_session(rows[0].sid)
    assert await store.read_session(rows[1].sid) == rows[1]


async def test_a_value_that_has_no_utf_8_form_fails_its_own_caller(store: RedisStore, rows: list[SessionRow]) -> None:
    others = rotations(store, rows)
    with pytest.raises(InternalError, match="UTF-8"):
        await store.rotate(make_rotation(rows[0], sender_hint="\ud800"))
    with pytest.raises(InternalError, match="UTF-8"):
        await store.open_session(make_row(device="\ud800"))
    assert all(await asyncio.gather(*others))


@pytest.mark.parametrize("turns", [0, 1, 2, 5, 20])
async def test_callers_that_go_away_take_nobody_with_them(
    store: RedisStore, rows: list[SessionRow], turns: int
) -> None:
    tasks = rotations(store, rows)
    for _ in range(turns):
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    answers = await asyncio.gather(*tasks[1::2])
    assert [row.generation for row in answers if row] == [2] * (MANY // 2)
    left = [await store.read_session(row.sid) for row in rows[::2]]
    assert {row.generation for row in left if row} <= {1, 2}


async def test_a_caller_that_goes_away_before_its_turn_leaves_nothing_behind(
    store: RedisStore, rows: list[SessionRow]
) -> None:
    task = asyncio.create_task(store.rotate(make_rotation(rows[0])))
    await asyncio.sleep(0)  # it waits now; the pipeline begins in the next turn
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await store.read_session(rows[0].sid) == rows[0]


async def test_a_connection_that_the_server_has_closed_is_replaced_before_anybody_notices(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    await store.end_session(rows[-1].sid, "logout", 0.0, 1.0)
    valkey.ask("CLIENT", "KILL", "TYPE", "normal")
    assert all(await asyncio.gather(*rotations(store, rows[:-1])))
    assert await store.end_session(rows[0].sid, "logout", 0.0, 1.0) is not None


async def test_a_connection_cut_in_the_middle_of_a_pipeline_fails_whom_it_did_not_answer_and_the_next_is_new(
    store: RedisStore, rows: list[SessionRow], valkey: ValkeyServer
) -> None:
    valkey.send(signal.SIGSTOP)
    tasks = rotations(store, rows)
    for _ in range(20):
        await asyncio.sleep(0)
    valkey.stop(signal.SIGKILL)
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    valkey.start()
    for row in rows:
        left = await store.read_session(row.sid)
        assert left is not None
        assert (left.generation, left.key_version) in {(1, 1), (2, 2)}
        again = await store.rotate(make_rotation(row))
        assert (again is not None) == (left.generation == 1)


async def test_an_answer_that_comes_too_late_is_no_answer_to_the_next_question(valkey: ValkeyServer) -> None:
    async with line(valkey.url(), patience=0.3) as asking:
        await asking.run(command("SET", "sealring:one", "first"))
        valkey.send(signal.SIGSTOP)
        try:
            with pytest.raises(StoreUnavailable):
                await asking.run(command("GET", "sealring:one"))
        finally:
            valkey.send(signal.SIGCONT)

        async def answers() -> bool:
            try:
                return bool(await asking.run(command("ECHO", "second")) == b"second")
            except StoreUnavailable:
                return False

        await until(answers)
        assert await asking.run(command("ECHO", "third")) == b"third"


async def test_more_callers_than_may_wait_are_refused_and_the_others_served(valkey: ValkeyServer) -> None:
    async with line(valkey.url(), capacity=10) as asking:
        answers = await asyncio.gather(*(asking.run(command("PING")) for _ in range(15)), return_exceptions=True)
    assert answers[:10] == [b"PONG"] * 10
    assert {type(answer) for answer in answers[10:]} == {StoreUnavailable}


async def test_a_store_that_closes_answers_whoever_waits_and_then_nobody(valkey: ValkeyServer) -> None:
    async with emptied(valkey) as store:
        row = make_row()
        await store.open_session(row)
        tasks = [*rotations(store, [row]), asyncio.create_task(store.end_session(row.sid, "logout", 0.0, 1.0))]
        await asyncio.sleep(0)
    rotated, ended = await asyncio.gather(*tasks)
    assert ended is not None
    assert ended.generation == (2 if rotated else 1)
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.read_session(row.sid)


def test_a_store_belongs_to_the_loop_that_opened_it(valkey: ValkeyServer) -> None:
    store = RedisStore(valkey.url())
    with asyncio.Runner() as first, asyncio.Runner() as second:
        first.run(store.__aenter__())
        with pytest.raises(ConfigurationError, match="event loop"):
            second.run(store.ping())
        first.run(store.__aexit__(None, None, None))
