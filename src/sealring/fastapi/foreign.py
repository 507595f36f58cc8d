"""What a route depends on that takes tokens of another issuer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request

from sealring.errors import NotAuthenticated
from sealring.web.bearer import read_bearer

TokenT = TypeVar("TokenT")


def foreign_token(authenticate: Callable[[str], Awaitable[TokenT]]) -> Callable[[Request], Awaitable[TokenT]]:
    """Return a dependency that gives the verified token of another issuer, from the ``Authorization`` header.

    It is kept apart from :data:`~sealring.fastapi.dependencies.Token` by type and by name: a route takes the one or the
    other, never whichever comes.

    Args:
        authenticate: usually ``ForeignVerifier(…).authenticate_foreign``.

    Returns:
        The dependency; it answers 401 without a good token.
    """

    async def foreign(request: Request) -> TokenT:
        text = read_bearer(tuple(value for name, value in request.headers.raw if name == b"authorization"))
        if text is None:
            raise NotAuthenticated("no bearer token of another issuer came")
        return await authenticate(text)

    return foreign
