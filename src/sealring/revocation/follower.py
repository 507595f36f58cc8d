"""Follows the feed of the store into this process's denylist."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from sealring.clock import Clock
from sealring.errors import SealringError
from sealring.events import Emitter, FeedCaughtUp
from sealring.revocation.denylist import Denylist
from sealring.revocation.port import FeedReader
from sealring.revocation.record import Denial, FeedPage

_PAGE: Final = 1_000

# After so many entries of a walk over the denylist, others get their turn.
_STRIDE: Final = 1_000


@dataclass(frozen=True, slots=True)
class _Moment:
    """A moment, by two clocks: one that can be set, and one that stands still while the machine sleeps."""

    wall: float
    steady: float


class FeedFollower:
    """Reads the feed from where it stopped.

    A place that failed may have lost, when it answers again, what it had told before: a replica that lagged has taken
    over, or an older copy was restored. So after a failure, and when the feed ends before the cursor, everything is
    read anew, and what the feed lacks is missing.

    Args:
        store: has the feed.
        denylist: takes the news.
        clock: dates the last completed reading.
        emitter: hears when there was news.
        trusting: whether a feed that failed is read on from the cursor, because it tells by itself when it has lost
            something; default False.
    """

    def __init__(
        self, *, store: FeedReader, denylist: Denylist, clock: Clock, emitter: Emitter, trusting: bool = False
    ) -> None:
        self._store = store
        self._denylist = denylist
        self._clock = clock
        self._emitter = emitter
        self._cursor = 0
        self._trusting = trusting
        self._suspicious = False
        self._missing: tuple[Denial, ...] = ()
        self._fresh: _Moment | None = None
        self._completed = asyncio.Event()
        self._reading: asyncio.Task[int] | None = None

    @property
    def missing(self) -> tuple[Denial, ...]:
        """What this process knows to be denied, and the store had lost when it was read anew the last time."""
        return self._missing

    @property
    def cursor(self) -> int:
        """How far the feed was read."""
        return self._cursor

    def age(self, now: float) -> float | None:
        """Return the seconds since the denylist was last known complete; None before the first reading.

        Args:
            now: seconds since the epoch. A clock that was set back makes nothing fresher.
        """
        if self._fresh is None:
            return None
        return max(0.0, now - self._fresh.wall, self._clock.monotonic() - self._fresh.steady)

    async def completed(self) -> None:
        """Wait until the next reading is completed."""
        await self._completed.wait()

    async def catch_up(self) -> int:
        """Take in all news and forget what is spent.

        However many ask at the same time, one reading is under way, and one more is for all who came since it began.

        Returns:
            How many denials this process did not know.

        Raises:
            StoreUnavailable: what was read so far is kept.
        """
        if self._reading is not None:
            await asyncio.wait([self._reading])
        return await self.join()

    async def join(self) -> int:
        """Wait for the reading that is under way, or take in all news where there is none; :meth:`age` tells the rest.

        Returns:
            How many denials this process did not know.

        Raises:
            StoreUnavailable: what was read so far is kept.
        """
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
            self._reading.add_done_callback(self._done)
        # Whoever goes away leaves the reading to the others.
        return await asyncio.shield(self._reading)

    async def watch(self, turns: AsyncGenerator[None, None], follow: Callable[[], Awaitable[object]]) -> None:
        """Follow as soon as the store says that there may be news, until this is cancelled.

        Args:
            turns: what the store gives to whoever watches its feed.
            follow: :meth:`catch_up`, or something around it.

        Raises:
            StoreUnavailable: the store has stopped telling; watch again.
        """
        try:
            async with aclosing(turns):
                async for _ in turns:
                    await follow()
        except SealringError:
            self._suspicious = not self._trusting
            raise

    async def stop(self) -> None:
        """Give up a reading under way, before the store is closed."""
        if (reading := self._reading) is not None:
            reading.cancel()
            await asyncio.wait([reading])

    def _done(self, reading: "asyncio.Task[int]") -> None:
        self._reading = None
        if not reading.cancelled():
            reading.exception()  # looked at, in case that everybody who waited has gone

    async def _read(self) -> int:
        try:
            taken = await self._read_news()
        except SealringError:
            self._suspicious = not self._trusting
            raise
        self._denylist.sweep(self._clock.now())
        if taken:
            self._emitter.emit(FeedCaughtUp(entries=taken, cursor=self._cursor))
        return taken

    async def _read_news(self) -> int:
        # Freshness is the start of the reading: what was committed while it ran may not be in it.
        started = _Moment(self._clock.now(), self._clock.monotonic())
        anew = self._suspicious
        there = Denylist()
        taken = 0
        page = FeedPage(0, ())
        async for page in self._pages(0 if anew else self._cursor):
            anew = anew or page.anew
            if anew:
                there.add_all(page.denials)
            taken += sum(not self._denylist.covers(denial) for denial in page.denials)
            self._denylist.add_all(page.denials)
            self._cursor = page.cursor
        if anew:
            self._missing = await self._lacking(there, started.wall)
            self._suspicious = False
        self._tell_fresh(started, page)
        return taken

    async def _pages(self, after: int) -> AsyncIterator[FeedPage]:
        while True:
            page = await self._store.read_feed(after, _PAGE)
            yield page
            if len(page.denials) < _PAGE:
                return
            after = page.cursor

    def _tell_fresh(self, started: _Moment, last: FeedPage) -> None:
        if last.as_of is None:
            self._fresh = started
        else:
            now = self._clock.now()
            ago = max(0.0, now - last.as_of)
            self._fresh = _Moment(now - ago, self._clock.monotonic() - ago)
        self._completed.set()
        self._completed = asyncio.Event()

    async def _lacking(self, there: Denylist, now: float) -> tuple[Denial, ...]:
        lacking: list[Denial] = []
        for number, denial in enumerate(self._denylist.live(now)):
            if not there.covers(denial):
                lacking.append(denial)
            if number % _STRIDE == 0:
                await asyncio.sleep(0)
        return tuple(lacking)
