"""The store behind PgBouncer, whose connections to the server are lent for one transaction at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from asyncpg import exceptions as pg

from sealring.errors import ConfigurationError
from sealring.sessions.record import SessionRow
from sealring.stores import Store
from sealring.stores.postgres import PostgresStore
from sealring.stores.postgres_errors import at_start
from sealring.testing import make_rotation, make_row
from sealring.testing.rules.cancelling import CancellingRules
from sealring.testing.rules.ending import EndingSubjectRules
from sealring.testing.rules.feed import FeedRules
from sealring.testing.rules.leasing import LeasingRules
from sealring.testing.rules.opening import OpeningRules
from sealring.testing.rules.ring import RingRules
from sealring.testing.rules.rotating import RotatingRules
from sealring.testing.rules.writing import ConfirmingRules
from tests.stores.pgbouncer import PgBouncer, pgbouncer
from tests.stores.postgres_help import client
from tests.stores.servers import PostgresServer

OPTIONS = "prepare=off&listen=off"
FEW = 2

_EMPTY = """
    TRUNCATE sealring_session, sealring_subject, sealring_denial, sealring_lease, sealring_ring_key RESTART IDENTITY;
    UPDATE sealring_key_ring SET revision = 0
"""


@pytest.fixture(scope="module")
def bouncer(postgres: PostgresServer) -> Iterator[PgBouncer]:
    """Run one PgBouncer for the tests of this module, with far fewer connections to the server than it has clients."""
    with pgbouncer(postgres, pool_size=FEW) as running:
        yield running


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> str:
    """Return the name of a database of this module's own."""
    return postgres.new_database().rpartition("/")[2]


class TestPostgresStoreBehindPgBouncer(
    OpeningRules,
    RotatingRules,
    ConfirmingRules,
    EndingSubjectRules,
    LeasingRules,
    FeedRules,
    RingRules,
    CancellingRules,
):
    """The rules of the contract with transactions, locks, arrays and callers that go away."""

    bouncer: PgBouncer
    database: str

    @pytest.fixture(autouse=True)
    def _place(self, bouncer: PgBouncer, database: str) -> None:
        self.bouncer, self.database = bouncer, database

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with PostgresStore(self.bouncer.url(self.database, OPTIONS)) as store:
            async with client(self.bouncer.server.url(self.database)) as connection:
                await connection.execute(_EMPTY)
            yield store


@pytest.mark.anyio
async def test_many_processes_share_two_connections_to_the_server_and_each_gets_its_own_answers(
    bouncer: PgBouncer,
) -> None:
    name = bouncer.server.new_database().rpartition("/")[2]
    async with AsyncExitStack() as stack:
        stores = [
            await stack.enter_async_context(PostgresStore(bouncer.url(name, OPTIONS), pool_timeout=30))
            for _ in range(8)
        ]

        async def one(store: PostgresStore, number: int) -> SessionRow | None:
            row = make_row(subject=f"user {number}")
            assert await store.open_session(row)
            rotated = await store.rotate(make_rotation(row))
            assert rotated is not None
            assert rotated.sid == row.sid
            listed = await store.list_sessions(row.subject)
            assert listed == (rotated,)
            return await store.end_session(row.sid, "logout", row.created_at, row.created_at + 900)

        ended = await asyncio.gather(*(one(stores[number % 8], number) for number in range(200)))
        assert [row.subject for row in ended if row] == [f"user {number}" for number in range(200)]
        pools = [pool for pool in bouncer.show("SERVERS") if pool["database"] == name]
        assert 1 <= len(pools) <= FEW
        clients = [each for each in bouncer.show("CLIENTS") if each["database"] == name]
        assert len(clients) > FEW


@pytest.mark.parametrize("error", [pg.DuplicatePreparedStatementError, pg.InvalidSQLStatementNameError])
def test_what_happens_at_a_start_without_the_options_is_answered_with_them(error: type[Exception]) -> None:
    # Which of the two it is, and when, depends on who was lent which connection before.
    ours = at_start(error("prepared statement"))
    assert isinstance(ours, ConfigurationError)
    assert "prepare=off&listen=off" in ours.detail
