"""axe finds no serious fault on any page, light and dark, wide and on a phone."""

from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, ViewportSize

from e2e.pages import Todo
from tests.running import ROOT, RunningApp

AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text()
SIZES: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 860}, "phone": {"width": 390, "height": 844}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_free_of_serious_faults(
    app: RunningApp, browser: Browser, scheme: Literal["light", "dark"], size: str
) -> None:
    context = browser.new_context(base_url=app.url, viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce")
    try:
        page = context.new_page()
        todo = Todo(page)
        todo.open()
        todo.expect_sign_in_form()
        _check(page, "sign in")
        email = todo.create_account()
        _check(page, "no todos")
        todo.add("Water the plants", due="2020-01-31", priority="high")
        todo.add("Read a book", priority="low")
        todo.item("Read a book").get_by_role("checkbox").check()
        _check(page, "todos")
        todo.item("Water the plants").get_by_role("button", name="Edit Water the plants").click()
        _check(page, "todo dialog")
        page.keyboard.press("Escape")
        page.goto("/account")
        page.get_by_role("list", name="Your devices").get_by_role("listitem").first.wait_for()
        _check(page, "account")
        page.goto("/nowhere")
        _check(page, "not found")
        _fits(page)
        other = context.new_page()
        other.goto("/")
        Todo(other).expect_signed_in()
        Todo(other).sign_out()
        page.get_by_role("button", name="Sign in again").wait_for()
        _check(page, "session ended")
        assert email
    finally:
        context.close()


def _check(page: Page, name: str) -> None:
    page.evaluate(AXE)
    found = page.evaluate("axe.run({ resultTypes: ['violations'] })")["violations"]
    serious = [
        f"{fault['id']}: {fault['help']} at {[node['target'] for node in fault['nodes']]}"
        for fault in found
        if fault["impact"] in {"serious", "critical"}
    ]
    assert serious == [], f"on the page '{name}'"
    _fits(page)


def _fits(page: Page) -> None:
    """No page scrolls sideways."""
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
