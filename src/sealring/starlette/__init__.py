"""The ASGI middleware: reads credentials, refuses foreign requests, answers every error in one shape.

In front of Starlette or FastAPI it is added last, so that it stands before all others::

    app.add_middleware(SealringMiddleware, ring=ring)

Never wrap it around such an application by hand: there its own error page answers before any refusal gets out. Any
other ASGI application is wrapped: ``SealringMiddleware(app, ring=ring)``.

It never refuses a request for a missing or bad access token, because public routes exist: what it found out is in
``scope["sealring"]``, and :func:`require_token` raises the refusal where a route needs a token;
:func:`require_sensitive_token` also looks the session up where a route must not wait for news of its end.
"""

from sealring.starlette.guard import RequestGuard
from sealring.starlette.live import live_events, live_socket
from sealring.starlette.middleware import SealringMiddleware
from sealring.web.live import ServerEvent
from sealring.web.request_auth import RequestAuth, request_auth, require_sensitive_token, require_token

__all__ = [
    "RequestAuth",
    "RequestGuard",
    "SealringMiddleware",
    "ServerEvent",
    "live_events",
    "live_socket",
    "request_auth",
    "require_sensitive_token",
    "require_token",
]
