"""What the revocation room asks of a store."""

from collections.abc import AsyncGenerator
from typing import Protocol

from sealring.revocation.record import Denial, FeedPage


class FeedReader(Protocol):
    """Somewhere to read the ordered feed of denials: a store, or the service that has one."""

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials committed after a cursor, oldest first.

        Args:
            after: the cursor of the last reading; 0 reads from the beginning.
            limit: denials at most; the page's cursor is that of its last denial, or ``after`` when there is none.

        Returns:
            A page. After a cursor beyond the newest denial, which was given before that was lost, it begins at the
            beginning and says so.

        Raises:
            StoreUnavailable: it does not answer.
        """
        ...


class FeedStore(FeedReader, Protocol):
    """Keeps the ordered feed of denials.

    Every method raises ``StoreUnavailable`` when the store does not answer.
    """

    def watch_feed(self) -> AsyncGenerator[None, None]:
        """Give a turn once it is watched, and then one whenever there may be news.

        It wakes and promises nothing: a turn may come for no news, news that come close together share a turn, and
        who follows the feed reads it at an interval too. What is committed after the first turn brings another one.
        It ends by itself where there is nothing that could wake.

        Raises:
            StoreUnavailable: it cannot be watched (any more); begin again.
        """
        ...

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        ...

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now`` and return how many were deleted."""
        ...
