"""Which credential does a request authenticate by: one, in one way, or none."""

from dataclasses import dataclass
from typing import Literal

from sealring.errors import NotAuthenticated, RefusedError, RequestInvalid, TokenMissing
from sealring.web.bearer import read_bearer
from sealring.web.cookies import ABSENT, CookieNames, CookieReading, read_cookie
from sealring.web.request_headers import RequestHeaders

Via = Literal["cookie", "bearer"]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brought to authenticate itself; nothing of it is verified yet.

    Attributes:
        access_cookie: the cookie with the access token.
        refresh_cookie: the cookie with the refresh token.
        via: how the access token came; None when there is none.
        token: the access token, or None.
        refusal: why there is no access token; None exactly when there is one.
    """

    access_cookie: CookieReading
    refresh_cookie: CookieReading
    via: Via | None
    token: str | None
    refusal: RefusedError | None

    @property
    def any_cookie(self) -> bool:
        """Whether a cookie of ours came along, usable or not."""
        return self.access_cookie.present or self.refresh_cookie.present

    def __repr__(self) -> str:
        return f"Credentials(via={self.via!r}, refusal={self.refusal!r})"  # a token never reaches a log


def read_credentials(headers: RequestHeaders, names: CookieNames, *, take_cookies: bool = True) -> Credentials:
    """Read the credentials of a request.

    Args:
        headers: of the request.
        names: of the two cookies.
        take_cookies: False where cookies are no credential; they are then not even read.

    Returns:
        At most one access token, or the reason for there being none.
    """
    access = read_cookie(headers.cookie, names.access) if take_cookies else ABSENT
    refresh = read_cookie(headers.cookie, names.refresh) if take_cookies else ABSENT
    try:
        bearer = read_bearer(headers.authorization)
    except RequestInvalid as refusal:
        return Credentials(access, refresh, None, None, refusal)
    if bearer is not None:
        # RFC 6750 section 2: clients MUST NOT use more than one method to transmit the token in each request.
        if access.present:
            both = RequestInvalid("An access token came in the Authorization header and in a cookie.")
            return Credentials(access, refresh, None, None, both)
        return Credentials(access, refresh, "bearer", bearer, None)
    # Nobody can tell which of two cookies is the user's: together they are no session at all.
    if access.ambiguous or refresh.ambiguous:
        return Credentials(access, refresh, None, None, NotAuthenticated("A cookie came more than once."))
    if access.value is not None:
        return Credentials(access, refresh, "cookie", access.value, None)
    missing = TokenMissing() if refresh.value is not None else NotAuthenticated()
    return Credentials(access, refresh, None, None, missing)
