"""One Todo application for each module, and a visitor to it."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.running import RunningApp, Visitor, running_app


@pytest.fixture(scope="module")
def settings() -> dict[str, str]:
    """Settings of this module's application; a module may override it."""
    return {}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str]) -> Iterator[RunningApp]:
    """Run the application for this module."""
    with running_app(tmp_path_factory.mktemp("todo"), settings) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    """Connections that no test needs to close."""
    limits = httpx2.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx2.AsyncClient(timeout=60, limits=limits) as client:
        yield client


@pytest.fixture
def visitor(app: RunningApp, http: httpx2.AsyncClient) -> Visitor:
    """Somebody without cookies."""
    return Visitor(http, app.url)
