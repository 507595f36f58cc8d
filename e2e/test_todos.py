"""A newcomer's first minutes: an account, and todos that come and go."""

from playwright.sync_api import Page, expect

from e2e.pages import Todo


def test_person_creates_an_account_and_works_with_todos(todo: Todo, page: Page) -> None:
    todo.create_account()
    todo.add("Water the plants")
    todo.add("File the tax return", due="2020-01-31", priority="high")
    expect(todo.item("File the tax return")).to_contain_text("High priority")

    todo.item("Water the plants").get_by_role("button", name="Edit Water the plants").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Title").fill("Water all the plants")
    dialog.get_by_label("Notes").fill("The fern as well.")
    dialog.get_by_role("button", name="Save").click()
    expect(todo.item("Water all the plants")).to_contain_text("The fern as well.")

    todo.item("Water all the plants").get_by_role("checkbox").check()
    page.get_by_role("radio", name="Done").check(force=True)
    expect(todo.item("File the tax return")).to_have_count(0)
    expect(todo.item("Water all the plants")).to_be_visible()
    page.get_by_role("radio", name="Open").check(force=True)
    expect(todo.item("Water all the plants")).to_have_count(0)
    expect(todo.item("File the tax return")).to_be_visible()

    page.get_by_role("radio", name="All").check(force=True)
    todo.item("File the tax return").get_by_role("button", name="Delete File the tax return").click()
    expect(todo.item("File the tax return")).to_have_count(0)
    page.goto("/account")  # leaving the page carries an undo that was not used out
    page.goto("/")
    page.get_by_role("radio", name="All").check(force=True)
    expect(todo.item("Water all the plants").get_by_role("checkbox")).to_be_checked()
    expect(todo.item("File the tax return")).to_have_count(0)


def test_what_a_person_writes_is_shown_as_text_and_never_run(todo: Todo, page: Page) -> None:
    todo.create_account()
    title = '<img src=x onerror="document.title=1">'
    todo.add(title)
    expect(todo.item(title)).to_be_visible()
    assert page.locator("img[src=x]").count() == 0


def test_wrong_password_is_explained_next_to_the_form(todo: Todo, page: Page) -> None:
    email = todo.create_account()
    todo.sign_out()
    todo.expect_sign_in_form()
    todo.fill_sign_in(email, "not the passphrase")
    expect(page.get_by_role("alert")).to_be_visible()
    todo.fill_sign_in(email)
    todo.expect_signed_in()


def test_keyboard_alone_is_enough(todo: Todo, page: Page) -> None:
    email = todo.create_account()
    todo.sign_out()
    todo.expect_sign_in_form()
    page.get_by_label("Email").focus()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type("a long enough passphrase")
    page.keyboard.press("Enter")
    todo.expect_signed_in()
    page.get_by_label("New todo").focus()
    page.keyboard.type("Written without a mouse")
    page.keyboard.press("Enter")
    checkbox = todo.item("Written without a mouse").get_by_role("checkbox")
    checkbox.focus()
    page.keyboard.press("Space")
    expect(checkbox).to_be_checked()
