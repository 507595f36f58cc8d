"""The list follows every other tab and device, and the connection behind it follows the session."""

from playwright.sync_api import Browser, BrowserContext, expect

from e2e.pages import Todo
from tests.running import RunningApp


def test_a_change_on_one_device_shows_in_the_other_tab_and_on_the_other_device(
    app: RunningApp, browser: Browser, todo: Todo, context: BrowserContext
) -> None:
    email = todo.create_account()
    tab = Todo(context.new_page())
    tab.open()
    tab.expect_signed_in()
    other = browser.new_context(base_url=app.url)
    try:
        phone = Todo(other.new_page())
        phone.sign_in(email)
        phone.add("Water the plants")
        expect(tab.item("Water the plants")).to_be_visible()
        expect(todo.item("Water the plants")).to_be_visible()
        todo.item("Water the plants").get_by_role("checkbox").check()
        # Open pages show what is to be done.
        expect(phone.item("Water the plants")).to_have_count(0)
        expect(tab.item("Water the plants")).to_have_count(0)
    finally:
        other.close()


def test_the_connection_opens_with_the_session_and_closes_with_it(todo: Todo) -> None:
    with todo.page.expect_websocket() as first:
        email = todo.create_account()
    assert first.value.url.endswith("/api/todos/live")
    with first.value.expect_event("close"):
        todo.sign_out()
    todo.expect_sign_in_form()
    with todo.page.expect_websocket():
        todo.fill_sign_in(email)
    todo.expect_signed_in()
