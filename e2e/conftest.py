"""A real Chromium in front of the running application."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from e2e.pages import Todo
from tests.running import RunningApp, running_app

# Chromium asks the world about updates and experiments unless it is told not to.
_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


# A deadline, not a measurement: the machine may have other things to do.
expect.set_options(timeout=20_000)


def executable() -> str | None:
    """Return where Chromium is; `make test` says it."""
    return os.environ.get("SEALRING_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome")


def arguments() -> list[str]:
    """Return what it is started with."""
    # Chromium refuses its sandbox to root, which is who runs containers and CI.
    return [*_QUIET, "--no-sandbox"] if os.geteuid() == 0 else _QUIET


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable(), args=arguments())
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Settings of this module's application; a module may override it."""
    return {}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[RunningApp]:
    """Run the application for this module."""
    assert (Path(__file__).parent.parent / "frontend/dist/index.html").exists(), "run `make build` first"
    with running_app(tmp_path_factory.mktemp("todo"), settings) as running:
        yield running


@pytest.fixture
def context(browser: Browser, app: RunningApp) -> Iterator[BrowserContext]:
    """A browser profile of its own; whatever its pages log as an error fails the test."""
    made = browser.new_context(base_url=app.url, viewport={"width": 1280, "height": 860})
    made.set_default_timeout(15_000)
    faults: list[str] = []
    made.on("weberror", lambda error: faults.append(str(error.error)))
    made.on("console", lambda message: faults.append(message.text) if _is_fault(message.text, message.type) else None)
    yield made
    made.close()
    assert faults == []


def _is_fault(text: str, kind: str) -> bool:
    # The browser itself notes every 401 as an error; an answer is no fault of a page.
    return kind == "error" and not text.startswith("Failed to load resource: the server responded")


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """The first tab."""
    return context.new_page()


@pytest.fixture
def todo(page: Page) -> Todo:
    """The application as a person uses it, in the first tab."""
    return Todo(page)
