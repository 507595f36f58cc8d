"""The application for one test."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.backend.stage import Stage, stage
from tests.running import Visitor
from tests.stores.servers import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for all tests of this process that ask for it."""
    with postgres_server() as server:
        yield server


@pytest.fixture
async def todo(tmp_path: Path) -> AsyncIterator[Stage]:
    """The running application."""
    async with stage(tmp_path) as running:
        yield running


@pytest.fixture
async def ada(todo: Stage) -> Visitor:
    """A browser that is signed in."""
    return await todo.member("ada@example.org")
