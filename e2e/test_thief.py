"""Somebody has copied the cookies of a session, and uses them in a browser of their own."""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Response, expect

from e2e.metrics import alarms
from e2e.pages import Todo
from tests.running import RunningApp

PATIENCE = 90.0


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A short life and a short grace: every refresh is a rotation, and victim and thief soon meet."""
    return {"SEALRING_ACCESS_LIFETIME": "8", "SEALRING_GRACE": "2", "SEALRING_CLIENT_TIMEOUT": "1"}


@pytest.fixture
def thief(browser: Browser, app: RunningApp) -> Iterator[BrowserContext]:
    """The second browser: what it runs is the client too, with storage of its own."""
    made = browser.new_context(base_url=app.url)
    yield made
    made.close()


def test_session_ends_within_two_refreshes_of_the_victim(
    app: RunningApp, todo: Todo, context: BrowserContext, thief: BrowserContext
) -> None:
    todo.create_account()
    assert alarms(app) == 0
    given: dict[str, list[str]] = {"victim": [], "thief": []}
    _note(todo.page, given["victim"])
    thief.add_cookies(context.cookies())  # type: ignore[arg-type]
    given["victim"].clear()
    stolen = Todo(thief.new_page())
    _note(stolen.page, given["thief"])
    stolen.open()
    stolen.expect_signed_in()

    deadline = time.monotonic() + PATIENCE
    while alarms(app) == 0:
        assert time.monotonic() < deadline
        todo.page.wait_for_timeout(100)
    for page in (todo.page, stolen.page):
        # Whoever moves first after the end is told what happened, the other that it is over.
        expect(page.get_by_role("heading", name=re.compile("signed you out|was ended"))).to_be_visible()
    for outcomes in given.values():
        assert sum(outcome in {"rotated", "replayed"} for outcome in outcomes) <= 2


def _note(page: Page, outcomes: list[str]) -> None:
    """Note what each refresh of a page brought; `unchanged` brings no refresh token."""

    def read(answer: Response) -> None:
        if answer.url.endswith("/auth/refresh"):
            outcomes.append(str(answer.json().get("outcome", "refused")))

    page.on("response", read)
