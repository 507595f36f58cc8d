"""What a person does in the Todo application, in the words on its pages."""

import itertools
from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

PASSWORD = "a long enough passphrase"
_numbers = itertools.count(1)


def new_email() -> str:
    """Return an address that nobody has used."""
    return f"person{next(_numbers)}@example.org"


@dataclass
class Todo:
    """The application in one tab."""

    page: Page

    def open(self, path: str = "/") -> None:
        self.page.goto(path)

    def create_account(self, email: str | None = None) -> str:
        """Create an account, which signs in, and return its address."""
        email = email or new_email()
        self.open()
        self.page.get_by_role("link", name="Create an account").or_(
            self.page.get_by_role("button", name="Create an account")
        ).click()
        self.page.get_by_label("Name").fill("Ada")
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Create account").click()
        self.expect_signed_in()
        return email

    def sign_in(self, email: str, *, remember: bool = True) -> None:
        self.open()
        self.fill_sign_in(email, remember=remember)
        self.expect_signed_in()

    def fill_sign_in(self, email: str, password: str = PASSWORD, *, remember: bool = True) -> None:
        self.page.get_by_label("Email").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_label("Keep me signed in").set_checked(remember)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def sign_out(self) -> None:
        self.page.get_by_role("button", name="Sign out", exact=True).click()

    def add(self, title: str, *, due: str | None = None, priority: str | None = None) -> None:
        self.page.get_by_label("New todo").fill(title)
        form = self.page.get_by_role("form", name="Add a todo")
        if due is not None:
            form.get_by_label("Due").fill(due)
        if priority is not None:
            form.get_by_label("Priority").select_option(priority)
        self.page.get_by_role("button", name="Add", exact=True).click()
        expect(self.item(title)).to_be_visible()

    @property
    def list(self) -> Locator:
        return self.page.get_by_role("list", name="Todos")

    def item(self, title: str) -> Locator:
        return self.list.get_by_role("listitem").filter(has=self.page.get_by_role("checkbox", name=title, exact=True))

    def expect_signed_in(self) -> None:
        expect(self.page.get_by_role("heading", name="Your todos")).to_be_visible()

    def expect_sign_in_form(self) -> None:
        expect(self.page.get_by_role("heading", name="Sign in")).to_be_visible()
