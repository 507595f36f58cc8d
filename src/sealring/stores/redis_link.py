"""What the parts of the store in Redis ask, and what carries it to one server or to the nodes of a cluster."""

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from redis.exceptions import ResponseError

from sealring.stores.redis_errors import as_store_error
from sealring.stores.redis_scripts import Command


class Server(Protocol):
    """Where commands go."""

    async def run(self, command: Command) -> Any:  # noqa: ANN401 - a reply has many types
        """Return the reply to one command."""
        ...

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands that do not depend on each other; they are done in any order."""
        ...

    async def run_in_order(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands, none of which is done before the one in front of it."""
        ...


class Line(Protocol):
    """What has one connection at a time."""

    async def replicated(self, connection: int, replicas: int, within: float) -> None:
        """Wait until replicas have what a connection has written, as many as there are, or until a time is over.

        Args:
            connection: which of the connections of this line it was.
            replicas: how many replicas at most.
            within: seconds.

        Raises:
            StoreUnavailable: there is another connection by now, which knows nothing of the writes of that one.
        """
        ...


Trail = set[tuple[Line, int]]
"""Over which connections commands went."""


class Link(Protocol):
    """What carries commands, and leaves their errors to the caller."""

    async def replies(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands in any order of doing, those that are errors included.

        Args:
            commands: what to do.
            trail: takes down over which connections they went.

        Raises:
            StoreUnavailable: there was no answer; some of the commands may have been done.
        """
        ...

    async def replies_in_order(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands, none of which is done before the one in front of it."""
        ...

    async def everywhere(self, command: Command) -> list[Any]:
        """Return the replies of all servers that take writes, those that are errors included."""
        ...

    async def close(self) -> None:
        """Accept nothing more, wait until everything that waits has its answer, and disconnect."""
        ...

    async def give_up(self) -> None:
        """Accept nothing more, wait for nothing, and disconnect."""
        ...


class Asking:
    """Asks over a link, and raises what is answered as an error.

    Args:
        link: carries the commands.

    Attributes:
        trail: over which connections everything went until now.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self.trail: Trail = set()

    async def run(self, command: Command) -> Any:  # noqa: ANN401 - see the protocol
        """Return the reply to one command.

        Raises:
            StoreUnavailable: the link is closed or full, or there was no answer in time.
            InternalError: the server refused the command.
        """
        return (await self.run_all((command,)))[0]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands that do not depend on each other.

        Raises:
            StoreUnavailable: as above; some of the commands may have been done.
            InternalError: the server refused one of them; the others were done.
        """
        return _without_errors(await self._link.replies(commands, self.trail))

    async def run_in_order(self, commands: Sequence[Command]) -> list[Any]:
        """Return the replies to several commands, none of which is done before the one in front of it.

        Raises:
            StoreUnavailable: as above.
            InternalError: the server refused one of them.
        """
        return _without_errors(await self._link.replies_in_order(commands, self.trail))

    async def everywhere(self, command: Command) -> list[Any]:
        """Return the replies of all servers that take writes.

        Raises:
            StoreUnavailable: one of them did not answer.
            InternalError: one of them refused the command.
        """
        return _without_errors(await self._link.everywhere(command))

    async def replicated(self, replicas: int, within: float) -> None:
        """Wait until replicas have what was written, as many as there are up to a number, or until a time is over.

        Args:
            replicas: how many.
            within: seconds.

        Raises:
            StoreUnavailable: a connection was lost meanwhile, and with it the knowledge of what a replica has.
        """
        waiting = (lane.replicated(connection, replicas, within) for lane, connection in self.trail)
        for outcome in await asyncio.gather(*waiting, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome


def _without_errors(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, ResponseError):
            raise as_store_error(reply)
    return replies
