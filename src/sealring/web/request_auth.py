"""What is known about the sender of one request, for everything that answers it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sealring.access.claims import AccessToken
from sealring.errors import ConfigurationError, NotAuthenticated, RefusedError
from sealring.web.agents import device_name, user_agent_family
from sealring.web.cookies import CookieReading
from sealring.web.credentials import Via
from sealring.web.csrf import Verdict

SCOPE_KEY = "sealring"


@dataclass(slots=True, kw_only=True)
class RequestAuth:
    """The sender of one request; the middleware puts it into ``scope["sealring"]``.

    Attributes:
        request_id: names the request in its answer and in the log.
        verdict: where the request comes from.
        client_ip: the peer's address as the server reports it; empty when unknown. Forwarded headers are the
            server's business (its list of trusted proxies), never read here.
        user_agent: the header's value, at most 512 printable characters; empty when absent.
        access_cookie: the cookie with the access token, as it came.
        refresh_cookie: the cookie with the refresh token, as it came.
        via: how the access token came; None when none came.
        token: the verified access token, or None.
        refusal: why there is no verified token; None exactly when there is one.
        ask_again: verifies the same token once more as a sensitive route needs it; None where no token came.
    """

    request_id: str
    verdict: Verdict
    client_ip: str
    user_agent: str
    access_cookie: CookieReading
    refresh_cookie: CookieReading
    via: Via | None
    token: AccessToken[Any] | None
    refusal: RefusedError | None
    # Never shown: it holds the text of the token.
    ask_again: Callable[[], Awaitable[AccessToken[Any]]] | None = field(default=None, repr=False)

    @property
    def agent_family(self) -> str:
        """The user agent's family, to tell one sender from another."""
        return user_agent_family(self.user_agent)

    @property
    def device(self) -> str:
        """What the user reads about this device in the list of sessions."""
        return device_name(self.user_agent)


def request_auth(scope: Mapping[str, Any]) -> RequestAuth:
    """Return what the middleware found out about a request.

    Args:
        scope: the ASGI scope.

    Raises:
        ConfigurationError: the middleware does not stand in front of this application.
    """
    auth = scope.get(SCOPE_KEY)
    if not isinstance(auth, RequestAuth):
        raise ConfigurationError("Add sealring.starlette.SealringMiddleware to the application.")
    return auth


def require_token(scope: Mapping[str, Any]) -> AccessToken[Any]:
    """Return the verified access token of a request.

    Args:
        scope: the ASGI scope.

    Raises:
        RefusedError: there is none; the error says why.
        ConfigurationError: the middleware does not stand in front of this application.
    """
    auth = request_auth(scope)
    if auth.token is None:
        raise auth.refusal or NotAuthenticated()
    return auth.token


async def require_sensitive_token(scope: Mapping[str, Any]) -> AccessToken[Any]:
    """Return the verified access token of a request, after its session was looked up in the store at this moment.

    For routes where the seconds that a revocation takes to reach this process are too many; without the store they do
    not answer.

    Args:
        scope: the ASGI scope.

    Raises:
        RefusedError: there is none, or its session has ended; ``StoreUnavailable`` when the store does not answer.
        ConfigurationError: the middleware does not stand in front of this application.
    """
    require_token(scope)
    ask_again = request_auth(scope).ask_again
    if ask_again is None:
        raise NotAuthenticated
    return await ask_again()
