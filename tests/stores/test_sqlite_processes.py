"""The SQLite store in several processes, and in one that dies."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealring.stores import SqliteStore
from tests.stores.children import MANY, SHARED

pytestmark = pytest.mark.anyio

_CHILDREN = Path(__file__).with_name("children.py")
_PROCESSES = 8
_KILL_AFTER = 150


@contextmanager
def child(role: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process and leave none behind."""
    with subprocess.Popen(
        [sys.executable, str(_CHILDREN), role, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process says next."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        assert process.stderr is not None
        pytest.fail(f"the process ended: {process.stderr.read()}")
    said: dict[str, Any] = json.loads(line)
    return said


def go_on(process: subprocess.Popen[str]) -> None:
    """Let a process go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


@pytest.mark.parametrize("round_", range(3))
async def test_every_acknowledged_write_is_there_after_the_process_was_killed(tmp_path: Path, round_: int) -> None:
    path = tmp_path / "file"
    with child("writer", path) as process:
        said = [hear(process) for _ in range(_KILL_AFTER * (round_ + 1))]
        process.send_signal(signal.SIGKILL)
        assert process.wait(20) == -signal.SIGKILL
        assert process.stdout is not None
        # What was said between the last line that we read and the kill was acknowledged as well.
        said += [json.loads(line) for line in process.stdout if line.endswith("\n")]
    generations: dict[str, int] = {}
    for each in said:
        if "sid" in each:
            generations[each["sid"]] = max(each["generation"], generations.get(each["sid"], 0))
    async with SqliteStore(path) as store:
        rows = {sid: await store.read_session(bytes.fromhex(sid)) for sid in generations}
        denials = {denial.ident for denial in (await store.read_feed(0, 1_000_000)).denials}
    assert {sid for sid, row in rows.items() if row is None or row.generation < generations[sid]} == set()
    assert {each["denial"] for each in said if "denial" in each} - denials == set()
    # Each client had one write under way at most.
    assert all(row is not None and row.generation <= generations[sid] + 1 for sid, row in rows.items())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_eight_processes_that_open_one_new_file_at_once_make_it_once_and_share_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with ExitStack() as stack:
        processes = [stack.enter_context(child("opener", path)) for _ in range(_PROCESSES)]
        for process in processes:
            assert hear(process) == {"ready": True}
        for process in processes:
            go_on(process)
        started = [hear(process) for process in processes]
        assert [each["opened"] for each in started] == [MANY] * _PROCESSES
        (winner,) = (each for each in started if each["made_the_ring"])
        for process in processes:
            go_on(process)
        finished = [hear(process) for process in processes]
        assert [process.wait(30) for process in processes] == [0] * _PROCESSES
    assert sum(each["rotated"] for each in finished) == 1
    assert all(each["ended"] for each in finished)
    async with SqliteStore(path) as store:
        ring = await store.load_ring()
        assert (ring.revision, [key.kid for key in ring.rows]) == (1, [winner["kid"]])
        assert len(await store.list_sessions("alice")) == _PROCESSES * (MANY - 1)
        assert len((await store.read_feed(0, 1_000)).denials) == _PROCESSES
        shared = await store.read_session(SHARED.sid)
        assert shared is not None
        assert shared.generation == 2


async def test_two_stores_on_one_file_see_each_others_commits_at_once(tmp_path: Path) -> None:
    async with SqliteStore(tmp_path / "file") as one, SqliteStore(tmp_path / "file") as other:
        assert await one.open_session(SHARED)
        assert await other.read_session(SHARED.sid) == SHARED
        ended = await other.end_session(SHARED.sid, "logout", 1.0, 2.0)
        assert await one.read_session(SHARED.sid) == ended


async def test_a_program_that_ends_without_closing_its_store_ends_and_keeps_its_writes(tmp_path: Path) -> None:
    with child("leaver", tmp_path / "file") as process:
        assert hear(process) == {"opened": True}
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
    async with SqliteStore(tmp_path / "file") as store:
        assert await store.read_session(SHARED.sid) == SHARED
