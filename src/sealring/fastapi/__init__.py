"""FastAPI: protect an application, mount the endpoints, and depend on who is signed in.

ring = load_settings().build(load_subject=..., claims=...)
app = FastAPI(lifespan=lifespan(ring))
protect(app, ring)
app.include_router(auth_router(ring, authenticate=...))
"""

from sealring.fastapi.auth import LoginApproved, auth_router
from sealring.fastapi.client_events import client_events_router
from sealring.fastapi.dependencies import SensitiveToken, Token, access_token, current_user, requires, sensitive_token
from sealring.fastapi.foreign import foreign_token
from sealring.fastapi.install import lifespan, protect
from sealring.fastapi.operations import operations_router
from sealring.fastapi.revocations import revocations_router
from sealring.starlette.live import live_events, live_socket
from sealring.web.live import ServerEvent

__all__ = [
    "LoginApproved",
    "SensitiveToken",
    "ServerEvent",
    "Token",
    "access_token",
    "auth_router",
    "client_events_router",
    "current_user",
    "foreign_token",
    "lifespan",
    "live_events",
    "live_socket",
    "operations_router",
    "protect",
    "requires",
    "revocations_router",
    "sensitive_token",
]
