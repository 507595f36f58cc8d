"""Attack row R12, over real HTTP: another site's page changes nothing, and gets no cookie to set.

Each request carries the victim's cookies, as a browser that knew no SameSite would send them.
"""

import json
from collections.abc import Mapping

import httpx2
import pytest

from tests.running import OWN_PAGE, PASSWORD, RunningApp, Visitor

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
CLIENT = {"Sealring-Client": "1"}
EVIL = "https://evil.example"

# What a foreign page can make a browser send, by the name of the trick.
FOREIGN: dict[str, Mapping[str, str]] = {
    "a form of another site": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": EVIL,
        "Content-Type": "application/x-www-form-urlencoded",
    },
    "fetch in no-cors mode with text/plain": {
        "Sec-Fetch-Site": "cross-site",
        "Origin": EVIL,
        "Content-Type": "text/plain",
    },
    "a form of a sibling subdomain": {"Sec-Fetch-Site": "same-site", "Origin": "https://blog.todo.example", **JSON},
    "a sandboxed frame, whose origin is null": {"Sec-Fetch-Site": "cross-site", "Origin": "null", **JSON},
    "an old browser without Fetch Metadata": {"Origin": EVIL, **CLIENT, **JSON},
    "an old browser and an origin of null": {"Origin": "null", **CLIENT, **JSON},
    "an old browser that sends only a Referer": {"Referer": f"{EVIL}/page", **CLIENT, **JSON},
    "a Referer that hides our host in its path": {"Referer": f"{EVIL}/http://localhost", **CLIENT, **JSON},
    "no header that tells where it comes from": {**CLIENT, **JSON},
    "the right site without the custom header": {"Sec-Fetch-Site": "same-origin", **JSON},
    "the right site twice, with another one between": {"Sec-Fetch-Site": "same-origin, cross-site", **CLIENT, **JSON},
    "another port of the same host": {"Origin": "http://localhost:1", **CLIENT, **JSON},
    "our origin as a prefix": {"Origin": "ORIGIN.evil.example", **CLIENT, **JSON},
}

TARGETS = {
    "log in": ("POST", "/auth/login", {"email": "victim@example.org", "password": PASSWORD}),
    "refresh": ("POST", "/auth/refresh", {"attempt": "forged"}),
    "log out": ("POST", "/auth/logout", None),
    "log out everywhere": ("POST", "/auth/logout-all", None),
    "write a todo": ("POST", "/api/todos", {"title": "forged"}),
    "clear the done todos": ("DELETE", "/api/todos?status=done", None),
}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def victim(app: RunningApp) -> Visitor:
    """Somebody signed in, with a confirmed generation."""
    async with httpx2.AsyncClient() as http:
        visitor = Visitor(http, app.url)
        await visitor.sign_up("victim@example.org")
    return visitor


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("trick", FOREIGN)
async def test_foreign_page_is_refused_and_changes_nothing(
    app: RunningApp, http: httpx2.AsyncClient, victim: Visitor, trick: str, target: str
) -> None:
    method, path, body = TARGETS[target]
    headers = {name: value.replace("ORIGIN", app.url) for name, value in FOREIGN[trick].items()}
    cookies = "; ".join(f"{name}={value}" for name, value in victim.cookies.items())
    answer = await http.request(
        method,
        app.url + path,
        headers={**headers, "Cookie": cookies, "User-Agent": victim.agent},
        content=json.dumps(body) if body is not None else None,
    )
    assert answer.status_code == 403, answer.text
    assert answer.json()["code"] == "csrf_refused"
    assert "set-cookie" not in answer.headers
    await _assert_untouched(http, victim)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout", "/auth/logout-all"])
async def test_safe_method_never_changes_anything(
    http: httpx2.AsyncClient, victim: Visitor, method: str, path: str
) -> None:
    """An image tag or a link of another site can only GET."""
    tab = Visitor(http, victim.origin, victim.agent, dict(victim.cookies))
    answer = await tab.ask(method, path, headers={"Sec-Fetch-Site": "cross-site", "Origin": EVIL})
    assert answer.status_code in {404, 405}
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers
    await _assert_untouched(http, victim)


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
async def test_method_override_means_nothing(http: httpx2.AsyncClient, victim: Visitor, name: str) -> None:
    tab = Visitor(http, victim.origin, victim.agent, dict(victim.cookies))
    answer = await tab.ask("GET", "/api/todos", headers={name: "POST", **OWN_PAGE})
    assert answer.status_code == 200
    assert answer.json()["items"] == []


async def test_preflight_of_another_site_is_not_granted(http: httpx2.AsyncClient, victim: Visitor) -> None:
    """Without this grant a browser lets no foreign page send the custom header."""
    tab = Visitor(http, victim.origin, victim.agent)
    answer = await tab.ask(
        "OPTIONS",
        "/auth/refresh",
        headers={
            "Origin": EVIL,
            "Sec-Fetch-Site": "cross-site",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "sealring-client",
        },
    )
    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_body_of_another_type_is_refused_even_from_an_own_page(http: httpx2.AsyncClient, victim: Visitor) -> None:
    cookies = "; ".join(f"{name}={value}" for name, value in victim.cookies.items())
    answer = await http.post(
        f"{victim.origin}/auth/refresh",
        headers={**OWN_PAGE, "Cookie": cookies, "Content-Type": "text/plain"},
        content='{"attempt": "x"}',
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type_refused")


async def _assert_untouched(http: httpx2.AsyncClient, victim: Visitor) -> None:
    tab = Visitor(http, victim.origin, victim.agent, dict(victim.cookies))
    session = await tab.ask("GET", "/auth/session")
    assert session.status_code == 200
    assert session.json()["generation"] == 1
    assert len((await tab.ask("GET", "/auth/sessions")).json()["sessions"]) == 1
    assert (await tab.ask("GET", "/api/todos")).json()["items"] == []
