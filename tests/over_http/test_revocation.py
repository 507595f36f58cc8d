"""Revocation between processes and with the store away: the Todo application, real servers, real requests."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from tests.running import PASSWORD, RunningApp, Visitor
from tests.stores.servers import PostgresServer, postgres_server
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

PATIENCE = 60.0
# A fifth of the published numbers, so that nobody waits for them.
QUICK = {"SEALRING_FEED_POLL": "0.2", "SEALRING_FEED_MAX_STALENESS": "1"}
POLICIES: dict[str, tuple[dict[str, str], int, str]] = {
    # settings, what a normal route answers without the store, and what /readyz says then
    "ask": ({}, 503, "stale"),
    "refuse": ({"SEALRING_WHEN_STALE": "refuse"}, 503, "stale"),
    "accept": ({"SEALRING_ACCEPT_STALE_FOR": "3600"}, 200, "accepted"),
}


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for a test."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for a test, which may stop it."""
    with postgres_server() as server:
        yield server


@contextmanager
def running(folder: Path, *apps: dict[str, str]) -> Iterator[list[RunningApp]]:
    """Run one application for each settings, with one folder and so with the same secrets and accounts."""
    started: list[RunningApp] = []
    try:
        for number, settings in enumerate(apps):
            started.append(RunningApp(folder, settings, log_name=f"log-{number}"))
            started[-1].start()
        yield started
    finally:
        for app in started:
            app.stop()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again, with a deadline."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():
            await asyncio.sleep(0.02)


async def says(http: httpx2.AsyncClient, app: RunningApp, what: str, value: str) -> bool:
    """Tell whether ``/readyz`` says something."""
    return bool((await http.get(f"{app.url}/readyz")).json()[what] == value)


async def metric(http: httpx2.AsyncClient, app: RunningApp, name: str) -> float:
    """Return the value of a metric without labels."""
    found = re.search(rf"^{name} (\S+)$", (await http.get(f"{app.url}/metrics")).text, re.MULTILINE)
    assert found is not None
    return float(found[1])


async def normal(visitor: Visitor) -> int:
    """Ask a normal route."""
    return (await visitor.ask("GET", "/api/todos")).status_code


async def sensitive(visitor: Visitor) -> int:
    """Ask a sensitive route; with the store it answers 401 or 422, for the password is wrong."""
    change = {"current_password": "not the right one at all", "new_password": PASSWORD + " too"}
    return (await visitor.ask("POST", "/api/account/password", change)).status_code


def told(app: RunningApp, name: str) -> int:
    """Return how often an event was logged."""
    return len(re.findall(rf'"event": "{name}"', app.log))


# Without the store


@pytest.mark.parametrize("policy", POLICIES)
async def test_without_its_store_each_route_does_what_the_policy_says_and_goes_on_when_it_is_back(
    tmp_path: Path, valkey: ValkeyServer, http: httpx2.AsyncClient, policy: str
) -> None:
    settings, without, state = POLICIES[policy]
    store = {"SEALRING_STORE": valkey.url("timeout=1")}
    outages: list[tuple[Callable[[], None], Callable[[], None]]] = [
        (lambda: valkey.stop(signal.SIGKILL), valkey.start),
        (lambda: valkey.send(signal.SIGSTOP), lambda: valkey.send(signal.SIGCONT)),
    ]
    with running(tmp_path, {**QUICK, **store, **settings}) as (app,):
        ada = Visitor(http, app.url)
        await ada.sign_up("ada@example.org")
        for number, (take_away, bring_back) in enumerate(outages, 1):
            assert (await normal(ada), await sensitive(ada)) == (200, 401)
            take_away()
            await until(lambda: says(http, app, "feed", state))
            for _ in range(3):
                assert (await normal(ada), await sensitive(ada)) == (without, 503)
            await (prove_refused if without == 503 else prove_accepted)(ada, app)
            assert await metric(http, app, "sealring_feed_age_seconds") > 1
            assert await metric(http, app, "sealring_feed_stale_total") == number
            assert told(app, "feed_stale") == number
            bring_back()
            await until(lambda: says(http, app, "status", "ready"))
            assert told(app, "feed_fresh") == number
        assert (await ada.ask("POST", "/auth/logout")).status_code == 200


async def prove_refused(visitor: Visitor, app: RunningApp) -> None:
    """Prove that a refusal asks the client to come again, and the balancer to send nobody."""
    answer = await visitor.ask("GET", "/api/todos")
    assert (answer.json()["code"], answer.json()["action"]) == ("store_unavailable", "retry")
    assert answer.headers["retry-after"] == "1"
    assert (await visitor.http.get(f"{app.url}/readyz")).status_code == 503


async def prove_accepted(visitor: Visitor, app: RunningApp) -> None:
    """Prove that what is accepted is counted, and that the balancer may go on."""
    before = await metric(visitor.http, app, "sealring_stale_accepted_total")
    assert await normal(visitor) == 200
    assert await metric(visitor.http, app, "sealring_stale_accepted_total") == before + 1
    probe = await visitor.http.get(f"{app.url}/readyz")
    assert (probe.status_code, probe.json()["status"]) == (200, "degraded")


async def test_a_revocation_that_was_committed_while_a_process_heard_nothing_counts_as_soon_as_it_hears_again(
    tmp_path: Path, postgres: PostgresServer, http: httpx2.AsyncClient
) -> None:
    store = {"SEALRING_STORE": f"{postgres.url()}?pool_timeout=1"}
    with running(tmp_path, {**QUICK, **store}, {**QUICK, **store}) as (here, there):
        ada = Visitor(http, here.url)
        await ada.sign_up("ada@example.org")
        bob = Visitor(http, here.url)
        await bob.sign_up("bob@example.org")
        elsewhere = at(ada, there)
        assert await normal(elsewhere) == 200
        there.pause()
        assert (await ada.ask("POST", "/auth/logout")).status_code == 200
        postgres.stop()
        there.go_on()
        await until(lambda: says(http, there, "feed", "stale"))
        assert (await normal(elsewhere), await normal(at(bob, there))) == (503, 503)
        postgres.start()
        await until(lambda: says(http, there, "status", "ready"))
        assert (await normal(elsewhere), await normal(at(bob, there))) == (401, 200)


# Between processes


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[RunningApp, RunningApp]]:
    """Run two processes with the policy of the settings, once for each engine."""
    stores: dict[str, Callable[[], dict[str, str]]] = {
        "sqlite": dict,
        "postgres": lambda: {"SEALRING_STORE": request.getfixturevalue("postgres").url()},
        "valkey": lambda: {"SEALRING_STORE": request.getfixturevalue("valkey").url()},
    }
    store = stores[request.param]()
    with running(tmp_path, store, store) as (here, there):
        yield here, there


def at(visitor: Visitor, app: RunningApp) -> Visitor:
    """Return the same browser at another process of the same application."""
    return Visitor(visitor.http, app.url, visitor.agent, dict(visitor.cookies))


async def test_a_revocation_in_one_process_stops_the_token_in_another_within_the_published_seconds(
    pair: tuple[RunningApp, RunningApp], http: httpx2.AsyncClient
) -> None:
    here, there = pair
    for number in range(3):
        ada = Visitor(http, here.url)
        await ada.sign_up(f"ada{number}@example.org")
        elsewhere = at(ada, there)
        assert (await normal(elsewhere), await sensitive(elsewhere)) == (200, 401)
        assert (await ada.ask("POST", "/auth/logout")).status_code == 200
        # A sensitive route knows at the very next request, without waiting for any news.
        answer = await elsewhere.ask("GET", "/auth/sessions")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
        # The deadline is the number of docs/revocation.md: max_staleness of the default policy. How much sooner it
        # comes, benchmarks/revocation.py measures.
        async with asyncio.timeout(5):
            while (answer := await elsewhere.ask("GET", "/api/todos")).status_code == 200:
                await asyncio.sleep(0.01)
        assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked")
