"""What the revocation room asks of a store."""

from typing import Protocol

from sealring.revocation.record import Denial, FeedPage


class FeedReader(Protocol):
    """Somewhere to read the ordered feed of denials: a store, or the service that has one."""

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials committed after a cursor, oldest first.

        Args:
            after: the cursor of the last reading; 0 reads from the beginning.
            limit: denials at most; the page's cursor is that of its last denial, or ``after`` when there is none.

        Raises:
            StoreUnavailable: it does not answer.
        """
        ...


class FeedStore(FeedReader, Protocol):
    """Keeps the ordered feed of denials.

    Every method raises ``StoreUnavailable`` when the store does not answer.
    """

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        ...

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now`` and return how many were deleted."""
        ...
