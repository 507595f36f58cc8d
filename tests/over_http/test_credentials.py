"""Malformed, forged, expired and foreign credentials over real HTTP: a 401 with a code, never a 5xx."""

import base64
import json

import httpx2
import pytest

from sealring.jose.jwk import generate
from sealring.jose.jws import sign
from tests.running import ACCESS, REFRESH, RunningApp, Visitor

pytestmark = pytest.mark.anyio


def _forgeries(token: str) -> dict[str, str]:
    header, payload, signature = token.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt"}').decode().rstrip("=")
    flipped = signature[:-2] + ("AA" if signature[-2:] != "AA" else "BA")
    claims = base64.urlsafe_b64decode(payload + "==")
    return {
        "S1 alg none without a signature": f"{none}.{payload}.",
        "S1 alg none with the old signature": f"{none}.{payload}.{signature}",
        "S11 no signature": f"{header}.{payload}.",
        "S11 two segments": f"{header}.{payload}",
        "S11 four segments": f"{token}.{signature}",
        "S11 five segments, as a JWE has": f"{token}.{signature}.{signature}",
        "another signature": f"{header}.{payload}.{flipped}",
        "another payload": f"{header}.{payload[:-4]}AAAA.{signature}",
        "P1 padding": f"{token}=",
        "signed by somebody else's key": sign(claims, generate("ES256"), typ="at+jwt"),
        "a kid that nobody knows": sign(b"{}", generate("ES256"), typ="at+jwt"),
        "no token at all": "nonsense-of-somebody",
        "a long one": "a" * 9_000,
    }


NAMES = list(_forgeries("a.bbbb.cc"))


@pytest.mark.parametrize("name", NAMES)
async def test_forged_access_token_is_refused_with_a_code(
    app: RunningApp, http: httpx2.AsyncClient, visitor: Visitor, name: str
) -> None:
    await _signed_in(visitor)
    forged = _forgeries(visitor.cookies[ACCESS])[name]
    by_header = await http.get(f"{app.url}/api/todos", headers={"Authorization": f"Bearer {forged}"})
    by_cookie = await http.get(f"{app.url}/api/todos", headers={"Cookie": f"{ACCESS}={forged}"})
    for answer in (by_header, by_cookie):
        # A header or cookie in a form that no token has is a malformed request (400) or no credential at all (401).
        assert answer.status_code in {400, 401}, answer.text
        assert answer.json()["code"] in {"token_invalid", "request_invalid", "not_authenticated"}
        assert forged not in answer.text
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"].startswith("Bearer ")
        assert answer.headers["cache-control"] == "no-store"
    assert forged not in app.log


async def test_same_access_token_is_accepted_by_header_and_by_cookie_but_not_by_both(visitor: Visitor) -> None:
    await _signed_in(visitor)
    token = visitor.cookies[ACCESS]
    bearer = {"Authorization": f"Bearer {token}"}
    by_header = Visitor(visitor.http, visitor.origin)
    assert (await by_header.ask("GET", "/api/todos", headers=bearer)).status_code == 200
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200
    both = await visitor.ask("GET", "/api/todos", headers=bearer)
    assert (both.status_code, both.json()["code"]) == (400, "request_invalid")


@pytest.mark.parametrize(
    "token",
    ["sr1_", "sr1_AAAA", "sr2_" + "A" * 92, "sr1_" + "A" * 92, "sr1_" + "A" * 91 + "=", "A" * 4_000, "%00", "sr1_é"],
)
async def test_forged_refresh_token_is_refused_and_never_asked_for_again(
    app: RunningApp, http: httpx2.AsyncClient, token: str
) -> None:
    answer = await http.post(
        f"{app.url}/auth/refresh",
        headers=[
            (b"cookie", f"{REFRESH}={token}".encode()),
            (b"sealring-client", b"1"),
            (b"sec-fetch-site", b"same-origin"),
        ],
    )
    assert answer.status_code == 401, answer.text
    assert answer.json()["code"] in {"refresh_invalid", "refresh_missing"}
    assert answer.json()["action"] == "sign_in"
    assert "set-cookie" not in answer.headers, "a refresh answer never deletes cookies"


async def test_two_cookies_of_our_name_are_no_session_and_raise_an_alert(app: RunningApp, visitor: Visitor) -> None:
    """R13: cookie tossing."""
    await _signed_in(visitor)
    twice = f"{ACCESS}={visitor.cookies[ACCESS]}; {ACCESS}={visitor.cookies[ACCESS]}"
    answer = await visitor.http.get(f"{app.url}/api/todos", headers={"Cookie": twice})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert "cookie_ambiguous" in app.log


async def test_access_token_is_missing_but_a_refresh_cookie_is_there_so_the_client_refreshes(visitor: Visitor) -> None:
    await _signed_in(visitor)
    del visitor.cookies[ACCESS]
    answer = await visitor.ask("GET", "/api/todos")
    assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert answer.json()["action"] == "refresh"
    assert (await visitor.ask("POST", "/auth/refresh")).status_code == 200
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200


async def test_no_credential_gets_a_bare_challenge(visitor: Visitor) -> None:
    """RFC 6750 section 3.1: without authentication information, no error code."""
    answer = await visitor.ask("GET", "/api/todos")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo"'
    assert answer.json()["error"] is None


async def test_logout_stops_both_tokens_at_once(app: RunningApp, visitor: Visitor) -> None:
    await _signed_in(visitor)
    thief = visitor.copy()
    answer = await visitor.ask("POST", "/auth/logout")
    assert answer.json() == {"outcome": "signed_out", "ended": 1}
    assert visitor.cookies == {}
    for line in answer.headers.get_list("set-cookie"):
        # R14: a cookie is only deleted by one with the same attributes.
        assert {"Path=/", "HttpOnly", "SameSite=Strict", "Secure"} <= {part.strip() for part in line.split(";")}
    refused = await thief.ask("GET", "/api/todos")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_revoked")
    refused = await thief.ask("POST", "/auth/refresh")
    assert (refused.status_code, refused.json()["code"]) == (401, "session_revoked")
    again = await thief.ask("POST", "/auth/logout")
    assert (again.status_code, again.json()["ended"]) == (200, 0)


async def test_body_over_the_limit_is_413_whether_or_not_it_says_so(visitor: Visitor) -> None:
    await _signed_in(visitor)
    big = await visitor.ask("POST", "/api/todos", {"title": "x", "notes": "y" * 70_000})
    assert (big.status_code, big.json()["code"]) == (413, "body_too_large")

    async def pieces() -> object:
        for _ in range(100):
            yield b" " * 1_000

    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = {"Cookie": cookies, "Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
    streamed = await visitor.http.post(
        f"{visitor.origin}/api/todos",
        content=pieces(),  # type: ignore[arg-type]
        headers={**headers, "Content-Type": "application/json"},
    )
    assert (streamed.status_code, streamed.json()["code"]) == (413, "body_too_large")


async def test_another_users_session_and_todo_are_not_found(visitor: Visitor) -> None:
    mine = await _signed_in(visitor)
    made = (await visitor.ask("POST", "/api/todos", {"title": "mine"})).json()
    other = Visitor(visitor.http, visitor.origin)
    await _signed_in(other)
    for method, path in (
        ("DELETE", f"/auth/sessions/{mine['session_id']}"),
        ("DELETE", "/auth/sessions/nonsense"),
        ("DELETE", f"/auth/sessions/{'0' * 32}"),
        ("DELETE", f"/api/todos/{made['id']}"),
    ):
        answer = await other.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await visitor.ask("GET", "/auth/session")).status_code == 200


async def test_user_sees_the_own_sessions_and_ends_any_of_them(visitor: Visitor) -> None:
    first = await _signed_in(visitor)
    email = str(first["user"]["email"])  # type: ignore[index]
    phone = Visitor(visitor.http, visitor.origin, "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0) Version/19.0 Safari/605")
    second = await phone.sign_in(email)
    listed = (await visitor.ask("GET", "/auth/sessions")).json()["sessions"]
    assert [(item["session_id"], item["current"]) for item in listed] == [
        (first["session_id"], True),
        (second["session_id"], False),
    ]
    ended = await visitor.ask("DELETE", f"/auth/sessions/{second['session_id']}")
    assert ended.json() == {"outcome": "ended", "ended": 1}
    assert (await phone.ask("GET", "/api/todos")).json()["code"] == "token_revoked"
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200


async def test_login_ends_the_session_whose_cookie_it_arrived_with(visitor: Visitor) -> None:
    """R11: session fixation."""
    first = await _signed_in(visitor)
    planted = visitor.copy()
    second = await visitor.sign_in(str(first["user"]["email"]))  # type: ignore[index]
    assert second["session_id"] != first["session_id"]
    assert (await planted.ask("GET", "/api/todos")).json()["code"] == "token_revoked"
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200


async def test_metrics_count_and_name_nobody(app: RunningApp, visitor: Visitor) -> None:
    answer = await _signed_in(visitor)
    page = (await visitor.ask("GET", "/metrics")).text
    assert 'sealring_session_opened_total{client_id="todo-web",persistent="True"}' in page
    assert str(answer["session_id"]) not in page
    assert "example.org" not in page


async def test_public_keys_are_published_without_their_private_parts(visitor: Visitor) -> None:
    answer = await visitor.ask("GET", "/.well-known/jwks.json")
    assert answer.headers["content-type"] == "application/jwk-set+json"
    assert "max-age=300" in answer.headers["cache-control"]
    assert {key["alg"] for key in answer.json()["keys"]} == {"ES256"}
    assert not [key for key in answer.json()["keys"] if "d" in key]
    assert json.loads(base64.urlsafe_b64decode((await _header(visitor)) + "=="))["kid"] in {
        key["kid"] for key in answer.json()["keys"]
    }


async def _header(visitor: Visitor) -> str:
    await _signed_in(visitor)
    return visitor.cookies[ACCESS].split(".")[0]


_numbers = iter(range(1_000_000))


async def _signed_in(visitor: Visitor) -> dict[str, object]:
    return await visitor.sign_up(f"user{next(_numbers)}@example.org")
