"""The engines that the tests of sessions run on: all of them, each a real one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gated import Place, memory_place, postgres_place, sqlite_place, valkey_place
from tests.stores.servers import PostgresServer, postgres_server
from tests.stores.valkey_server import ValkeyServer, valkey_server

ENGINES = ("memory", "sqlite", "postgres", "valkey")


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one PostgreSQL for all tests of this process."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[ValkeyServer]:
    """Run one Valkey for all tests of this process."""
    with valkey_server() as server:
        yield server


@pytest.fixture(params=ENGINES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for sessions, once for each engine."""
    match request.param:
        case "memory":
            return memory_place()
        case "sqlite":
            return sqlite_place(tmp_path)
        case "postgres":
            return postgres_place(request.getfixturevalue("postgres"))
        case _:
            return valkey_place(request.getfixturevalue("valkey"))
