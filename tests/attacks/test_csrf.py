"""R12: a foreign page makes the browser send a state-changing request. Nothing changes, nothing is set."""

import pytest

from sealring.events import RequestRefused
from tests.edges.serving import JSON_BODY, NAMES, ORIGIN, OWN_PAGE, Answer, House, Lines, cookies, house

pytestmark = pytest.mark.anyio

FORM = ("content-type", "application/x-www-form-urlencoded")
TEXT = ("content-type", "text/plain")
CLIENT = ("sealring-client", "1")
EVIL = "https://evil.example"
SIBLING = "https://other.todo.example"

# What browsers send from a page that is not ours.
FOREIGN: dict[str, Lines] = {
    "a cross-site form": [("sec-fetch-site", "cross-site"), ("origin", EVIL), FORM],
    "a form of a sibling subdomain": [("sec-fetch-site", "same-site"), ("origin", SIBLING), FORM],
    "a no-cors fetch with a text body": [("sec-fetch-site", "cross-site"), ("origin", EVIL), TEXT],
    "a sandboxed frame": [("sec-fetch-site", "cross-site"), ("origin", "null"), FORM],
    "a data: page in an old browser": [("origin", "null"), FORM],
    "a cross-site form in an old browser": [("origin", EVIL), ("referer", f"{EVIL}/"), FORM],
    "a sibling in an old browser": [("origin", SIBLING), FORM],
    "our host over plain http": [("origin", "http://todo.example"), FORM],
    "our host on another port": [("sec-fetch-site", "same-site"), ("origin", "https://todo.example:8443"), FORM],
    "a very old browser with a referer": [("referer", f"{EVIL}/?{ORIGIN}"), FORM],
    "a page that a proxy let add a second origin": [("origin", ORIGIN), ("origin", EVIL), CLIENT],
    "a page that a proxy let add our site header": [
        ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site"), CLIENT,
    ],
    "a page that CORS allowed the header by mistake": [("sec-fetch-site", "cross-site"), ("origin", EVIL), CLIENT],
}  # fmt: skip

# Own source, but made by something else than our client, or by no browser that can be told apart.
INCOMPLETE: dict[str, Lines] = {
    "nothing tells the source": [CLIENT],
    "an unknown site value and nothing else": [("sec-fetch-site", "nested"), CLIENT],
    "a privacy proxy stripped everything": [],
    "an injected form on our own page": [("sec-fetch-site", "same-origin"), ("origin", ORIGIN), FORM],
    "an own form without script": [("sec-fetch-site", "same-origin"), ("origin", ORIGIN)],
    "an own page in an old browser without our header": [("origin", ORIGIN)],
}

PATHS = ["/auth/refresh", "/auth/logout", "/auth/logout-all", "/auth/login", "/api/me"]


async def assert_untouched(it: House, answer: Answer, code: str = "csrf_refused", status: int = 403) -> None:
    assert (answer.status, answer.code) == (status, code)
    assert answer.values("set-cookie") == []
    assert answer.one("cache-control") == "no-store"
    assert len(await it.ring.sessions("ada")) == 1
    (event,) = it.log.of(RequestRefused)
    assert event.code == code
    assert event.detail


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("lines", [*FOREIGN.values(), *INCOMPLETE.values()], ids=[*FOREIGN, *INCOMPLETE])
async def test_the_users_cookies_on_a_request_of_another_page_do_nothing(path: str, lines: Lines) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.clock.advance(60)
        answer = await it.ask("POST", path, [cookies(tokens), *lines], b'{"user":"bob"}')
        await assert_untouched(it, answer)
        assert await it.is_live(tokens)
        assert await it.generation(tokens) == 1


@pytest.mark.parametrize("lines", [*FOREIGN.values(), *INCOMPLETE.values()], ids=[*FOREIGN, *INCOMPLETE])
async def test_nobody_is_logged_in_as_somebody_else_without_any_cookie(lines: Lines) -> None:
    async with house() as it:
        await it.sign_in()
        answer = await it.ask("POST", "/auth/login", lines, b'{"user":"bob"}')
        await assert_untouched(it, answer)
        assert await it.ring.sessions("bob") == ()


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_every_unsafe_method_of_every_route_is_guarded(method: str) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        lines = [cookies(tokens), ("sec-fetch-site", "same-site"), CLIENT]
        await assert_untouched(it, await it.ask(method, "/api/me", lines))
        fine = await it.ask(method, "/api/me", [cookies(tokens), *OWN_PAGE])
        assert (fine.status, fine.json) == (200, {"subject": "ada"})


async def test_no_other_page_ends_one_of_the_users_sessions() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        path = f"/auth/sessions/{tokens.view.row.session_id}"
        for lines in (*FOREIGN.values(), *INCOMPLETE.values()):
            it.log.events.clear()
            await assert_untouched(it, await it.ask("DELETE", path, [cookies(tokens), *lines]))
        ended = await it.ask("DELETE", path, [cookies(tokens), *OWN_PAGE])
        assert (ended.status, await it.is_live(tokens)) == (200, False)


@pytest.mark.parametrize("content_type", [FORM, TEXT, ("content-type", "multipart/form-data; boundary=b"), None])
async def test_a_body_that_a_form_could_send_is_refused_even_from_our_own_page(
    content_type: tuple[str, str] | None,
) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        lines = [cookies(tokens), *OWN_PAGE, ("content-length", "2"), *([content_type] if content_type else [])]
        answer = await it.ask("POST", "/auth/refresh", lines, b"{}")
        await assert_untouched(it, answer, "media_type_refused", 415)
        assert await it.generation(tokens) == 1


@pytest.mark.parametrize("override", ["x-http-method-override", "x-method-override", "x-http-method"])
async def test_no_header_turns_a_safe_method_into_another(override: str) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        answer = await it.ask("GET", "/auth/logout", [cookies(tokens), (override, "POST")])
        assert answer.status == 405
        assert await it.is_live(tokens)
        hidden = await it.ask("POST", "/auth/logout", [cookies(tokens), (override, "GET")])
        assert (hidden.status, hidden.code) == (403, "csrf_refused")
        assert await it.is_live(tokens)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_safe_method_neither_refreshes_nor_logs_out(method: str) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.clock.advance(60)
        for path in ("/auth/refresh", "/auth/logout", "/auth/login"):
            answer = await it.ask(method, path, [cookies(tokens), ("sec-fetch-site", "cross-site")])
            assert answer.status == 405
            assert answer.values("set-cookie") == []
        assert await it.is_live(tokens)
        assert await it.generation(tokens) == 1


async def test_a_refusal_is_never_reflected_as_cors_permission() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        for method in ("OPTIONS", "POST", "GET"):
            lines = [cookies(tokens), ("origin", EVIL), ("access-control-request-headers", "sealring-client")]
            answer = await it.ask(method, "/auth/refresh", lines)
            assert not [name for name, _ in answer.headers if name.startswith(b"access-control-")]


@pytest.mark.parametrize(
    "cookie",
    [
        f"{NAMES.refresh}=",
        f'{NAMES.refresh}="quoted"',
        f"{NAMES.refresh}=a; {NAMES.refresh}=b",
        f"{NAMES.access}=garbage",
        f"x=y;{NAMES.access}=a;z=1",
    ],
)
async def test_a_cookie_of_ours_guards_a_route_even_if_it_is_worth_nothing(cookie: str) -> None:
    async with house() as it:
        answer = await it.ask("POST", "/who", [("cookie", cookie)])
        assert (answer.status, answer.code) == (403, "csrf_refused")


@pytest.mark.parametrize("value", ["Bearer", "Bearer a b", "Basic dXNlcjpwYXNz", "Bearer a, Bearer b"])
async def test_an_authorization_header_that_is_no_bearer_token_does_not_lift_the_guard(value: str) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        for lines in ([("authorization", value)], [("authorization", value), cookies(tokens)]):
            answer = await it.ask("POST", "/auth/logout", lines)
            assert (answer.status, answer.code) == (403, "csrf_refused")
        assert await it.is_live(tokens)


async def test_a_bearer_token_beside_our_cookies_does_not_lift_the_guard() -> None:
    async with house() as it:
        tokens = await it.sign_in()
        for access in (True, False):
            lines = [cookies(tokens, access=access), ("authorization", "Bearer abc"), ("sec-fetch-site", "cross-site")]
            answer = await it.ask("POST", "/auth/logout", lines)
            assert (answer.status, answer.code) == (403, "csrf_refused")
        assert await it.is_live(tokens)


@pytest.mark.parametrize(
    "path", ["/auth//refresh", "//auth/refresh", "/AUTH/refresh", "/auth/refresh/", "/oauth/../auth/refresh"]
)
async def test_no_spelling_of_the_path_gets_around_the_guard(path: str) -> None:
    async with house() as it:
        tokens = await it.sign_in()
        it.clock.advance(60)
        answer = await it.ask("POST", path, [cookies(tokens), ("sec-fetch-site", "cross-site")])
        assert answer.status in {403, 404, 307}
        assert answer.values("set-cookie") == []
        assert await it.generation(tokens) == 1


async def test_our_own_page_does_refresh_and_log_out() -> None:
    """The attacks above fail for their source and for nothing else."""
    async with house() as it:
        tokens = await it.sign_in()
        own = [cookies(tokens), *OWN_PAGE, *JSON_BODY]
        refreshed = await it.ask("POST", "/auth/refresh", own, b"{}")
        assert refreshed.status == 200
        assert refreshed.values("set-cookie")
        assert (await it.ask("POST", "/auth/login", [*OWN_PAGE, *JSON_BODY], b'{"user":"bob"}')).status == 200
        out = await it.ask("POST", "/auth/logout", own, b"{}")
        assert (out.status, out.json["ended"]) == (200, 1)
        assert not await it.is_live(tokens)
