"""Several tabs of one browser share one session: one refresh for all, and nobody is taken for a thief."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
from playwright.sync_api import BrowserContext, Page, Request, Route, expect

from e2e.metrics import alarms, counted
from e2e.pages import Todo
from tests.running import RunningApp

LIFETIME = 6.0
# A refresh is due when half of a short life has passed, a little earlier by chance.
PERIOD = LIFETIME / 2
PATIENCE = 60.0


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A short life, so that many refreshes are seen."""
    return {"SEALRING_ACCESS_LIFETIME": str(LIFETIME)}


@pytest.fixture(autouse=True)
def nobody_is_suspected(app: RunningApp) -> Iterator[None]:
    """Whatever the tabs of one browser do, the server sees one honest browser."""
    yield
    assert alarms(app) == 0


def five_tabs(context: BrowserContext) -> list[Todo]:
    first = Todo(context.new_page())
    first.create_account()
    tabs = [first, *(Todo(context.new_page()) for _ in range(4))]
    for tab in tabs[1:]:
        tab.open()
        tab.expect_signed_in()
    return tabs


def refreshes(context: BrowserContext) -> list[Request]:
    """Return the list that every refresh of every tab will be put into."""
    seen: list[Request] = []
    context.on("request", lambda request: seen.append(request) if request.url.endswith("/auth/refresh") else None)
    return seen


def wait_until(page: Page, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def starts(requests: list[Request]) -> list[float]:
    """Return when the browser began them, in seconds."""
    return sorted(request.timing["startTime"] / 1000 for request in requests if request.timing["startTime"] > 0)


def test_five_tabs_refresh_once_in_each_of_ten_cycles(app: RunningApp, context: BrowserContext) -> None:
    tabs = five_tabs(context)
    seen, replays = refreshes(context), counted(app, "refresh_decided")
    wait_until(tabs[0].page, lambda: len(seen) > 10)
    times = starts(seen[:10])
    # A second refresh in a cycle would follow the first at once.
    assert min(later - earlier for earlier, later in pairwise(times)) > PERIOD / 2
    assert counted(app, "refresh_decided") - replays <= len(seen)
    for tab in tabs:
        tab.add(f"From tab {tabs.index(tab)}")


def test_outage_of_fifteen_seconds_costs_five_tabs_at_most_six_calls(context: BrowserContext) -> None:
    tabs = five_tabs(context)
    failed: list[float] = []

    def fail(route: Route) -> None:
        failed.append(time.monotonic())
        route.fulfill(status=503, body="The proxy has no server to ask.")

    context.route("**/auth/*", fail)
    wait_until(tabs[0].page, lambda: bool(failed) and time.monotonic() > failed[0] + 15)
    assert sum(at < failed[0] + 15 for at in failed) <= 6
    context.unroute("**/auth/*")
    with context.expect_event("response", lambda answer: answer.url.endswith("/auth/refresh") and answer.ok):
        pass
    for tab in tabs:
        tab.add(f"After the outage, from tab {tabs.index(tab)}")


def test_signing_out_in_one_tab_reaches_every_tab(context: BrowserContext) -> None:
    tabs = five_tabs(context)
    tabs[2].sign_out()
    tabs[2].expect_sign_in_form()
    for tab in tabs[:2] + tabs[3:]:
        expect(tab.page.get_by_text("another tab")).to_be_visible()


def test_closing_the_tab_that_holds_the_lock_lets_another_one_refresh(context: BrowserContext) -> None:
    tabs = five_tabs(context)
    held: list[Page] = []

    def hold_the_first(route: Route) -> None:
        page = route.request.frame.page
        if held and page is not held[0]:
            route.continue_()
        elif not held:
            held.append(page)  # Never answered.

    context.route("**/auth/refresh", hold_the_first)
    wait_until(tabs[0].page, lambda: bool(held))
    closed = next(tab for tab in tabs if tab.page is held[0])
    rest = [tab for tab in tabs if tab is not closed]
    locks = rest[0].page.evaluate("navigator.locks.query().then(({ held }) => held.map(({ name }) => name))")
    assert len(locks) == 1
    seen = refreshes(context)
    closed.page.close()
    wait_until(rest[0].page, lambda: len(seen) > 0)
    for tab in rest:
        tab.add(f"Without the closed tab, {tabs.index(tab)}")


def test_suspended_tab_that_holds_the_lock_is_passed_by_and_carries_on_when_it_is_resumed(
    context: BrowserContext,
) -> None:
    first = Todo(context.new_page())
    first.create_account()
    held: list[Route] = []
    first.page.route("**/auth/refresh", lambda route: held.append(route) if not held else route.continue_())
    wait_until(first.page, lambda: bool(held))
    devtools = context.new_cdp_session(first.page)
    devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    second = Todo(context.new_page())
    seen = refreshes(context)
    second.open()
    second.expect_signed_in()
    wait_until(second.page, lambda: len(seen) > 1)
    second.add("While the other tab was frozen")
    devtools.send("Page.setWebLifecycleState", {"state": "active"})
    held[0].abort()
    first.page.bring_to_front()
    first.add("Resumed")


def test_user_who_comes_back_through_the_history_is_told_what_happened_meanwhile(
    todo: Todo, context: BrowserContext
) -> None:
    todo.create_account()
    todo.page.goto("/healthz")
    second = Todo(context.new_page())
    second.open()
    second.expect_signed_in()
    second.sign_out()
    second.expect_sign_in_form()
    todo.page.go_back()
    expect(todo.page.get_by_role("heading", name="Your todos")).to_have_count(0)
    expect(todo.page.get_by_label("Email")).to_be_visible()
