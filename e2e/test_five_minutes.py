"""With the lives that everybody gets: renewed five minutes before the fifteen are over."""

from playwright.sync_api import Page

from e2e.pages import Todo


def test_refresh_comes_five_minutes_before_expiry_and_not_long_before(todo: Todo, page: Page) -> None:
    page.clock.install()
    todo.create_account()
    refreshes: list[str] = []
    page.on("request", lambda request: refreshes.append(request.url) if request.url.endswith("/refresh") else None)
    page.clock.fast_forward(9 * 60 * 1000)
    page.wait_for_load_state("networkidle")
    assert refreshes == []
    with page.expect_response("**/auth/refresh") as answer:
        page.clock.fast_forward(61 * 1000)
    assert answer.value.status == 200
    assert len(refreshes) == 1
