"""A real Sentinel trio on the loopback, with the primary that it watches over and its replicas."""

import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.stores.valkey_server import PASSWORD, START_WITHIN, ValkeyServer, free_port, packed

SERVICE = "todo"


class Sentinel(ValkeyServer):
    """One sentinel; its configuration is a file that it writes to itself."""

    def arguments(self) -> list[str]:
        return [str(self.folder / "sentinel.conf"), "--sentinel"]

    def ask(self, *words: str | int) -> str:
        # A sentinel does not know QUIT: the answer to a last question is the end.
        with socket.create_connection(("127.0.0.1", self.port), START_WITHIN) as wire:
            wire.sendall(packed("AUTH", PASSWORD) + packed(*words) + packed("SENTINEL", "no such question"))
            reply = b""
            while (end := reply.find(b"-ERR unknown subcommand")) < 0:
                received = wire.recv(65_536)
                if not received:
                    raise ConnectionError
                reply += received
        return reply[:end].decode(errors="replace").removeprefix("+OK\r\n").strip()


@dataclass
class Watched:
    """Sentinels and servers.

    Attributes:
        sentinels: an odd number.
        servers: the primary of the beginning, then its replicas.
    """

    sentinels: list[Sentinel]
    servers: list[ValkeyServer]

    def url(self, options: str = "", *, service: str = SERVICE, sentinel_password: str = PASSWORD) -> str:
        """Return the URL of whatever is the primary."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        query = f"sentinel_password={quote(sentinel_password)}" + (f"&{options}" if options else "")
        return f"redis+sentinel://:{quote(PASSWORD)}@{hosts}/{service}/0?{query}"

    def primary(self) -> ValkeyServer:
        """Return the server that the living sentinels name."""
        asked = next(one for one in self.sentinels if one.process is not None and one.process.poll() is None)
        port = int(asked.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE).splitlines()[-1])
        return next(server for server in self.servers if server.port == port)

    def settled(self) -> bool:
        """Tell whether all know each other and every replica follows."""
        lagging = [server for server in self.servers[1:] if "up" not in server.facts("replication").get(_LINK, "")]
        return not lagging and all(
            f"slaves={len(self.servers) - 1},sentinels={len(self.sentinels)}" in sentinel.facts("sentinel")["master0"]
            for sentinel in self.sentinels
        )


_LINK = "master_link_status"


@contextmanager
def watched(*, down_after: float = 30.0, replicas: int = 1) -> Iterator[Watched]:
    """Run a trio of sentinels, a primary and its replicas for the length of a block.

    Args:
        down_after: seconds without an answer after which a sentinel takes a server for dead.
        replicas: how many.
    """
    folder = Path(tempfile.mkdtemp(prefix="sealring-sentinel-"))
    primary = ValkeyServer(_folder(folder, "primary"), free_port())
    following = ("--replicaof", f"127.0.0.1 {primary.port}")
    servers = [primary]
    servers += [ValkeyServer(_folder(folder, f"replica{n}"), free_port(), following) for n in range(replicas)]
    sentinels = [Sentinel(_folder(folder, f"sentinel{number}"), free_port()) for number in range(3)]
    everything: Sequence[ValkeyServer] = [*servers, *sentinels]
    it = Watched(sentinels, servers)
    try:
        for server in servers:
            server.start()
        for sentinel in sentinels:
            _configure(sentinel, primary, down_after)
            sentinel.start()
        deadline = time.monotonic() + START_WITHIN
        while not it.settled():
            assert time.monotonic() < deadline, "the sentinels do not find each other"
            time.sleep(0.05)
        yield it
    finally:
        for server in everything:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


def _configure(sentinel: Sentinel, primary: ValkeyServer, down_after: float) -> None:
    lines = [
        f"port {sentinel.port}",
        "bind 127.0.0.1",
        f'dir "{sentinel.folder}"',
        f'requirepass "{PASSWORD}"',
        f'sentinel sentinel-pass "{PASSWORD}"',
        f"sentinel monitor {SERVICE} 127.0.0.1 {primary.port} 2",
        f'sentinel auth-pass {SERVICE} "{PASSWORD}"',
        f"sentinel down-after-milliseconds {SERVICE} {int(down_after * 1000)}",
        f"sentinel failover-timeout {SERVICE} 5000",
    ]
    (sentinel.folder / "sentinel.conf").write_text("\n".join(lines) + "\n")
