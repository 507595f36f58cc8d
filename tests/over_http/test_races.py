"""Many tabs refresh at the same moment: one rotation, one successor, nobody logged out."""

import asyncio
from collections import Counter

import httpx2
import pytest

from tests.running import REFRESH, RunningApp, Visitor

SESSIONS, ROUNDS_EACH, PARALLEL = 10, 10, 50


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """A short grace, so that every round begins with a settled session."""
    return {"SEALRING_GRACE": "1.01", "SEALRING_CLIENT_TIMEOUT": "1"}


@pytest.mark.anyio
async def test_fifty_parallel_refreshes_in_a_hundred_rounds_rotate_once_each(
    app: RunningApp, http: httpx2.AsyncClient
) -> None:
    """Ten sessions run ten rounds each, every round with fifty requests that carry the same refresh cookie."""
    email = "many-tabs@example.org"
    await Visitor(http, app.url).sign_up(email)
    browsers = [Visitor(http, app.url) for _ in range(SESSIONS)]
    for browser in browsers:
        await browser.sign_in(email)

    rounds = await asyncio.gather(*(_rounds(browser) for browser in browsers))

    assert len([outcomes for session in rounds for outcomes in session]) == 100
    assert all(outcomes == {"rotated": 1, "replayed": PARALLEL - 1} for session in rounds for outcomes in session)
    assert "reuse_detected" not in app.log
    for browser in browsers:
        assert (await browser.ask("GET", "/auth/session")).status_code == 200


async def _rounds(browser: Visitor) -> list[Counter[str]]:
    seen = []
    for number in range(ROUNDS_EACH):
        await _settle(browser)
        tabs = [browser.copy() for _ in range(PARALLEL)]
        answers = await asyncio.gather(
            *(tab.ask("POST", "/auth/refresh", {"attempt": f"round-{number}"}) for tab in tabs)
        )
        assert {answer.status_code for answer in answers} == {200}
        assert len({tab.cookies[REFRESH] for tab in tabs}) == 1, "every tab must get the same successor"
        assert tabs[0].cookies[REFRESH] != browser.cookies[REFRESH]
        browser.cookies = tabs[0].cookies
        seen.append(Counter(str(answer.json()["outcome"]) for answer in answers))
    return seen


async def _settle(browser: Visitor) -> None:
    """Show that the newest generation arrived, and let the grace pass."""
    answer = await browser.ask("POST", "/auth/refresh", {"attempt": "settling"})
    assert answer.json()["outcome"] == "unchanged"
    await asyncio.sleep(1.05)  # the application's clock is the machine's: a grace can only be waited for
