"""Puts an application behind the middleware, and gives all its errors one shape."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from sealring.errors import (
    BodyTooLarge,
    Conflict,
    InsufficientScope,
    InternalError,
    MediaTypeRefused,
    MethodNotAllowed,
    NotAuthenticated,
    NotFound,
    RateLimited,
    RefusedError,
    RequestInvalid,
    StoreUnavailable,
    ValidationFailed,
)
from sealring.fastapi.dependencies import SCHEME_NAME
from sealring.starlette import RequestGuard, SealringMiddleware
from sealring.web.cookies import CookieNames

_BY_STATUS: dict[int, Callable[[str], RefusedError]] = {
    401: NotAuthenticated,
    403: lambda _: InsufficientScope(),
    404: NotFound,
    405: MethodNotAllowed,
    409: Conflict,
    413: BodyTooLarge,
    415: MediaTypeRefused,
    429: RateLimited,
    503: StoreUnavailable,
}
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def protect(app: FastAPI, ring: RequestGuard) -> None:
    """Put an application behind the middleware: credentials, CSRF rule, body limit, security headers, one error shape.

    Args:
        app: the application; call this before it serves.
        ring: verifies its tokens: a ``Sealring``, or a ``sealring.remote.Verifier`` in a service without a store.
    """
    app.add_middleware(SealringMiddleware, ring=ring)
    app.add_exception_handler(RequestValidationError, _refuse_fields)
    app.add_exception_handler(HTTPException, _refuse_status)
    _describe_cookie(app, CookieNames.from_policy(ring.policy))


def lifespan(ring: AbstractAsyncContextManager[object]) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Return a lifespan that starts and drains the ring with the application."""

    @asynccontextmanager
    async def run(_: FastAPI) -> AsyncIterator[None]:
        async with ring:
            yield

    return run


async def _refuse_fields(_: Request, error: Exception) -> Any:  # noqa: ANN401 - it never returns
    # The middleware makes the answer. Only places and sentences are told: what was sent may be a password.
    assert isinstance(error, RequestValidationError)  # noqa: S101
    faults = error.errors()
    if any(fault["type"] == "json_invalid" for fault in faults):
        raise RequestInvalid("the body is not JSON") from None
    raise ValidationFailed(tuple((_place(fault["loc"]), _sentence(fault)) for fault in faults[:20])) from None


async def _refuse_status(_: Request, error: Exception) -> Any:  # noqa: ANN401 - it never returns
    assert isinstance(error, HTTPException)  # noqa: S101
    fallback = InternalError if error.status_code >= 500 else RequestInvalid
    raise _BY_STATUS.get(error.status_code, fallback)(str(error.detail)) from None


def _place(location: tuple[int | str, ...]) -> str:
    inside = location[1:] if location and location[0] in {"body", "query", "path", "header", "cookie"} else location
    return ".".join(str(part) for part in inside)[:200] or "body"


def _sentence(fault: dict[str, Any]) -> str:
    return str(fault["msg"]).removeprefix("Value error, ")[:300]


def _describe_cookie(app: FastAPI, names: CookieNames) -> None:
    """Tell OpenAPI that wherever an access token is needed, its cookie will do as well."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        document = original()
        schemes = document.get("components", {}).get("securitySchemes", {})
        if SCHEME_NAME in schemes and "AccessCookie" not in schemes:
            schemes["AccessCookie"] = {"type": "apiKey", "in": "cookie", "name": names.access}
            for item in document.get("paths", {}).values():
                for operation in (item[method] for method in _METHODS if method in item):
                    if {SCHEME_NAME: []} in operation.get("security", []):
                        operation["security"].append({"AccessCookie": []})
        return document

    app.openapi = openapi  # type: ignore[method-assign]
