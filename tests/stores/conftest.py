"""Servers for the tests of stores."""

from collections.abc import Iterator

import pytest

from tests.stores.servers import PostgresServer, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for all tests of this process."""
    with postgres_server() as server:
        yield server
