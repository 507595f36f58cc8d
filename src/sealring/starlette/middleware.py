"""Pure ASGI middleware: admits a request or refuses it, and answers for whatever goes wrong behind it."""

import logging
import secrets
from collections.abc import Callable
from functools import partial

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from sealring.errors import (
    BodyTooLarge,
    CallerUnknown,
    CsrfRefused,
    InsufficientScope,
    InternalError,
    MediaTypeRefused,
    RateLimited,
    RefusedError,
    RequestInvalid,
)
from sealring.events import CookieAmbiguous, RequestRefused
from sealring.starlette.exchange import Exchange
from sealring.starlette.guard import RequestGuard
from sealring.starlette.handshake import Handshake
from sealring.web.body import BodyMeter, announced_length
from sealring.web.cookies import CookieNames
from sealring.web.credentials import Credentials, read_credentials
from sealring.web.csrf import Verdict, check_source, explain, is_json, judge, judge_source
from sealring.web.headers import AnswerHeaders
from sealring.web.printable import printable
from sealring.web.request_auth import SCOPE_KEY, RequestAuth
from sealring.web.request_headers import RequestHeaders
from sealring.web.request_id import make_request_id

_log = logging.getLogger("sealring")

# Refusals that nobody below has made an event of; the others are ordinary answers or have an event of their own.
_REPORTED = (
    BodyTooLarge,
    CallerUnknown,
    CsrfRefused,
    InsufficientScope,
    InternalError,
    MediaTypeRefused,
    RateLimited,
    RequestInvalid,
)


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
        exchange = Exchange(scope, receive, send, self._report, self._answer_headers, self._realm)
        exchange.request_id = make_request_id(self._entropy)
        try:
            await self._admit(scope, exchange)
            await self._app(scope, exchange.receive, exchange.send)
        except RefusedError as error:
            await exchange.refuse(error)
        except ClientDisconnect:
            return  # nobody is left to answer, and nothing of ours went wrong
        except Exception:
            if exchange.started:
                raise  # the server breaks the connection off, so that nobody takes half an answer for a whole one
            _log.exception("Unhandled exception in request %s", exchange.request_id)
            await exchange.refuse(InternalError("An exception was not handled; the log has it."))

    async def _admit(self, scope: Scope, exchange: Exchange) -> None:
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
        token, refusal, ask_again = None, credentials.refusal, None
        if credentials.token is not None:
            ask_again = partial(self._ring.authenticate, credentials.token, sensitive=True)
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
            ask_again=ask_again,
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
        handshake = Handshake(receive, send, own_page=verdict is Verdict.SAME_ORIGIN)
        try:
            await self._app(scope, handshake.receive, handshake.send)
        except RefusedError as error:
            await handshake.refuse(error)

    def _report(self, error: RefusedError, exchange: Exchange) -> None:
        if isinstance(error, _REPORTED):
            self._ring.emit(
                RequestRefused(
                    code=error.code,
                    detail=printable(error.detail, 400),
                    request_id=exchange.request_id,
                    method=printable(exchange.method, 32),
                    path=printable(exchange.path),
                )
            )
