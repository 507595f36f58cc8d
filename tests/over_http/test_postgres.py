"""The Todo application runs on PostgreSQL untouched: two settings are all that changes."""

import asyncio
from collections.abc import Iterator

import httpx2
import pytest

from tests.running import ACCESS, PASSWORD, REFRESH, RunningApp, Visitor
from tests.stores.servers import PostgresServer, postgres_server

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL that this module may restart."""
    with postgres_server() as running:
        yield running


@pytest.fixture(scope="module")
def settings(server: PostgresServer) -> dict[str, str]:
    """Keep sessions and the application's own data in PostgreSQL; a session settles soon."""
    return {
        "TODO_DATABASE_URL": server.new_database(),
        "SEALRING_STORE": f"{server.new_database()}?pool_timeout=1",
        "SEALRING_GRACE": "1.1",
        "SEALRING_CLIENT_TIMEOUT": "1",
    }


async def test_sign_in_refresh_and_sign_out(visitor: Visitor) -> None:
    opened = await visitor.sign_up("ada@example.org")
    assert opened["outcome"] == "opened"
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200
    before = dict(visitor.cookies)
    async with asyncio.timeout(30):
        while (await _refreshed(visitor, opened))["outcome"] != "rotated":
            assert visitor.cookies[REFRESH] == before[REFRESH]
            await asyncio.sleep(0.1)
    assert visitor.cookies[REFRESH] != before[REFRESH]
    assert visitor.cookies[ACCESS] != before[ACCESS]
    stolen = visitor.copy()
    assert (await visitor.ask("POST", "/auth/logout")).status_code in {200, 204}
    assert REFRESH not in visitor.cookies
    refused = await stolen.ask("GET", "/api/todos")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    refused = await stolen.ask("POST", "/auth/refresh")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")


async def _refreshed(visitor: Visitor, opened: dict[str, object]) -> dict[str, object]:
    answer = await visitor.ask("POST", "/auth/refresh", {"attempt": "one"})
    assert answer.status_code == 200
    assert answer.json()["session_id"] == opened["session_id"]
    return dict(answer.json())


async def test_a_restart_of_the_application_logs_nobody_out_and_forgets_no_logout(
    app: RunningApp, http: httpx2.AsyncClient
) -> None:
    bob, gone = Visitor(http, app.url), Visitor(http, app.url)
    await bob.sign_up("bob@example.org")
    await gone.sign_in("bob@example.org")
    stolen = gone.copy()
    await gone.ask("POST", "/auth/logout")
    app.kill()
    app.start()
    assert (await bob.ask("GET", "/api/todos")).status_code == 200
    assert (await bob.ask("POST", "/auth/refresh")).status_code == 200
    refused = await stolen.ask("GET", "/api/todos")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")


async def test_the_application_s_own_data_is_there_and_not_in_a_file(
    app: RunningApp, server: PostgresServer, settings: dict[str, str], http: httpx2.AsyncClient
) -> None:
    flo = Visitor(http, app.url)
    await flo.sign_up("flo@example.org")
    made = await flo.ask("POST", "/api/todos", {"title": "Buy milk", "due_on": "2026-12-24"})
    assert made.status_code == 201
    assert [item["title"] for item in (await flo.ask("GET", "/api/todos?q=MILK")).json()["items"]] == ["Buy milk"]
    database = settings["TODO_DATABASE_URL"].rpartition("/")[2]
    assert server.sql("SELECT title, due_on FROM todos", database) == "Buy milk|2026-12-24"
    assert (await flo.ask("DELETE", "/api/account", {"password": PASSWORD})).status_code == 204
    assert server.sql("SELECT count(*) FROM todos", database) == "0"
    assert not list(app.folder.rglob("*.db"))


async def test_an_outage_of_the_server_asks_for_another_try_and_ends_without_a_restart(
    app: RunningApp, server: PostgresServer, http: httpx2.AsyncClient
) -> None:
    eve = Visitor(http, app.url)
    await eve.sign_up("eve@example.org")
    kept = dict(eve.cookies)
    server.stop()
    refused = await eve.ask("POST", "/auth/refresh", {"attempt": "during"})
    assert (refused.status_code, refused.json()["code"]) == (503, "store_unavailable")
    assert refused.json()["action"] == "retry"
    assert int(refused.headers["retry-after"]) >= 1
    away = await eve.ask("GET", "/api/todos")
    assert (away.status_code, away.json()["action"]) == (503, "retry")
    assert eve.cookies == kept
    server.start()
    assert (await eve.ask("POST", "/auth/refresh", {"attempt": "during"})).status_code == 200
    assert (await eve.ask("GET", "/api/todos")).status_code == 200
