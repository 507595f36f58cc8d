"""The store under test as something that can be restarted, hung, killed, and made to fall back to an older state."""

import os
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.stores.servers import PostgresServer, postgres_server
from tests.stores.valkey_server import START_WITHIN, ValkeyServer, valkey_server


class Engine(Protocol):
    """What a lab can do to a store.

    Attributes:
        name: of the engine.
        port: that the application's connections go to; None where there is no server.
        embedded: whether it lives in the processes of the application, which then have to be down for a fall-back.
    """

    name: str
    embedded: bool

    @property
    def port(self) -> int | None: ...

    def url(self, port: int | None = None) -> str:
        """Return its URL, for a port of the lab's instead of its own where one is given."""
        ...

    def restart(self) -> None:
        """Stop it with everything that is under way, and start it again."""
        ...

    def kill(self) -> None:
        """Kill it without a warning."""
        ...

    def start(self) -> None:
        """Start it again."""
        ...

    def hang(self) -> None:
        """Make it answer nothing, without its connections noticing."""
        ...

    def go_on(self) -> None:
        """Let it continue."""
        ...

    def mark(self) -> None:
        """Remember its state."""
        ...

    def fall_back(self) -> None:
        """Lose everything since :meth:`mark`, as a failover to a copy that lagged does."""
        ...


@dataclass
class SqliteEngine:
    """A file. Its outage is another process that holds it; there is no server to stop."""

    folder: Path
    name: str = "sqlite"
    embedded: bool = True
    port: int | None = None
    _holder: sqlite3.Connection | None = None

    @property
    def file(self) -> Path:
        """The database."""
        return self.folder / "sealring.db"

    def url(self, port: int | None = None) -> str:
        return f"sqlite:///{self.file}"

    def restart(self) -> None:
        raise AssertionError("a file cannot be restarted")

    def kill(self) -> None:
        raise AssertionError("a file cannot be killed")

    def start(self) -> None:
        raise AssertionError("a file cannot be started")

    def hang(self) -> None:
        self._holder = sqlite3.connect(self.file, timeout=60, isolation_level=None, check_same_thread=False)
        self._holder.execute("BEGIN IMMEDIATE")

    def go_on(self) -> None:
        assert self._holder is not None
        self._holder.close()

    def mark(self) -> None:
        with closing(sqlite3.connect(self.file)) as source, closing(sqlite3.connect(self.folder / "mark.db")) as copy:
            source.backup(copy)

    def fall_back(self) -> None:
        for leftover in ("-wal", "-shm"):
            self.file.with_name(self.file.name + leftover).unlink(missing_ok=True)
        shutil.copyfile(self.folder / "mark.db", self.file)


@dataclass
class PostgresEngine:
    """A server with a database of its own."""

    server: PostgresServer
    database: str
    name: str = "postgres"
    embedded: bool = False
    _hung: list[int] = field(default_factory=list)

    @property
    def port(self) -> int | None:
        return self.server.port

    def url(self, port: int | None = None) -> str:
        return self.database.replace(f":{self.server.port}/", f":{port or self.server.port}/") + "?pool_timeout=1"

    def restart(self) -> None:
        self.server.stop()
        self.server.start()

    def kill(self) -> None:
        self.server.stop(signal.SIGKILL)

    def start(self) -> None:
        self.server.start()

    def hang(self) -> None:
        assert self.server.process is not None
        parent = self.server.process.pid
        # The postmaster first: it would start new ones otherwise.
        os.kill(parent, signal.SIGSTOP)
        self._hung = [*_children(parent), parent]
        for pid in self._hung:
            os.kill(pid, signal.SIGSTOP)

    def go_on(self) -> None:
        for pid in self._hung:
            os.kill(pid, signal.SIGCONT)

    def mark(self) -> None:
        self.server.stop()
        subprocess.run(["cp", "-a", self._data, self._copy], check=True)
        self.server.start()

    def fall_back(self) -> None:
        self.server.stop(signal.SIGQUIT)
        shutil.rmtree(self._data)
        self._copy.rename(self._data)
        self.server.start()

    @property
    def _data(self) -> Path:
        return self.server.folder / "data"

    @property
    def _copy(self) -> Path:
        return self.server.folder / "mark"


@dataclass
class ValkeyEngine:
    """A server and its replica; once promoted, the replica is the server."""

    server: ValkeyServer
    replica: ValkeyServer
    name: str = "valkey"
    embedded: bool = False

    @property
    def port(self) -> int | None:
        return self.server.port

    def url(self, port: int | None = None) -> str:
        return self.server.url("timeout=1").replace(f":{self.server.port}/", f":{port or self.server.port}/")

    def restart(self) -> None:
        self.kill()
        self.start()

    def kill(self) -> None:
        self.server.stop(signal.SIGKILL)

    def start(self) -> None:
        self.server.start()

    def hang(self) -> None:
        self.server.send(signal.SIGSTOP)

    def go_on(self) -> None:
        self.server.send(signal.SIGCONT)

    def mark(self) -> None:
        self.replica.ask("REPLICAOF", "127.0.0.1", self.server.port)
        wanted = int(self.server.facts("replication")["master_repl_offset"])
        deadline = time.monotonic() + START_WITHIN
        while not self._has(wanted):
            assert time.monotonic() < deadline, f"the replica does not come along:\n{self.replica.log}"
            time.sleep(0.01)
        self.replica.ask("REPLICAOF", "NO", "ONE")

    def fall_back(self) -> None:
        self.kill()
        self.server, self.replica = self.replica, self.server
        self.replica.start()

    def _has(self, offset: int) -> bool:
        facts = self.replica.facts("replication")
        return facts.get("master_link_status") == "up" and int(facts["slave_repl_offset"]) >= offset


def _children(parent: int) -> list[int]:
    every = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = (map(int, line.split()) for line in every.splitlines())
    return [pid for pid, its_parent in pairs if its_parent == parent]


@contextmanager
def engine(name: str, folder: Path) -> Iterator[Engine]:
    """Run an engine for the length of a block: ``sqlite``, ``postgres`` or ``valkey``."""
    if name == "sqlite":
        yield SqliteEngine(folder)
    elif name == "postgres":
        with postgres_server() as server:
            yield PostgresEngine(server, server.new_database())
    else:
        with valkey_server() as server, valkey_server() as replica:
            yield ValkeyEngine(server, replica)
