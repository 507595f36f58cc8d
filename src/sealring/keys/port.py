"""What the keys room asks of a store."""

from collections.abc import Sequence
from typing import Protocol

from sealring.keys.record import KeyRow, RingSnapshot


class KeyStore(Protocol):
    """Keeps one small ring, read and replaced as a whole.

    First start, rotation, rewrap and distrust are each a pure function from ring to ring and one compare-and-swap, so
    that several processes may attempt them at the same time. Every method raises ``StoreUnavailable`` when the store
    does not answer.
    """

    async def load_ring(self) -> RingSnapshot:
        """Return the ring as last committed; revision 0 without rows when there is none yet."""
        ...

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        """Replace all rows in one transaction if the revision still is the expected one, and raise it by one.

        Args:
            expected_revision: the revision of the snapshot from which the new rows were computed.
            rows: the whole new ring.

        Returns:
            True for exactly one caller per revision; False, and nothing written, for all others. The answer waits for
            the commit.
        """
        ...
