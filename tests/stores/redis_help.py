"""What the tests of the Redis store share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sealring.errors import StoreUnavailable
from sealring.stores.redis import RedisStore
from sealring.stores.redis_link import Asking, Link, Server
from sealring.stores.redis_scripts import Command
from sealring.stores.redis_url import RedisUrl
from tests.stores.valkey_cluster import ValkeyCluster
from tests.stores.valkey_server import START_WITHIN, ValkeyServer


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until something holds, with a deadline."""
    async with asyncio.timeout(START_WITHIN):
        while not await condition():
            await asyncio.sleep(0.01)


async def answers(store: RedisStore) -> bool:
    """Tell whether a store answers."""
    try:
        await store.ping()
    except StoreUnavailable:
        return False
    return True


def emptied(server: ValkeyServer | ValkeyCluster, options: str = "") -> AbstractAsyncContextManager[RedisStore]:
    """Return a store on a server or a cluster with nothing in it."""
    server.flush()
    return RedisStore(server.url(options))


@asynccontextmanager
async def link(url: str, *, patience: float = 5.0, capacity: int = 10_000) -> AsyncIterator[Link]:
    """Give a way to a server or a cluster."""
    one, other = RedisUrl(url).links(timeout=patience, capacity=capacity)
    try:
        yield one
    finally:
        await one.close()
        await other.close()


@asynccontextmanager
async def line(url: str, *, patience: float = 5.0, capacity: int = 10_000) -> AsyncIterator[Asking]:
    """Give somebody who asks a server or a cluster."""
    async with link(url, patience=patience, capacity=capacity) as one:
        yield Asking(one)


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

    async def run_in_order(self, commands: Sequence[Command]) -> list[Any]:
        # As in a cluster, where each of them is a step of its own.
        return [await self.run(command) for command in commands]
