"""The pages, served from the application's own origin."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from tests.backend.stage import Stage, stage

pytestmark = pytest.mark.anyio

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}
SCRIPT = "/assets/index-BspkBq-M.js"


@pytest.fixture
async def pages(tmp_path: Path) -> AsyncIterator[Stage]:
    """The application with built pages."""
    dist = tmp_path / "dist"
    (dist / "assets").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>Todo</title>")
    (dist / SCRIPT[1:]).write_text("export {}")
    (dist / "favicon.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "secret.txt").write_text("not for you")
    async with stage(tmp_path) as running:
        yield running


async def get(running: Stage, path: str, **headers: str) -> httpx2.Response:
    """Ask as a browser that walks to an address."""
    return await running.visitor().ask("GET", path, headers={**BROWSER, **headers})


async def test_a_script_with_a_digest_in_its_name_is_kept_for_ever(pages: Stage) -> None:
    answer = await get(pages, SCRIPT)

    assert answer.text == "export {}"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert "vary" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/index.html", "/favicon.svg", "/account", "/some/page"])
async def test_everything_else_is_asked_for_again_each_time(pages: Stage, path: str) -> None:
    answer = await get(pages, path)

    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-cache"
    again = await get(pages, path, **{"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_a_reload_of_any_page_gets_the_application(pages: Stage) -> None:
    answer = await get(pages, "/todos/today")

    assert "<title>Todo</title>" in answer.text
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/api/nothing", "/api", "/auth/nothing", "/.well-known/nothing", "/oauth/token"])
async def test_no_address_of_the_interface_is_ever_a_page(pages: Stage, path: str) -> None:
    answer = await get(pages, path)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/assets/index-older.js", "/robots.txt", "/missing.png"])
async def test_a_missing_file_is_not_found_rather_than_a_page(pages: Stage, path: str) -> None:
    answer = await pages.visitor().ask("GET", path, headers={"Accept": "*/*"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "//etc/passwd", "/%00", "/a%00b"]
)
async def test_no_path_leaves_the_folder_of_the_pages(pages: Stage, path: str) -> None:
    answer = await pages.visitor().http.get(f"http://localhost:8000{path}", headers={"Accept": "*/*"})

    assert answer.status_code == 404
    assert "not for you" not in answer.text


@pytest.mark.parametrize("path", ["/", "/account", SCRIPT])
async def test_pages_are_only_read(pages: Stage, path: str) -> None:
    answer = await pages.visitor().ask("POST", path, {})

    assert answer.status_code in {404, 405}
    assert answer.json()["action"] == "fix"


async def test_the_wrong_method_on_the_interface_is_named_as_such(pages: Stage) -> None:
    answer = await pages.visitor().ask("PUT", "/api/todos", {})

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


async def test_an_unknown_address_of_the_interface_is_not_found_for_every_method(pages: Stage) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await pages.visitor().ask(method, "/api/nothing", {})).status_code == 404


async def test_frameworks_own_pages_are_off_and_the_description_is_there(pages: Stage) -> None:
    described = await get(pages, "/openapi.json")

    assert described.json()["info"]["title"] == "Todo"
    for path in ("/docs", "/redoc"):
        assert "swagger" not in (await get(pages, path)).text.lower()


async def test_without_built_pages_one_sentence_says_what_to_do(todo: Stage) -> None:
    answer = await get(todo, "/")

    assert answer.status_code == 503
    assert "make build" in answer.text
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert (await get(todo, "/account")).status_code == 404
    assert (await todo.visitor().ask("POST", "/nothing", {})).status_code == 404


async def test_metrics_count_what_happened_without_naming_anybody(todo: Stage) -> None:
    await todo.member("ada@example.org")

    answer = await todo.visitor().ask("GET", "/metrics")

    assert 'sealring_session_opened_total{client_id="todo-web"' in answer.text
    assert "ada" not in answer.text


async def test_metrics_can_be_switched_off(tmp_path: Path) -> None:
    async with stage(tmp_path, metrics=False) as todo:
        assert (await todo.visitor().ask("GET", "/metrics")).status_code == 404
