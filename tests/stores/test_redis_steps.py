"""What takes several steps may be left after each of them: tokens end up denied, or with nobody, never accepted."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from sealring.errors import StoreUnavailable
from sealring.revocation.denylist import Denylist
from sealring.sessions.record import SessionRow
from sealring.stores.redis import RedisStore
from sealring.stores.redis_link import Asking, Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import Command
from sealring.stores.redis_sessions import RedisSessions
from sealring.testing import NOW, make_rotation, make_row
from tests.stores.redis_help import Cut, emptied
from tests.stores.redis_help import line as line_to
from tests.stores.valkey_cluster import ValkeyCluster, valkey_cluster
from tests.stores.valkey_server import ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

UNTIL = NOW + 900
# More cuts than any operation has steps; the last ones cut nothing and prove that.
CUTS = range(10)


@pytest.fixture(scope="module", params=[valkey_server, valkey_cluster], ids=["one server", "a cluster"])
def valkey(request: pytest.FixtureRequest) -> Iterator[ValkeyServer | ValkeyCluster]:
    """Run one Valkey, and then one cluster, for the tests of this module."""
    with request.param() as it:
        yield it


@pytest.fixture
async def store(valkey: ValkeyServer | ValkeyCluster) -> AsyncIterator[RedisStore]:
    """Another process, whose line holds."""
    async with emptied(valkey) as store:
        yield store


@pytest.fixture
async def line(valkey: ValkeyServer | ValkeyCluster) -> AsyncIterator[Asking]:
    """The line that is cut."""
    async with line_to(valkey.url()) as asking:
        yield asking


@pytest.fixture(params=CUTS)
def steps(request: pytest.FixtureRequest) -> int:
    """How many steps pass."""
    return int(request.param)


@pytest.fixture(params=[False, True], ids=["before it was sent", "before the answer came"])
def unheard(request: pytest.FixtureRequest) -> bool:
    """Whether the step at the cut still reaches the server."""
    return bool(request.param)


def sessions_over(server: Server) -> RedisSessions:
    return RedisSessions(server, Names("sealring"), keep_ended=3_600)


async def denylist_of(store: RedisStore) -> Denylist:
    denylist = Denylist()
    denylist.add_all((await store.read_feed(0, 1_000)).denials)
    return denylist


async def assert_denied_if_revoked(store: RedisStore, rows: list[SessionRow]) -> None:
    denylist = await denylist_of(store)
    for before in rows:
        row = await store.read_session(before.sid)
        if row is None or row.revoked_at is not None:
            assert denylist.denies_session(before.session_id)
            assert await store.rotate(make_rotation(before)) is None


async def test_an_end_that_was_cut_off_leaves_no_revoked_session_undenied_and_a_repeat_completes_it(
    store: RedisStore, line: Asking, steps: int, unheard: bool
) -> None:
    row = make_row()
    await store.open_session(row)
    with suppress(StoreUnavailable):
        await sessions_over(Cut(line, steps, unheard=unheard)).end(row.sid, "logout", NOW, UNTIL)
    await assert_denied_if_revoked(store, [row])
    await store.end_session(row.sid, "logout", NOW + 1, UNTIL + 1)
    ended = await store.read_session(row.sid)
    assert ended is not None
    assert ended.revoked_reason == "logout"
    assert (await denylist_of(store)).denies_session(row.session_id)
    assert await store.list_sessions("alice") == ()


async def test_an_end_of_all_sessions_that_was_cut_off_leaves_none_undenied_and_a_repeat_completes_it(
    store: RedisStore, line: Asking, steps: int, unheard: bool
) -> None:
    rows = [make_row() for _ in range(5)]
    for row in rows:
        await store.open_session(row)
    in_flight = make_row(subject_epoch=await store.subject_epoch("alice"))
    with suppress(StoreUnavailable):
        await sessions_over(Cut(line, steps, unheard=unheard)).end_subject("alice", None, "logout_all", NOW, UNTIL)
    await assert_denied_if_revoked(store, rows)
    if (await store.list_sessions("alice")) != tuple(sorted(rows, key=lambda row: (row.created_at, row.sid))):
        assert not await store.open_session(in_flight), "no session may end before the logins in flight have lost"
    await store.end_subject("alice", None, "logout_all", NOW + 1, UNTIL + 1)
    assert await store.list_sessions("alice") == ()
    await assert_denied_if_revoked(store, rows)
    assert all([(await store.read_session(row.sid) or row).revoked_at for row in rows])


async def test_an_epoch_is_never_raised_before_the_lower_ones_are_denied_and_a_repeat_completes_it(
    store: RedisStore, line: Asking, steps: int, unheard: bool
) -> None:
    row = make_row()
    await store.open_session(row)
    with suppress(StoreUnavailable):
        await sessions_over(Cut(line, steps, unheard=unheard)).raise_epoch(row.sid, UNTIL)
    between = await store.read_session(row.sid)
    assert between is not None
    assert (await denylist_of(store)).least_epoch(row.session_id) >= between.ep
    raised = await store.raise_epoch(row.sid, UNTIL)
    assert raised == replace(row, ep=between.ep + 1)
    assert (await denylist_of(store)).least_epoch(row.session_id) == raised.ep


async def test_a_login_that_was_cut_off_leaves_nothing_that_an_end_or_a_purge_would_miss(
    store: RedisStore, line: Asking, valkey: ValkeyServer | ValkeyCluster, steps: int, unheard: bool
) -> None:
    row = make_row()
    with suppress(StoreUnavailable):
        await sessions_over(Cut(line, steps, unheard=unheard)).open(row)
    written = await store.read_session(row.sid)
    ended = await store.end_subject("alice", None, "password_changed", NOW, UNTIL)
    assert [each.sid for each in ended] == ([row.sid] if written else [])
    await assert_denied_if_revoked(store, [row] if written else [])
    await store.purge_sessions(NOW + 1_000_000, 100)
    assert await store.read_session(row.sid) is None
    assert not [key for key in valkey.every_key() if ":session:" in key or key.endswith(":ends")]


class Meanwhile(Cut):
    """Lets all steps pass, and ends the subject's sessions over another line before one of them."""

    def __init__(self, server: Server, steps: int, store: RedisStore) -> None:
        super().__init__(server, 1_000, unheard=False)
        self._before_end = steps
        self._store = store
        self.ended: tuple[SessionRow, ...] | None = None

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        if self._before_end == 0:
            self.ended = await self._store.end_subject("alice", None, "password_changed", NOW, UNTIL)
        self._before_end -= 1
        return await super().run_all(commands)


async def test_a_login_overtaken_by_the_end_of_all_sessions_at_any_step_is_undone_or_ended(
    store: RedisStore, line: Asking, steps: int
) -> None:
    row = make_row()
    server = Meanwhile(line, steps, store)
    was_opened = await sessions_over(server).open(row)
    left = await store.read_session(row.sid)
    if server.ended is None:
        assert was_opened
        assert left == row
        return
    assert was_opened == (row.sid in {ended.sid for ended in server.ended})
    assert (left is not None) == was_opened
    assert left is None or (await denylist_of(store)).denies_session(row.session_id)
    assert await store.list_sessions("alice") == ()
    assert await store.rotate(make_rotation(row)) is None


async def test_an_end_overtaken_by_another_is_answered_as_none_and_the_first_reason_stays(
    store: RedisStore, line: Asking, steps: int
) -> None:
    class Overtaken(Cut):
        async def run_all(self, commands: Sequence[Command]) -> list[Any]:
            if self._left == 1_000 - steps:
                await store.end_session(row.sid, "reused", NOW, UNTIL)
            return await super().run_all(commands)

    row = make_row()
    await store.open_session(row)
    ended = await sessions_over(Overtaken(line, 1_000, unheard=False)).end(row.sid, "logout", NOW, UNTIL)
    left = await store.read_session(row.sid)
    assert left is not None
    assert left.revoked_reason == ("reused" if ended is None else "logout")
