"""Todos: every act concerns one owner's, and somebody else's look as if they were not there."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from backend import schemas
from backend.db import Database
from backend.ids import new_id
from backend.models import Todo, User
from backend.todo_list import Position, TodoQuery, page_statement, write_cursor
from backend.utils.security import fold
from sealring.clock import Clock
from sealring.errors import Conflict, NotFound, SubjectInactive


class Todos:
    """The todos of all accounts.

    Args:
        database: where they are.
        clock: tells the time.
        changed: is called when a list has changed.
    """

    def __init__(self, database: Database, clock: Clock, changed: Callable[[], None]) -> None:
        self._database = database
        self._clock = clock
        self._changed = changed

    async def page(self, owner_id: str, query: TodoQuery) -> schemas.TodoPage:
        """Return one page of the list and the counts, both of one moment.

        Raises:
            RequestInvalid: the cursor is not one of ours.
        """
        statement = page_statement(owner_id, query)
        async with self._database.read() as session:
            rows = (await session.execute(statement)).all()
            counts = (await session.execute(_counts(owner_id, query.today))).one()
        shown = rows[: query.limit]
        more = len(rows) > query.limit
        return schemas.TodoPage(
            items=[schemas.Todo.model_validate(todo) for todo, _ in shown],
            next_cursor=write_cursor(query, Position(shown[-1][1], shown[-1][0].id)) if more else None,
            counts=schemas.Counts(open=counts[0], done=counts[1], overdue=counts[2]),
        )

    async def add(self, owner_id: str, draft: schemas.TodoDraft, *, most: int) -> Todo:
        """Make a todo.

        Args:
            owner_id: whose it is.
            draft: what it says.
            most: todos that the owner may have.

        Raises:
            Conflict: the owner has as many already.
            SubjectInactive: the account was deleted in the meantime.
        """
        now = self._clock.now()
        moment = datetime.fromtimestamp(now, UTC)
        todo = Todo(
            id=new_id(now),
            owner_id=owner_id,
            title=draft.title,
            notes=draft.notes,
            search_text=_search_text(draft.title, draft.notes),
            due_on=draft.due_on,
            priority=draft.priority,
            done_at=None,
            created_at=moment,
            updated_at=moment,
        )
        async with self._write(owner_id) as session:
            count = await session.scalar(select(func.count()).where(Todo.owner_id == owner_id))
            if (count or 0) >= most:
                raise Conflict(f"the account has {most} todos, which is as many as it may have")
            session.add(todo)
        return todo

    async def change(self, owner_id: str, todo_id: str, patch: schemas.TodoPatch) -> Todo:
        """Change what a todo says; what is left out stays.

        Raises:
            NotFound: the owner has no such todo.
        """
        moment = datetime.fromtimestamp(self._clock.now(), UTC)
        async with self._write(owner_id) as session:
            todo = await _owned(session, owner_id, todo_id)
            _apply(todo, patch, moment)
            if session.is_modified(todo):
                todo.updated_at = moment
        return todo

    async def remove(self, owner_id: str, todo_id: str) -> None:
        """Delete one todo.

        Raises:
            NotFound: the owner has no such todo.
        """
        async with self._write(owner_id) as session:
            await session.delete(await _owned(session, owner_id, todo_id))

    async def remove_done(self, owner_id: str) -> int:
        """Delete the owner's completed todos and return how many they were."""
        statement = delete(Todo).where(Todo.owner_id == owner_id, Todo.done_at.is_not(None)).returning(Todo.id)
        async with self._write(owner_id) as session:
            return len((await session.scalars(statement)).all())

    @asynccontextmanager
    async def _write(self, owner_id: str) -> AsyncIterator[AsyncSession]:
        """Open a transaction that changes the owner's list, and tell of it when it is committed.

        Raises:
            SubjectInactive: the account was deleted in the meantime.
        """
        # The owner's row first: it is locked, so that of two at once the second sees what the first has added, and no
        # two of them wait for each other.
        counted = update(User).where(User.id == owner_id).values(list_version=User.list_version + 1).returning(User.id)
        async with self._database.write() as session:
            if await session.scalar(counted) is None:
                raise SubjectInactive("the account was deleted in the meantime")
            yield session
        self._changed()


async def _owned(session: AsyncSession, owner_id: str, todo_id: str) -> Todo:
    # Locked, so that of two changes at once none is lost.
    todo = await session.scalar(select(Todo).where(Todo.id == todo_id, Todo.owner_id == owner_id).with_for_update())
    if todo is None:
        raise NotFound("no such todo of this account")
    return todo


def _apply(todo: Todo, patch: schemas.TodoPatch, moment: datetime) -> None:
    for name, value in patch.items():
        if name in {"title", "notes", "due_on", "priority"}:
            setattr(todo, name, value)
    if "title" in patch or "notes" in patch:
        todo.search_text = _search_text(todo.title, todo.notes)
    if "done" in patch and patch["done"] != todo.done:
        todo.done_at = moment if patch["done"] else None


def _search_text(title: str, notes: str) -> str:
    # The line break keeps a search from matching across the two.
    return fold(f"{title}\n{notes}")


def _counts(owner_id: str, today: date) -> Select[int, int, int]:
    is_open = Todo.done_at.is_(None)
    return select(
        func.count().filter(is_open),
        func.count().filter(Todo.done_at.is_not(None)),
        func.count().filter(is_open, Todo.due_on < today),
    ).where(Todo.owner_id == owner_id)
