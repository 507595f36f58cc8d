"""Tells open pages that their list has changed, whichever process changed it."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import timedelta

from sqlalchemy import select

from backend.db import Database
from backend.models import User
from sealring.errors import StoreUnavailable

_EVERY = timedelta(seconds=1)


class Watch:
    """What one open page waits for."""

    def __init__(self) -> None:
        self._version: int | None = None
        self._told: int | None = None
        self._changed = asyncio.Event()

    def tell(self, version: int) -> None:
        """Note the version that the list has."""
        self._version = version
        if version != self._told:
            self._changed.set()

    async def next(self) -> int:
        """Wait until the list has another version than was returned last, and return it; at first the present one."""
        await self._changed.wait()
        self._changed.clear()
        assert self._version is not None  # noqa: S101 - set before the event
        self._told = self._version
        return self._version


class LiveLists:
    """Looks once a second whether a list that somebody has open has changed; one look-up serves all pages together.

    Args:
        database: where every process counts its changes.
        every: how long between two looks; default 1 s.
    """

    def __init__(self, database: Database, *, every: timedelta = _EVERY) -> None:
        self._database = database
        self._every = every.total_seconds()
        self._watches: defaultdict[str, set[Watch]] = defaultdict(set)
        self._wake = asyncio.Event()

    @contextmanager
    def watch(self, owner_id: str) -> Iterator[Watch]:
        """Watch the list of an account for the length of a block."""
        watch = Watch()
        watches = self._watches[owner_id]
        watches.add(watch)
        self._wake.set()
        try:
            yield watch
        finally:
            watches.discard(watch)
            if not watches:
                self._watches.pop(owner_id, None)

    def changed(self) -> None:
        """Look at once: this process has changed a list."""
        self._wake.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for news for the length of a block."""
        task = asyncio.create_task(self._run(), name="todo live lists")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                # Not `wait_for`, which in Python 3.11 forgets that it was cancelled when the event comes just then.
                async with asyncio.timeout(self._every):
                    await self._wake.wait()
            self._wake.clear()
            # A database that does not answer has no news; every request says so in its own words.
            with suppress(StoreUnavailable):
                await self.look()

    async def look(self) -> None:
        """Tell every watch the version of its list.

        Raises:
            DatabaseUnavailable: the database did not answer in time.
        """
        if not self._watches:
            return
        versions = select(User.id, User.list_version).where(User.id.in_(tuple(self._watches)))
        async with self._database.read() as session:
            rows = (await session.execute(versions)).all()
        for owner_id, version in rows:
            for watch in self._watches.get(owner_id, ()):
                watch.tell(version)
