"""The headers of every answer."""

import pytest

from sealring.policy import Policy, WebPolicy
from sealring.web.cookies import CookieNames, delete_cookie, set_cookie
from sealring.web.headers import AnswerHeaders, Header

POLICY = Policy(app="todo", issuer="https://todo.example")
NAMES = CookieNames.from_policy(POLICY)


def complete(
    *own: Header,
    policy: Policy = POLICY,
    path: str = "/page",
    safe_method: bool = True,
    with_credential: bool = False,
) -> dict[bytes, list[bytes]]:
    headers = AnswerHeaders(policy).complete(
        own, path=path, safe_method=safe_method, with_credential=with_credential, request_id="1f"
    )
    found: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        found.setdefault(name, []).append(value)
    return found


def test_every_answer_has_the_security_headers() -> None:
    found = complete((b"content-type", b"text/html"))
    assert found[b"content-security-policy"] == [POLICY.web.csp.encode()]
    assert found[b"x-content-type-options"] == [b"nosniff"]
    assert found[b"referrer-policy"] == [b"same-origin"]
    assert found[b"cross-origin-opener-policy"] == [b"same-origin"]
    assert found[b"cross-origin-resource-policy"] == [b"same-origin"]
    assert found[b"x-frame-options"] == [b"DENY"]
    assert b"camera=()" in found[b"permissions-policy"][0]
    assert found[b"content-type"] == [b"text/html"]


def test_strict_transport_security_lasts_a_year_and_can_be_left_to_a_proxy() -> None:
    assert complete()[b"strict-transport-security"] == [b"max-age=31536000; includeSubDomains"]
    without = Policy(app="todo", issuer="https://todo.example", web=WebPolicy(hsts=False))
    assert b"strict-transport-security" not in complete(policy=without)


@pytest.mark.parametrize("name", [b"content-security-policy", b"Content-Security-Policy", b"x-frame-options"])
def test_a_security_header_of_the_answer_itself_stays(name: bytes) -> None:
    assert complete((name, b"own"))[name.lower()] == [b"own"]


def test_the_request_id_is_ours_alone() -> None:
    assert complete((b"x-request-id", b"theirs"), (b"X-Request-ID", b"again"))[b"x-request-id"] == [b"1f"]


@pytest.mark.parametrize("path", ["/api/todos", "/auth/login", "/api/"])
@pytest.mark.parametrize("own", [(), ((b"cache-control", b"public, max-age=60"),), ((b"Cache-Control", b"private"),)])
def test_below_the_prefixes_nothing_is_stored_whatever_the_answer_says(path: str, own: tuple[Header, ...]) -> None:
    assert complete(*own, path=path)[b"cache-control"] == [b"no-store"]


@pytest.mark.parametrize("path", ["/", "/apis", "/x/api/todos", "/assets/app-1a2b.js"])
def test_elsewhere_an_answer_decides_for_itself(path: str) -> None:
    assert b"cache-control" not in complete(path=path)
    own = (b"cache-control", b"public, max-age=31536000, immutable")
    assert complete(own, path=path, with_credential=True)[b"cache-control"] == [own[1]]


@pytest.mark.parametrize("name", [NAMES.access, NAMES.refresh])
def test_an_answer_that_sets_or_deletes_one_of_our_cookies_is_never_stored(name: str) -> None:
    for line in (set_cookie(name, "abc", max_age=60, secure=True), delete_cookie(name, secure=True)):
        found = complete((b"set-cookie", line), (b"cache-control", b"public"))
        assert found[b"cache-control"] == [b"no-store"]
        assert found[b"set-cookie"] == [line]


def test_another_cookie_changes_nothing() -> None:
    lines = [(b"set-cookie", b"theme=dark"), (b"set-cookie", b"x=" + NAMES.access.encode() + b"=1")]
    assert b"cache-control" not in complete(*lines)


def test_an_answer_to_a_signed_in_user_stays_out_of_shared_caches() -> None:
    assert complete(with_credential=True)[b"cache-control"] == [b"private"]


def test_answers_vary_with_what_they_may_depend_on() -> None:
    assert complete()[b"vary"] == [b"Cookie, Authorization"]
    assert complete(safe_method=False)[b"vary"] == [b"Cookie, Authorization, Sec-Fetch-Site, Origin"]


def test_vary_adds_only_what_the_answer_does_not_name() -> None:
    found = complete((b"vary", b"Accept-Encoding, cookie"), (b"vary", b"Origin"), safe_method=False)
    assert found[b"vary"] == [b"Accept-Encoding, cookie", b"Origin", b"Authorization, Sec-Fetch-Site"]
    assert complete((b"vary", b"*"))[b"vary"] == [b"*"]


def test_an_answer_that_is_public_varies_with_nothing_of_ours() -> None:
    assert b"vary" not in complete((b"cache-control", b"public, max-age=300"))
