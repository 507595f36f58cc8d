"""A real issuer on a real port: a ring, its endpoints and its feed, in the process of the test."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from sealring import AccessPolicy, KeyPolicy, Policy, RevocationPolicy
from sealring.clock import ManualClock
from sealring.fastapi import LoginApproved, auth_router, protect, revocations_router
from sealring.oauth.callers import Callers, digest_of_secret, make_caller_secret
from sealring.remote import FeedAccess, Follow, RemotePolicy, Verifier
from tests.support import Bench, Claims, EventLog, bench

SECRET = make_caller_secret(lambda size: bytes(range(size)))
LOOPBACK = RemotePolicy(
    private_networks=("127.0.0.0/8",), insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True
)
PATIENCE = 60.0


class Web(uvicorn.Server):
    """A server inside of a test, which leaves the signals alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Issuer:
    """An issuer whose clock stands still unless it is moved.

    Attributes:
        url: its ``iss``.
        it: its ring, clock, events and accounts.
        app: its application.
        asked: the path of every request that came.
        instead: what answers at a path in place of the application.
    """

    url: str
    it: Bench
    app: FastAPI
    asked: list[str] = field(default_factory=list)
    instead: dict[str, ASGIApp] = field(default_factory=dict)
    _web: Web | None = None
    _task: "asyncio.Task[None] | None" = None

    @property
    def clock(self) -> ManualClock:
        """The clock, also of its verifiers."""
        return self.it.clock

    async def start(self) -> None:
        """Answer on its port."""
        port = int(self.url.rpartition(":")[2])
        listener = socket.create_server(("127.0.0.1", port))
        config = uvicorn.Config(self._counted, interface="asgi3", lifespan="off", log_config=None, access_log=False)
        self._web = Web(config)
        self._task = asyncio.create_task(self._web.serve(sockets=[listener]))
        async with asyncio.timeout(PATIENCE):
            while not self._web.started:
                await asyncio.sleep(0.005)

    async def stop(self) -> None:
        """Answer no more; what is under way is cut off."""
        if self._web is not None and self._task is not None:
            self._web.force_exit = self._web.should_exit = True
            await self._task
            for connection in list(self._web.server_state.connections):
                connection.transport.abort()
            self._web = None

    async def _counted(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await self.instead.get(scope["path"], self.app)(scope, receive, send)

    @property
    def hasty(self) -> RemotePolicy:
        """How to fetch for somebody who does not wait long for a start."""
        return replace(LOOPBACK, start_within=timedelta(seconds=0.3))

    @staticmethod
    def access(name: str) -> FeedAccess:
        """Return the access of a service with the right secret and a name of its own."""
        return FeedAccess(name=name, secret=SECRET)

    def verifier(self, log: EventLog | None = None, **more: Any) -> Verifier[Claims]:
        """Return a service that verifies its tokens."""
        follow = more.pop("follow", Follow.POLL)
        given: dict[str, Any] = {
            "issuer": self.url,
            "audience": "reports",
            "app": "todo",
            "claims": Claims,
            "feed": FeedAccess(name="reports", secret=SECRET, follow=follow),
            "fetching": LOOPBACK,
            "clock": self.clock,
            "sinks": [log] if log else [],
        }
        return Verifier(**(given | more))


async def _nobody() -> LoginApproved | None:
    return None


@asynccontextmanager
async def issuer(*, poll: float = 0.05, keys: KeyPolicy | None = None) -> AsyncIterator[Issuer]:
    """Run an issuer whose tokens are for itself and for ``reports``."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    policy = Policy(
        app="todo",
        issuer=url,
        access=AccessPolicy(audience=("todo", "reports")),
        keys=keys or KeyPolicy(),
        revocation=RevocationPolicy(poll_every=timedelta(seconds=poll)),
    )
    async with bench(policy=policy) as it:
        app = FastAPI(openapi_url=None)
        protect(app, it.ring)
        app.include_router(auth_router(it.ring, authenticate=_nobody))
        app.include_router(revocations_router(it.ring, Callers([("reports", digest_of_secret(SECRET))])))
        running = Issuer(url, it, app)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()
