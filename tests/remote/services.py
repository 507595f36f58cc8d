"""Runs the example of a second service as its own process, beside a Todo application."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from sealring.oauth.callers import digest_of_secret, make_caller_secret
from tests.running import ACCESS, ROOT, RunningApp, Visitor

WITHIN = 60.0
UVICORN = (
    *(sys.executable, "-m", "uvicorn", "examples.second_service.service:create_app", "--factory"),
    *("--log-level", "warning"),
)


@dataclass
class Secret:
    """What the Todo application and the service share."""

    text: str = field(default_factory=make_caller_secret)

    @property
    def issuer_settings(self) -> dict[str, str]:
        """Settings of the Todo application; the first identifier of the audience stays its own."""
        return {"SEALRING_CALLERS": f"reports:{digest_of_secret(self.text)}", "SEALRING_AUDIENCE": "todo, reports"}


@dataclass
class RunningService:
    """One process of examples/second_service."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """Everything it has printed."""
        return self.log_file.read_text(errors="replace")

    async def report(self, http: httpx2.AsyncClient, token: str) -> httpx2.Response:
        """Ask for a page that needs a token."""
        return await http.get(f"{self.url}/report", headers={"Authorization": f"Bearer {token}"})


@contextmanager
def running_service(app: RunningApp, secret: Secret, folder: Path, **settings: str) -> Iterator[RunningService]:
    """Run the service for the length of a block, from the moment at which it answers."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("SEALRING_", "REPORTS_"))},
        "REPORTS_ISSUER": app.url,
        "REPORTS_SECRET": secret.text,
        **settings,
    }
    log_file = folder / "service.log"
    with socket.create_server(("127.0.0.1", 0)) as listener, log_file.open("ab") as log:
        process = subprocess.Popen(
            [*UVICORN, "--fd", str(listener.fileno())],
            cwd=ROOT,
            env=environment,
            pass_fds=[listener.fileno()],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        service = RunningService(f"http://127.0.0.1:{listener.getsockname()[1]}", process, log_file)
        try:
            _wait_until_it_answers(service)
            yield service
        finally:
            process.terminate()
            try:
                process.wait(WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(WITHIN)


def _wait_until_it_answers(service: RunningService) -> None:
    deadline = time.monotonic() + WITHIN
    while service.process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx2.get(f"{service.url}/readyz", timeout=WITHIN).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"the service did not start:\n{service.log}")


def token_of(visitor: Visitor) -> str:
    """Return the access token of a signed-in visitor, as a front end would send it to another origin."""
    return visitor.cookies[ACCESS]
