"""Fixtures that every test may use."""

import pytest
from hypothesis import settings

# Hypothesis' deadline for one example is wall time, which a busy machine exceeds without anything being wrong.
settings.register_profile("sealring", deadline=None)
settings.load_profile("sealring")


@pytest.fixture
def anyio_backend() -> str:
    """Asynchronous tests run on asyncio, the loop that the library is made for."""
    return "asyncio"
