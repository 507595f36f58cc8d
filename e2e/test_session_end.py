"""A session that ends by itself says why."""

import pytest
from playwright.sync_api import Page, expect

from e2e.pages import Todo


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Ten seconds without input end the session."""
    return {"SEALRING_ACCESS_LIFETIME": "6", "SEALRING_IDLE": "10"}


def test_session_without_input_ends_with_a_reason_and_a_way_back(todo: Todo, page: Page) -> None:
    """Silent refreshes alone do not keep it alive."""
    email = todo.create_account()
    back = page.get_by_role("button", name="Sign in again")
    expect(back).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Your todos")).to_have_count(0)
    expect(page.get_by_role("heading", name="You were away for a while")).to_be_visible()
    back.click()
    todo.fill_sign_in(email)
    todo.expect_signed_in()
