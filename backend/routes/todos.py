"""The owner's todos."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query, status

from backend import schemas
from backend.auth.config import TODOS_SCOPE, TodoClaims
from backend.models import Priority, Todo, User
from backend.routes import ERRORS
from backend.todo_list import Order, Sort, Status, TodoQuery
from backend.todos import Todos
from sealring import AccessToken
from sealring.clock import Clock
from sealring.fastapi import access_token, requires

TodoId = Annotated[str, Path(alias="id", max_length=64)]


def todo_router(todos: Todos, signed_in: Callable[..., Awaitable[User]], clock: Clock) -> APIRouter:
    """Return the routes of ``/api/todos``.

    Args:
        todos: of the application.
        signed_in: the dependency that gives the account of the request.
        clock: tells which day it is, where the request does not.
    """
    router = APIRouter(
        prefix="/api/todos", tags=["todos"], responses=ERRORS, dependencies=[Depends(requires(TODOS_SCOPE))]
    )

    def query(
        status: Status = Status.ALL,
        q: Annotated[schemas.Search, Query(description="A part of the title or the notes.")] = "",
        priority: Priority | None = None,
        sort: Sort = Sort.DUE,
        order: Annotated[
            Order | None, Query(description="Default: `asc` for due, `desc` for created and priority.")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, Query(max_length=256, description="`next_cursor` of the page before.")] = None,
        today: Annotated[
            schemas.IsoDate | None,
            Query(description="The user's date, for the count of overdue todos; default the UTC date."),
        ] = None,
    ) -> TodoQuery:
        day = today or datetime.fromtimestamp(clock.now(), UTC).date()
        return TodoQuery(status, q.strip(), priority, sort, order, limit, cursor, day)

    @router.get("", operation_id="listTodos")
    async def list_todos(
        user: Annotated[User, Depends(signed_in)], wanted: Annotated[TodoQuery, Depends(query)]
    ) -> schemas.TodoPage:
        """Return one page of the todos, and counts over all of them."""
        return await todos.page(user.id, wanted)

    @router.post("", operation_id="createTodo", status_code=status.HTTP_201_CREATED, response_model=schemas.Todo)
    async def create_todo(
        draft: schemas.TodoDraft,
        user: Annotated[User, Depends(signed_in)],
        token: Annotated[AccessToken[TodoClaims], Depends(access_token)],
    ) -> Todo:
        """Create a todo."""
        return await todos.add(user.id, draft, most=token.claims.max_todos)

    @router.patch("/{id}", operation_id="updateTodo", response_model=schemas.Todo)
    async def update_todo(todo_id: TodoId, patch: schemas.TodoPatch, user: Annotated[User, Depends(signed_in)]) -> Todo:
        """Change a todo; fields that are left out stay as they are."""
        return await todos.change(user.id, todo_id, patch)

    @router.delete("/{id}", operation_id="deleteTodo", status_code=status.HTTP_204_NO_CONTENT)
    async def delete_todo(todo_id: TodoId, user: Annotated[User, Depends(signed_in)]) -> None:
        """Delete a todo."""
        await todos.remove(user.id, todo_id)

    @router.delete("", operation_id="deleteDoneTodos")
    async def delete_done_todos(
        status: Literal["done"], user: Annotated[User, Depends(signed_in)]
    ) -> schemas.TodosDeleted:
        """Delete every completed todo."""
        return schemas.TodosDeleted(deleted=await todos.remove_done(user.id))

    return router
