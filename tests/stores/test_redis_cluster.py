"""A cluster: each command finds its node, also while slots move, nodes hang and replicas take over."""

import asyncio
import signal
from collections.abc import Iterator

import pytest

from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.sessions.record import SessionRow
from sealring.stores import open_store
from sealring.stores.redis import RedisStore
from sealring.stores.redis_names import Names, digest_of
from sealring.testing import NOW, make_denial, make_rotation, make_row
from tests.refreshing import quiet
from tests.stores.failing_over import live_through
from tests.stores.redis_help import answers, until
from tests.stores.valkey_cluster import ValkeyCluster, ValkeyNode, valkey_cluster
from tests.stores.valkey_server import PASSWORD
from tests.support import bench

pytestmark = pytest.mark.anyio

MANY = 90
NAMES = Names("sealring")


@pytest.fixture(scope="module")
def shared() -> Iterator[ValkeyCluster]:
    """Run one cluster for the tests of this module."""
    with valkey_cluster() as it:
        yield it


@pytest.fixture
def cluster(shared: ValkeyCluster) -> Iterator[ValkeyCluster]:
    """Give it empty and awake."""
    shared.flush()
    yield shared
    for node in shared.nodes:
        node.send(signal.SIGCONT)


async def opened(store: RedisStore, number: int) -> list[SessionRow]:
    rows = [make_row(subject=f"user {index % 7}") for index in range(number)]
    assert all(await asyncio.gather(*(store.open_session(row) for row in rows)))
    return rows


def another(cluster: ValkeyCluster, node: ValkeyNode) -> ValkeyNode:
    return next(other for other in cluster.nodes if other is not node)


# Where commands go


async def test_rotations_of_one_moment_reach_each_node_in_a_few_readings_over_one_connection(
    cluster: ValkeyCluster,
) -> None:
    def readings() -> int:
        return sum(int(node.facts("stats")["total_reads_processed"]) for node in cluster.nodes)

    def connections(node: ValkeyNode) -> int:
        return node.ask("CLIENT", "LIST").count("name=sealring")

    async with RedisStore(cluster.url()) as store:
        rows = await opened(store, MANY)
        await asyncio.gather(*(store.rotate(make_rotation(row)) for row in rows))
        before = readings()
        found = await asyncio.gather(*(store.read_session(row.sid) for row in rows))
        after = readings()
        assert [row.generation for row in found if row] == [2] * MANY
        assert after - before < MANY // 3
        # The sessions are everywhere; the other connection of a node comes into being with the first end on it.
        assert [connections(node) for node in cluster.nodes] == [1, 1, 1]


async def test_a_slot_that_has_moved_is_found_and_asked_for_at_the_right_place_from_then_on(
    cluster: ValkeyCluster,
) -> None:
    async with RedisStore(cluster.url()) as store:
        (row,) = await opened(store, 1)
        await store.read_session(row.sid)
        key = NAMES.session(row.sid)
        source = cluster.owner(key)
        target = another(cluster, source)
        cluster.move(key, target)
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None
        await store.read_session(row.sid)
        before = source.facts("errorstats").get("errorstat_MOVED", "")
        assert await store.read_session(row.sid) == rotated
        assert source.facts("errorstats").get("errorstat_MOVED", "") == before


async def test_a_slot_in_the_middle_of_its_move_is_served_by_both_nodes_though_one_does_not_know_the_scripts(
    cluster: ValkeyCluster,
) -> None:
    async with RedisStore(cluster.url()) as store:
        (row,) = await opened(store, 1)
        key = NAMES.session(row.sid)
        target = another(cluster, cluster.owner(key))
        target.ask("SCRIPT", "FLUSH")
        cluster.begin_move(key, target)
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None, "it is where it was"
        cluster.carry(key, target)
        assert await store.read_session(row.sid) == rotated, "it has gone, its slot not yet"
        assert await store.rotate(make_rotation(row)) is None
        ended = await store.end_session(row.sid, "logout", NOW, NOW + 900)
        assert ended is not None
        cluster.finish_move(key, target)
        left = await store.read_session(row.sid)
        assert left is not None
        assert left.revoked_reason == "logout"


async def test_nobody_notices_that_all_slots_in_use_move_about(cluster: ValkeyCluster) -> None:
    async with RedisStore(cluster.url()) as store:
        rows = await opened(store, 12)
        stop = asyncio.Event()

        async def client(row: SessionRow) -> int:
            generation = 1
            while not stop.is_set():
                now = NOW + generation * 100
                rotation = make_rotation(
                    row, generation=generation, now=now, settled_before=now + 1, active_at=None, attempt=None
                )
                # Not confirmed, so it is not settled but for the first time; what matters is that it is answered.
                if await store.rotate(rotation) is not None:
                    generation += 1
                await store.write_denial(make_denial())
            return generation

        running = [asyncio.create_task(client(row)) for row in rows]
        keys = [*(NAMES.session(row.sid) for row in rows), NAMES.feed[0], NAMES.ends, NAMES.index(digest_of("user 1"))]
        for key in keys:
            await asyncio.to_thread(cluster.move, key, another(cluster, cluster.owner(key)))
        stop.set()
        assert await asyncio.gather(*running) == [2] * len(rows)
        assert {row.generation for row in [await store.read_session(row.sid) for row in rows] if row} == {2}


# Nodes that fail


async def test_a_node_that_hangs_holds_up_its_own_sessions_only_and_works_again_afterwards(
    cluster: ValkeyCluster,
) -> None:
    async with RedisStore(cluster.url("timeout=0.5")) as store:
        rows = await opened(store, 30)
        hanging = cluster.nodes[2]
        theirs = {row.sid for row in rows if cluster.owner(NAMES.session(row.sid)) is hanging}
        assert theirs
        hanging.send(signal.SIGSTOP)
        replies = await asyncio.gather(*(store.read_session(row.sid) for row in rows), return_exceptions=True)
        assert {row.sid for row, reply in zip(rows, replies, strict=True) if reply != row} == theirs
        assert {type(reply) for reply in replies} == {SessionRow, StoreUnavailable}
        hanging.send(signal.SIGCONT)

        async def all_there() -> bool:
            try:
                return await asyncio.gather(*(store.read_session(row.sid) for row in rows)) == rows
            except StoreUnavailable:
                return False

        await until(all_there)


async def test_a_caller_that_goes_away_takes_nobody_with_it(cluster: ValkeyCluster) -> None:
    async with RedisStore(cluster.url()) as store:
        rows = await opened(store, MANY)
        tasks = [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        rotated = await asyncio.gather(*tasks[1::2])
        assert [row.generation for row in rotated if row] == [2] * (MANY // 2)


async def test_an_end_is_answered_when_a_replica_of_each_node_that_it_wrote_to_has_it() -> None:
    with valkey_cluster(replicas_of=(0, 1, 2)) as cluster:
        async with RedisStore(cluster.url()) as store:
            replicas = {primary.port: cluster.nodes[3 + number] for number, primary in enumerate(cluster.nodes[:3])}
            for row in await opened(store, 30):
                key = NAMES.session(row.sid)
                await store.end_session(row.sid, "logout", NOW, NOW + 900)
                replica = replicas[cluster.owner(key).port]
                assert replica.ask_replica("HGET", key.decode(), "revoked_reason").endswith("logout")
                feed = replicas[cluster.owner(NAMES.feed[0]).port]
                assert row.session_id in feed.ask_replica("ZRANGE", NAMES.feed[1].decode(), 0, -1)


async def test_a_primary_that_dies_under_load_logs_out_nobody_whom_the_store_has_not_lost_and_forgets_no_end() -> None:
    with valkey_cluster("--cluster-node-timeout", "1000", replicas_of=(0, 1, 2)) as cluster:
        # The one with the feed, since that is the worst.
        old = cluster.owner(NAMES.feed[0])
        replica = cluster.nodes[3 + cluster.nodes.index(old)]

        async def failed_over() -> bool:
            return replica.facts("replication")["role"] == "master" and await answers(store)

        store = RedisStore(cluster.url("timeout=1"))
        async with bench(policy=quiet(), store=store) as it:
            await live_through(it, lambda: old.stop(signal.SIGKILL), failed_over)


# What is refused at the start


async def refused(url: str) -> str:
    with pytest.raises(ConfigurationError) as error:
        async with open_store(url):
            pass
    assert PASSWORD not in str(error.value)
    assert "hunter2" not in f"{error.value} {error.value.__cause__}"
    return error.value.detail


async def test_a_wrong_password_and_a_node_that_throws_keys_away_are_told_at_start(cluster: ValkeyCluster) -> None:
    assert "password" in await refused(cluster.url(password="hunter2"))
    node = cluster.nodes[2]
    node.ask("CONFIG", "SET", "maxmemory", "100mb")
    node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in await refused(cluster.url())
    node.ask("CONFIG", "SET", "maxmemory", "0")


async def test_a_cluster_some_of_whose_slots_nobody_serves_is_unavailable(cluster: ValkeyCluster) -> None:
    async with RedisStore(cluster.url("timeout=1")) as store:
        key = NAMES.layout
        owner = cluster.owner(key)
        slot = owner.ask("CLUSTER", "KEYSLOT", key.decode()).removeprefix(":")
        for node in cluster.nodes:
            node.ask("CLUSTER", "DELSLOTS", slot)
        with pytest.raises(StoreUnavailable):
            async with RedisStore(cluster.url("timeout=1")):
                pass
        owner.ask("CLUSTER", "ADDSLOTS", slot)
        await until(lambda: answers(store))


async def test_a_cluster_that_is_not_there_is_unavailable_not_misconfigured(cluster: ValkeyCluster) -> None:
    for node in cluster.nodes:
        node.send(signal.SIGSTOP)
    with pytest.raises(StoreUnavailable):
        async with RedisStore(cluster.url("timeout=0.4")):
            pass
