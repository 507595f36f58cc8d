"""The Todo application on Redis or Valkey: one setting, everything else untouched."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.running import RunningApp, Visitor
from tests.stores.valkey_server import PASSWORD, ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for a test."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path, valkey: ValkeyServer) -> Iterator[RunningApp]:
    """Run the application on it."""
    settings = {"SEALRING_STORE": valkey.url("timeout=1"), "SEALRING_GRACE": "1.01", "SEALRING_CLIENT_TIMEOUT": "1"}
    running = RunningApp(tmp_path, settings)
    running.start()
    yield running
    running.stop()


async def test_sessions_live_through_restarts_of_application_and_server_and_end_with_a_logout(
    app: RunningApp, valkey: ValkeyServer, http: httpx2.AsyncClient
) -> None:
    ada = Visitor(http, app.url)
    await ada.sign_up("ada@example.org")
    gone = Visitor(http, app.url)
    await gone.sign_in("ada@example.org")
    ended = gone.copy()
    assert (await gone.ask("POST", "/auth/logout")).status_code == 200
    refreshed = await ada.ask("POST", "/auth/refresh", {"attempt": "first"})
    assert refreshed.json()["outcome"] == "unchanged"

    app.stop()
    app.start()
    valkey.stop(signal.SIGKILL)
    away = await ada.ask("POST", "/auth/refresh", {"attempt": "first"})
    assert (away.status_code, away.json()["action"]) == (503, "retry")
    valkey.start()

    assert (await ada.ask("POST", "/auth/refresh", {"attempt": "first"})).json()["outcome"] in {"unchanged", "rotated"}
    assert (await ada.ask("GET", "/api/todos")).status_code == 200
    assert len((await ada.ask("GET", "/auth/sessions")).json()["sessions"]) == 1
    assert (await ended.ask("POST", "/auth/refresh", {"attempt": "first"})).json()["code"] == "session_revoked"
    assert (await ended.ask("GET", "/api/todos")).json()["code"] == "token_revoked"
    assert not [file for file in (app.folder / "data").iterdir() if "session" in file.name]
    assert PASSWORD not in app.log


async def test_an_application_whose_password_is_wrong_says_so_in_one_sentence(
    tmp_path: Path, valkey: ValkeyServer
) -> None:
    app = RunningApp(tmp_path / "other", {"SEALRING_STORE": valkey.url(password="hunter2")})
    app.folder.mkdir()
    with pytest.raises(AssertionError, match="did not start"):
        app.start()
    assert "refuses the user or its password" in app.log
    assert "Traceback" not in app.log
    assert "hunter2" not in app.log
