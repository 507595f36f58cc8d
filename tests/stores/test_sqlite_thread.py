"""The thread that groups operations into transactions."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from sealring.errors import ConfigurationError, InternalError, StoreUnavailable
from sealring.stores.sqlite_thread import SqliteThread

pytestmark = pytest.mark.anyio

Operation = Callable[[sqlite3.Connection], Any]


class Statements(list[str]):
    """What a connection was told to do, as SQLite itself reports it."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Event()

    def take(self, statement: str) -> None:
        self.append(statement)
        if statement.startswith("BEGIN"):
            self.begun.set()

    def transactions(self) -> int:
        return self.count("COMMIT")


class Gate:
    """An operation that stays in its transaction until it is let through."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.through = threading.Event()

    def __call__(self, connection: sqlite3.Connection) -> str:
        self.entered.set()
        if not self.through.wait(20):
            raise TimeoutError
        return "through"

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.entered.wait, 20)


@pytest.fixture
def statements() -> Statements:
    return Statements()


@asynccontextmanager
async def running(
    path: Path, statements: Statements, *, patience: float = 20.0, capacity: int = 1_000, batch: int = 500
) -> AsyncIterator[SqliteThread]:
    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=patience)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("CREATE TABLE IF NOT EXISTS word (word TEXT NOT NULL UNIQUE) STRICT")
        connection.set_trace_callback(statements.take)
        return connection

    thread = SqliteThread("test", connect, begin="BEGIN IMMEDIATE", timeout=patience, capacity=capacity, batch=batch)
    await thread.start()
    try:
        yield thread
    finally:
        await thread.stop()


def insert(word: Any) -> Operation:
    return lambda connection: connection.execute("INSERT INTO word VALUES (?)", (word,)).rowcount


def words(path: Path) -> list[str]:
    connection = sqlite3.connect(path)
    try:
        return [word for (word,) in connection.execute("SELECT word FROM word ORDER BY rowid")]
    finally:
        connection.close()


async def behind(thread: SqliteThread, gate: Gate, *operations: Operation) -> list[asyncio.Task[Any]]:
    """Start operations that wait together while another one holds the thread; the first task is that one."""
    tasks = [asyncio.create_task(thread.run(gate))]
    await gate.reached()
    tasks += [asyncio.create_task(thread.run(operation)) for operation in operations]
    await asyncio.sleep(0)
    return tasks


async def test_whoever_waits_at_the_same_moment_shares_one_commit(tmp_path: Path, statements: Statements) -> None:
    path, gate = tmp_path / "file", Gate()
    async with running(path, statements) as thread:
        tasks = await behind(thread, gate, *(insert(f"{index:03}") for index in range(100)))
        gate.through.set()
        assert await asyncio.gather(*tasks) == ["through", *([1] * 100)]
        assert statements.transactions() == 2
        assert words(path) == [f"{index:03}" for index in range(100)]


async def test_a_batch_has_a_bound(tmp_path: Path, statements: Statements) -> None:
    gate = Gate()
    async with running(tmp_path / "file", statements, batch=30) as thread:
        tasks = await behind(thread, gate, *(insert(f"{index:03}") for index in range(100)))
        gate.through.set()
        await asyncio.gather(*tasks)
        assert statements.transactions() == 1 + 4


async def test_an_answer_waits_for_its_commit(tmp_path: Path, statements: Statements) -> None:
    path = tmp_path / "file"
    async with running(path, statements) as thread:
        for index in range(20):
            await thread.run(insert(str(index)))
            assert words(path)[-1] == str(index)


@pytest.mark.parametrize(
    "poison",
    [None, "002", "\ud800", object(), 2**70, b"blob"],
    ids=["missing", "there already", "no text", "no value", "too large", "bytes"],
)
async def test_a_poisoned_write_in_the_middle_of_a_batch_fails_alone(
    tmp_path: Path, statements: Statements, poison: object
) -> None:
    path, gate = tmp_path / "file", Gate()

    def half_done(connection: sqlite3.Connection) -> None:
        insert("half")(connection)
        insert(poison)(connection)

    async with running(path, statements) as thread:
        good = [insert(f"{index:03}") for index in range(5)]
        tasks = await behind(thread, gate, *good[:3], half_done, *good[3:])
        gate.through.set()
        poisoned = tasks.pop(4)
        assert await asyncio.gather(*tasks) == ["through", 1, 1, 1, 1, 1]
        with pytest.raises(InternalError) as refused:
            await poisoned
        assert str(poison) not in refused.value.detail
        assert statements.transactions() == 2
        assert words(path) == ["000", "001", "002", "003", "004"]


async def test_an_error_of_our_own_reaches_the_caller_as_it_is(tmp_path: Path, statements: Statements) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        insert("undone")(connection)
        raise ConfigurationError("as it is")

    async with running(tmp_path / "file", statements) as thread:
        with pytest.raises(ConfigurationError, match="as it is"):
            await thread.run(refuse)
    assert words(tmp_path / "file") == []


async def test_a_failing_operation_without_a_reason_of_sqlite_is_an_internal_error_with_its_cause(
    tmp_path: Path, statements: Statements
) -> None:
    def fail(_: sqlite3.Connection) -> None:
        raise LookupError("a secret")

    async with running(tmp_path / "file", statements) as thread:
        with pytest.raises(InternalError) as refused:
            await thread.run(fail)
        assert isinstance(refused.value.__cause__, LookupError)
        assert "secret" not in refused.value.detail
        assert await thread.run(insert("goes on")) == 1


async def test_a_caller_that_leaves_before_its_turn_is_dropped(tmp_path: Path, statements: Statements) -> None:
    path, gate = tmp_path / "file", Gate()
    async with running(path, statements) as thread:
        tasks = await behind(thread, gate, insert("first"), insert("left"), insert("last"))
        tasks[2].cancel()
        gate.through.set()
        with pytest.raises(asyncio.CancelledError):
            await tasks[2]
        assert [await tasks[0], await tasks[1], await tasks[3]] == ["through", 1, 1]
        assert words(path) == ["first", "last"]


async def test_a_caller_that_leaves_in_the_middle_of_its_write_does_not_undo_it(
    tmp_path: Path, statements: Statements
) -> None:
    path, gate = tmp_path / "file", Gate()

    def write_and_wait(connection: sqlite3.Connection) -> None:
        insert("stands")(connection)
        gate(connection)

    async with running(path, statements) as thread:
        task = asyncio.create_task(thread.run(write_and_wait))
        await gate.reached()
        task.cancel()
        gate.through.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await thread.run(insert("after"))
        assert words(path) == ["stands", "after"]


async def test_whoever_waits_too_long_is_told_so_and_its_write_is_not_done_later(
    tmp_path: Path, statements: Statements
) -> None:
    path, gate = tmp_path / "file", Gate()
    async with running(path, statements, patience=0.2) as thread:
        tasks = await behind(thread, gate, insert("too late"))
        with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.2 seconds"):
            await tasks[1]
        gate.through.set()
        with pytest.raises(StoreUnavailable):
            await tasks[0]
        assert await thread.run(insert("goes on")) == 1
        assert words(path) == ["goes on"]


async def test_a_full_queue_refuses_at_once(tmp_path: Path, statements: Statements) -> None:
    path, gate = tmp_path / "file", Gate()
    async with running(path, statements, capacity=3) as thread:
        tasks = await behind(thread, gate, insert("1"), insert("2"), insert("3"))
        with pytest.raises(StoreUnavailable, match="3 operations wait"):
            await thread.run(insert("4"))
        gate.through.set()
        await asyncio.gather(*tasks)
        assert await thread.run(insert("5")) == 1
        assert words(path) == ["1", "2", "3", "5"]


async def test_stopping_finishes_what_waits_and_refuses_what_comes(tmp_path: Path, statements: Statements) -> None:
    path, gate = tmp_path / "file", Gate()
    async with running(path, statements, batch=2) as thread:
        tasks = await behind(thread, gate, *(insert(str(index)) for index in range(5)))
        stopping = asyncio.create_task(thread.stop())
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="closed"):
            await thread.run(insert("too late"))
        gate.through.set()
        await stopping
        assert await asyncio.gather(*tasks) == ["through", 1, 1, 1, 1, 1]
    assert words(path) == ["0", "1", "2", "3", "4"]
    assert not [each for each in threading.enumerate() if each.name == "test"]


async def test_a_lock_that_another_process_holds_is_waited_for(tmp_path: Path, statements: Statements) -> None:
    path = tmp_path / "file"
    async with running(path, statements) as thread:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        write = asyncio.create_task(thread.run(insert("waits")))
        assert await asyncio.to_thread(statements.begun.wait, 20)
        assert not write.done()
        other.execute("COMMIT")
        other.close()
        assert await write == 1


async def test_a_lock_that_is_held_for_too_long_fails_the_batch_and_nothing_more(
    tmp_path: Path, statements: Statements
) -> None:
    path = tmp_path / "file"
    async with running(path, statements, patience=0.2) as thread:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        answers = await asyncio.gather(*(thread.run(insert(str(n))) for n in range(5)), return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 5
        other.execute("COMMIT")
        other.close()
        assert await thread.run(insert("goes on")) == 1
        assert words(path) == ["goes on"]


async def test_a_full_disk_fails_only_what_was_not_acknowledged_and_the_thread_goes_on(
    tmp_path: Path, statements: Statements
) -> None:
    path = tmp_path / "file"

    def limit(pages: int) -> Operation:
        return lambda connection: connection.execute(f"PRAGMA max_page_count = {pages}").fetchall()

    async with running(path, statements) as thread:
        await thread.run(limit(12))
        answers = await asyncio.gather(
            *(thread.run(insert(f"{n:03}" * 300)) for n in range(60)), return_exceptions=True
        )
        refused = [answer for answer in answers if answer != 1]
        assert refused
        assert {type(answer) for answer in refused} == {StoreUnavailable}
        assert len(words(path)) == 60 - len(refused)
        assert [word[:3] for word in words(path)] == [f"{n:03}" for n in range(60) if answers[n] == 1]
        await thread.run(limit(1_000_000))
        assert await thread.run(insert("goes on")) == 1


async def test_a_commit_that_fails_fails_its_whole_batch_and_nothing_more(
    tmp_path: Path, statements: Statements
) -> None:
    path, gate = tmp_path / "file", Gate()

    def prepare(connection: sqlite3.Connection) -> None:
        # SQLite checks a deferred reference at COMMIT.
        connection.execute("CREATE TABLE parent (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE child (id INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")

    def orphan(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO child VALUES (1)")

    async with running(path, statements) as thread:
        await thread.run(prepare)
        tasks = await behind(thread, gate, insert("lost with the batch"), orphan)
        gate.through.set()
        assert await tasks.pop(0) == "through"
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [StoreUnavailable] * 2
        assert await thread.run(insert("goes on")) == 1
        assert words(path) == ["goes on"]
