"""The list: filters, search, orders, counts, and pages that neither hide nor repeat."""

import asyncio
import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, make_url, text

from backend import schemas
from backend.db import Database
from backend.migrate import migrate
from backend.models import Priority, User
from backend.todo_list import Order, Sort, Status, TodoQuery, page_statement
from backend.todos import Todos
from sealring.clock import ManualClock
from sealring.errors import Conflict, RequestInvalid
from tests.backend.stage import Stage, add, titles
from tests.running import Visitor

pytestmark = pytest.mark.anyio

TODAY = date(2026, 1, 1)


def query(**changes: object) -> TodoQuery:
    """Return a query for everything on one page."""
    plain = {
        "status": Status.ALL, "search": "", "priority": None, "sort": Sort.DUE, "order": None, "limit": 100,
        "cursor": None, "today": TODAY,
    }  # fmt: skip
    return TodoQuery(**{**plain, **changes})  # type: ignore[arg-type]


@dataclass
class Shelf:
    """Todos in a database, without the interface around them."""

    todos: Todos
    database: Database
    clock: ManualClock
    owners: Iterator[int]

    async def owner(self) -> str:
        """Make an account and return its id."""
        ident = f"{next(self.owners):032x}"
        async with self.database.write() as session:
            session.add(
                User(id=ident, email=ident, name="", password_hash="", created_at=datetime.now(UTC), disabled_at=None)
            )
        return ident

    async def pages(self, owner: str, wanted: TodoQuery) -> AsyncIterator[list[str]]:
        """Walk through the list and give the ids of each page."""
        cursor = None
        while True:
            page = await self.todos.page(owner, _at(wanted, cursor))
            yield [item.id for item in page.items]
            cursor = page.next_cursor
            if cursor is None:
                return


def _at(wanted: TodoQuery, cursor: str | None) -> TodoQuery:
    return TodoQuery(
        wanted.status, wanted.search, wanted.priority, wanted.sort, wanted.order, wanted.limit, cursor, wanted.today
    )


@asynccontextmanager
async def shelf(place: Path | URL) -> AsyncIterator[Shelf]:
    """Open an empty database for the length of a block."""
    database, clock = Database(place, patience=timedelta(seconds=30)), ManualClock()
    try:
        await migrate(database)
        yield Shelf(Todos(database, clock, lambda: None), database, clock, itertools.count())
    finally:
        await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def bare(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shelf]:
    """Todos without the interface around them, on either kind of database."""
    place: Path | URL = tmp_path / "todo.db"
    if request.param == "postgres":
        place = make_url(request.getfixturevalue("postgres").new_database())
    async with shelf(place) as opened:
        yield opened


@dataclass(frozen=True)
class Wish:
    """One todo of a generated list."""

    title: str
    due_on: date | None
    priority: Priority
    done: bool
    later: int


WISHES = st.lists(
    st.builds(
        Wish,
        title=st.sampled_from(["Äpfel kaufen", "äpfel essen", "100% sure", "100 sure", "a_b", "axb"]),
        due_on=st.none() | st.dates(date(2025, 12, 30), date(2026, 1, 3)),
        priority=st.sampled_from(Priority),
        done=st.booleans(),
        later=st.integers(0, 2),
    ),
    max_size=12,
)
QUERIES = st.builds(
    query,
    status=st.sampled_from(Status),
    search=st.sampled_from(["", "ÄPFEL", "%", "_", "100"]),
    priority=st.none() | st.sampled_from(Priority),
    sort=st.sampled_from(Sort),
    order=st.none() | st.sampled_from(Order),
    limit=st.integers(1, 5),
)


def expected(made: list[schemas.Todo], wanted: TodoQuery) -> list[str]:
    """Say in plain Python what the list is."""

    def key(item: schemas.Todo) -> tuple[object, str]:
        if wanted.sort is Sort.CREATED:
            return item.created_at, item.id
        if wanted.sort is Sort.PRIORITY:
            return tuple(Priority).index(item.priority), item.id
        last = date.max if wanted.direction is Order.ASC else date.min
        return item.due_on or last, item.id

    kept = [
        item
        for item in made
        if (wanted.status is Status.ALL or item.done == (wanted.status is Status.DONE))
        and (wanted.priority is None or item.priority is wanted.priority)
        and wanted.search.lower() in item.title.lower()
    ]
    return [item.id for item in sorted(kept, key=key, reverse=wanted.direction is Order.DESC)]


async def fill(bare: Shelf, owner: str, wishes: list[Wish]) -> list[schemas.Todo]:
    """Make the generated todos."""
    made = []
    for wish in wishes:
        bare.clock.advance(wish.later)
        draft = schemas.TodoDraft(title=wish.title, due_on=wish.due_on, priority=wish.priority)
        item = await bare.todos.add(owner, draft, most=100)
        if wish.done:
            item = await bare.todos.change(owner, item.id, {"done": True})
        made.append(schemas.Todo.model_validate(item))
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=WISHES, wanted=QUERIES)
async def test_the_pages_together_are_the_filtered_list_in_its_order(
    bare: Shelf, wishes: list[Wish], wanted: TodoQuery
) -> None:
    owner, neighbour = await bare.owner(), await bare.owner()
    await fill(bare, neighbour, wishes[:3])
    made = await fill(bare, owner, wishes)

    pages = [page async for page in bare.pages(owner, wanted)]

    assert [ident for page in pages for ident in page] == expected(made, wanted)
    assert all(len(page) == wanted.limit for page in pages[:-1])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=WISHES, more=WISHES, wanted=QUERIES, removed=st.sets(st.integers(0, 11), max_size=3))
async def test_todos_that_come_and_go_between_pages_neither_hide_nor_repeat_another(
    bare: Shelf, wishes: list[Wish], more: list[Wish], wanted: TodoQuery, removed: set[int]
) -> None:
    owner = await bare.owner()
    made = await fill(bare, owner, wishes)
    gone = {item.id for number, item in enumerate(made) if number in removed}
    seen: list[str] = []

    async for page in bare.pages(owner, wanted):
        if not seen:
            for ident in gone:
                await bare.todos.remove(owner, ident)
            await fill(bare, owner, more)
        seen += page

    stayed = [ident for ident in expected(made, wanted) if ident not in gone]
    assert len(seen) == len(set(seen))
    assert [ident for ident in seen if ident in stayed] == stayed


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (query(sort=Sort.DUE), "ix_todos_due"),
        (query(sort=Sort.CREATED), "ix_todos_created"),
        (query(sort=Sort.PRIORITY), "ix_todos_priority"),
    ],
)
async def test_each_order_is_read_from_its_index_without_sorting(bare: Shelf, wanted: TodoQuery, index: str) -> None:
    async with bare.database.read() as session:
        connection = await session.connection()
        statement = page_statement("0" * 32, wanted).compile(
            connection.sync_connection, compile_kwargs={"literal_binds": True}
        )
        if connection.dialect.name == "sqlite":
            plan = " / ".join(row[3] for row in await session.execute(text(f"EXPLAIN QUERY PLAN {statement}")))
        else:
            # The tables are empty, where reading them from end to end costs least.
            await session.execute(text("SET LOCAL enable_seqscan = off"))
            await session.execute(text("SET LOCAL enable_bitmapscan = off"))
            plan = " / ".join(row[0] for row in await session.execute(text(f"EXPLAIN {statement}")))

    assert re.search(rf"(USING INDEX|Index Scan( Backward)? using) {index}\b", plan)
    assert "TEMP B-TREE" not in plan
    assert "Sort" not in plan


async def test_a_search_for_what_no_todo_can_have_finds_none(bare: Shelf) -> None:
    owner = await bare.owner()
    await fill(bare, owner, [Wish("a", None, Priority.LOW, done=False, later=0)])
    page = await bare.todos.page(owner, query(search="a\0"))
    assert page.items == []


async def test_of_many_that_add_at_once_no_more_succeed_than_the_owner_may_have(bare: Shelf) -> None:
    owner = await bare.owner()
    draft = schemas.TodoDraft(title="Buy milk")
    answers = await asyncio.gather(*(bare.todos.add(owner, draft, most=5) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, Conflict) for answer in answers) == 15
    assert len((await bare.todos.page(owner, query())).items) == 5


async def test_of_two_changes_at_once_none_is_lost(bare: Shelf) -> None:
    owner = await bare.owner()
    made = await bare.todos.add(owner, schemas.TodoDraft(title="Buy milk"), most=5)
    changes: list[schemas.TodoPatch] = [{"title": "Buy bread"}, {"notes": "soon"}, {"priority": Priority.HIGH}]
    await asyncio.gather(*(bare.todos.change(owner, made.id, change) for change in changes * 5))
    (item,) = (await bare.todos.page(owner, query())).items
    assert (item.title, item.notes, item.priority) == ("Buy bread", "soon", Priority.HIGH)
    assert [found.id for found in (await bare.todos.page(owner, query(search="bread\nsoon"))).items] == [made.id]


async def test_the_search_ignores_case_in_every_language_and_takes_no_wildcards(ada: Visitor) -> None:
    for title in ("Straße fegen", "100% sure", "100 sure", "a_b", "axb", "\uff37ide"):
        await add(ada, title, notes="nothing")
    await add(ada, "Call", notes="the ÄRZTIN about_it")

    assert await titles(ada, "?q=STRASSE") == ["Straße fegen"]
    assert await titles(ada, "?q=%25") == ["100% sure"]
    assert await titles(ada, "?q=a_b") == ["a_b"]
    assert await titles(ada, "?q=wide") == ["\uff37ide"]
    assert await titles(ada, "?q=ärztin") == ["Call"]
    assert await titles(ada, "?q=/") == []


async def test_the_search_follows_a_change(ada: Visitor) -> None:
    made = await add(ada, "Buy milk")
    await ada.ask("PATCH", f"/api/todos/{made['id']}", {"title": "Buy bread"})

    assert await titles(ada, "?q=milk") == []
    assert await titles(ada, "?q=bread") == ["Buy bread"]


async def test_the_counts_are_of_all_todos_whatever_the_list_shows(ada: Visitor) -> None:
    await add(ada, "late", due_on="2025-12-31")
    await add(ada, "today", due_on="2026-01-01")
    await add(ada, "some day")
    finished = await add(ada, "late but done", due_on="2025-12-31")
    await ada.ask("PATCH", f"/api/todos/{finished['id']}", {"done": True})

    page = (await ada.ask("GET", "/api/todos?status=done&limit=1")).json()

    assert page["counts"] == {"open": 3, "done": 1, "overdue": 1}
    east = (await ada.ask("GET", "/api/todos?today=2026-01-02")).json()
    assert east["counts"]["overdue"] == 2


async def test_the_natural_orders_put_the_next_the_newest_and_the_most_urgent_first(todo: Stage, ada: Visitor) -> None:
    for title, due_on, priority in (("a", None, "normal"), ("b", "2026-01-09", "low"), ("c", "2026-01-05", "high")):
        await add(ada, title, due_on=due_on, priority=priority)
        todo.clock.advance(1)

    assert await titles(ada) == ["c", "b", "a"]
    assert await titles(ada, "?sort=created") == ["c", "b", "a"]
    assert await titles(ada, "?sort=priority") == ["c", "a", "b"]
    assert await titles(ada, "?sort=due&order=desc") == ["b", "c", "a"]


def cursor_of(*parts: object) -> str:
    """Write a cursor as the application would."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("!!!", id="not base64url"),
        pytest.param("a", id="an impossible length"),
        pytest.param("bm90IGpzb24", id="not JSON"),
        pytest.param("_-__", id="not text"),
        pytest.param("W" * 255, id="deep brackets"),
        pytest.param(cursor_of(1, 2), id="too short"),
        pytest.param(cursor_of("created", "desc", 1, "0" * 32), id="of another order"),
        pytest.param(cursor_of("due", "desc", "2026-01-01", "0" * 32), id="of the other direction"),
        pytest.param(cursor_of("due", "asc", 1, "0" * 32), id="a key of the wrong type"),
        pytest.param(cursor_of("due", "asc", "' OR 1=1 --", "0" * 32), id="SQL for a key"),
        pytest.param(cursor_of("due", "asc", "2026-01-01", "' OR 1=1 --"), id="SQL for an id"),
        pytest.param(cursor_of("due", "asc", "2026-01-01", None), id="no id"),
        pytest.param(cursor_of("due", "asc", ["2026-01-01"], "0" * 32), id="a list for a key"),
    ],
)
async def test_a_cursor_that_is_not_ours_is_refused(ada: Visitor, cursor: str) -> None:
    answer = await ada.ask("GET", f"/api/todos?cursor={cursor}")

    assert (answer.status_code, answer.json()["code"]) == (400, "request_invalid")


@pytest.mark.parametrize("key", [2**63, -(2**63) - 1, 1.5, True, "1"])
def test_a_numeric_key_has_64_bits_and_is_a_number(key: object) -> None:
    wanted = query(sort=Sort.CREATED, cursor=cursor_of("created", "desc", key, "0" * 32))

    with pytest.raises(RequestInvalid):
        page_statement("0" * 32, wanted)


@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_no_text_for_a_cursor_raises_anything_but_a_refusal(cursor: str) -> None:
    with pytest.raises(RequestInvalid):
        page_statement("0" * 32, query(cursor=cursor))


@pytest.mark.parametrize(
    "asked",
    [
        "limit=0", "limit=101", "limit=-1", "limit=9999999999999999999999", "limit=ten", "status=closed",
        "priority=urgent", "sort=title", "order=up", "today=1770000000", "today=soon", "q=" + "x" * 201,
        "cursor=" + "x" * 257,
    ],
)  # fmt: skip
async def test_a_parameter_out_of_its_range_is_named(ada: Visitor, asked: str) -> None:
    answer = await ada.ask("GET", f"/api/todos?{asked}")

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == [asked.partition("=")[0]]
