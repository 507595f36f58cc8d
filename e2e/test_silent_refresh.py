"""The access token is renewed before it ends, and nobody notices."""

import time

import pytest
from playwright.sync_api import BrowserContext, Page, Response, expect

from e2e.pages import Todo

LIFETIME = 8.0


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A short life, and a session that ends a while after the last input."""
    return {"SEALRING_ACCESS_LIFETIME": str(LIFETIME)}


def _refreshes(page: Page) -> list[Response]:
    seen: list[Response] = []
    page.on("response", lambda answer: seen.append(answer) if answer.url.endswith("/auth/refresh") else None)
    return seen


def test_token_is_renewed_in_time_again_and_again(todo: Todo, page: Page) -> None:
    todo.create_account()
    refreshes, refused = _refreshes(page), []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status >= 400 else None)
    deadline = time.monotonic() + 10 * LIFETIME
    while len(refreshes) < 4 and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert [answer.status for answer in refreshes[:4]] == [200] * 4
    todo.add("Written with the fifth token")
    assert refused == []


def test_two_tabs_renew_without_disturbing_each_other(todo: Todo, context: BrowserContext) -> None:
    todo.create_account()
    second = Todo(context.new_page())
    second.open()
    second.expect_signed_in()
    seen = [_refreshes(todo.page), _refreshes(second.page)]
    deadline = time.monotonic() + 10 * LIFETIME
    while sum(map(len, seen)) < 4 and time.monotonic() < deadline:
        todo.page.wait_for_timeout(100)
    assert {answer.status for tab in seen for answer in tab} == {200}
    todo.add("From the first tab")
    second.add("From the second tab")


def test_tab_that_slept_past_the_expiry_carries_on(todo: Todo, context: BrowserContext, page: Page) -> None:
    """The browser has dropped the expired access cookie by then; the refresh cookie is still there."""
    todo.create_account()
    page.goto("about:blank")
    deadline = time.monotonic() + 5 * LIFETIME
    while any(str(cookie["name"]).endswith("-at") for cookie in context.cookies()) and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    page.goto("/")
    todo.expect_signed_in()
    todo.add("Awake again")
    expect(todo.item("Awake again")).to_be_visible()
