"""Processes of the application under test, each on a port of its own."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.running import ROOT

START_WITHIN = 60.0
STOP_WITHIN = 15.0


def free_port() -> int:
    """Return a port that nobody listens on, and that the system gives to no connection while its server is down."""
    while True:
        port = random.randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@dataclass
class Worker:
    """One process; a restart keeps its port, its place at the clock and, unless told otherwise, its settings.

    Attributes:
        folder: of its log.
        place: at the clock of the lab, from 1.
        settings: environment variables.
        port: that it listens on.
    """

    folder: Path
    place: int
    settings: Mapping[str, str]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """Everything that it has printed."""
        path = self.folder / f"worker-{self.place}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def spawn(self) -> None:
        """Start it; :meth:`wait` until it answers."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SEALRING_", "LAB_"))}
        with (self.folder / f"worker-{self.place}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "uvicorn", "tests.faults.lab.app:app", "--host", "127.0.0.1",
                    "--port", str(self.port), "--log-level", "warning", "--timeout-graceful-shutdown", "5",
                ],
                cwd=ROOT, env={**clean, **self.settings, "LAB_PLACE": str(self.place)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def wait(self) -> None:
        """Wait until it listens, which it does when its ring is ready."""
        deadline = time.monotonic() + START_WITHIN
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5):
                return
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"worker {self.place} did not start:\n{self.log}")
            time.sleep(0.02)

    def start(self) -> None:
        """Start it and wait until it listens."""
        self.spawn()
        self.wait()

    def kill(self) -> None:
        """Kill it without a warning (SIGKILL)."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_WITHIN)

    def stop(self) -> None:
        """Ask it to stop as a deploy would, and make sure that it does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
