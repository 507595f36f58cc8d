"""What the tests of the Redis store share."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from sealring.errors import StoreUnavailable
from sealring.stores.redis import RedisStore
from sealring.stores.redis_lane import Lane, Server
from sealring.stores.redis_scripts import Command
from sealring.stores.redis_url import connector
from tests.stores.valkey_server import START_WITHIN, ValkeyServer


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, with a deadline."""
    async with asyncio.timeout(START_WITHIN):
        while not await condition():
            await asyncio.sleep(0.01)


def emptied(server: ValkeyServer, options: str = "") -> AbstractAsyncContextManager[RedisStore]:
    """Return a store on a server with nothing in it."""
    server.ask("FLUSHALL")
    return RedisStore(server.url(options))


def lane(server: ValkeyServer, *, timeout: float = 5.0, capacity: int = 10_000) -> Lane:
    """Return a lane to a server; whoever asks for it closes it."""
    return Lane(connector(server.url(), timeout=timeout), timeout=timeout, capacity=capacity)


class Cut:
    """Lets so many steps pass and then cuts the line: before the next step was sent, or before its answer came.

    Args:
        server: takes what passes.
        steps: that pass.
        unheard: whether the step at the cut still reaches the server.
    """

    def __init__(self, server: Server, steps: int, *, unheard: bool) -> None:
        self._server = server
        self._left = steps
        self._unheard = unheard

    async def run(self, command: Command) -> Any:
        return (await self.run_all((command,)))[0]

    async def run_all(self, commands: Sequence[Command]) -> list[Any]:
        self._left -= 1
        if self._left >= 0:
            return await self._server.run_all(commands)
        if self._left == -1 and self._unheard:
            await self._server.run_all(commands)
        raise StoreUnavailable("the line was cut")
