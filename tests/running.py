"""Runs the Todo application as a user would: its own process, its own folder, a free port, real HTTP."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx2

ROOT = Path(__file__).resolve().parent.parent
START_WITHIN = 60.0
# The line that tells a newcomer where it is; printed when it answers.
_ADDRESS = re.compile(rb"^Todo is running at http://localhost:(\d+)\n", re.MULTILINE)
STOP_WITHIN = 15.0


@dataclass
class RunningApp:
    """One Todo application; a restart keeps folder, port and secrets.

    Attributes:
        folder: of its databases, secrets and log.
        settings: further environment variables.
        port: chosen by the system at the first start, so that no two applications can mean the same one; then kept.
        log_name: of the file of its log, for several processes of one application in one folder.
    """

    folder: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[bytes] | None = None
    log_name: str = "log"

    @property
    def url(self) -> str:
        """The origin of its pages."""
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> str:
        """Everything it has printed."""
        return (self.folder / self.log_name).read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it says where it is."""
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SEALRING_", "TODO_"))},
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SEALRING_ENVIRONMENT": "development",
            "SEALRING_ENV_FILE": str(self.folder / "sealring.env"),
            "TODO_DATA_DIR": str(self.folder / "data"),
            # As cheap as the settings allow: the tests sign in often, and what argon2id costs is not their subject.
            "TODO_PASSWORD_MEMORY": "19456",
            "TODO_PASSWORD_PASSES": "2",
            "TODO_LOGIN_LIMIT": "10000/minute",
            "TODO_LOGIN_ADDRESS_LIMIT": "10000/minute",
            "TODO_REGISTER_LIMIT": "10000/minute",
            **self.settings,
        }
        with (self.folder / self.log_name).open("ab") as log:
            before = log.tell()
            self.process = self._spawn(environment, log)
        deadline = time.monotonic() + START_WITHIN
        while not (said := _ADDRESS.search((self.folder / self.log_name).read_bytes(), before)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the application did not start:\n{self.log}")
            time.sleep(0.05)
        self.port = int(said[1])

    def kill(self) -> None:
        """Kill it without a warning (SIGKILL)."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_WITHIN)

    def pause(self) -> None:
        """Let it do nothing (SIGSTOP) until it may go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on after a pause."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """Ask it to stop, and make sure that it does."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the application did not stop when asked:\n{self.log}") from None

    @staticmethod
    def _spawn(environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "backend"], cwd=ROOT, env=dict(environment), stdout=log, stderr=subprocess.STDOUT
        )


@contextmanager
def running_app(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[RunningApp]:
    """Run the application for the length of a block."""
    app = RunningApp(folder, settings or {})
    app.start()
    try:
        yield app
    finally:
        app.stop()


OWN_PAGE = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
ACCESS, REFRESH = "__Host-Http-todo-at", "__Host-Http-todo-rt"
PASSWORD = "a long enough passphrase"


@dataclass
class Visitor:
    """A browser without pages: sends what an own page sends, and keeps cookies as a browser does on localhost.

    Attributes:
        http: shared or not; it keeps no cookies itself.
        origin: of the application.
        agent: the User-Agent.
        cookies: name to value.
    """

    http: httpx2.AsyncClient
    origin: str
    agent: str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    cookies: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, json: object = None, *, headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """Send one request and take in the cookies of the answer."""
        sent = {**OWN_PAGE, "Origin": self.origin, "User-Agent": self.agent, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.http.request(method, self.origin + path, json=json, headers=sent)
        self.take(answer)
        return answer

    def take(self, answer: httpx2.Response) -> None:
        """Keep, replace and forget cookies as an answer says."""
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if "max-age=0" in line.lower():
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value

    async def sign_up(self, email: str, *, remember: bool = True) -> dict[str, object]:
        """Create an account, sign in, and return the session answer."""
        made = await self.ask("POST", "/api/account", {"email": email, "name": "Ada", "password": PASSWORD})
        assert made.status_code == 201, made.text
        return await self.sign_in(email, remember=remember)

    async def sign_in(self, email: str, *, remember: bool = True) -> dict[str, object]:
        """Sign in and return the session answer."""
        answer = await self.ask("POST", "/auth/login", {"email": email, "password": PASSWORD, "remember": remember})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def copy(self) -> "Visitor":
        """Return somebody with the same cookies: another tab, or a thief."""
        return Visitor(self.http, self.origin, self.agent, dict(self.cookies))
