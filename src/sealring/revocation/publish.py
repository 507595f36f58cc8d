"""Gives the feed to services without a store: any process answers any cursor, and a request is held until news come."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

from sealring.clock import Clock
from sealring.revocation.follower import FeedFollower
from sealring.revocation.port import FeedReader
from sealring.revocation.wire import MAX_PAGE, START, WirePage, cursor_number, make_cursor


class FeedPublisher:
    """Reads the feed of the store for others, and wakes them when this process's own follower finds news.

    Args:
        store: has the feed.
        follower: of this process; the store is not asked while it finds nothing new.
        clock: measures how long a request was held.
    """

    def __init__(self, *, store: FeedReader, follower: FeedFollower, clock: Clock) -> None:
        self._store = store
        self._follower = follower
        self._clock = clock

    async def watch(self, after: str, *, every: float, limit: int = MAX_PAGE) -> AsyncGenerator[WirePage]:
        """Give pages for as long as they are asked for: the first at once, then each when there is news.

        Args:
            after: the cursor of the last page that was seen.
            every: seconds after which an empty page tells that there is no news.
            limit: denials of one page at most, 1 to 1,000.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        came_at = self._clock.monotonic()
        while True:
            # Noted before the reading: what is committed while it runs changes the number, and wakes.
            seen = self._follower.cursor
            page = await self._read(after, came_at, limit)
            yield page
            after = page.cursor
            while not page.more and not await self._news(seen, every):
                age = self._follower.age(self._clock.now())
                if age is None or self._follower.cursor != cursor_number(after):
                    break
                yield WirePage(cursor=after, denials=(), at=self._clock.monotonic() - age - came_at)

    async def _read(self, after: str, came_at: float, limit: int) -> WirePage:
        number, reset = cursor_number(after), False
        if after != START and not await self._is_ours(number, after):
            number, reset = 0, True
        at = self._clock.monotonic()
        page = await self._store.read_feed(number, limit)
        if page.anew:
            number, reset = 0, True
            page = await self._store.read_feed(0, limit)
        known = START if number == 0 else after
        return WirePage(
            cursor=make_cursor(page.cursor, page.denials[-1]) if page.denials else known,
            denials=page.denials,
            at=at - came_at,
            more=len(page.denials) == limit,
            reset=reset,
        )

    async def _is_ours(self, number: int, cursor: str) -> bool:
        """Tell whether the denial of a cursor stands in the feed, with its number and saying the same."""
        if number == 0:
            return False
        page = await self._store.read_feed(number - 1, 1)
        return page.cursor == number and bool(page.denials) and make_cursor(number, page.denials[0]) == cursor

    async def _news(self, seen: int, within: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._follower.cursor == seen:
                    await self._follower.completed()
        return self._follower.cursor != seen
