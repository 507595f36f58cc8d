"""A real cluster of Valkey servers on the loopback: every node its own process, its own folder, its own ports."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot

from tests.stores.valkey_server import PASSWORD, START_WITHIN, ValkeyServer, free_port, packed


class ValkeyNode(ValkeyServer):
    """One node."""

    def arguments(self) -> list[str]:
        return [*super().arguments(), "--cluster-enabled", "yes", "--cluster-port", str(self.bus)]

    def ask_replica(self, *words: str | int) -> str:
        """Run one command that reads, on a replica, which otherwise sends its clients to the primary."""
        return self._replied(packed("AUTH", PASSWORD) + packed("READONLY") + packed(*words)).strip()

    @property
    def bus(self) -> int:
        """The port over which the nodes talk to each other."""
        return int((self.folder / "bus").read_text())

    @property
    def name(self) -> str:
        """What the other nodes call it."""
        return self.ask("CLUSTER", "MYID").splitlines()[-1]


@dataclass
class ValkeyCluster:
    """Several nodes that know each other.

    Attributes:
        nodes: the primaries of the beginning, then their replicas.
        primaries: how many primaries.
    """

    nodes: list[ValkeyNode]
    primaries: int

    def url(self, options: str = "", *, password: str = PASSWORD) -> str:
        """Return the URL of the cluster, which names two of its nodes."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[1:3])
        return f"redis+cluster://:{quote(password)}@{hosts}" + (f"?{options}" if options else "")

    def owner(self, key: bytes) -> ValkeyNode:
        """Return the node that serves a key, as the first living node has it."""
        slot = key_slot(key)
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                continue
            for line in node.ask("CLUSTER", "NODES").splitlines():
                (
                    _,
                    address,
                    flags,
                    *_,
                ) = line.split()[:3] if len(line.split()) > 8 else ("", "", "")
                if "master" in flags and any(_holds(part, slot) for part in line.split()[8:]):
                    port = int(address.partition("@")[0].rpartition(":")[2])
                    return next(node for node in self.nodes if node.port == port)
        raise AssertionError("no node serves the key")

    def move(self, key: bytes, to: ValkeyNode) -> None:
        """Move the slot of a key, with all that is in it, to another node; in the steps that an operator takes."""
        self.begin_move(key, to)
        self.finish_move(key, to)

    def begin_move(self, key: bytes, to: ValkeyNode) -> None:
        """Announce that a slot moves: its node sends clients on for what it does not have (any more)."""
        slot, source = key_slot(key), self.owner(key)
        assert to.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.name) == "+OK"
        assert source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to.name) == "+OK"

    def carry(self, key: bytes, to: ValkeyNode) -> None:
        """Carry one key to the node that its slot moves to."""
        reply = self.owner(key).ask(
            "MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "AUTH", PASSWORD, "KEYS", key.decode()
        )
        assert reply in {"+OK", "+NOKEY"}, reply

    def finish_move(self, key: bytes, to: ValkeyNode) -> None:
        """Carry what is left, and tell everybody whose the slot is."""
        slot, source = key_slot(key), self.owner(key)
        listed = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000).splitlines()
        for left in (line for line in listed if line[:1] not in {"*", "$"}):
            self.carry(left.encode(), to)
        for node in (to, source):
            assert node.ask("CLUSTER", "SETSLOT", slot, "NODE", to.name) == "+OK"

    def flush(self) -> None:
        """Delete everything."""
        for node in self.nodes[: self.primaries]:
            node.flush()

    def every_key(self) -> list[str]:
        """Return the name of every key."""
        return [key for node in self.nodes[: self.primaries] for key in node.every_key()]


@contextmanager
def valkey_cluster(*options: str, primaries: int = 3, replicas_of: tuple[int, ...] = ()) -> Iterator[ValkeyCluster]:
    """Run a cluster for the length of a block.

    Args:
        options: of the command line of each node.
        primaries: how many primaries.
        replicas_of: for each replica, of which primary it is one.
    """
    folder = Path(tempfile.mkdtemp(prefix="sealring-cluster-"))
    nodes = [_made(folder / str(number), options) for number in range(primaries + len(replicas_of))]
    cluster = ValkeyCluster(nodes, primaries)
    try:
        for node in nodes:
            node.start()
        _introduce(cluster)
        for number, of in enumerate(replicas_of):
            replica = nodes[primaries + number]
            _until(lambda replica=replica, of=of: replica.ask("CLUSTER", "REPLICATE", nodes[of].name) == "+OK")
            _until(lambda replica=replica: replica.facts("replication").get("master_link_status") == "up")
        yield cluster
    finally:
        for node in nodes:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path, options: tuple[str, ...]) -> ValkeyNode:
    folder.mkdir()
    (folder / "bus").write_text(str(free_port()))
    return ValkeyNode(folder, free_port(), options)


def _introduce(cluster: ValkeyCluster) -> None:
    first = cluster.nodes[0]
    share = -(-REDIS_CLUSTER_HASH_SLOTS // cluster.primaries)
    for number, node in enumerate(cluster.nodes):
        assert node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1) == "+OK"
        if number < cluster.primaries:
            last = min((number + 1) * share, REDIS_CLUSTER_HASH_SLOTS) - 1
            assert node.ask("CLUSTER", "ADDSLOTSRANGE", number * share, last) == "+OK"
        if node is not first:
            assert first.ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus) == "+OK"
    for node in cluster.nodes:
        _until(lambda node=node: _agreed(node, len(cluster.nodes)))


def _agreed(node: ValkeyNode, nodes: int) -> bool:
    facts = dict(line.split(":", 1) for line in node.ask("CLUSTER", "INFO").splitlines() if ":" in line)
    return facts["cluster_state"] == "ok" and facts["cluster_known_nodes"] == str(nodes)


def _holds(part: str, slot: int) -> bool:
    first, _, last = part.partition("-")
    return not part.startswith("[") and int(first) <= slot <= int(last or first)


def _until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + START_WITHIN
    while not condition():
        assert time.monotonic() < deadline, "the nodes of the cluster do not agree"
        time.sleep(0.02)
