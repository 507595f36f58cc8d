"""Turns: what concerns the same thing is done one behind the other within this process."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager


class Turns:
    """One lock for each thing that somebody is busy with or waits for."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, thing: Hashable) -> AsyncIterator[None]:
        """Wait until nobody else is busy with it, in the order of asking."""
        lock, users = self._locks.get(thing, (None, 0))
        lock = lock or asyncio.Lock()
        self._locks[thing] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(thing)
            if users > 1:
                self._locks[thing] = (lock, users - 1)
