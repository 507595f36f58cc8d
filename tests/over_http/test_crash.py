"""The server is killed in the middle of refreshes: nobody loses a session."""

import asyncio
from collections import Counter
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from tests.running import RunningApp, Visitor

CLIENTS = 200


@pytest.fixture
def own_app(tmp_path: Path) -> RunningApp:
    """An application that this test may kill."""
    return RunningApp(
        tmp_path, {"SEALRING_GRACE": "1.01", "SEALRING_CLIENT_TIMEOUT": "1", "SEALRING_SESSIONS_PER_SUBJECT": "1000"}
    )


@pytest.mark.anyio
async def test_kill_during_two_hundred_refreshes_and_every_client_carries_on(
    own_app: RunningApp, http: httpx2.AsyncClient
) -> None:
    own_app.start()
    try:
        clients = await _sign_in_all(own_app, http)
        before = [dict(client.cookies) for client in clients]
        refreshes = [asyncio.create_task(_refresh_if_possible(client, number)) for number, client in enumerate(clients)]
        answered = 0
        for done in asyncio.as_completed(refreshes):
            answered += await done
            if answered == CLIENTS // 4:
                own_app.kill()
        changed = sum(client.cookies != cookies for client, cookies in zip(clients, before, strict=True))
        assert CLIENTS // 4 <= changed < CLIENTS, "the kill must come after some answers and before others"

        own_app.start()
        answers = await asyncio.gather(
            *(client.ask("POST", "/auth/refresh", {"attempt": f"a{n}"}) for n, client in enumerate(clients))
        )
        assert {answer.status_code for answer in answers} == {200}
        outcomes = Counter(answer.json()["outcome"] for answer in answers)
        # Who got its successor keeps it; who did not rotates now, or gets the successor that was committed unheard.
        assert outcomes["unchanged"] == changed
        assert outcomes["rotated"] + outcomes["replayed"] == CLIENTS - changed
        todos = await asyncio.gather(*(client.ask("GET", "/api/todos") for client in clients))
        assert {answer.status_code for answer in todos} == {200}
        assert "reuse_detected" not in own_app.log
    finally:
        own_app.stop()


async def _sign_in_all(app: RunningApp, http: httpx2.AsyncClient) -> list[Visitor]:
    await Visitor(http, app.url).sign_up("crash@example.org")
    clients = [Visitor(http, app.url) for _ in range(CLIENTS)]
    for some in range(0, CLIENTS, 20):
        await asyncio.gather(*(client.sign_in("crash@example.org") for client in clients[some : some + 20]))
    for client in clients:
        await client.ask("POST", "/auth/refresh", {"attempt": "settling"})
    await asyncio.sleep(1.1)  # let the grace pass, so that the next refresh rotates
    return clients


async def _refresh_if_possible(client: Visitor, number: int) -> int:
    with suppress(httpx2.HTTPError):
        return int((await client.ask("POST", "/auth/refresh", {"attempt": f"a{number}"})).status_code == 200)
    return 0


@pytest.mark.anyio
async def test_restart_logs_nobody_out_and_forgets_no_logout(own_app: RunningApp, http: httpx2.AsyncClient) -> None:
    own_app.start()
    try:
        ada = Visitor(http, own_app.url)
        await ada.sign_up("ada@example.org")
        gone = Visitor(http, own_app.url)
        await gone.sign_in("ada@example.org")
        stolen = gone.copy()
        await gone.ask("POST", "/auth/logout")
        own_app.kill()
        own_app.start()

        assert (await ada.ask("GET", "/api/todos")).status_code == 200
        assert (await ada.ask("POST", "/auth/refresh")).status_code == 200
        refused = await stolen.ask("GET", "/api/todos")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
        refused = await stolen.ask("POST", "/auth/refresh")
        assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    finally:
        own_app.stop()
