"""Collects which generations were seen, and writes them in batches.

A confirmation is noted as done only after the store has acknowledged it, so none is lost to a failed write.
"""

from sealring.policy import SessionPolicy
from sealring.sessions.port import SessionStore
from sealring.sessions.record import Confirmation

_LARGEST_BATCH = 1_000


class Confirmer:
    """Takes note of verified access tokens and tells the store.

    Args:
        store: where the sessions are.
        policy: how often "last seen" is worth a write.
    """

    def __init__(self, store: SessionStore, policy: SessionPolicy) -> None:
        self._store = store
        self._seen_every = policy.last_seen_every.total_seconds()
        self._pending: dict[bytes, Confirmation] = {}
        self._written: dict[bytes, Confirmation] = {}

    def __len__(self) -> int:
        """Return how many confirmations wait to be written."""
        return len(self._pending)

    def note(self, sid: bytes, generation: int, now: float) -> None:
        """Note that an access token of a generation was seen; without I/O."""
        done = self._written.get(sid)
        if done is not None and generation <= done.generation and now - done.seen_at < self._seen_every:
            return
        waiting = self._pending.get(sid)
        # The first sighting counts: the grace is measured from it.
        if waiting is None or generation > waiting.generation:
            self._pending[sid] = Confirmation(sid, generation, now)

    async def flush(self, now: float) -> int:
        """Write what waits, in batches, and return how many were written.

        Args:
            now: seconds since the epoch; what was written longer ago than "last seen" is worth is forgotten.

        Raises:
            StoreUnavailable: nothing is lost; the next flush tries again.
        """
        written = 0
        while self._pending:
            batch = list(self._pending.values())[:_LARGEST_BATCH]
            await self._store.confirm(batch)
            for item in batch:
                self._written[item.sid] = item
                if self._pending.get(item.sid) is item:
                    del self._pending[item.sid]
            written += len(batch)
        self._written = {sid: item for sid, item in self._written.items() if now - item.seen_at < self._seen_every}
        return written
