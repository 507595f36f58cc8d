"""The steps of operations in Redis, mixed in every order: a session that should be dead never lives on."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from functools import partial
from itertools import count
from typing import Any

import pytest

from sealring.revocation.record import ENDED
from sealring.sessions.record import SessionRow
from sealring.stores.redis import RedisStore
from sealring.stores.redis_link import Asking, Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import Command
from sealring.stores.redis_sessions import RedisSessions
from sealring.testing import NOW, make_rotation, make_row
from tests.interleaving import Run, every_order, stop
from tests.stores.redis_help import emptied, line
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

UNTIL = NOW + 900


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture
async def store(valkey: ValkeyServer) -> AsyncIterator[RedisStore]:
    """A process that looks on."""
    async with emptied(valkey) as store:
        yield store


@pytest.fixture
async def sessions(valkey: ValkeyServer) -> AsyncIterator[RedisSessions]:
    """Operations whose every step waits for its turn."""
    async with line(valkey.url()) as asking:
        server: Server = Staged(asking)
        yield RedisSessions(server, Names("sealring"), keep_ended=3_600)


class Staged:
    """A line on which each step waits for its turn; as in a cluster, what is for several keys is several steps."""

    def __init__(self, server: Asking) -> None:
        self._server = server

    async def run(self, command: Command) -> Any:
        await stop(str(command.arguments[0]))
        return await self._server.run(command)

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        return [await self.run(command) for command in commands]

    async def run_in_order(self, commands: Sequence[Command]) -> list[Any]:
        return await self.run_all(commands)


PLAYS = [
    ("open", "end_subject"),
    ("rotate", "end"),
    ("rotate", "end_subject"),
    ("end", "end_subject"),
    ("raise_epoch", "end"),
    ("raise_epoch", "rotate"),
    ("end", "end 2"),
    ("end_subject", "end_subject 2"),
]


@pytest.mark.parametrize("cast", PLAYS, ids=" x ".join)
async def test_in_every_order_of_the_steps(store: RedisStore, sessions: RedisSessions, cast: tuple[str, str]) -> None:
    names = count()
    row, opening = make_row(), make_row()

    async def prepared() -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
        nonlocal row, opening
        subject = f"user {next(names)}"
        row, opening = make_row(subject=subject), make_row(subject=subject)
        assert await store.open_session(row)
        operations: dict[str, Callable[[], Awaitable[Any]]] = {
            "open": partial(sessions.open, opening),
            "rotate": partial(sessions.rotate, make_rotation(row)),
            "end": partial(sessions.end, row.sid, "logout", NOW, UNTIL),
            "end_subject": partial(sessions.end_subject, subject, None, "logout_all", NOW, UNTIL),
            "raise_epoch": partial(sessions.raise_epoch, row.sid, UNTIL),
        }
        return [(name, operations[name.split()[0]]) for name in cast]

    runs = 0
    async for run in every_order(prepared):
        runs += 1
        await _judge(store, row, opening, run)
        await store.purge_denials(UNTIL + 1, 1_000)
    assert runs > 2


async def _judge(store: RedisStore, row: SessionRow, opening: SessionRow, run: Run) -> None:
    kinds = {name.split()[0] for name in run.results}
    denied: dict[str, int] = {}
    for denial in (await store.read_feed(0, 1_000)).denials:
        denied[denial.ident] = max(denial.least_epoch, denied.get(denial.ident, 0))
    dies = bool(kinds & {"end", "end_subject"})
    live = {each.sid for each in await store.list_sessions(row.subject)}
    assert (row.sid in live) is not dies, run
    stored = await store.read_session(row.sid)
    assert stored is not None
    assert (stored.revoked_at is None) is not dies, run
    if dies:
        assert denied[row.session_id] == ENDED, run
        assert await store.rotate(make_rotation(stored)) is None, run
    if "raise_epoch" in kinds and not dies:
        assert denied[row.session_id] == stored.ep == 1, run
    if "rotate" in kinds:
        assert (stored.generation == 2) is (run.results["rotate"] is not None), run
    if {"end", "end_subject"} <= kinds or len(kinds) == 1:
        # Of two that end the same session one has done it.
        ended = [bool(result) for result in run.results.values()]
        assert sum(ended) == 1, run
    if "open" in kinds:
        # It began before the end of everything, whatever it was answered.
        assert opening.sid not in live, run
        opened = await store.read_session(opening.sid)
        assert opened is None or opened.revoked_at is not None, run
        if run.results["open"]:
            assert denied[opening.session_id] == ENDED, run
