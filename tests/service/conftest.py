"""The engines that the tests of the service run on."""

from pathlib import Path

import pytest

from tests.gated import Place, memory_place, sqlite_place


@pytest.fixture(params=["memory", "sqlite"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for the ring, once for each engine."""
    return memory_place() if request.param == "memory" else sqlite_place(tmp_path)
