"""The ASGI middleware, in front of a small application on a real ring."""

import logging
from collections.abc import AsyncIterator, Callable
from typing import Annotated

import pytest
from fastapi import Body, FastAPI
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from sealring import Sealring
from sealring.errors import (
    BodyTooLarge,
    ConfigurationError,
    InsufficientScope,
    RateLimited,
    RefusedError,
    RequestInvalid,
    StoreUnavailable,
)
from sealring.events import CookieAmbiguous, RequestRefused, TokenRefused
from sealring.fastapi import protect
from sealring.starlette import RequestAuth, SealringMiddleware, request_auth, require_token
from tests.edges.serving import (
    JSON_BODY,
    NAMES,
    ORIGIN,
    OWN_PAGE,
    POLICY,
    House,
    Lines,
    ask,
    cookies,
    house,
    http_scope,
)
from tests.support import Claims

pytestmark = pytest.mark.anyio

LIMIT = POLICY.web.body_limit
PHONE = "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0 Mobile Safari/537.36"


def bearer(token: str) -> tuple[str, str]:
    return "authorization", f"Bearer {token}"


# Who sends it


async def test_a_cookie_and_a_bearer_header_authenticate_alike() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        for line, via in ((cookies(tokens), "cookie"), (bearer(tokens.access_token), "bearer")):
            answer = await it.ask("GET", "/who", [line])
            assert (answer.json["subject"], answer.json["via"], answer.json["refusal"]) == ("ada", via, None)
            assert (await it.ask("GET", "/api/me", [line])).json == {"subject": "ada"}


async def test_the_application_learns_who_asks_from_where() -> None:
    async with house() as it:
        lines: Lines = [("user-agent", PHONE), ("x-forwarded-for", "203.0.113.9"), *OWN_PAGE]
        answer = (await it.ask("POST", "/who", lines)).json
        assert answer["client_ip"] == "192.0.2.7"
        assert (answer["agent_family"], answer["device"]) == ("Chrome", "Chrome on Android")
        assert answer["user_agent"] == PHONE
        assert answer["verdict"] == "same_origin"
        assert (await it.ask("GET", "/who")).json["verdict"] == "safe"


async def test_a_peer_without_address_and_agent_is_still_served() -> None:
    async with house() as it:
        answer = (await ask(it.app, "GET", "/who", client=None)).json
        assert (answer["client_ip"], answer["user_agent"], answer["device"]) == ("", "", "Unknown device")


async def test_a_user_agent_is_cut_and_made_printable() -> None:
    async with house() as it:
        answer = (await it.ask("GET", "/who", [("user-agent", b"\x1b[31m\xe9" + b"A" * 9_000)])).json
        assert answer["user_agent"] == "?[31m?" + "A" * 506


async def test_without_a_credential_a_protected_route_answers_with_a_bare_challenge() -> None:
    async with house() as it:
        answer = await it.ask("GET", "/api/me")
        assert (answer.status, answer.code, answer.json["action"]) == (401, "not_authenticated", "sign_in")
        assert answer.one("www-authenticate") == 'Bearer realm="todo"'


async def test_a_refresh_cookie_alone_asks_for_a_refresh() -> None:
    async with house() as it:
        answer = await it.ask("GET", "/api/me", [cookies(await it.sign_in(), access=False)])
        assert (answer.status, answer.code, answer.json["action"]) == (401, "token_missing", "refresh")


async def test_an_expired_token_asks_for_a_refresh() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.clock.advance(15 * 60 + 10)
        answer = await it.ask("GET", "/api/me", [cookies(tokens)])
        assert (answer.status, answer.code, answer.json["action"]) == (401, "token_expired", "refresh")
        assert 'error="invalid_token"' in answer.one("www-authenticate")


async def test_a_token_of_an_ended_session_is_refused_at_once() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        assert (await it.ask("POST", "/auth/logout", [cookies(tokens), *OWN_PAGE])).json["ended"] == 1
        answer = await it.ask("GET", "/api/me", [cookies(tokens)])
        assert (answer.status, answer.code) == (401, "token_revoked")


@pytest.mark.parametrize("token", ["garbage", "a.b.c", "eyJhbGciOiJub25lIn0.e30."])
async def test_a_bad_token_leaves_public_routes_open_and_protected_ones_shut(token: str) -> None:
    async with house() as it:
        for line in (bearer(token), ("cookie", f"{NAMES.access}={token}")):
            public = await it.ask("GET", "/who", [line])
            assert (public.status, public.json["refusal"], public.json["subject"]) == (200, "token_invalid", None)
            shut = await it.ask("GET", "/api/me", [line])
            assert (shut.status, shut.code) == (401, "token_invalid")
        assert len(it.log.of(TokenRefused)) == 4


async def test_a_refused_token_never_deletes_a_cookie() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.clock.advance(3_600)
        for lines in ([cookies(tokens)], [("cookie", f"{NAMES.access}=x; {NAMES.refresh}=y")], []):
            answer = await it.ask("GET", "/api/me", lines)
            assert answer.status == 401
            assert answer.values("set-cookie") == []


async def test_a_token_that_was_seen_confirms_its_generation() -> None:
    async with house() as it:
        tokens = await it.bench.login()
        await it.ask("GET", "/who", [cookies(tokens)])
        assert await it.ring.flush_confirmations() == 1
        row = await it.ring.store.read_session(tokens.view.row.sid)
        assert row is not None
        assert row.confirmed_generation == 1


async def test_a_refused_request_confirms_nothing() -> None:
    async with house() as it:
        tokens = await it.bench.login()
        await it.ask("POST", "/who", [cookies(tokens), ("sec-fetch-site", "cross-site")])
        await it.ask("GET", "/who", [cookies(tokens), bearer(tokens.access_token)])
        assert await it.ring.flush_confirmations() == 0


async def test_below_oauth_cookies_are_no_credential_and_no_page_is_asked_for() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        answer = await it.ask("POST", "/oauth/token", [cookies(tokens), ("sec-fetch-site", "cross-site")], b"a=b")
        assert (answer.status, answer.json["subject"], answer.json["refusal"]) == (200, None, "not_authenticated")
        with_header = await it.ask("POST", "/oauth/token", [cookies(tokens), bearer(tokens.access_token)])
        assert (with_header.json["subject"], with_header.json["via"]) == ("ada", "bearer")


async def test_a_bearer_request_without_our_cookies_needs_no_page() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        answer = await it.ask("POST", "/api/echo", [bearer(tokens.access_token)], b"plain")
        assert (answer.status, answer.body) == (200, b"5")


# Errors


async def _fails(_: Request) -> Response:
    raise ZeroDivisionError("with a secret in it")


async def _odd(_: Request) -> Response:
    raise RequestInvalid("two\r\nlines \x1b[31m" + "x" * 9_000)


async def _busy(_: Request) -> Response:
    raise RateLimited(retry_after=9)


async def _scope(_: Request) -> Response:
    raise InsufficientScope(("todo:write",))


async def _down(_: Request) -> Response:
    raise StoreUnavailable("db1 refused")


def _breaks_off(error: Exception) -> Route:
    async def parts() -> AsyncIterator[bytes]:
        yield b"half"
        raise error

    async def answer(_: Request) -> Response:
        return StreamingResponse(parts())

    return Route("/breaks", answer)


FAILING = [
    Route("/fails", _fails),
    Route("/busy", _busy),
    Route("/odd", _odd),
    Route("/scope", _scope),
    Route("/down", _down),
]


async def test_a_refusal_in_a_route_becomes_the_error_answer() -> None:
    async with house(routes=FAILING) as it:
        busy, scope, down = [await it.ask("GET", path) for path in ("/busy", "/scope", "/down")]
        assert (busy.status, busy.code, busy.one("retry-after")) == (429, "rate_limited", "9")
        assert (scope.status, scope.code) == (403, "insufficient_scope")
        assert scope.one("www-authenticate").endswith('scope="todo:write"')
        assert (down.status, down.code, down.one("retry-after")) == (503, "store_unavailable", "1")
        assert b"db1" not in down.body
        reported = [(each.code, each.path) for each in it.log.of(RequestRefused)]
        assert reported == [("rate_limited", "/busy"), ("insufficient_scope", "/scope")]


async def test_any_other_exception_becomes_a_500_that_tells_nothing_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with house(routes=FAILING) as it:
        with caplog.at_level(logging.ERROR, logger="sealring"):
            answer = await it.ask("GET", "/fails", [("cookie", "secret=cookie"), ("authorization", "Basic secret")])
        assert (answer.status, answer.code, answer.json["action"]) == (500, "internal_error", "retry")
        assert b"secret" not in answer.body
        assert b"Zero" not in answer.body
        (record,) = caplog.records
        assert answer.json["request_id"] in record.getMessage()
        assert record.exc_info
        assert record.exc_info[0] is ZeroDivisionError
        assert "cookie" not in caplog.text
        assert [each.code for each in it.log.of(RequestRefused)] == ["internal_error"]


async def test_the_detail_of_a_refusal_reaches_the_log_printable_and_bounded() -> None:
    async with house(routes=FAILING) as it:
        assert (await it.ask("GET", "/odd")).code == "request_invalid"
        (event,) = it.log.of(RequestRefused)
        assert event.detail == ("two??lines ?[31m" + "x" * 9_000)[:400]


@pytest.mark.parametrize("error", [StoreUnavailable("too late"), ZeroDivisionError("too late")])
async def test_an_exception_after_the_answer_began_breaks_the_connection_off(error: Exception) -> None:
    async with house(routes=[_breaks_off(error)]) as it:
        with pytest.raises(type(error), match="too late"):
            await it.ask("GET", "/breaks")


async def test_every_answer_and_error_names_its_request_and_never_the_clients_own_id() -> None:
    async with house() as it:
        seen = set()
        for path in ("/who", "/api/me", "/nowhere"):
            answer = await it.ask("GET", path, [("x-request-id", "evil")])
            seen.add(answer.one("x-request-id"))
            assert len(answer.one("x-request-id")) == 32
            if path != "/nowhere":
                assert answer.json["request_id"] == answer.one("x-request-id")
        assert len(seen) == 3


async def test_every_answer_has_the_security_headers() -> None:
    async with house(routes=FAILING) as it:
        for path in ("/nowhere", "/fails", "/busy"):
            answer = await it.ask("GET", path)
            assert answer.one("x-content-type-options") == "nosniff"
            assert "frame-ancestors 'none'" in answer.one("content-security-policy")
            assert answer.values("content-type")


# Bodies


def _only_middleware(app: FastAPI, ring: Sealring[Claims]) -> None:
    app.add_middleware(SealringMiddleware, ring=ring)


async def test_a_body_that_is_announced_as_too_large_is_refused_unread() -> None:
    async def never(scope: Scope, receive: Receive, send: Send) -> None:
        pytest.fail("the application was called")

    async with house(asgi_app=never) as it:
        answer = await it.ask("POST", "/api/echo", [("content-length", str(LIMIT + 1))])
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert it.log.of(RequestRefused)[0].code == "body_too_large"


async def test_a_body_of_exactly_the_limit_is_taken() -> None:
    async with house() as it:
        answer = await it.ask("POST", "/api/echo", [("content-length", str(LIMIT))], b"x" * LIMIT)
        assert (answer.status, answer.body) == (200, str(LIMIT).encode())


async def test_a_body_that_grows_too_large_is_stopped_there() -> None:
    async with house() as it:
        handed_on = 0

        async def endless() -> Message:
            nonlocal handed_on
            handed_on += 1
            return {"type": "http.request", "body": b"x" * 1_024, "more_body": True}

        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        await it.app(http_scope("POST", "/api/echo", [("transfer-encoding", "chunked")]), endless, send)
        assert sent[0]["status"] == 413
        assert handed_on == LIMIT // 1_024 + 1


@pytest.mark.parametrize(("announced", "parts"), [("4", [b"abcde"]), ("6", [b"abcde"]), ("4", [b"ab", b"cde"])])
async def test_a_body_of_another_size_than_announced_is_refused(announced: str, parts: list[bytes]) -> None:
    async with house() as it:
        answer = await it.ask("POST", "/api/echo", [("content-length", announced)], parts)
        assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize("value", ["-1", "abc", "1, 2", ""])
async def test_a_malformed_length_is_refused(value: str) -> None:
    async with house() as it:
        answer = await it.ask("POST", "/api/echo", [("content-length", value)], b"x")
        assert (answer.status, answer.code) == (400, "request_invalid")


@pytest.mark.parametrize("guard", [_only_middleware, protect], ids=["middleware", "protect"])
async def test_a_framework_that_hides_what_went_wrong_with_the_body_does_not_hide_it_from_the_client(
    guard: Callable[[FastAPI, Sealring[Claims]], None],
) -> None:
    app = FastAPI()

    @app.post("/api/items")
    async def items(item: Annotated[dict[str, str], Body()]) -> int:
        return len(item)

    async with house() as it:
        guard(app, it.ring)
        lines = [("transfer-encoding", "chunked"), *JSON_BODY]
        answer = await ask(app, "POST", "/api/items", lines, [b'{"a":"', b"x" * LIMIT, b'"}'])
        assert (answer.status, answer.code) == (413, "body_too_large")
        assert [each.code for each in it.log.of(RequestRefused)] == ["body_too_large"]
        fine = await ask(app, "POST", "/api/items", lines, [b'{"a":', b'"x"}'])
        assert (fine.status, fine.body) == (200, b"1")


async def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_failure_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def leaving() -> Message:
        return {"type": "http.disconnect"}

    async def reads(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        pytest.fail("the body was complete")

    async with house(asgi_app=reads) as it:
        await it.app(http_scope("POST", "/x", [("content-length", "5")]), leaving, _dropped)
        assert it.log.of(RequestRefused) == []
    assert caplog.records == []


async def test_an_application_that_swallows_the_refusal_and_fails_later_has_still_been_answered_for() -> None:
    async def stubborn(scope: Scope, receive: Receive, send: Send) -> None:
        with pytest.raises(BodyTooLarge) as caught:
            await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"set-cookie", b"a=b")]})
        await send({"type": "http.response.body", "body": b"all is well"})
        raise caught.value

    async with house(asgi_app=stubborn) as it:
        answer = await it.ask("POST", "/x", [], b"x" * (LIMIT + 1))
        assert (answer.status, answer.code, answer.values("set-cookie")) == (413, "body_too_large", [])


async def test_a_body_that_no_header_announces_must_be_json_too() -> None:
    # HTTP/2 has neither Transfer-Encoding nor, always, Content-Length.
    async with house() as it:
        tokens = await it.sign_in()
        lines = [cookies(tokens), *OWN_PAGE]
        plain = await it.ask("POST", "/api/echo", lines, b"a=b")
        assert (plain.status, plain.code) == (415, "media_type_refused")
        assert (await it.ask("POST", "/api/echo", [*lines, *JSON_BODY], b"{}")).body == b"2"
        assert (await it.ask("POST", "/api/echo", lines)).body == b"0"


# Where it stands


async def test_a_prefix_that_the_application_is_mounted_under_does_not_count() -> None:
    async with house() as it:
        for path in ("/auth/refresh", "/deep/auth/refresh"):
            answer = await ask(it.app, "POST", path, root_path="/deep")
            assert (answer.status, answer.code) == (403, "csrf_refused")
        outside = await ask(it.app, "POST", "/deeper/auth/refresh", root_path="/deep")
        assert outside.status == 404


async def test_the_paths_that_log_in_and_take_no_cookies_can_be_moved() -> None:
    async def who(scope: Scope, receive: Receive, send: Send) -> None:
        subject = request_auth(scope).via or "nobody"
        await PlainTextResponse(subject)(scope, receive, send)

    async with house() as it:
        tokens = await it.sign_in()
        app = SealringMiddleware(who, ring=it.ring, auth_prefixes=("/account/",), oauth_prefixes=("/machines/",))
        assert (await ask(app, "POST", "/account/login")).status == 403
        assert (await ask(app, "POST", "/auth/login")).status == 200
        lines = [cookies(tokens), ("sec-fetch-site", "cross-site")]
        assert (await ask(app, "POST", "/machines/token", lines)).body == b"nobody"
        assert (await ask(app, "POST", "/oauth/token", lines)).status == 403


async def test_without_the_middleware_asking_for_the_sender_is_a_configuration_error() -> None:
    for scope in ({}, {"sealring": "something else"}):
        with pytest.raises(ConfigurationError, match="SealringMiddleware"):
            require_token(scope)


async def test_lifespan_passes_through() -> None:
    seen: list[str] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert "sealring" not in scope
        seen.append(scope["type"])

    async with house(asgi_app=app) as it:
        await it.app({"type": "lifespan"}, _nothing, _dropped)
    assert seen == ["lifespan"]


async def test_two_cookies_of_one_name_raise_an_alert_that_names_the_cookie_and_the_request() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        answer = await it.ask("GET", "/api/me", [cookies(tokens), cookies(tokens)])
        assert (answer.status, answer.code) == (401, "not_authenticated")
        alerts = it.log.of(CookieAmbiguous)
        assert [each.cookie for each in alerts] == [NAMES.access, NAMES.refresh]
        assert {each.request_id for each in alerts} == {answer.json["request_id"]}


# WebSockets


async def _nothing() -> Message:
    return {"type": "websocket.connect"}


async def _dropped(_: Message) -> None:
    return None


async def shake_hands(it: House, lines: Lines) -> RequestAuth:
    """Return what an application behind the middleware learns about a WebSocket handshake."""
    found: list[RequestAuth] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        found.append(request_auth(scope))

    scope = http_scope("GET", "/live", lines, type="websocket")
    await SealringMiddleware(app, ring=it.ring)(scope, _nothing, _dropped)
    return found[0]


async def test_a_handshake_from_an_own_page_is_authenticated_by_its_cookie() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        auth = await shake_hands(it, [cookies(tokens), ("origin", "https://todo.example")])
        assert (auth.via, auth.token and auth.token.subject, auth.refusal) == ("cookie", "ada", None)


@pytest.mark.parametrize("lines", [[("origin", "https://evil.example")], [("sec-fetch-site", "same-site")], []])
async def test_a_handshake_from_elsewhere_is_not_authenticated_by_a_cookie(lines: Lines) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        auth = await shake_hands(it, [cookies(tokens), *lines])
        assert auth.token is None
        assert auth.refusal is not None
        assert auth.refusal.code == "csrf_refused"
        by_header = await shake_hands(it, [bearer(tokens.access_token), *lines])
        assert by_header.token is not None


async def refused(it: House, lines: Lines) -> list[Message]:
    """Return what a WebSocket is sent whose route needs a token."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await it.app(http_scope("GET", "/live", lines, type="websocket"), _nothing, send)
    return sent


async def _needs_token(scope: Scope, receive: Receive, send: Send) -> None:
    require_token(scope)


async def test_an_own_page_is_let_in_to_read_why_its_websocket_is_closed() -> None:
    async with house(asgi_app=_needs_token) as it:
        assert await refused(it, [("origin", ORIGIN)]) == [
            {"type": "websocket.accept"},
            {"type": "websocket.close", "code": 4401, "reason": "not_authenticated"},
        ]


@pytest.mark.parametrize("lines", [[("origin", "https://evil.example")], [("origin", "null")], []])
async def test_everybody_elses_handshake_fails(lines: Lines) -> None:
    async with house(asgi_app=_needs_token) as it:
        assert await refused(it, lines) == [{"type": "websocket.close", "code": 4401, "reason": "not_authenticated"}]
        tokens = await it.sign_in()
        assert await refused(it, [cookies(tokens), *lines]) == [
            {"type": "websocket.close", "code": 4403, "reason": "csrf_refused"}
        ]


async def test_a_refusal_after_the_handshake_only_closes() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        raise StoreUnavailable("in the middle of it")

    async with house(asgi_app=app) as it:
        assert await refused(it, [("origin", ORIGIN)]) == [
            {"type": "websocket.accept"},
            {"type": "websocket.close", "code": 1013, "reason": "store_unavailable"},
        ]


async def test_a_websocket_is_closed_once() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.close"})
        require_token(scope)

    async with house(asgi_app=app) as it:
        with pytest.raises(RefusedError):
            await it.app(http_scope("GET", "/live", type="websocket"), _nothing, _dropped)
