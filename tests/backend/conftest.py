"""The application for one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.stage import Stage, stage
from tests.running import Visitor


@pytest.fixture
async def todo(tmp_path: Path) -> AsyncIterator[Stage]:
    """The running application."""
    async with stage(tmp_path) as running:
        yield running


@pytest.fixture
async def ada(todo: Stage) -> Visitor:
    """A browser that is signed in."""
    return await todo.member("ada@example.org")
