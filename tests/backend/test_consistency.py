"""What changes in the application takes effect on sessions: completely, in order, and again after a failure."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from backend.accounts import Accounts
from backend.admin import disable_account
from backend.auth.config import TodoClaims, build_ring
from backend.auth.utils import subject_loader
from backend.db import Database
from backend.utils.password_rules import PasswordRules
from backend.utils.security import Passwords
from sealring import Sealring
from sealring.errors import StoreUnavailable
from sealring.stores import open_store
from sealring.stores.base import Store
from tests.backend.stage import PASSWORD, Stage, stage, token_settings
from tests.gated import GatedStore
from tests.running import ROOT, RunningApp, Visitor

pytestmark = pytest.mark.anyio

NEW = "another long enough passphrase"


@pytest.fixture
def gated(monkeypatch: pytest.MonkeyPatch) -> list[GatedStore]:
    """Put the application's store behind gates; the list has it once the application is built."""
    made: list[GatedStore] = []

    def opened(url: str) -> Store:
        made.append(GatedStore(open_store(url)))
        return made[-1].port

    monkeypatch.setattr("sealring.settings.open_store", opened)
    return made


@pytest.fixture
async def todo(gated: list[GatedStore], tmp_path: Path) -> AsyncIterator[Stage]:
    """Run the application."""
    async with stage(tmp_path) as running:
        yield running


async def change(visitor: Visitor, current: str, new: str) -> httpx2.Response:
    """Ask for another password."""
    return await visitor.ask("POST", "/api/account/password", {"current_password": current, "new_password": new})


async def signs_in(todo: Stage, password: str) -> int:
    """Return the status of a login."""
    form = {"email": "ada@example.org", "password": password, "remember": False}
    return (await todo.visitor().ask("POST", "/auth/login", form)).status_code


@pytest.mark.parametrize("side", ["before", "after"])
async def test_a_password_change_whose_second_half_fails_is_503_and_is_completed_by_repeating_it(
    todo: Stage, gated: list[GatedStore], side: str
) -> None:
    here = await todo.member()
    thief = todo.visitor()
    await thief.sign_in("ada@example.org")
    gated[0].fail("end_subject", "before" if side == "before" else "after")
    failed = await change(here, PASSWORD, NEW)
    assert (failed.status_code, failed.json()["action"]) == (503, "retry")
    # The first half stands: the old password opens nothing any more, so that no new thief gets in meanwhile.
    assert (await signs_in(todo, PASSWORD), await signs_in(todo, NEW)) == (401, 200)
    # A client that repeats says the same again.
    again = await change(here, PASSWORD, NEW)
    assert again.status_code == 200, again.text
    assert (await thief.ask("POST", "/auth/refresh", {"attempt": "x"})).status_code == 401
    # Where the answer was lost, that end is news for this process, too.
    async with asyncio.timeout(30):
        while (answer := await thief.ask("GET", "/api/todos")).status_code == 200:
            await asyncio.sleep(0.05)
    assert answer.json()["code"] == "token_revoked"
    assert (await here.ask("GET", "/api/todos")).status_code == 200
    assert (await signs_in(todo, PASSWORD), await signs_in(todo, NEW)) == (401, 200)


async def test_a_password_change_that_fails_before_its_first_half_changes_nothing(
    todo: Stage, gated: list[GatedStore]
) -> None:
    here, elsewhere = await todo.member(), todo.visitor()
    await elsewhere.sign_in("ada@example.org")
    # The route is a sensitive one: without the store it does not begin.
    gated[0].fail("read_session")
    assert (await change(here, PASSWORD, NEW)).status_code == 503
    assert (await signs_in(todo, PASSWORD), await signs_in(todo, NEW)) == (200, 401)
    assert (await elsewhere.ask("GET", "/api/todos")).status_code == 200


async def test_a_login_with_the_old_password_that_was_under_way_gets_no_session(
    todo: Stage, gated: list[GatedStore]
) -> None:
    here = await todo.member()
    gate = gated[0].hold("open_session")
    late = asyncio.create_task(signs_in(todo, PASSWORD))
    await gate.wait()
    assert (await change(here, PASSWORD, NEW)).status_code == 200
    gate.open()
    assert await late == 401


async def test_who_knows_neither_the_old_nor_the_new_password_changes_nothing(todo: Stage) -> None:
    here = await todo.member()
    answer = await change(here, "not the present one", "nor is this one")
    assert (answer.status_code, answer.json()["code"]) == (401, "credentials_invalid")
    assert await signs_in(todo, PASSWORD) == 200


# Disabling


async def test_a_disabled_account_is_shut_out_at_once_of_every_session_and_of_signing_in(tmp_path: Path) -> None:
    app = RunningApp(tmp_path)
    app.start()
    try:
        async with httpx2.AsyncClient(timeout=60) as http:
            ada, phone, bob = (Visitor(http, app.url) for _ in range(3))
            await ada.sign_up("ada@example.org")
            await phone.sign_in("ada@example.org")
            await bob.sign_up("bob@example.org")

            assert administer(app, "disable", "Ada@example.org") == (
                0,
                "ada@example.org is disabled; sessions ended: 2.",
            )
            for visitor in (ada, phone):
                assert (await visitor.ask("GET", "/api/todos")).status_code == 401
                assert (await visitor.ask("GET", "/auth/sessions")).status_code == 401
                refreshed = await visitor.ask("POST", "/auth/refresh", {"attempt": "x"})
                assert (refreshed.status_code, refreshed.json()["code"]) == (401, "session_revoked")
            form = {"email": "ada@example.org", "password": PASSWORD, "remember": False}
            assert (await Visitor(http, app.url).ask("POST", "/auth/login", form)).status_code == 401
            assert (await bob.ask("GET", "/api/todos")).status_code == 200

            assert administer(app, "disable", "ada@example.org") == (
                0,
                "ada@example.org is disabled; sessions ended: 0.",
            )
            assert administer(app, "enable", "ada@example.org") == (0, "ada@example.org may sign in again.")
            await ada.sign_in("ada@example.org")
            assert (await ada.ask("GET", "/api/todos")).status_code == 200
            assert administer(app, "disable", "nobody@example.org")[0] == 1
    finally:
        app.stop()


def administer(app: RunningApp, *arguments: str) -> tuple[int, str]:
    """Run the administrator's command beside the application and return its status and its last line."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEALRING_", "TODO_"))}
    settings = {
        "SEALRING_ENVIRONMENT": "development",
        "SEALRING_ENV_FILE": str(app.folder / "sealring.env"),
        "TODO_DATA_DIR": str(app.folder / "data"),
    }
    command = [sys.executable, "-m", "backend.admin", *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=kept | settings, capture_output=True, text=True, check=False, timeout=60
    )
    lines = (done.stdout or done.stderr).splitlines()
    return done.returncode, lines[-1] if lines else ""


@asynccontextmanager
async def office(todo: Stage, folder: Path) -> AsyncIterator[tuple[Accounts, Sealring[TodoClaims]]]:
    """Give what the administrator's command works with: a process of its own, on the same places."""
    database = Database(todo.settings.database, patience=todo.settings.patience)
    accounts = Accounts(database, Passwords(todo.settings, None), PasswordRules(), todo.clock)
    load_subject = subject_loader(accounts, max_todos=todo.settings.max_todos)
    try:
        async with build_ring(token_settings(folder), load_subject=load_subject, sinks=(), clock=todo.clock) as ring:
            yield accounts, ring
    finally:
        await database.close()


async def test_disabling_that_could_not_end_the_sessions_still_refuses_their_refresh_and_is_completed_by_repeating(
    todo: Stage, gated: list[GatedStore], tmp_path: Path
) -> None:
    ada = await todo.member()
    async with office(todo, tmp_path) as (accounts, ring):
        gated[-1].fail("end_subject")
        with pytest.raises(StoreUnavailable):
            await disable_account(accounts, ring, "ada@example.org")
        assert (await ada.ask("GET", "/api/todos")).json()["code"] == "subject_inactive"
        refreshed = await ada.ask("POST", "/auth/refresh", {"attempt": "x"})
        assert (refreshed.status_code, refreshed.json()["code"]) == (401, "subject_inactive")
        # That refresh has ended its own session.
        assert await disable_account(accounts, ring, "ada@example.org") == 0
        assert await ring.sessions(await accounts.enable("ada@example.org")) == ()


async def test_disabling_ends_a_login_that_is_under_way(todo: Stage, gated: list[GatedStore], tmp_path: Path) -> None:
    await todo.member()
    async with office(todo, tmp_path) as (accounts, ring):
        gate = gated[0].hold("open_session")
        late = asyncio.create_task(signs_in(todo, PASSWORD))
        await gate.wait()
        assert await disable_account(accounts, ring, "ada@example.org") == 1
        gate.open()
        assert await late == 401
