"""What the statements of the PostgreSQL store need of a connection: a small part of the driver's, with types."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol


class Connection(Protocol):
    """A connection of asyncpg; outside of ``transaction`` each statement is a transaction of its own."""

    async def execute(self, query: str, *args: object) -> str:
        """Run a statement and return its status, for example ``UPDATE 1``; several statements, without arguments."""
        ...

    async def fetch(self, query: str, *args: object) -> list[Any]:
        """Return all rows."""
        ...

    async def fetchrow(self, query: str, *args: object) -> Any:  # noqa: ANN401 - the driver's row has no useful type
        """Return the first row, or None."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - as the column is
        """Return the first column of the first row, or None."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """Return a block that commits at its end and rolls back after an error."""
        ...


def affected(status: str) -> int:
    """Return the number of rows in the status of a statement."""
    return int(status.rpartition(" ")[2])
