"""P2, P15, P16, R22 and R25 at the edge: tokens and text that try to break out of the header they travel in."""

import asyncio
import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sealring.errors import InsufficientScope, ValidationFailed
from sealring.events import Event, RequestRefused
from tests.edges.serving import NAMES, OWN_PAGE, House, Lines, cookies, house

pytestmark = pytest.mark.anyio


def is_clean(text: str) -> bool:
    return text.isascii() and text.isprintable()


# P2: space, byte order mark and line breaks around a token; two tokens

AROUND = [
    b"Bearer  %s ",
    b"Bearer \t%s",
    b"Bearer %s\r\nX-Admin: 1",
    b"Bearer %s\n",
    b"Bearer \xef\xbb\xbf%s",
    b"Bearer %s %s",
    b"Bearer %s,%s",
    b"Bearer %s, Bearer %s",
    b"Bearer \x00%s",
    b"Bearer\xa0%s",
    b"Basic x, Bearer %s",
    b'Bearer "%s"',
    b"Bearer token=%s",
    b"Bearer%s",
    b"%s",
]


@pytest.mark.parametrize("form", AROUND)
async def test_p2_a_token_with_anything_around_it_is_refused(form: bytes) -> None:
    async with house() as it:
        token = (await it.sign_in()).access_token.encode()
        value = form.replace(b"%s", token)
        answer = await it.ask("GET", "/api/me", [("authorization", value)])
        assert answer.status in {400, 401}
        assert answer.code in {"request_invalid", "not_authenticated"}
        assert token not in answer.body
        assert all(b"\n" not in part and b"\r" not in part for header in answer.headers for part in header)


@pytest.mark.parametrize("second", ["Bearer %s", "Basic abc", "", "Bearer other"])
async def test_p2_two_authorization_headers_are_refused_in_either_order(second: str) -> None:
    async with house() as it:
        token = (await it.sign_in()).access_token
        both = [("authorization", f"Bearer {token}"), ("authorization", second.replace("%s", token))]
        for lines in (both, both[::-1]):
            answer = await it.ask("GET", "/api/me", lines)
            assert (answer.status, answer.code) == (400, "request_invalid")


async def test_p15_a_token_in_the_query_string_is_no_credential() -> None:
    async with house() as it:
        token = (await it.sign_in()).access_token
        answer = await it.ask("GET", f"/api/me?access_token={token}")
        assert answer.status == 404  # the query is no part of a raw path
        answer = await it.ask(
            "POST", "/api/me", [("content-type", "application/x-www-form-urlencoded")], f"access_token={token}".encode()
        )
        assert (answer.status, answer.code) == (401, "not_authenticated")


# P15: text for the log

NASTY = b'x\r\nERROR forged line\x1b[31m\x00\xe2\x80\xae"}\\'


def texts(events: list[Event]) -> list[str]:
    return [value for event in events for value in event.as_fields().values() if isinstance(value, str)]


@pytest.mark.parametrize("name", ["sec-fetch-site", "origin", "referer", "content-type", "user-agent", "cookie"])
async def test_p15_no_header_carries_a_line_break_or_escape_into_an_event(name: str) -> None:
    async with house() as it:
        own = [line for line in OWN_PAGE if line[0] != name]
        lines: Lines = [*own, (name, NASTY), ("content-length", "1")]
        await it.ask("POST", "/auth/refresh", lines, b"x")
        assert it.log.of(RequestRefused)
        assert all(is_clean(text) for text in texts(it.log.events))


async def test_p15_no_path_or_method_carries_a_line_break_or_escape_into_an_event() -> None:
    async with house() as it:
        path = "/auth/\r\nforged\x1b[2J\u202e" + "x" * 5_000
        await it.ask("P\r\nOST" + "X" * 500, path, [("sec-fetch-site", "cross-site")])
        (event,) = it.log.of(RequestRefused)
        assert is_clean(str(event.path))
        assert len(str(event.path)) <= 200
        assert is_clean(str(event.method))
        assert len(str(event.method)) <= 32


async def everything_shown(it: House, lines: Lines, caplog: pytest.LogCaptureFixture) -> str:
    """Return all that answers, events and log lines show of requests that are refused in many ways."""
    shown = ""
    for method, path in (("GET", "/api/me"), ("POST", "/api/me"), ("POST", "/auth/refresh"), ("GET", "/who")):
        answer = await it.ask(method, path, lines)
        shown += answer.body.decode() + str(answer.headers)
    return shown + str(texts(it.log.events)) + caplog.text


@pytest.mark.parametrize("way", ["cookie", "bearer", "both", "twice", "referer"])
async def test_p15_no_credential_is_shown_in_an_answer_event_or_log_line(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.log.events.clear()
        it.clock.advance(3_600)
        access, refresh = tokens.access_token, str(tokens.refresh_token)
        header = ("authorization", f"Bearer {access}")
        lines = {
            "cookie": [cookies(tokens)],
            "bearer": [header],
            "both": [cookies(tokens), header],
            "twice": [cookies(tokens), cookies(tokens)],
            "referer": [("referer", f"https://evil.example/?t={access}&r={refresh}"), cookies(tokens)],
        }[way]
        with caplog.at_level(logging.DEBUG):
            shown = await everything_shown(it, lines, caplog)
        signature = access.rpartition(".")[2]
        assert refresh not in shown
        assert access not in shown
        assert signature not in shown
        assert len(it.log.events) > 0


# P16: response splitting


async def _scope(request: Request) -> Response:
    raise InsufficientScope(('todo"\r\nSet-Cookie: evil=1\r\n\r\n<script>', "\u202eadmin\\", 'x", error="none'))


async def _fields(request: Request) -> Response:
    raise ValidationFailed((("</script>\u2028\r\n", "\x1b[31m\ud800 is not valid"),))


async def test_p16_no_scope_splits_the_challenge() -> None:
    async with house(routes=[Route("/scope", _scope)]) as it:
        answer = await it.ask("GET", "/scope")
        assert answer.status == 403
        challenge = answer.one("www-authenticate")
        assert is_clean(challenge)
        assert challenge.count('"') == 2 * challenge.count('="')
        assert challenge.count('error="') == 1
        assert answer.values("set-cookie") == []


async def test_p16_field_names_stay_inside_the_json_of_the_answer() -> None:
    async with house(routes=[Route("/fields", _fields)]) as it:
        answer = await it.ask("GET", "/fields")
        assert answer.status == 422
        assert answer.body.isascii()
        assert json.loads(answer.body)["fields"][0]["field"] == "</script>\u2028\r\n"
        assert answer.one("content-type") == "application/json"
        assert answer.one("x-content-type-options") == "nosniff"


# R22: what a cache may keep


async def test_r22_no_cache_stores_an_answer_with_tokens_or_personal_data() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        for method, path in (("GET", "/api/me"), ("POST", "/auth/refresh"), ("POST", "/auth/logout")):
            answer = await it.ask(method, path, [cookies(tokens), *OWN_PAGE])
            assert answer.status == 200
            assert answer.one("cache-control") == "no-store"
        elsewhere = await it.ask("GET", "/who", [cookies(await it.sign_in())])
        assert elsewhere.one("cache-control") == "private"
        assert "Cookie" in elsewhere.one("vary")


# R25: headers that only a trusted proxy may send

SPOOFED = [
    ("x-forwarded-for", "203.0.113.9"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-proto", "http"),
    ("forwarded", "for=203.0.113.9;host=evil.example;proto=http"),
    ("x-real-ip", "203.0.113.9"),
    ("x-client-cert", "MIIB"),
    ("host", "evil.example"),
    ("x-original-url", "/who"),
    ("x-rewrite-url", "/who"),
]


async def test_r25_forwarded_headers_change_neither_sender_nor_origin_nor_cookies() -> None:
    async with house() as it:
        entered = await it.ask(
            "POST", "/auth/login", [*OWN_PAGE, *SPOOFED, ("content-type", "application/json")], b'{"user":"ada"}'
        )
        assert all(
            each.startswith("__Host-Http-") and each.endswith("; Secure") for each in entered.values("set-cookie")
        )
        assert (await it.ask("GET", "/who", SPOOFED)).json["client_ip"] == "192.0.2.7"
        tokens = await it.sign_in()
        lines = [cookies(tokens), ("origin", "https://evil.example"), ("sealring-client", "1"), *SPOOFED]
        refused = await it.ask("POST", "/auth/logout", lines)
        assert (refused.status, refused.code) == (403, "csrf_refused")
        assert NAMES.access.startswith("__Host-")


# All of it at once

NAMES_OF_LINES = [
    "authorization", "cookie", "origin", "referer", "sec-fetch-site", "content-type", "content-length",
    "transfer-encoding", "sealring-client", "user-agent", "x-request-id",
]  # fmt: skip
VALUES = st.one_of(
    st.binary(max_size=40),
    st.sampled_from([b"same-origin", b"https://todo.example", b"1", b"application/json", b"Bearer a.b.c", b"null"]),
    st.sampled_from([f"{name}={value}".encode() for name in (NAMES.access, NAMES.refresh) for value in ("a.b.c", "")]),
)
REQUESTS = st.tuples(
    st.sampled_from(["GET", "POST", "DELETE", "OPTIONS", "", "p\x00st"]),
    st.sampled_from(["/who", "/api/me", "/api/echo", "/auth/refresh", "/auth/logout", "/auth/session", "/oauth/token"]),
    st.lists(st.tuples(st.sampled_from(NAMES_OF_LINES), VALUES), max_size=8),
    st.lists(st.binary(max_size=30), min_size=1, max_size=3),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(REQUESTS, min_size=1, max_size=10))
def test_no_header_lines_whatever_make_the_server_fail_or_answer_in_another_shape(
    requests: list[tuple[str, str, Lines, list[bytes]]],
) -> None:
    async def send_all() -> None:
        async with house() as it:
            for method, path, lines, body in requests:
                answer = await it.ask(method, path, lines, body)
                assert answer.status < 500
                assert len(answer.one("x-request-id")) == 32
                if answer.status >= 400:
                    assert answer.json["request_id"] == answer.one("x-request-id")
                assert all(b"\r" not in part and b"\n" not in part for header in answer.headers for part in header)
            assert all(is_clean(text) for text in texts(it.log.events))

    asyncio.run(send_all())
