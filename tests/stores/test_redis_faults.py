"""A server that fails, comes back, or should not be trusted with sessions in the first place."""

import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

import pytest
from redis import exceptions as driver

from sealring.clock import ManualClock
from sealring.errors import ConfigurationError, InternalError, StoreUnavailable
from sealring.events import Emitter
from sealring.revocation.denylist import Denylist
from sealring.revocation.follower import FeedFollower
from sealring.stores import open_store
from sealring.stores.redis import RedisStore
from sealring.stores.redis_errors import as_store_error
from sealring.stores.redis_url import RedisUrl
from sealring.testing import NOW, make_denial, make_key, make_rotation, make_row
from tests.stores.redis_help import answers, emptied, until
from tests.stores.valkey_server import PASSWORD, ValkeyServer, valkey_server

pytestmark = pytest.mark.anyio

QUICKLY = "timeout=0.5"


@pytest.fixture(scope="module")
def shared() -> Iterator[ValkeyServer]:
    """Run one Valkey for the tests of this module."""
    with valkey_server() as server:
        yield server


@pytest.fixture
def valkey(shared: ValkeyServer) -> Iterator[ValkeyServer]:
    """Give the server as a test expects it, whatever the one before did to it."""
    yield shared
    shared.send(signal.SIGCONT)
    shared.stop(signal.SIGKILL)
    shared.start()


def every_call(store: RedisStore) -> dict[str, Callable[[], Awaitable[object]]]:
    row = make_row()
    return {
        "ping": store.ping,
        "subject_epoch": lambda: store.subject_epoch("alice"),
        "open_session": lambda: store.open_session(row),
        "read_session": lambda: store.read_session(row.sid),
        "list_sessions": lambda: store.list_sessions("alice"),
        "rotate": lambda: store.rotate(make_rotation(row)),
        "compare_and_swap": lambda: store.compare_and_swap(row, row),
        "end_session": lambda: store.end_session(row.sid, "logout", NOW, NOW),
        "end_subject": lambda: store.end_subject("alice", None, "logout", NOW, NOW),
        "raise_epoch": lambda: store.raise_epoch(row.sid, NOW),
        "purge_sessions": lambda: store.purge_sessions(NOW, 10),
        "read_feed": lambda: store.read_feed(0, 10),
        "write_denial": lambda: store.write_denial(make_denial()),
        "purge_denials": lambda: store.purge_denials(NOW, 10),
        "load_ring": store.load_ring,
        "replace_ring": lambda: store.replace_ring(0, [make_key()]),
    }


# A server that fails and comes back


async def test_every_call_says_unavailable_while_a_killed_server_is_gone_and_works_when_it_is_back(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        row = make_row()
        await store.open_session(row)
        rotated = await store.rotate(make_rotation(row))
        gone = make_row()
        await store.open_session(gone)
        await store.end_session(gone.sid, "logout", NOW, NOW + 900)
        valkey.stop(signal.SIGKILL)
        for call in every_call(store).values():
            with pytest.raises(StoreUnavailable):
                await call()
        valkey.start()
        assert await store.read_session(row.sid) == rotated
        assert await store.rotate(make_rotation(gone)) is None
        assert [denial.ident for denial in (await store.read_feed(0, 10)).denials] == [gone.session_id]


async def test_every_call_says_unavailable_while_a_server_hangs_and_works_when_it_goes_on(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey, "timeout=0.1") as store:
        row = make_row()
        await store.open_session(row)
        valkey.send(signal.SIGSTOP)
        for call in every_call(store).values():
            with pytest.raises(StoreUnavailable):
                await call()
        valkey.send(signal.SIGCONT)
        await until(lambda: answers(store))
        assert await store.rotate(make_rotation(row)) is not None


async def test_a_server_that_became_a_replica_is_unavailable_until_it_is_the_primary_again(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        row = make_row()
        await store.open_session(row)
        valkey.ask("REPLICAOF", "127.0.0.1", 1)
        with pytest.raises(StoreUnavailable, match="ReadOnlyError"):
            await store.rotate(make_rotation(row))
        valkey.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
        with pytest.raises(StoreUnavailable, match="MasterDownError"):
            await store.read_session(row.sid)
        with pytest.raises(StoreUnavailable):
            async with RedisStore(valkey.url()):
                pass
        valkey.ask("REPLICAOF", "NO", "ONE")
        assert await store.rotate(make_rotation(row)) is not None


async def test_a_server_whose_memory_is_full_is_unavailable_for_writes_and_forgets_nothing(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        row = make_row()
        await store.open_session(row)
        valkey.ask("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailable, match="OutOfMemoryError"):
            await store.open_session(make_row())
        assert await store.read_session(row.sid) == row
        valkey.ask("CONFIG", "SET", "maxmemory", "0")
        assert await store.open_session(make_row())


async def test_a_password_that_was_changed_while_the_store_is_open_makes_it_unavailable_not_misconfigured(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        valkey.ask("CONFIG", "SET", "requirepass", "another")
        valkey.stop(signal.SIGKILL)
        valkey.start()
        valkey.ask("CONFIG", "SET", "requirepass", "another")
        with pytest.raises(StoreUnavailable):
            await store.ping()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (driver.BusyLoadingError("Redis is loading the dataset in memory"), "loading"),
        (driver.ClusterDownError("The cluster is down"), "cannot do this now"),
        (driver.TimeoutError("Timeout reading from host"), "in time"),
        (driver.ResponseError("MISCONF Errors writing to the AOF file"), "MISCONF"),
        (driver.ResponseError("BUSY Redis is busy running a script."), "BUSY"),
    ],
)
def test_what_passes_by_itself_is_unavailable(error: Exception, sentence: str) -> None:
    ours = as_store_error(error)
    assert isinstance(ours, StoreUnavailable)
    assert sentence in ours.detail


def test_what_the_server_refuses_for_good_is_our_own_fault_and_quotes_no_value() -> None:
    ours = as_store_error(driver.ResponseError("ERR value hunter2 is not an integer"))
    assert isinstance(ours, InternalError)
    assert "hunter2" not in ours.detail


# Replicas and failover


async def test_an_end_is_answered_when_a_replica_has_it(valkey: ValkeyServer) -> None:
    with valkey_server("--replicaof", f"127.0.0.1 {valkey.port}") as replica:
        async with emptied(valkey) as store:

            async def linked() -> bool:
                return replica.facts("replication").get("master_link_status") == "up"

            await until(linked)
            for _ in range(20):
                row = make_row()
                await store.open_session(row)
                await store.end_session(row.sid, "logout", NOW, NOW + 900)
                key = f"sealring:session:{{{row.session_id}}}"
                assert replica.ask("HGET", key, "revoked_reason").endswith("logout")


async def test_an_end_stands_though_its_replica_hangs(valkey: ValkeyServer) -> None:
    with valkey_server("--replicaof", f"127.0.0.1 {valkey.port}") as replica:
        async with emptied(valkey, QUICKLY) as store:

            async def linked() -> bool:
                return "state=online" in valkey.facts("replication").get("slave0", "")

            await until(linked)
            row = make_row()
            await store.open_session(row)
            replica.send(signal.SIGSTOP)
            assert await store.end_session(row.sid, "logout", NOW, NOW + 900) is not None


async def test_a_follower_whose_cursor_is_beyond_the_newest_denial_reads_everything_again(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        written = [make_denial() for _ in range(3)]
        for denial in written:
            await store.write_denial(denial)
        head = (await store.read_feed(0, 10)).cursor
        beyond = await store.read_feed(head + 1, 10)
        assert (beyond.cursor, beyond.denials) == (head, tuple(written))
        valkey.ask("FLUSHALL")
        assert (await store.read_feed(head, 10)).cursor == 0


async def test_a_follower_learns_what_is_denied_after_the_server_lost_what_the_follower_knows(
    valkey: ValkeyServer,
) -> None:
    async with emptied(valkey) as store:
        denylist = Denylist()
        follower = FeedFollower(store=store, denylist=denylist, clock=ManualClock(), emitter=Emitter())
        for _ in range(5):
            await store.write_denial(make_denial())
        await follower.catch_up()
        valkey.ask("FLUSHALL")
        news = make_denial()
        await store.write_denial(news)
        await follower.catch_up()
        assert denylist.denies_session(news.ident)
        assert len(denylist) == 6


# Servers that are refused


async def refused(url: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        async with open_store(url):
            pass
    assert PASSWORD not in str(error.value)
    assert "hunter2" not in f"{error.value} {error.value.__cause__}"
    return error.value.detail


async def test_a_wrong_password_is_told_at_start_without_it(valkey: ValkeyServer) -> None:
    assert "password" in await refused(valkey.url(password="hunter2"))
    assert "password" in await refused(f"redis://127.0.0.1:{valkey.port}/0")


async def test_a_user_without_rights_is_told_at_start(valkey: ValkeyServer) -> None:
    valkey.ask("ACL", "SETUSER", "todo", "on", ">hunter2", "~other:*", "+@all")
    assert "ACL" in await refused(f"redis://todo:hunter2@127.0.0.1:{valkey.port}/0")
    valkey.ask("ACL", "SETUSER", "todo", "resetkeys", "~sealring:*", "+@all", "-@dangerous")
    assert "ACL" in await refused(f"redis://todo:hunter2@127.0.0.1:{valkey.port}/0")


async def test_the_rights_that_the_sentence_names_are_enough(valkey: ValkeyServer) -> None:
    valkey.ask("FLUSHALL")
    valkey.ask("ACL", "SETUSER", "todo", "on", ">pw", "~sealring:*", "+@all", "-@dangerous", "+info", "+role")
    async with RedisStore(f"redis://todo:pw@127.0.0.1:{valkey.port}/0") as store:
        for name, call in every_call(store).items():
            await call()
            assert name


async def test_a_database_that_does_not_exist_is_told_at_start(valkey: ValkeyServer) -> None:
    assert "number" in await refused(valkey.url().replace("/0", "/9999"))


async def test_a_server_that_throws_keys_away_is_refused_and_one_that_cannot_is_taken(valkey: ValkeyServer) -> None:
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    async with RedisStore(valkey.url()):
        pass  # without a limit nothing is thrown away
    valkey.ask("CONFIG", "SET", "maxmemory", "100mb")
    assert "volatile-lru" in await refused(valkey.url())
    valkey.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    async with RedisStore(valkey.url()):
        pass


async def test_a_node_of_a_cluster_and_a_server_that_is_none_are_refused_where_the_other_is_named(
    valkey: ValkeyServer,
) -> None:
    with valkey_server("--cluster-enabled", "yes") as node:
        assert "redis+cluster://" in await refused(node.url())
    assert "redis://" in await refused(valkey.url().replace("redis:", "redis+cluster:"))


async def test_what_a_newer_version_wrote_is_refused_and_another_prefix_is_another_place(
    valkey: ValkeyServer,
) -> None:
    valkey.ask("FLUSHALL")
    valkey.ask("SET", "sealring:layout", 2)
    assert "newer version" in await refused(valkey.url())
    async with RedisStore(valkey.url("prefix=todo")) as store, RedisStore(valkey.url("prefix=shop")) as other:
        row = make_row()
        await store.open_session(row)
        assert await other.read_session(row.sid) is None
        assert await other.open_session(replace(row, subject="bob"))


async def test_a_server_that_is_not_there_is_unavailable_not_misconfigured() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreUnavailable):
        async with RedisStore(f"redis://127.0.0.1:{port}"):
            pass


@pytest.mark.parametrize(
    "url",
    [
        "redis://",
        "redis://:hunter2@",
        "redis://:hunter2@host:port",
        "redis://:hunter2@host/0?db=hunter2",
        "redis://:hunter2@host/0?colour=hunter2",
        "redis://:hunter2@host/0?timeout=hunter2",
        "redis://:hunter2@host/0?timeout=0",
        "redis://:hunter2@host/0?timeout=61",
        "redis://:hunter2@host/0?keep_ended=60",
        "redis://:hunter2@host/0?prefix=",
        "redis://:hunter2@host/0?prefix={a}",
        "redis://:hunter2@host/0?wait_replicas=-1",
        "redis://:hunter2@host/0?wait_replicas=hunter2",
        "redis://:hunter2@host/0?wait_within=0",
        "redis://:hunter2@host/0?wait_within=nan",
        "redis://:hunter2@host/hunter2",
        "redis://:hunter2@host/0#hunter2",
        "redis://:hunter2@host,other/0",
        "redis+cluster://:hunter2@host,/0",
        "redis+cluster://:hunter2@host/1",
        "redis+cluster://:hunter2@host:hunter2",
        "redis+cluster://:hunter2@host,[::1",
        "redis+sentinel://:hunter2@host",
        "redis+sentinel://:hunter2@host/service/hunter2",
        "redis+sentinel://:hunter2@host/service/0/hunter2",
        "redis+sentinel://:hunter2@/service",
        "redis+other://:hunter2@host/0",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_what_it_holds(url: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        open_store(url)
    assert "hunter2" not in f"{error.value} {error.value.__cause__}"


@pytest.mark.parametrize(
    ("url", "addresses", "service", "database"),
    [
        ("redis://host", [("host", 6379)], "", 0),
        ("rediss://user:p%40ss@host:7000/3", [("host", 7000)], "", 3),
        ("redis+sentinel://a,b:7,[::1]:8/todo", [("a", 26379), ("b", 7), ("::1", 8)], "todo", 0),
        ("redis+sentinel://:p%40s%2Fs@a/to%20do/2?prefix=x", [("a", 26379)], "to do", 2),
        ("rediss+cluster://user:p@a:1,b", [("a", 1), ("b", 6379)], "", 0),
        ("redis+cluster://[::1]:8/0", [("::1", 8)], "", 0),
    ],
)
def test_every_form_of_the_url_is_understood(
    url: str, addresses: list[tuple[str, int]], service: str, database: int
) -> None:
    assert isinstance(open_store(url), RedisStore)
    read = RedisUrl(url)
    assert (read.addresses, read.service, read.database) == (tuple(addresses), service, database)
