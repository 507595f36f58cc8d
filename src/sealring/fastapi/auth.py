"""The endpoints of a session: log in, refresh, log out, look, end; and the public documents."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from sealring.errors import CredentialsInvalid, RefreshMissing, RefusedError
from sealring.events import LoginRefused
from sealring.fastapi.dependencies import SensitiveToken, Token
from sealring.fastapi.well_known import WellKnownEndpoints
from sealring.service import Sealring
from sealring.sessions.answer import SessionTokens, SessionView
from sealring.sessions.decide import Sender
from sealring.sessions.open import Login
from sealring.sessions.subject import Subject
from sealring.starlette.presence import require_presence
from sealring.web.cookies import CookieNames, delete_cookie, set_cookie
from sealring.web.models import EndedAnswer, ErrorBody, RefreshRequest, SessionAnswer, SessionItem, SessionList
from sealring.web.request_auth import RequestAuth, request_auth

# Where the middleware demands an own page for everything unsafe, whether or not a cookie came along.
_PREFIX = "/auth"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginApproved:
    """What the application's login dependency returns when the credential is right.

    Attributes:
        login: what ``ring.begin_login`` returned, before the credential was checked.
        subject: the account.
        amr: how the user authenticated (RFC 8176); default by password.
        persistent: whether the browser keeps the session when it is closed.
    """

    login: Login
    subject: Subject
    amr: tuple[str, ...] = ("pwd",)
    persistent: bool = False


Authenticate = Callable[..., Awaitable[LoginApproved | None]]


def auth_router(ring: Sealring[Any], *, authenticate: Authenticate) -> APIRouter:
    """Return the endpoints of spec/README.md for cookie mode, and the public documents under ``/.well-known/``.

    Args:
        ring: does the work.
        authenticate: the application's dependency that checks a credential; None is answered with
            ``credentials_invalid``, whatever was wrong.
    """
    router = APIRouter()
    _Endpoints(ring).add_to(router, authenticate)
    WellKnownEndpoints(ring).add_to(router)
    return router


class _Endpoints:
    """The handlers; each is as thin as reading the request, one call, and the answer."""

    def __init__(self, ring: Sealring[Any]) -> None:
        self._ring = ring
        self._names = CookieNames.from_policy(ring.policy)
        self._secure = ring.policy.web.secure_cookies

    def add_to(self, router: APIRouter, authenticate: Authenticate) -> None:
        approval = Annotated[LoginApproved | None, Depends(authenticate)]

        async def login(request: Request, approved: approval) -> JSONResponse:  # pyright: ignore[reportInvalidTypeForm]
            return await self._login(request, approved)

        errors: dict[int | str, dict[str, Any]] = {
            "4XX": {"model": ErrorBody, "description": "Refused."},
            "5XX": {"model": ErrorBody, "description": "Try again."},
        }
        add = router.add_api_route
        common: dict[str, Any] = {"tags": ["session"], "responses": errors}
        for path, method, handler, name, model in (
            ("/login", "POST", login, "login", SessionAnswer),
            ("/refresh", "POST", self.refresh, "refresh", SessionAnswer),
            ("/session", "GET", self.session, "getSession", SessionAnswer),
            ("/logout", "POST", self.logout, "logout", EndedAnswer),
            ("/logout-all", "POST", self.logout_all, "logoutAll", EndedAnswer),
            ("/sessions", "GET", self.sessions, "listSessions", SessionList),
            ("/sessions/{session_id}", "DELETE", self.end_session, "endSession", EndedAnswer),
        ):
            add(_PREFIX + path, handler, methods=[method], operation_id=name, response_model=model, **common)

    async def _login(self, request: Request, approved: LoginApproved | None) -> JSONResponse:
        """Open a session for a credential that the application found right."""
        auth = request_auth(request.scope)
        try:
            if approved is None:
                raise CredentialsInvalid("the application refused the credential")
            await require_presence(request)
            tokens = await self._ring.open_session(
                approved.login,
                approved.subject,
                sender=self._sender(auth),
                amr=approved.amr,
                persistent=approved.persistent,
                device=auth.device,
                replaces=auth.refresh_cookie.value,
            )
        except RefusedError as error:
            self._ring.emit(LoginRefused(code=error.code, detail=error.detail))
            raise
        return self._with_tokens(tokens)

    async def refresh(self, request: Request, body: RefreshRequest | None = None) -> JSONResponse:
        """Renew the access token; the refresh token comes in its cookie. A refusal never deletes cookies."""
        auth = request_auth(request.scope)
        if auth.refresh_cookie.value is None:
            raise RefreshMissing(f"the refresh cookie is {auth.refresh_cookie.state.value}")
        asked = body or RefreshRequest()
        await require_presence(request)
        tokens = await self._ring.refresh(
            auth.refresh_cookie.value, sender=self._sender(auth), attempt=asked.attempt, idle_for=asked.idle_for
        )
        return self._with_tokens(tokens)

    async def session(self, token: Token) -> JSONResponse:
        """Tell about the session of the access token."""
        return JSONResponse(self._body(await self._ring.view(token)))

    async def logout(self, request: Request) -> JSONResponse:
        """End the session; its access tokens stop at once. Also succeeds when there is no session."""
        auth = request_auth(request.scope)
        ended = await self._ring.logout(refresh_token=auth.refresh_cookie.value, token=auth.token)
        return self._signed_out(ended)

    async def logout_all(self, request: Request) -> JSONResponse:
        """End every session of the account, on all devices."""
        auth = request_auth(request.scope)
        ended = await self._ring.logout_all(refresh_token=auth.refresh_cookie.value, token=auth.token)
        return self._signed_out(ended)

    async def sessions(self, token: SensitiveToken) -> SessionList:
        """List the live sessions of the account."""
        rows = await self._ring.sessions(token.subject)
        return SessionList(sessions=[SessionItem.of(row, current=row.session_id == token.session_id) for row in rows])

    async def end_session(self, session_id: str, token: SensitiveToken) -> JSONResponse:
        """End one session of the account; another account's is not found."""
        await self._ring.end_session(token.subject, session_id)
        if session_id == token.session_id:
            return self._signed_out(1)
        return JSONResponse(EndedAnswer(outcome="ended", ended=1).model_dump())

    def _sender(self, auth: RequestAuth) -> Sender:
        return Sender(self._ring.policy.default_client.client_id, auth.agent_family)

    def _body(self, view: SessionView) -> dict[str, object]:
        return view.body(self._ring.clock.now(), self._ring.policy.sessions)

    def _with_tokens(self, tokens: SessionTokens) -> JSONResponse:
        now = self._ring.clock.now()
        row = tokens.view.row
        response = JSONResponse(self._body(tokens.view))
        access_age = max(0, int(tokens.view.expires_at - now)) if row.persistent else None
        self._set(response, self._names.access, tokens.access_token, access_age)
        if tokens.refresh_token is not None:
            refresh_age = max(0, int(row.absolute_end - now)) if row.persistent else None
            self._set(response, self._names.refresh, tokens.refresh_token, refresh_age)
        return response

    def _signed_out(self, ended: int) -> JSONResponse:
        # Only after the commit: a cookie that is gone while its session lives could never be logged out again.
        response = JSONResponse(EndedAnswer(outcome="signed_out", ended=ended).model_dump())
        for name in (self._names.access, self._names.refresh):
            response.raw_headers.append((b"set-cookie", delete_cookie(name, secure=self._secure)))
        return response

    def _set(self, response: JSONResponse, name: str, value: str, max_age: int | None) -> None:
        response.raw_headers.append((b"set-cookie", set_cookie(name, value, max_age=max_age, secure=self._secure)))
