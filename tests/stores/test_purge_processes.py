"""Several processes that purge one store: one at a time, and one that was killed keeps nobody out for long."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealring.stores import open_store
from sealring.testing import NOW, make_row
from tests.stores.servers import PostgresServer
from tests.stores.valkey_server import valkey_server

pytestmark = pytest.mark.anyio

_CHILD = Path(__file__).with_name("purge_child.py")
_SESSIONS, _LIVE = 1_100, 50


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'sessions.db'}"
    elif request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        yield server.new_database()
    else:
        with valkey_server() as valkey:
            yield valkey.url()


@pytest.fixture
async def live(url: str) -> list[bytes]:
    """Fill the store and return the sessions that live."""
    over = [make_row(created_at=NOW - 9e5, idle_end=NOW - 2e5, absolute_end=NOW + 1e6) for _ in range(_SESSIONS)]
    rows = [make_row(created_at=NOW, idle_end=NOW + 600, absolute_end=NOW + 1e6) for _ in range(_LIVE)]
    async with open_store(url) as store:
        for start in range(0, len(over + rows), 100):
            await asyncio.gather(*map(store.open_session, (over + rows)[start : start + 100]))
    return [row.sid for row in rows]


@contextmanager
def child(url: str, later: float = 0.0, *more: str) -> Iterator["subprocess.Popen[str]"]:
    """Start a process that purges when told to, so many seconds after NOW."""
    process = subprocess.Popen(
        [sys.executable, str(_CHILD), url, str(NOW + later), *more],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert _hear(process) == "ready"
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


def _hear(process: "subprocess.Popen[str]") -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def _go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


async def _alive(url: str, sids: list[bytes]) -> int:
    async with open_store(url) as store:
        assert (await store.count_due(NOW - 90_000, 0, 10_000)).sessions == 0
        return sum([await store.read_session(sid) is not None for sid in sids])


async def test_processes_that_purge_at_once_share_the_work_without_doing_any_of_it_twice(
    url: str, live: list[bytes]
) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(child(url)) for _ in range(3)]
        for process in processes:
            _go(process)
        done = [_hear(process) for process in processes]
    assert sum(each["sessions"] for each in done if each) == _SESSIONS
    assert await _alive(url, live) == _LIVE


async def test_a_process_that_is_killed_while_it_purges_keeps_its_turn_for_a_minute(
    url: str, live: list[bytes]
) -> None:
    with child(url, 0, "STOP") as killed:
        _go(killed)
        assert _hear(killed)["sessions"] == 500
    with child(url) as same_minute:
        _go(same_minute)
        assert _hear(same_minute) is None
    with child(url, 61) as a_minute_later:
        _go(a_minute_later)
        assert _hear(a_minute_later)["sessions"] == _SESSIONS - 500
    assert await _alive(url, live) == _LIVE


async def test_live_traffic_goes_on_beside_a_purge(url: str, live: list[bytes]) -> None:
    async with open_store(url) as store:
        with child(url) as purging:
            _go(purging)
            reads = 0
            async with asyncio.timeout(60):
                while purging.poll() is None:
                    assert all([await store.read_session(sid) for sid in live])
                    reads += 1
            assert _hear(purging)["sessions"] == _SESSIONS
    assert reads > 0
    assert await _alive(url, live) == _LIVE
