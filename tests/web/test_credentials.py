"""One credential, in one way, or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import NotAuthenticated, RequestInvalid, TokenMissing
from sealring.web.cookies import CookieNames, CookieState
from sealring.web.credentials import Credentials, read_credentials
from sealring.web.request_headers import RequestHeaders

NAMES = CookieNames("app-at", "app-rt")


def read(*, cookie: str = "", authorization: str = "", take_cookies: bool = True) -> Credentials:
    lines = [(b"cookie", cookie.encode())] if cookie else []
    lines += [(b"authorization", authorization.encode())] if authorization else []
    return read_credentials(RequestHeaders(lines), NAMES, take_cookies=take_cookies)


def test_the_access_cookie_authenticates() -> None:
    found = read(cookie="app-at=abc; app-rt=def")
    assert (found.via, found.token, found.refusal) == ("cookie", "abc", None)
    assert found.refresh_cookie.value == "def"
    assert found.any_cookie


def test_the_bearer_header_authenticates_and_the_refresh_cookie_may_come_along() -> None:
    found = read(cookie="app-rt=def", authorization="Bearer abc")
    assert (found.via, found.token, found.refusal) == ("bearer", "abc", None)
    assert found.refresh_cookie.value == "def"


@pytest.mark.parametrize("cookie", ["app-at=abc", "app-at=", "app-at=abc; app-at=abc", 'app-at="abc"'])
def test_two_ways_at_once_are_refused(cookie: str) -> None:
    found = read(cookie=cookie, authorization="Bearer abc")
    assert (found.via, found.token) == (None, None)
    assert isinstance(found.refusal, RequestInvalid)


def test_a_malformed_authorization_header_is_not_passed_over_in_favour_of_the_cookie() -> None:
    found = read(cookie="app-at=abc", authorization="Bearer a b")
    assert (found.via, found.token) == (None, None)
    assert isinstance(found.refusal, RequestInvalid)


def test_a_header_of_another_scheme_leaves_the_cookie_in_force() -> None:
    found = read(cookie="app-at=abc", authorization="Basic abc")
    assert (found.via, found.token) == ("cookie", "abc")


def test_without_anything_the_request_is_not_authenticated() -> None:
    found = read()
    assert isinstance(found.refusal, NotAuthenticated)
    assert not found.any_cookie


@pytest.mark.parametrize("cookie", ["app-rt=def", "app-rt=def; app-at=", 'app-rt=def; app-at="x"'])
def test_a_refresh_cookie_without_usable_access_cookie_asks_for_a_refresh(cookie: str) -> None:
    assert isinstance(read(cookie=cookie).refusal, TokenMissing)


@pytest.mark.parametrize(
    "cookie", ["app-at=a; app-at=a; app-rt=b", "app-at=a; app-rt=b; app-rt=b", "app-rt=b; app-rt=c"]
)
def test_a_doubled_cookie_is_no_session(cookie: str) -> None:
    found = read(cookie=cookie)
    assert isinstance(found.refusal, NotAuthenticated)
    assert found.token is None


def test_where_cookies_are_no_credential_they_are_not_read() -> None:
    found = read(cookie="app-at=abc; app-rt=def", take_cookies=False)
    assert not found.any_cookie
    assert found.access_cookie.state is CookieState.ABSENT
    assert isinstance(found.refusal, NotAuthenticated)
    assert read(cookie="app-at=abc", authorization="Bearer xyz", take_cookies=False).token == "xyz"


@given(
    st.lists(st.sampled_from(["app-at=abc", "app-rt=def", "app-at=", "app-rt=;", "x=y", "app-at"]), max_size=4),
    st.sampled_from(["", "Bearer abc", "Bearer", "Basic x", "Bearer a, Bearer b"]),
    st.booleans(),
)
def test_there_is_a_token_or_a_refusal_and_never_both(cookies: list[str], authorization: str, take: bool) -> None:
    found = read(cookie="; ".join(cookies), authorization=authorization, take_cookies=take)
    assert (found.token is None) == (found.refusal is not None) == (found.via is None)


def test_credentials_do_not_show_their_token() -> None:
    assert "abc" not in repr(read(cookie="app-at=abc; app-rt=abcdef"))
