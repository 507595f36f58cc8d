"""A store that is away: everybody is asked to try again, nobody is logged out, and nobody restarts anything."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from sealring.stores import open_store
from tests.faults.lab.stage import BETWEEN_ROUNDS
from tests.faults.lab.world import World
from tests.running import Visitor

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
SERVERS = ["postgres", "valkey"]
MOST_CONNECTIONS = 15
"""Of one process to its store; more than the pools of both engines, whatever is asked at the same time."""

Call = tuple[str, str, object]
READS: tuple[Call, ...] = (("GET", "/auth/session", None), ("GET", "/auth/sessions", None), ("GET", "/sensitive", None))
WRITES: tuple[Call, ...] = (
    ("POST", "/auth/refresh", {"attempt": "one"}),
    ("POST", "/auth/login", {"name": "somebody"}),
)
# Asked by somebody else: what a store is told before it hangs, it may still do when it goes on.
ENDS: tuple[Call, ...] = (("POST", "/auth/logout", None), ("POST", "/auth/logout-all", None))


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Connections that no test needs to close."""
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=0)
    async with httpx2.AsyncClient(timeout=PATIENCE, limits=limits) as client:
        yield client


async def signed_in(world: World, http: httpx2.AsyncClient) -> Visitor:
    """Return somebody whose next refresh rotates."""
    visitor = Visitor(http, world.origin)
    answer = await visitor.ask("POST", "/auth/login", {"name": secrets.token_hex(4)})
    assert answer.status_code == 200, answer.text
    assert (await refreshed(visitor))["outcome"] == "unchanged"
    return visitor


async def refreshed(visitor: Visitor) -> dict[str, object]:
    answer = await visitor.ask("POST", "/auth/refresh", {"attempt": "one"})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until_it_works(visitor: Visitor) -> dict[str, object]:
    """Refresh, as a client does that is told to try again and nothing else."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await visitor.ask("POST", "/auth/refresh", {"attempt": "one"})).status_code != 200:
            assert answer.json()["action"] == "retry"
            await asyncio.sleep(float(answer.headers["retry-after"]) / 10)
    return dict(answer.json())


async def prove_away(visitor: Visitor, leaver: Visitor, calls: tuple[Call, ...]) -> None:
    """Prove that each of these calls, and each end, asks for another try and takes no cookie away."""
    kept = dict(visitor.cookies), dict(leaver.cookies)

    async def one(who: Visitor, call: Call) -> None:
        method, path, body = call
        answer = await who.ask(method, path, body)
        assert (answer.status_code, path) == (503, path), answer.text
        assert (answer.json()["code"], answer.json()["action"]) == ("store_unavailable", "retry")
        assert int(answer.headers["retry-after"]) >= 1
        assert "set-cookie" not in answer.headers

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(one(visitor, call) for call in calls), *(one(leaver, call) for call in ENDS))
    assert (visitor.cookies, leaver.cookies) == kept
    # What is verified without the store may still be answered; but nobody is sent to the login page.
    assert (await visitor.ask("GET", "/me")).status_code in {200, 503}
    assert (await visitor.ask("GET", "/healthz")).status_code == 200
    assert (await visitor.ask("GET", "/readyz")).status_code == 503


@contextmanager
def nobody_restarts(world: World) -> Iterator[None]:
    """Prove that the processes of the application stay the same."""
    before = [worker.process for worker in world.workers]
    yield
    assert [worker.process for worker in world.workers] == before
    assert all(worker.process is not None and worker.process.poll() is None for worker in world.workers)


async def through(
    outage: Callable[[Visitor, Visitor], Awaitable[None]], world: World, http: httpx2.AsyncClient
) -> None:
    """Bring somebody through an outage whose refresh would rotate, and prove that it does so afterwards."""
    visitor, leaver = await signed_in(world, http), await signed_in(world, http)
    world.clock.advance(BETWEEN_ROUNDS)
    with nobody_restarts(world):
        await outage(visitor, leaver)
        assert (await until_it_works(visitor))["generation"] == 2
        assert (await visitor.ask("GET", "/auth/session")).json()["generation"] == 2
        assert (await visitor.ask("GET", "/sensitive")).status_code == 200


@pytest.mark.parametrize("installation", SERVERS, indirect=True)
async def test_a_dead_store_asks_for_another_try_and_is_used_again_when_it_is_back(
    installation: World, http: httpx2.AsyncClient
) -> None:
    async def outage(visitor: Visitor, leaver: Visitor) -> None:
        await asyncio.to_thread(installation.engine.kill)
        try:
            await prove_away(visitor, leaver, READS + WRITES)
        finally:
            await asyncio.to_thread(installation.engine.start)

    await through(outage, installation, http)


@pytest.mark.parametrize("installation", ["sqlite", *SERVERS], indirect=True)
async def test_a_hung_store_asks_for_another_try_in_time_and_is_used_again_when_it_goes_on(
    installation: World, http: httpx2.AsyncClient
) -> None:
    # A file that somebody else writes to can still be read.
    calls = WRITES if installation.engine.name == "sqlite" else READS + WRITES

    async def outage(visitor: Visitor, leaver: Visitor) -> None:
        await asyncio.to_thread(installation.engine.hang)
        try:
            # More at the same time than the pools have connections.
            await prove_away(visitor, leaver, calls * 15)
            if installation.back is not None:
                assert installation.back.connections <= MOST_CONNECTIONS * len(installation.workers)
        finally:
            await asyncio.to_thread(installation.engine.go_on)

    await through(outage, installation, http)


@pytest.mark.parametrize("installation", SERVERS, indirect=True)
async def test_a_connection_that_is_cut_in_the_middle_of_batches_costs_a_try_and_nothing_else(
    installation: World, http: httpx2.AsyncClient
) -> None:
    back = installation.back
    assert back is not None
    crowd = [await signed_in(installation, http) for _ in range(30)]
    installation.clock.advance(BETWEEN_ROUNDS)
    cut = back.cut
    back.cut_answers(4)
    with nobody_restarts(installation):
        answers = await asyncio.gather(*(each.ask("POST", "/auth/refresh", {"attempt": "one"}) for each in crowd))
        assert {answer.status_code for answer in answers} <= {200, 503}
        back.cut_answers(0)
        assert back.cut - cut >= 2, "nothing was cut"
        await asyncio.gather(*map(until_it_works, crowd))
        told = [(await each.ask("GET", "/auth/session")).json() for each in crowd]
    assert {each["generation"] for each in told} == {2}
    async with open_store(installation.engine.url()) as store:
        rows = [await store.read_session(bytes.fromhex(each["session_id"])) for each in told]
    assert {(row.generation, row.replay_streak, row.revoked_at) for row in rows if row is not None} == {(2, 0, None)}
    assert "reuse_detected" not in installation.log
