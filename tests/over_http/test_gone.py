"""A worker that was held up finds the requests of clients that have gone: they have no effect."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = "Content-Type: application/json\r\nSealring-Client: 1\r\nSec-Fetch-Site: same-origin\r\n"
RIGHT = {"name": "ada", "password": "correct horse battery staple"}
PATIENCE = 60.0
# As short as they may be: a refresh rotates a second after the session was shown to be in use.
SETTINGS = {"SEALRING_GRACE": "1.01", "SEALRING_CLIENT_TIMEOUT": "1"}


@dataclass
class Worker:
    """One server process, and a browser's cookies for it."""

    process: subprocess.Popen[bytes]
    port: int
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, path: str, body: object) -> socket.socket:
        """Send a request and return the open connection."""
        text = json.dumps(body).encode()
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{PAGE}Content-Length: {len(text)}\r\n"
        wire = socket.create_connection(("127.0.0.1", self.port), PATIENCE)
        wire.sendall((head + (f"Cookie: {cookies}\r\n" if cookies else "") + "\r\n").encode() + text)
        return wire

    def ask(self, path: str, body: object) -> dict[str, object]:
        """Send a request, take the cookies of its answer, and return its body."""
        with self.send(path, body) as wire:
            head, _, text = b"".join(iter(lambda: wire.recv(65_536), b"")).partition(b"\r\n\r\n")
        for line in head.decode().splitlines():
            if line.lower().startswith("set-cookie:"):
                name, _, value = line.split(":", 1)[1].strip().partition(";")[0].partition("=")
                self.cookies[name] = value
        answer: dict[str, object] = json.loads(text)
        return answer

    def hold_up(self) -> None:
        """Stop the process, as a machine does that swaps or is moved."""
        self.process.send_signal(signal.SIGSTOP)
        status = Path(f"/proc/{self.process.pid}/stat")
        deadline = time.monotonic() + PATIENCE
        while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "T":
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def go_on(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)


@pytest.fixture(params=[("asyncio", "h11"), ("uvloop", "httptools")], ids="-".join)
def worker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Worker]:
    """Run the example of the README in a folder of its own, on each of the two stacks of the server."""
    loop, parser = request.param
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")} | SETTINGS
    shutil.copy(ROOT / "examples" / "quickstart.py", tmp_path)
    sealring = [sys.executable, "-m", "sealring.cli", "init", "--development"]
    subprocess.run(sealring, cwd=tmp_path, env=environment, check=True, timeout=PATIENCE, stdout=subprocess.DEVNULL)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "uvicorn", "quickstart:app", "--fd", str(listener.fileno())]
        process = subprocess.Popen(
            [*command, "--log-level", "warning", "--loop", loop, "--http", parser],
            cwd=tmp_path, env=environment, pass_fds=[listener.fileno()],
        )  # fmt: skip
        try:
            yield Worker(process, listener.getsockname()[1])
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            process.wait(timeout=PATIENCE)


def settled(worker: Worker) -> None:
    """Sign in, and show that the answer arrived longer ago than the grace."""
    assert worker.ask("/auth/login", RIGHT)["outcome"] == "opened"
    assert worker.ask("/auth/refresh", {"attempt": "first"})["outcome"] == "unchanged"
    time.sleep(1.1)


def test_a_refresh_whose_client_has_gone_moves_nothing(worker: Worker) -> None:
    settled(worker)
    worker.hold_up()
    for _ in range(5):
        worker.send("/auth/refresh", {"attempt": "second"}).close()
    worker.go_on()
    answer = worker.ask("/auth/refresh", {"attempt": "second"})
    assert (answer["outcome"], answer["generation"]) == ("rotated", 2)


def test_a_login_whose_client_has_gone_opens_no_session(worker: Worker) -> None:
    settled(worker)
    worker.hold_up()
    gone = dict(worker.cookies)
    worker.cookies.clear()
    for _ in range(5):
        worker.send("/auth/login", RIGHT).close()
    worker.cookies = gone
    worker.go_on()
    assert worker.ask("/auth/logout-all", {}) == {"outcome": "signed_out", "ended": 1}


def test_a_logout_whose_client_has_gone_is_carried_out(worker: Worker) -> None:
    """A page that is being closed sends it and does not wait."""
    settled(worker)
    worker.hold_up()
    worker.send("/auth/logout", {}).close()
    worker.go_on()
    deadline = time.monotonic() + PATIENCE
    while worker.ask("/auth/refresh", {"attempt": "second"}).get("code") != "session_revoked":
        assert time.monotonic() < deadline


def test_a_client_that_waits_is_served_though_the_worker_was_held_up(worker: Worker) -> None:
    settled(worker)
    worker.hold_up()
    with worker.send("/auth/refresh", {"attempt": "second"}) as wire:
        worker.go_on()
        assert wire.recv(65_536).startswith(b"HTTP/1.1 200 ")
