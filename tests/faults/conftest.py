"""One installation of each engine for a module, in which every test plays with clients of its own."""

from collections.abc import AsyncIterator

import pytest

from tests.faults.lab.world import World, world


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """An installation outlives a test, and so does the loop that its proxies run in."""
    return "asyncio"


@pytest.fixture(scope="module")
async def installation(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Run the application in two processes on the engine that the test asks for."""
    async with world(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running
