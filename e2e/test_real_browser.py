"""What Playwright switches off for its own peace: the back/forward cache and throttled timers."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from e2e.conftest import arguments, executable
from e2e.metrics import alarms
from e2e.pages import Todo
from tests.running import RunningApp

_PLAYWRIGHTS_OWN = [
    "--disable-back-forward-cache",
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]
# Timers as those of a tab that has been hidden for long: they run together, once in so many milliseconds.
_THROTTLED = """
const every = 10_000, plain = window.setTimeout.bind(window);
window.setTimeout = (run, ms = 0, ...rest) =>
  plain(run, Math.max(Math.ceil((Date.now() + ms) / every) * every - Date.now(), ms), ...rest);
"""
_PERSISTED = "addEventListener('pageshow', (event) => { window.persisted = event.persisted; });"


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A life shorter than what throttled timers wait."""
    return {"SEALRING_ACCESS_LIFETIME": "8"}


@pytest.fixture
def as_people_have_it(browser: Browser, app: RunningApp) -> Iterator[BrowserContext]:
    """A Chromium with the defaults that people have."""
    own = browser.browser_type.launch(
        executable_path=executable(), args=arguments(), ignore_default_args=_PLAYWRIGHTS_OWN
    )
    yield own.new_context(base_url=app.url)
    own.close()


def _back(page: Page) -> None:
    """Go back to a page that the cache has kept, as it was."""
    page.evaluate("history.back()")
    deadline = time.monotonic() + 60
    while not _is_back(page):
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def _is_back(page: Page) -> bool:
    try:
        return page.evaluate("window.persisted") is True
    except Error:
        return False  # Between the two pages.


# As a tab would that is not heard: a message to a page in the cache would put it out of it.
_UNHEARD = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}


def test_page_from_the_back_forward_cache_learns_of_a_logout(as_people_have_it: BrowserContext) -> None:
    as_people_have_it.add_init_script(_PERSISTED)
    todo = Todo(as_people_have_it.new_page())
    todo.create_account()
    todo.page.goto("/healthz")
    assert as_people_have_it.request.post("/auth/logout", headers=_UNHEARD).ok
    _back(todo.page)
    expect(todo.page.get_by_text("another tab")).to_be_visible()


def test_page_from_the_back_forward_cache_goes_on_with_cookies_that_were_renewed_meanwhile(
    app: RunningApp, as_people_have_it: BrowserContext
) -> None:
    as_people_have_it.add_init_script(_PERSISTED)
    todo = Todo(as_people_have_it.new_page())
    todo.create_account()
    todo.page.goto("/healthz")
    assert as_people_have_it.request.post("/auth/refresh", headers=_UNHEARD).ok
    _back(todo.page)
    todo.add("Back again")
    assert alarms(app) == 0


def test_tabs_with_throttled_timers_stay_signed_in_and_disturb_nobody(
    app: RunningApp, as_people_have_it: BrowserContext
) -> None:
    first = Todo(as_people_have_it.new_page())
    first.create_account()
    hidden = [Todo(as_people_have_it.new_page()) for _ in range(4)]
    for tab in hidden:
        tab.page.add_init_script(_THROTTLED)
        tab.open()
        tab.expect_signed_in()
    refused: list[str] = []
    as_people_have_it.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        first.page.wait_for_timeout(200)
    for tab in hidden:
        tab.add(f"From hidden tab {hidden.index(tab)}")
    assert refused == []
    assert alarms(app) == 0
