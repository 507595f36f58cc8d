"""The library's own endpoints on a real ring, and a client that sends exactly the bytes it is told to.

HTTP clients tidy headers up; an attack does not. So the requests here are ASGI scopes with raw header lines.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Body, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from sealring import Policy, Sealring, SessionTokens
from sealring.clock import ManualClock
from sealring.fastapi import LoginApproved, auth_router, protect
from sealring.starlette import SealringMiddleware, request_auth, require_token
from sealring.web.cookies import CookieNames
from tests.support import ISSUER, Bench, Claims, EventLog, bench

ORIGIN = ISSUER
POLICY = Policy(app="todo", issuer=ISSUER)
NAMES = CookieNames.from_policy(POLICY)
OWN_PAGE = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), ("sealring-client", "1")]
JSON_BODY = [("content-type", "application/json")]

Lines = Sequence[tuple[str, str | bytes]]


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        """Return all lines of a header."""
        return [value.decode("latin-1") for key, value in self.headers if key == name.encode()]

    def one(self, name: str) -> str:
        """Return the only line of a header."""
        (value,) = self.values(name)
        return value

    @property
    def json(self) -> dict[str, Any]:
        """Return the body as an object."""
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def code(self) -> str:
        """Return the error code, which must come with the right status."""
        return str(self.json["code"])


@dataclass
class House:
    """An application behind the middleware, and the ring that it stands on."""

    app: ASGIApp
    bench: Bench

    @property
    def ring(self) -> Sealring[Claims]:
        """The ring."""
        return self.bench.ring

    @property
    def clock(self) -> ManualClock:
        """The clock, which stands still."""
        return self.bench.clock

    @property
    def log(self) -> EventLog:
        """Every event."""
        return self.bench.log

    async def sign_in(self, subject: str = "ada") -> SessionTokens:
        """Open a session and use it once, so that a refresh would rotate."""
        tokens = await self.bench.login(subject)
        await self.bench.settle(tokens)
        self.log.events.clear()
        return tokens

    async def generation(self, tokens: SessionTokens) -> int:
        """Return the generation that the store has for a session."""
        row = await self.ring.store.read_session(tokens.view.row.sid)
        assert row is not None
        return row.generation

    async def is_live(self, tokens: SessionTokens) -> bool:
        """Tell whether a session still lives."""
        row = await self.ring.store.read_session(tokens.view.row.sid)
        return row is not None and row.is_live(self.clock.now())

    async def ask(self, method: str, path: str, lines: Lines = (), body: bytes | Sequence[bytes] = b"") -> Answer:
        """Send one request, with exactly these header lines and body parts."""
        return await ask(self.app, method, path, lines, body)


def cookies(tokens: SessionTokens, *, access: bool = True, refresh: bool = True) -> tuple[str, str]:
    """Return the Cookie line of a browser that has the cookies of a session."""
    pairs = [f"{NAMES.access}={tokens.access_token}"] * access + [f"{NAMES.refresh}={tokens.refresh_token}"] * refresh
    return "cookie", "; ".join(pairs)


def http_scope(method: str, path: str, lines: Lines = (), **more: object) -> Scope:
    """Return the scope of a request."""
    headers = [(name.encode(), value if isinstance(value, bytes) else value.encode("latin-1")) for name, value in lines]
    scope: dict[str, object] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "https", "headers": headers,
        "server": ("todo.example", 443), "client": ("192.0.2.7", 50_000),
    }  # fmt: skip
    return scope | more


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    lines: Lines = (),
    body: bytes | Sequence[bytes] = b"",
    **more: object,
) -> Answer:
    """Send one request to an ASGI application and return the whole answer."""
    parts = [body] if isinstance(body, bytes) else list(body)
    inbox: list[Message] = [
        {"type": "http.request", "body": part, "more_body": position < len(parts)}
        for position, part in enumerate(parts, 1)
    ]
    answer = Answer()

    async def receive() -> Message:
        if not inbox:
            await asyncio.Event().wait()  # The client waits for its answer.
        return inbox.pop(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            assert answer.status == 0, "the answer started twice"
            answer.status, answer.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            assert answer.status, "a body before the start"
            answer.body += message.get("body", b"")

    await app(http_scope(method, path, lines, **more), receive, send)
    return answer


async def _me(request: Request) -> Response:
    return JSONResponse({"subject": require_token(request.scope).subject})


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _who(request: Request) -> Response:
    auth = request_auth(request.scope)
    token, refusal = auth.token, auth.refusal
    return JSONResponse(
        {
            "subject": token.subject if token else None,
            "refusal": refusal.code if refusal else None,
            "via": auth.via,
            "verdict": auth.verdict.value,
            "client_ip": auth.client_ip,
            "user_agent": auth.user_agent,
            "device": auth.device,
            "agent_family": auth.agent_family,
            "request_id": auth.request_id,
        }
    )


def application(it: Bench) -> FastAPI:
    """Return an application as a user of the library writes it: anybody gets in who says who they are."""
    app = FastAPI(openapi_url=None)
    ring = it.ring
    protect(app, ring)

    async def authenticate(user: Annotated[str, Body(embed=True)]) -> LoginApproved | None:
        login = await ring.begin_login(user)
        subject = it.subjects.get(user)
        return None if subject is None else LoginApproved(login=login, subject=subject)

    app.include_router(auth_router(ring, authenticate=authenticate))
    for path, handler, methods in (
        ("/api/me", _me, ["GET", "POST", "PUT", "PATCH", "DELETE"]),
        ("/api/echo", _echo, ["POST"]),
        ("/who", _who, ["GET", "POST"]),
        ("/oauth/token", _who, ["POST"]),
    ):
        app.add_route(path, handler, methods=methods)
    return app


@asynccontextmanager
async def house(
    *, policy: Policy = POLICY, routes: Sequence[Route] = (), asgi_app: ASGIApp | None = None
) -> AsyncIterator[House]:
    """Run an application on a real ring whose clock stands still.

    Args:
        policy: of the ring.
        routes: more routes for the application of this module.
        asgi_app: a bare ASGI application in its place.
    """
    async with bench(policy=policy) as it:
        app: ASGIApp
        if asgi_app is not None:
            app = SealringMiddleware(asgi_app, ring=it.ring)
        else:
            app = application(it)
            app.router.routes.extend(routes)
        yield House(app, it)
