"""What a route depends on that takes tokens of another issuer."""

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from fastapi import Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from sealring.errors import NotAuthenticated
from sealring.web.bearer import read_bearer

TokenT = TypeVar("TokenT")


class _ForeignTokenScheme(SecurityBase, Generic[TokenT]):
    """Verifies what came; as a security scheme, so that OpenAPI shows which routes take such a token."""

    def __init__(self, authenticate: Callable[[str], Awaitable[TokenT]]) -> None:
        self.model = HTTPBearer(bearerFormat="JWT", description="Token of another issuer in the Authorization header.")
        self.scheme_name = "ForeignToken"
        self._authenticate = authenticate

    async def __call__(self, request: Request) -> TokenT:
        """Return the verified token of the request.

        Raises:
            RefusedError: there is none; the code says why.
        """
        text = read_bearer(tuple(value for name, value in request.headers.raw if name == b"authorization"))
        if text is None:
            raise NotAuthenticated("no bearer token of another issuer came")
        return await self._authenticate(text)


def foreign_token(authenticate: Callable[[str], Awaitable[TokenT]]) -> Callable[[Request], Awaitable[TokenT]]:
    """Return a dependency that gives the verified token of another issuer, from the ``Authorization`` header.

    It is kept apart from :data:`~sealring.fastapi.dependencies.Token` by type and by name: a route takes the one or the
    other, never whichever comes.

    Args:
        authenticate: usually ``ForeignVerifier(…).authenticate_foreign``.

    Returns:
        The dependency; it answers 401 without a good token.
    """
    return _ForeignTokenScheme(authenticate)
