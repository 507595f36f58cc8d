"""A running system of two processes moves from one version of its claims to the next, one process at a time.

Clients never stop while it does, and send every other request to the other process. They follow the action of each
refusal and nothing else: ``retry`` tries again, ``refresh`` refreshes once and repeats the request once. Whoever is
told anything else, or is not helped by following it, has been logged out, and that must not happen.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from sealring.settings import Environment, write_secrets
from tests.running import ROOT, Visitor

WITHIN = 60.0
BUSY = 6
IDLE = 2


@dataclass
class Server:
    """One process behind a socket that outlives it: whoever comes while it restarts is served by the next one."""

    folder: Path
    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    async def restart(self, knows: str, **settings: str) -> None:
        """Stop it as a deploy would, and start it with other code or another setting."""
        await asyncio.to_thread(self.stop)
        await asyncio.to_thread(self._start, {"KNOWS": knows, **settings})

    def _start(self, settings: dict[str, str]) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
        descriptor = self.listener.fileno()
        command = ["uvicorn", "tests.service.versioned_app:app", "--fd", str(descriptor), "--log-level", "warning"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *command, "--timeout-graceful-shutdown", "5"],
                cwd=ROOT,
                env={
                    **clean,
                    "SEALRING_ENV_FILE": str(self.folder / "env"),
                    "SEALRING_STORE": f"sqlite:///{self.folder}/sealring.db",
                    # So short that the clients rotate their refresh tokens many times in the test.
                    "SEALRING_CLIENT_TIMEOUT": "1",
                    "SEALRING_GRACE": "1.1",
                    **settings,
                },
                pass_fds=[descriptor],
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def stop(self) -> None:
        """End it if it runs."""
        process, self.process = self.process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    @property
    def crashed(self) -> bool:
        """Whether it ended without having been asked to."""
        return self.process is not None and self.process.poll() is not None

    @property
    def log(self) -> str:
        """What the processes have printed."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""


@dataclass
class Client:
    """One signed-in browser that follows the actions of the contract.

    Attributes:
        name: of its account.
        visitor: its cookies.
        servers: it goes round.
        done: requests that were answered well.
        told: how often it was told which code.
        versions: the versions of its access tokens, as they came.
    """

    name: str
    visitor: Visitor
    servers: tuple[Server, ...]
    done: int = 0
    turn: int = 0
    refreshes: int = 0
    generation: int = 1
    session: object = None
    told: Counter[str] = field(default_factory=Counter)
    versions: list[int] = field(default_factory=list)

    async def sign_in(self) -> None:
        body = await self._insist("POST", "/auth/login", {"name": self.name})
        self.session = body["session_id"]

    async def look(self) -> None:
        """Ask who it is, and compare the answer, whatever version the token has and the process knows."""
        me = await self._insist("GET", "/me")
        assert (me["subject"], me["teams"], me["session"]) == (self.name, [f"team of {self.name}"], self.session)
        self.versions.append(int(str(me["version"])))
        self.done += 1

    async def refresh(self) -> None:
        self.refreshes += 1
        answer = await self._insist("POST", "/auth/refresh", {"attempt": f"{self.name}-{self.refreshes}"})
        assert answer["session_id"] == self.session
        self.generation = int(str(answer["generation"]))

    async def live(self, stopped: Callable[[], bool]) -> None:
        """Use the application until it is told to stop."""
        while not stopped():
            await self.look()
            if self.done % 5 == 0:
                await self.refresh()
            await asyncio.sleep(0.02)

    async def _insist(self, method: str, path: str, body: object = None) -> dict[str, object]:
        deadline, may_refresh = time.monotonic() + WITHIN, path == "/me"
        while True:
            assert time.monotonic() < deadline, f"retrying did not help: {dict(self.told)}"
            assert not any(server.crashed for server in self.servers), self.servers[0].log
            self.turn += 1
            self.visitor.origin = self.servers[self.turn % len(self.servers)].url
            try:
                answer = await self.visitor.ask(method, path, body)
            except httpx2.HTTPError:
                # What a client does when it is offline.
                self.told["offline"] += 1
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                return dict(answer.json())
            code, action = answer.json()["code"], answer.json()["action"]
            self.told[code] += 1
            if action == "retry":
                await asyncio.sleep(0.05)
                continue
            assert action == "refresh", f"{self.name} was logged out by {code} at {path}"
            assert may_refresh, f"refreshing did not help: {code} at {path}"
            may_refresh = False
            await self.refresh()


@asynccontextmanager
async def two_servers(folder: Path) -> AsyncIterator[tuple[Server, Server]]:
    write_secrets(folder / "env", environment=Environment.DEVELOPMENT, issuer="http://localhost:8000", app="todo")
    servers = (Server(folder), Server(folder))
    try:
        yield servers
    finally:
        for server in servers:
            await asyncio.to_thread(server.stop)
            server.listener.close()


async def everybody_goes_on(clients: list[Client], life: "asyncio.Future[list[None]]") -> None:
    """Wait until every client was served several times more by each of the processes."""
    before = {client.name: client.done for client in clients}
    deadline = time.monotonic() + WITHIN
    while any(client.done < before[client.name] + 12 for client in clients):
        if life.done():
            life.result()
        assert time.monotonic() < deadline, "a client is stuck"
        await asyncio.sleep(0.02)


@pytest.mark.anyio
async def test_a_running_system_moves_to_the_next_version_and_logs_nobody_out(tmp_path: Path) -> None:
    async with two_servers(tmp_path) as servers, httpx2.AsyncClient(timeout=10) as http:
        for server in servers:
            await server.restart("1")
        busy = [Client(f"busy-{number}", Visitor(http, ""), servers) for number in range(BUSY)]
        idle = [Client(f"idle-{number}", Visitor(http, ""), servers) for number in range(IDLE)]
        for client in (*busy, *idle):
            await client.sign_in()
            await client.look()
        stopping = False
        life = asyncio.gather(*(client.live(lambda: stopping) for client in busy))
        try:
            await everybody_goes_on(busy, life)
            # Readers first: both versions are known, and without a setting the older one is still written.
            # Then writers, by a setting alone. Then the older version is dropped.
            for knows, settings in (
                ("1,2", {}),
                ("1,2", {"SEALRING_CLAIMS_VERSION": "2"}),
                ("2", {"SEALRING_CLAIMS_VERSION": "2"}),
            ):
                for server in servers:
                    await server.restart(knows, **settings)
                    await everybody_goes_on(busy, life)
                if not settings:
                    assert {version for client in busy for version in client.versions} == {1}
        finally:
            stopping = True
            await life
        for client in idle:
            # It slept through all of it, and its access token is of a version that nobody knows any more.
            await client.look()
            assert client.told["token_superseded"] == 1
        assert all(client.generation > 1 for client in busy), "no refresh token was ever rotated"
        for client in (*busy, *idle):
            assert client.versions[0] == 1
            assert client.versions[-1] == 2
            assert client.told.keys() <= {"token_superseded", "offline", "token_expired", "store_unavailable"}
    assert "Traceback" not in servers[0].log
