"""Eight real processes on one SQLite file turn one ring: each revision is made once, and all see the same key sign."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealring.keys import KeyState, Schedule
from sealring.stores import SqliteStore
from sealring.testing.build import NOW

pytestmark = pytest.mark.anyio

CHILD = Path(__file__).with_name("ring_child.py")
PROCESSES = 8
ROTATIONS = 5


@contextmanager
def child(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process and leave none behind."""
    with subprocess.Popen(
        [sys.executable, str(CHILD), str(path)],
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


def all_at(processes: list[subprocess.Popen[str]], now: float) -> list[dict[str, Any]]:
    """Let every process look at the ring at the same moment, and return what each says."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{now}\n")
        process.stdin.flush()
    return [hear(process) for process in processes]


async def test_eight_processes_race_through_five_rotations(tmp_path: Path) -> None:
    path, schedule, now = tmp_path / "file", Schedule(), NOW
    made: list[int] = []
    signed: list[str] = []
    with ExitStack() as stack:
        processes = [stack.enter_context(child(path)) for _ in range(PROCESSES)]
        assert [hear(process)["revision"] for process in processes] == [1] * PROCESSES
        for _ in range(ROTATIONS):
            for pause in (schedule.period - schedule.overlap, schedule.overlap):
                now += pause
                made += [said["changed"] for said in all_at(processes, now) if said["changed"]]
                # Whoever lost the race has read the ring of the winner before it answers; the next look agrees too.
                seen = all_at(processes, now)
                assert {said["changed"] for said in seen} == {0}
                (active,) = {tuple(said["active"]) for said in seen}
                assert {said["signer"] for said in seen} == set(active)
                assert len({json.dumps(said["keys"]) for said in seen}) == 1
            signed.extend(active)
        for process in processes:
            assert process.stdin is not None
            process.stdin.close()
        assert [process.wait(30) for process in processes] == [0] * PROCESSES
    assert sorted(made) == list(range(2, len(made) + 2)), "each revision was made by one process"
    assert len(made) == 2 * ROTATIONS - 1
    assert len(set(signed)) == ROTATIONS
    async with SqliteStore(path) as store:
        ring = await store.load_ring()
    assert ring.revision == 1 + len(made)
    states = [row.state for row in ring.rows]
    assert (states.count(KeyState.ACTIVE), states.count(KeyState.ANNOUNCED)) == (1, 1)
