"""The ASGI middleware: reads credentials, refuses foreign requests, answers every error in one shape.

In front of Starlette or FastAPI it is added last, so that it stands before all others::

    app.add_middleware(SealringMiddleware, ring=ring)

Never wrap it around such an application by hand: there its own error page answers before any refusal gets out. Any
other ASGI application is wrapped: ``SealringMiddleware(app, ring=ring)``.

It never refuses a request for a missing or bad access token, because public routes exist: what it found out is in
``scope["sealring"]``, and :func:`require_token` raises the refusal where a route needs a token.
"""

import logging
import secrets
from collections.abc import Callable
from typing import Any, Protocol

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sealring.access.claims import AccessToken
from sealring.access.verify import Authenticator
from sealring.errors import (
    BodyTooLarge,
    CsrfRefused,
    InsufficientScope,
    InternalError,
    MediaTypeRefused,
    RateLimited,
    RefusedError,
    RequestInvalid,
)
from sealring.events import CookieAmbiguous, Event, RequestRefused
from sealring.policy import Policy
from sealring.web.answers import error_answer
from sealring.web.body import BodyMeter, announced_length
from sealring.web.cookies import CookieNames
from sealring.web.credentials import Credentials, read_credentials
from sealring.web.csrf import Verdict, check_source, explain, is_json, is_safe, judge, judge_source
from sealring.web.headers import AnswerHeaders
from sealring.web.printable import printable
from sealring.web.request_auth import SCOPE_KEY, RequestAuth, request_auth, require_token
from sealring.web.request_headers import RequestHeaders
from sealring.web.request_id import make_request_id

__all__ = ["RequestAuth", "RequestGuard", "SealringMiddleware", "request_auth", "require_token"]

_log = logging.getLogger("sealring")

# Refusals that nobody below has made an event of; the others are ordinary answers or have an event of their own.
_REPORTED = (
    BodyTooLarge,
    CsrfRefused,
    InsufficientScope,
    InternalError,
    MediaTypeRefused,
    RateLimited,
    RequestInvalid,
)


class RequestGuard(Authenticator[Any], Protocol):
    """What the middleware needs: the ``Sealring`` object, or a verifier that knows only public keys."""

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        ...

    def confirm(self, token: AccessToken[Any]) -> None:
        """Take note that the generation of a verified token was seen."""
        ...

    def emit(self, event: Event) -> None:
        """Hand an event to the sinks."""
        ...


class SealringMiddleware:
    """Pure ASGI middleware for ``http`` and ``websocket``; everything else passes through.

    Args:
        app: the application behind it.
        ring: verifies tokens and takes events.
        auth_prefixes: paths that log in and out, where every unsafe request must come from an own page; default
            ``/auth/``.
        oauth_prefixes: paths where cookies are no credential, so that no page can misuse them; default ``/oauth/``.
        entropy: returns that many random bytes, for request ids; default the operating system's.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        ring: RequestGuard,
        auth_prefixes: tuple[str, ...] = ("/auth/",),
        oauth_prefixes: tuple[str, ...] = ("/oauth/",),
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._app = app
        self._ring = ring
        self._auth_prefixes = auth_prefixes
        self._oauth_prefixes = oauth_prefixes
        self._entropy = entropy
        self._names = CookieNames.from_policy(ring.policy)
        self._allowed_origins = ring.policy.allowed_origins
        self._body_limit = ring.policy.web.body_limit
        self._realm = ring.policy.app
        self._answer_headers = AnswerHeaders(ring.policy)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            await self._serve_http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._serve_websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _serve_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = _Exchange(scope, receive, send, self._report, self._answer_headers, self._realm)
        exchange.request_id = make_request_id(self._entropy)
        try:
            await self._admit(scope, exchange)
            await self._app(scope, exchange.receive, exchange.send)
        except RefusedError as error:
            await exchange.refuse(error)
        except Exception:
            if exchange.started:
                raise  # the server breaks the connection off, so that nobody takes half an answer for a whole one
            _log.exception("Unhandled exception in request %s", exchange.request_id)
            await exchange.refuse(InternalError("An exception was not handled; the log has it."))

    async def _admit(self, scope: Scope, exchange: "_Exchange") -> None:
        """Refuse what must not reach the application; otherwise leave what is known of the sender in the scope."""
        headers = RequestHeaders(scope["headers"])
        announced = announced_length(headers, self._body_limit)
        take_cookies = not exchange.path.startswith(self._oauth_prefixes)
        credentials = self._read(headers, exchange.request_id, take_cookies=take_cookies)
        verdict = judge(scope["method"], headers, self._allowed_origins)
        exchange.with_credential = credentials.any_cookie or credentials.via is not None
        # A foreign page cannot send an Authorization header without a preflight, and without a cookie nothing of ours
        # is sent on its behalf.
        by_header_alone = credentials.via == "bearer" and not credentials.any_cookie
        sensitive = credentials.any_cookie or exchange.path.startswith(self._auth_prefixes)
        guarded = verdict is not Verdict.SAFE and take_cookies and not by_header_alone
        if guarded:
            check_source(verdict, headers, sensitive=sensitive)
        exchange.meter = BodyMeter(
            self._body_limit, announced, refuse_any=guarded and sensitive and not is_json(headers)
        )
        scope[SCOPE_KEY] = await self._authenticate(scope, headers, credentials, verdict, exchange.request_id)

    def _read(self, headers: RequestHeaders, request_id: str, *, take_cookies: bool) -> Credentials:
        credentials = read_credentials(headers, self._names, take_cookies=take_cookies)
        if credentials.access_cookie.ambiguous:
            self._ring.emit(CookieAmbiguous(cookie=self._names.access, request_id=request_id))
        if credentials.refresh_cookie.ambiguous:
            self._ring.emit(CookieAmbiguous(cookie=self._names.refresh, request_id=request_id))
        return credentials

    async def _authenticate(
        self, scope: Scope, headers: RequestHeaders, credentials: Credentials, verdict: Verdict, request_id: str
    ) -> RequestAuth:
        token, refusal = None, credentials.refusal
        if credentials.token is not None:
            try:
                token = await self._ring.authenticate(credentials.token)
                self._ring.confirm(token)
            except RefusedError as error:
                refusal = error
        client = scope.get("client")
        return RequestAuth(
            request_id=request_id,
            verdict=verdict,
            client_ip=str(client[0]) if client else "",
            user_agent=printable(headers.user_agent[0].decode("latin-1"), 512) if headers.user_agent else "",
            access_cookie=credentials.access_cookie,
            refresh_cookie=credentials.refresh_cookie,
            via=credentials.via,
            token=token,
            refusal=refusal,
        )

    async def _serve_websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a handshake on; browsers send cookies with it from any page, so only those of our own pages count."""
        request_id = make_request_id(self._entropy)
        headers = RequestHeaders(scope["headers"])
        credentials = self._read(headers, request_id, take_cookies=True)
        verdict = judge_source(headers, self._allowed_origins)
        if credentials.via == "cookie" and verdict is not Verdict.SAME_ORIGIN:
            refusal = CsrfRefused(explain(verdict, headers))
            credentials = Credentials(credentials.access_cookie, credentials.refresh_cookie, None, None, refusal)
        scope[SCOPE_KEY] = await self._authenticate(scope, headers, credentials, verdict, request_id)
        closed = False

        async def watch(message: Message) -> None:
            nonlocal closed
            closed = closed or message["type"] == "websocket.close"
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except RefusedError as error:
            if closed:
                raise
            # RFC 6455 section 7.4.1: 1008 is a violated policy; before the handshake is accepted it becomes a 403.
            await send({"type": "websocket.close", "code": 1008, "reason": error.code})

    def _report(self, error: RefusedError, exchange: "_Exchange") -> None:
        if isinstance(error, _REPORTED):
            self._ring.emit(
                RequestRefused(
                    code=error.code,
                    detail=error.detail,
                    request_id=exchange.request_id,
                    method=printable(exchange.method, 32),
                    path=printable(exchange.path),
                )
            )


class _Exchange:
    """One request and its answer: measures the body that comes in, completes the headers that go out."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        report: Callable[[RefusedError, "_Exchange"], None],
        headers: AnswerHeaders,
        realm: str,
    ) -> None:
        self._receive = receive
        self._send = send
        self._report = report
        self._headers = headers
        self._realm = realm
        self._body_refusal: RefusedError | None = None
        self._replaced = False
        self.request_id = ""
        self.method: str = scope["method"]
        self.path = _route_path(scope)
        self.with_credential = False
        self.meter: BodyMeter | None = None
        self.started = False

    async def receive(self) -> Message:
        """Hand one message on, or raise where the body breaks a rule; what is too much is never kept."""
        message = await self._receive()
        if message["type"] == "http.request" and self.meter is not None:
            try:
                self.meter.add(len(message.get("body", b"")), last=not message.get("more_body", False))
            except RefusedError as error:
                self._body_refusal = error
                raise
        return message

    async def send(self, message: Message) -> None:
        """Hand one message on, the first with complete headers."""
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            # FastAPI answers whatever goes wrong while it reads a body with a 400 of its own.
            if self._body_refusal is not None:
                self._replaced = True
                await self._answer(self._body_refusal)
                return
            await self._start(message)
            return
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Answer with an error; raise it where the application's answer is already on its way."""
        if self._replaced and error is self._body_refusal:
            return
        if self.started:
            raise error
        # What went wrong with the body is the cause of whatever the application makes of it.
        await self._answer(self._body_refusal or error)

    async def _answer(self, error: RefusedError) -> None:
        self._report(error, self)
        status, headers, body = error_answer(error, self.request_id, self._realm)
        await self._start({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, message: Message) -> None:
        self.started = True
        headers = self._headers.complete(
            message.get("headers", ()),
            path=self.path,
            safe_method=is_safe(self.method),
            with_credential=self.with_credential,
            request_id=self.request_id,
        )
        await self._send({**message, "headers": headers})


def _route_path(scope: Scope) -> str:
    """Return the path as the application routes it: without the prefix that it is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
