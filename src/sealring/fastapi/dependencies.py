"""What a route depends on: the verified token, the user behind it, a scope."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from sealring.access.claims import AccessToken
from sealring.errors import ConfigurationError, InsufficientScope, SubjectInactive
from sealring.policy import is_scope_token
from sealring.web.request_auth import require_sensitive_token, require_token

UserT = TypeVar("UserT")

SCHEME_NAME = "AccessToken"


class _AccessTokenScheme(SecurityBase):
    """Reads what the middleware verified; as a security scheme, so that OpenAPI shows which routes need a token."""

    def __init__(self) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="RFC 9068 access token in the Authorization header.")
        self.scheme_name = SCHEME_NAME

    async def __call__(self, request: Request) -> AccessToken[Any]:
        """Return the verified access token of the request.

        Raises:
            RefusedError: there is none; the code says why.
        """
        return require_token(request.scope)


class _SensitiveTokenScheme(_AccessTokenScheme):
    """The same for routes that look the session up."""

    async def __call__(self, request: Request) -> AccessToken[Any]:
        """Return the verified access token of the request, after its session was looked up in the store.

        Raises:
            RefusedError: there is none, or its session has ended; 503 when the store does not answer.
        """
        return await require_sensitive_token(request.scope)


access_token = _AccessTokenScheme()
"""Dependency: the verified access token; 401 without one."""

sensitive_token = _SensitiveTokenScheme()
"""Dependency: the verified access token after its session was looked up in the store; 503 without the store.

For routes where the seconds that news of a revocation may take are too many: they cost one read of the store.
"""

Token = Annotated[AccessToken[Any], Depends(access_token)]
"""Annotation of a parameter that takes the verified access token."""

SensitiveToken = Annotated[AccessToken[Any], Depends(sensitive_token)]
"""Annotation of a parameter that takes the verified access token of a sensitive route."""


def current_user(load: Callable[..., Awaitable[UserT | None]]) -> Callable[[UserT | None], Awaitable[UserT]]:
    """Return a dependency that gives the user behind the access token.

    Args:
        load: a dependency that returns the user of a :data:`Token`, or None when it is deleted or disabled; it may
            depend on anything itself, a database session for example.

    Returns:
        The dependency; it answers 401 ``subject_inactive`` where ``load`` returns None.
    """

    async def user(found: Annotated[UserT | None, Depends(load)]) -> UserT:
        if found is None:
            raise SubjectInactive("the application does not know the user as active")
        return found

    return user


def requires(*scope: str, sensitive: bool = False) -> Callable[[AccessToken[Any]], Awaitable[AccessToken[Any]]]:
    """Return a dependency that gives the access token only if it carries a scope.

    Args:
        scope: the scope tokens, all of which are needed (RFC 6749 section 3.3).
        sensitive: whether the session is looked up in the store as well, as for :data:`SensitiveToken`; default False.

    Returns:
        The dependency; it answers 403 ``insufficient_scope`` (RFC 6750 section 3.1) where one is missing.

    Raises:
        ConfigurationError: nothing, or something that is no scope token, is asked for.
    """
    if not scope or not all(is_scope_token(token) for token in scope):
        raise ConfigurationError("requires() takes one or more scope tokens.")

    found = Depends(sensitive_token if sensitive else access_token)

    async def scoped(token: Annotated[AccessToken[Any], found]) -> AccessToken[Any]:
        if not token.has_scope(*scope):
            raise InsufficientScope(scope)
        return token

    return scoped
