"""The list of todos: its filters, its orders, and the cursor that continues it.

Pages are cut by key, not by number: a cursor names the last todo that was seen, so a todo that is added or removed in
the meantime neither hides nor repeats another.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Date, Select, SmallInteger, false, select, tuple_, type_coerce
from sqlalchemy.sql.expression import literal_column

from backend.models import DUE_OR_FIRST, DUE_OR_LAST, Priority, Todo
from backend.utils.security import fold
from sealring.errors import RequestInvalid

_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INT64 = range(-(2**63), 2**63)
_RANKS = range(len(Priority))


class Status(StrEnum):
    """Which todos the list shows."""

    ALL = "all"
    OPEN = "open"
    DONE = "done"


class Sort(StrEnum):
    """What the list is sorted by."""

    DUE = "due"
    CREATED = "created"
    PRIORITY = "priority"


class Order(StrEnum):
    """In which direction."""

    ASC = "asc"
    DESC = "desc"


# The direction that people expect: the next date, the newest, the most urgent first.
_NATURAL = {Sort.DUE: Order.ASC, Sort.CREATED: Order.DESC, Sort.PRIORITY: Order.DESC}


@dataclass(frozen=True, slots=True)
class TodoQuery:
    """What to list.

    Attributes:
        status: which todos.
        search: words of title or notes, compared without case; empty finds all.
        priority: only todos of this one, or None.
        sort: what to sort by; todos without a date stand behind all others in either direction.
        order: the direction, or None for the natural one.
        limit: todos on one page, 1 to 100.
        cursor: where to go on, or None for the first page.
        today: todos that are due before it are overdue.
    """

    status: Status
    search: str
    priority: Priority | None
    sort: Sort
    order: Order | None
    limit: int
    cursor: str | None
    today: date

    @property
    def direction(self) -> Order:
        """The direction in force."""
        return self.order or _NATURAL[self.sort]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list: the sort key and the id of the last todo before it."""

    key: date | int
    todo_id: str


def page_statement(owner_id: str, query: TodoQuery) -> Select[Todo, Any]:
    """Build the statement of one page, with the sort key of each todo and one todo more than the page shows.

    Raises:
        RequestInvalid: the cursor is not one of ours, or belongs to another order.
    """
    key = _key(query)
    place = tuple_(key, Todo.id)
    statement = select(Todo, key.label("sort_key")).where(Todo.owner_id == owner_id, *_filters(query))
    if query.cursor is not None:
        position = read_cursor(query.cursor, query)
        mark = tuple_(position.key, position.todo_id, types=[key.type, Todo.id.type])
        statement = statement.where(place > mark if query.direction is Order.ASC else place < mark)
    ordering = (key.asc(), Todo.id.asc()) if query.direction is Order.ASC else (key.desc(), Todo.id.desc())
    return statement.order_by(*ordering).limit(query.limit + 1)


def write_cursor(query: TodoQuery, position: Position) -> str:
    """Write the cursor of the page that begins behind a position."""
    key = position.key.isoformat() if isinstance(position.key, date) else position.key
    text = json.dumps([query.sort, query.direction, key, position.todo_id], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def read_cursor(cursor: str, query: TodoQuery) -> Position:
    """Read a cursor.

    Raises:
        RequestInvalid: it is not one of ours, or belongs to another order.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        sort, order, key, todo_id = json.loads(raw)
    except (binascii.Error, ValueError, TypeError, RecursionError) as error:
        raise RequestInvalid("the cursor is not one of ours") from error
    if (sort, order) != (query.sort, query.direction):
        raise RequestInvalid("the cursor belongs to another order")
    known = _sort_key(key, query.sort)
    if known is None or not isinstance(todo_id, str) or _ID.fullmatch(todo_id) is None:
        raise RequestInvalid("the cursor is not one of ours")
    return Position(known, todo_id)


def _sort_key(key: object, sort: Sort) -> date | int | None:
    """Return the key of a cursor as the database compares it, or None when it is none."""
    if sort is Sort.DUE:
        try:
            return date.fromisoformat(key) if isinstance(key, str) and _DAY.fullmatch(key) else None
        except ValueError:
            return None
    # Whole numbers of a database have 64 bits; a bool is an int in Python, but no key.
    return key if type(key) is int and key in (_RANKS if sort is Sort.PRIORITY else _INT64) else None


def _key(query: TodoQuery) -> ColumnElement[Any]:
    if query.sort is Sort.CREATED:
        return type_coerce(Todo.created_at, BigInteger)
    if query.sort is Sort.PRIORITY:
        return type_coerce(Todo.priority, SmallInteger)
    return literal_column(DUE_OR_LAST if query.direction is Order.ASC else DUE_OR_FIRST, Date)


def _filters(query: TodoQuery) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if query.status is not Status.ALL:
        filters.append(Todo.done_at.is_(None) if query.status is Status.OPEN else Todo.done_at.is_not(None))
    if query.priority is not None:
        filters.append(Todo.priority == query.priority)
    if "\0" in query.search:
        # No todo has it, and PostgreSQL refuses to look for it.
        filters.append(false())
    elif query.search:
        # autoescape: % and _ in what the user wrote stand for themselves.
        filters.append(Todo.search_text.contains(fold(query.search), autoescape=True))
    return filters
