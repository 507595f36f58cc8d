"""Follows the feed of the store into this process's denylist."""

import asyncio

from sealring.clock import Clock
from sealring.events import Emitter, FeedCaughtUp
from sealring.revocation.denylist import Denylist
from sealring.revocation.port import FeedReader
from sealring.revocation.record import Denial

_PAGE = 1_000


class FeedFollower:
    """Reads the feed from where it stopped.

    Args:
        store: has the feed.
        denylist: takes the news.
        clock: dates the last completed reading.
        emitter: hears when there was news.
    """

    def __init__(self, *, store: FeedReader, denylist: Denylist, clock: Clock, emitter: Emitter) -> None:
        self._store = store
        self._denylist = denylist
        self._clock = clock
        self._emitter = emitter
        self._cursor = 0
        self._fresh_at: float | None = None
        self._completed = asyncio.Event()
        self._missing: tuple[Denial, ...] = ()

    @property
    def missing(self) -> tuple[Denial, ...]:
        """What this process knows to be denied, and the store had lost when it was read anew the last time."""
        return self._missing

    @property
    def cursor(self) -> int:
        """How far the feed was read."""
        return self._cursor

    def age(self, now: float) -> float | None:
        """Return the seconds since the denylist was last known complete; None before the first reading."""
        return None if self._fresh_at is None else max(0.0, now - self._fresh_at)

    async def completed(self) -> None:
        """Wait until the next reading is completed."""
        await self._completed.wait()

    async def catch_up(self) -> int:
        """Take in all news and forget what is spent.

        Returns:
            How many denials were new.

        Raises:
            StoreUnavailable: what was read so far is kept.
        """
        # Freshness is the start of the reading: what was committed while it ran may not be in it.
        started_at = self._clock.now()
        taken = 0
        known: tuple[Denial, ...] = ()
        everything: Denylist | None = None
        while True:
            page = await self._store.read_feed(self._cursor, _PAGE)
            if page.anew:
                # What is known now was in the store before; so what the next reading does not find is lost.
                known, everything, self._cursor = self._denylist.live(started_at), Denylist(), 0
                continue
            if everything is not None:
                everything.add_all(page.denials)
            self._denylist.add_all(page.denials)
            self._cursor = page.cursor
            taken += len(page.denials)
            if len(page.denials) < _PAGE:
                break
        self._fresh_at = started_at if page.as_of is None else page.as_of
        self._completed.set()
        self._completed = asyncio.Event()
        self._denylist.sweep(started_at)
        if everything is not None:
            there = set(everything.live(started_at))
            self._missing = tuple(denial for denial in known if denial not in there)
        if taken:
            self._emitter.emit(FeedCaughtUp(entries=taken, cursor=self._cursor))
        return taken
