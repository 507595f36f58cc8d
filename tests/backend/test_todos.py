"""Todos over the application's interface."""

from pathlib import Path

import pytest

from tests.backend.stage import Stage, add, send_text, stage, titles
from tests.running import Visitor

pytestmark = pytest.mark.anyio

NOBODYS = "0" * 32


async def test_a_todo_says_what_was_asked_and_when(todo: Stage, ada: Visitor) -> None:
    made = await add(ada, "Buy milk", notes="Two bottles", due_on="2026-02-03", priority="high")

    assert {name: made[name] for name in ("title", "notes", "due_on", "priority", "done", "done_at")} == {
        "title": "Buy milk",
        "notes": "Two bottles",
        "due_on": "2026-02-03",
        "priority": "high",
        "done": False,
        "done_at": None,
    }
    assert made["created_at"] == made["updated_at"] == "2026-01-01T00:00:00Z"


async def test_only_the_title_is_needed(ada: Visitor) -> None:
    made = await add(ada, "Buy milk")

    assert (made["notes"], made["due_on"], made["priority"]) == ("", None, "normal")


async def test_what_a_patch_leaves_out_stays(todo: Stage, ada: Visitor) -> None:
    made = await add(ada, "Buy milk", notes="Two bottles", due_on="2026-02-03", priority="high")
    todo.clock.advance(60)

    answer = await ada.ask("PATCH", f"/api/todos/{made['id']}", {"title": "Buy oat milk"})

    assert answer.status_code == 200
    assert answer.json() == {**made, "title": "Buy oat milk", "updated_at": "2026-01-01T00:01:00Z"}


async def test_a_patch_that_changes_nothing_is_no_update(todo: Stage, ada: Visitor) -> None:
    made = await add(ada, "Buy milk")
    todo.clock.advance(60)

    for nothing in ({}, {"title": "Buy milk"}, {"done": False}):
        assert (await ada.ask("PATCH", f"/api/todos/{made['id']}", nothing)).json() == made


async def test_null_removes_the_date_and_nothing_else_takes_null(ada: Visitor) -> None:
    made = await add(ada, "Buy milk", due_on="2026-02-03")

    assert (await ada.ask("PATCH", f"/api/todos/{made['id']}", {"due_on": None})).json()["due_on"] is None
    for name in ("title", "notes", "priority", "done"):
        answer = await ada.ask("PATCH", f"/api/todos/{made['id']}", {name: None})
        assert (answer.status_code, [fault["field"] for fault in answer.json()["fields"]]) == (422, [name])


async def test_done_keeps_the_moment_of_the_first_time_until_it_is_undone(todo: Stage, ada: Visitor) -> None:
    path = f"/api/todos/{(await add(ada, 'Buy milk'))['id']}"
    todo.clock.advance(60)
    assert (await ada.ask("PATCH", path, {"done": True})).json()["done_at"] == "2026-01-01T00:01:00Z"
    todo.clock.advance(60)
    assert (await ada.ask("PATCH", path, {"done": True})).json()["done_at"] == "2026-01-01T00:01:00Z"
    undone = (await ada.ask("PATCH", path, {"done": False})).json()
    assert (undone["done"], undone["done_at"]) == (False, None)


async def test_a_deleted_todo_is_gone(ada: Visitor) -> None:
    made = await add(ada, "Buy milk")

    first = await ada.ask("DELETE", f"/api/todos/{made['id']}")
    second = await ada.ask("DELETE", f"/api/todos/{made['id']}")

    assert (first.status_code, first.content) == (204, b"")
    assert (second.status_code, second.json()["code"]) == (404, "not_found")
    assert await titles(ada) == []


async def test_clearing_deletes_the_completed_ones_only(ada: Visitor) -> None:
    for title in ("one", "two", "three"):
        made = await add(ada, title)
        if title != "two":
            await ada.ask("PATCH", f"/api/todos/{made['id']}", {"done": True})

    answer = await ada.ask("DELETE", "/api/todos?status=done")

    assert (answer.status_code, answer.json()) == (200, {"deleted": 2})
    assert await titles(ada) == ["two"]


@pytest.mark.parametrize("query", ["", "?status=open", "?status=all", "?status="])
async def test_nothing_but_the_completed_can_be_cleared(ada: Visitor, query: str) -> None:
    await add(ada, "one")

    assert (await ada.ask("DELETE", f"/api/todos{query}")).status_code == 422
    assert await titles(ada) == ["one"]


async def test_two_accounts_never_see_or_touch_each_others_todos(todo: Stage, ada: Visitor) -> None:
    """Somebody else's todo answers exactly like one that never was."""
    bob = await todo.member("bob@example.org")
    hers = await add(ada, "Her plan", notes="secret")
    await add(bob, "His plan")
    await ada.ask("PATCH", f"/api/todos/{hers['id']}", {"done": True})

    def told(text: str, request_id: str) -> str:
        return text.replace(request_id, "")

    for method, body in (("PATCH", {"title": "Mine now"}), ("DELETE", None)):
        foreign = await bob.ask(method, f"/api/todos/{hers['id']}", body)
        missing = await bob.ask(method, f"/api/todos/{NOBODYS}", body)
        assert foreign.status_code == 404
        assert told(foreign.text, foreign.json()["request_id"]) == told(missing.text, missing.json()["request_id"])
    assert (await bob.ask("DELETE", "/api/todos?status=done")).json() == {"deleted": 0}
    assert await titles(bob, "?q=plan") == ["His plan"]
    assert (await bob.ask("GET", "/api/todos")).json()["counts"] == {"open": 1, "done": 0, "overdue": 0}
    assert await titles(ada) == ["Her plan"]


async def test_another_accounts_cursor_shows_only_ones_own(todo: Stage, ada: Visitor) -> None:
    bob = await todo.member("bob@example.org")
    for number in range(3):
        await add(ada, f"hers {number}")
        await add(bob, f"his {number}")
    cursor = (await ada.ask("GET", "/api/todos?limit=1")).json()["next_cursor"]

    assert all(title.startswith("his") for title in await titles(bob, f"?cursor={cursor}"))


async def test_every_todo_route_needs_a_session(todo: Stage) -> None:
    stranger = todo.visitor()
    for method, path in (
        ("GET", "/api/todos"),
        ("POST", "/api/todos"),
        ("DELETE", "/api/todos?status=done"),
        ("PATCH", f"/api/todos/{NOBODYS}"),
        ("DELETE", f"/api/todos/{NOBODYS}"),
        ("GET", "/api/account"),
        ("DELETE", "/api/account"),
        ("POST", "/api/account/password"),
    ):
        answer = await stranger.ask(method, path)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        pytest.param({"title": ""}, "title", id="no title"),
        pytest.param({"title": " \t\u202e\x00"}, "title", id="a title of nothing visible"),
        pytest.param({"title": "x" * 201}, "title", id="title too long"),
        pytest.param({"title": 5}, "title", id="a number for a title"),
        pytest.param({"notes": "x" * 4_001}, "notes", id="notes too long"),
        pytest.param({"priority": "urgent"}, "priority", id="unknown priority"),
        pytest.param({"priority": 2}, "priority", id="the rank of a priority"),
        pytest.param({"due_on": "tomorrow"}, "due_on", id="no date"),
        pytest.param({"due_on": "2026-02-30"}, "due_on", id="a day that is not in the calendar"),
        pytest.param({"due_on": "2026-02-03T00:00:00"}, "due_on", id="a moment for a date"),
        pytest.param({"due_on": 1_770_000_000}, "due_on", id="seconds for a date"),
        pytest.param({"due_on": "9999-12-31"}, "due_on", id="the end of time"),
        pytest.param({"owner_id": NOBODYS}, "owner_id", id="somebody else's"),
        pytest.param({"done": True}, "done", id="done before it began"),
        pytest.param({"created_at": "2020-01-01T00:00:00Z"}, "created_at", id="a false moment"),
    ],
)
async def test_a_wrong_field_is_named(ada: Visitor, fields: dict[str, object], place: str) -> None:
    answer = await ada.ask("POST", "/api/todos", {"title": "Buy milk", **fields})

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["field"] for fault in answer.json()["fields"]] == [place]
    assert await titles(ada) == []


@pytest.mark.parametrize("field", ["owner_id", "id", "created_at", "done_at", "search_text", "updated_at"])
async def test_a_patch_cannot_set_what_the_interface_does_not_offer(ada: Visitor, field: str) -> None:
    made = await add(ada, "Buy milk")

    answer = await ada.ask("PATCH", f"/api/todos/{made['id']}", {field: NOBODYS})

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == [field]


@pytest.mark.parametrize("done", ["true", 1, "yes", []])
async def test_done_is_true_or_false_and_nothing_like_it(ada: Visitor, done: object) -> None:
    made = await add(ada, "Buy milk")

    assert (await ada.ask("PATCH", f"/api/todos/{made['id']}", {"done": done})).status_code == 422


async def test_text_is_kept_without_control_characters_and_overrides(ada: Visitor) -> None:
    made = await add(
        ada,
        "  Pay\x00 \u202einvoice\u202c\n\n now ",
        notes="first\r\nsecond\x1b[31m\u2066\n\tthird \u200f\u05d0\u05d1\n",
    )

    assert made["title"] == "Pay invoice now"
    assert made["notes"] == "first\nsecond[31m\n\tthird \u200f\u05d0\u05d1"


async def test_markup_and_emoji_come_back_as_they_went(ada: Visitor) -> None:
    text = "<img src=x onerror=alert(1)> & 'quotes' \U0001f468\u200d\U0001f469\u200d\U0001f467"
    made = await add(ada, text)

    assert made["title"] == text
    answer = await ada.ask("GET", "/api/todos")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_half_a_surrogate_pair_is_dropped(ada: Visitor) -> None:
    answer = await send_text(ada, "POST", "/api/todos", '{"title": "a\\ud800b"}')

    assert (answer.status_code, answer.json()["title"]) == (201, "ab")


async def test_sql_in_a_field_is_only_text(ada: Visitor) -> None:
    attack = "'); DROP TABLE todos; --"
    made = await add(ada, attack, notes=attack)
    await ada.ask("PATCH", f"/api/todos/{made['id']}", {"notes": "' OR 1=1 --"})

    assert await titles(ada, "?q=%27%29%3B%20DROP") == [attack]
    assert await titles(ada, "?q=%27%20OR%201%3D1%20--") == [attack]
    assert (await ada.ask("DELETE", "/api/todos/'%20OR%20'1'='1")).status_code == 404
    assert await titles(ada) == [attack]


async def test_an_account_has_only_as_many_todos_as_its_token_allows(tmp_path: Path) -> None:
    async with stage(tmp_path, max_todos=2) as todo:
        ada, bob = await todo.member("ada@example.org"), await todo.member("bob@example.org")
        for title in ("one", "two"):
            await add(ada, title)

        answer = await ada.ask("POST", "/api/todos", {"title": "three"})

        assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
        await add(bob, "his own one")


async def test_answers_about_todos_are_stored_by_no_cache(ada: Visitor) -> None:
    assert (await ada.ask("GET", "/api/todos")).headers["cache-control"] == "no-store"
