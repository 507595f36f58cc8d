"""A small application on the real Sealring with a store in memory, and a client that sends exactly what it is told.

HTTP clients tidy headers up; an attack does not. So the requests here are ASGI scopes with raw header lines.
"""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Scope

from sealring.access.claims import NoClaims
from sealring.clock import ManualClock
from sealring.events import Event
from sealring.keys.wrapping import KeyEncryptionKeys
from sealring.policy import Policy
from sealring.service import Sealring
from sealring.sessions.answer import SessionTokens
from sealring.sessions.decide import Sender
from sealring.sessions.subject import Subject
from sealring.sessions.token import RefreshKeys
from sealring.starlette import SealringMiddleware, request_auth, require_token
from sealring.stores.memory import MemoryStore
from sealring.web.cookies import CookieNames, delete_cookie, set_cookie

ORIGIN = "https://todo.example"
POLICY = Policy(app="todo", issuer=ORIGIN)
NAMES = CookieNames.from_policy(POLICY)
OWN_PAGE = [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), ("sealring-client", "1")]
JSON_BODY = [("content-type", "application/json")]

Ring = Sealring[NoClaims]
Lines = Sequence[tuple[str, str | bytes]]


class Recorder:
    """A sink that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep one event."""
        self.events.append(event)

    def of(self, kind: type[Event]) -> list[dict[str, object]]:
        """Return the fields of all events of a kind."""
        return [event.as_fields() for event in self.events if isinstance(event, kind)]


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
    """The application, its ring and its events."""

    app: ASGIApp
    ring: Ring
    clock: ManualClock
    recorder: Recorder

    async def sign_in(self, subject: str = "alice") -> SessionTokens:
        """Open a session."""
        login = await self.ring.begin_login(subject)
        return await self.ring.open_session(login, Subject(subject), sender=Sender("todo-web"))

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
        return inbox.pop(0) if inbox else {"type": "http.disconnect"}

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


async def _login(request: Request) -> Response:
    ring: Ring = request.app.state.ring
    body = await request.json()
    login = await ring.begin_login(body["user"])
    return _signed_in(await ring.open_session(login, Subject(body["user"]), sender=Sender("todo-web")))


async def _refresh(request: Request) -> Response:
    ring: Ring = request.app.state.ring
    presented = request_auth(request.scope).refresh_cookie.value or ""
    return _signed_in(await ring.refresh(presented, sender=Sender("todo-web")))


async def _logout(request: Request) -> Response:
    auth = request_auth(request.scope)
    ended = await request.app.state.ring.logout(refresh_token=auth.refresh_cookie.value, token=auth.token)
    response = JSONResponse({"ended": ended})
    for name in (NAMES.access, NAMES.refresh):
        response.raw_headers.append((b"set-cookie", delete_cookie(name, secure=True)))
    return response


def _signed_in(tokens: SessionTokens) -> Response:
    response = JSONResponse({"outcome": tokens.view.outcome})
    for name, value in ((NAMES.access, tokens.access_token), (NAMES.refresh, tokens.refresh_token)):
        if value is not None:
            response.raw_headers.append((b"set-cookie", set_cookie(name, value, max_age=60, secure=True)))
    return response


ROUTES = (
    Route("/api/me", _me, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
    Route("/api/echo", _echo, methods=["POST"]),
    Route("/who", _who, methods=["GET", "POST"]),
    Route("/oauth/token", _who, methods=["POST"]),
    Route("/auth/login", _login, methods=["POST"]),
    Route("/auth/refresh", _refresh, methods=["POST"]),
    Route("/auth/logout", _logout, methods=["POST"]),
)


@asynccontextmanager
async def house(
    *, policy: Policy = POLICY, routes: Sequence[Route] = ROUTES, asgi_app: ASGIApp | None = None
) -> AsyncIterator[House]:
    """Run an application, by default the small one of this module, on a real ring whose clock stands still.

    Args:
        policy: of the ring.
        routes: of a Starlette application.
        asgi_app: a bare ASGI application in its place.
    """
    clock, recorder = ManualClock(), Recorder()

    async def load_subject(subject_id: str) -> Subject | None:
        return Subject(subject_id)

    ring = Sealring(
        policy=policy,
        store=MemoryStore(),
        key_encryption=KeyEncryptionKeys({1: bytes(range(32))}, 1),
        refresh_keys=RefreshKeys({1: bytes(range(32, 64))}, 1),
        load_subject=load_subject,
        claims=NoClaims,
        sinks=[recorder],
        clock=clock,
    )
    app = Starlette(routes=list(routes))
    app.state.ring = ring
    app.add_middleware(SealringMiddleware, ring=ring)
    async with ring:
        yield House(app if asgi_app is None else SealringMiddleware(asgi_app, ring=ring), ring, clock, recorder)
