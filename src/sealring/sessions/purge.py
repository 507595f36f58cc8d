"""Deletes dead sessions, spent denials and forgotten subjects, piece by piece; a live session is never touched."""

from collections.abc import Callable
from itertools import count

from sealring.clock import Clock
from sealring.events import Emitter, Purged
from sealring.policy import SessionPolicy
from sealring.revocation.port import FeedStore
from sealring.sessions.lease import Lease, LeaseStore
from sealring.sessions.port import SessionStore
from sealring.sessions.record import PurgeCounts

_BATCH = 500
_MOST_ROUNDS = 20

Progress = Callable[[PurgeCounts], None]


class Purger:
    """Purges a bounded number of rows at a time, one process at a time.

    Args:
        sessions: keeps the sessions.
        feed: keeps the denials.
        leases: keeps the lease of whoever purges.
        policy: how long an ended session is kept.
        clock: read once for each purge, and for its lease.
        entropy: returns that many random bytes.
        emitter: hears of the counts.
    """

    def __init__(
        self,
        *,
        sessions: SessionStore,
        feed: FeedStore,
        leases: LeaseStore,
        policy: SessionPolicy,
        clock: Clock,
        entropy: Callable[[int], bytes],
        emitter: Emitter,
    ) -> None:
        self._sessions = sessions
        self._feed = feed
        self._lease = Lease(leases, "purge", clock=clock, entropy=entropy)
        # Epochs are kept as long as ended sessions: at least twice as long as a login may take.
        self._keep = policy.keep_ended.total_seconds()
        self._clock = clock
        self._emitter = emitter

    async def count_due(self, limit: int) -> PurgeCounts:
        """Return how much a purge would delete now, counted no further than ``limit`` of each kind."""
        now = self._clock.now()
        return await self._sessions.count_due(now - self._keep, now, limit)

    async def purge(self, *, all_of_it: bool = False, progress: Progress | None = None) -> PurgeCounts | None:
        """Delete what is due, unless another process is at it.

        Args:
            all_of_it: go on until nothing is due; otherwise at most 10,000 of each kind.
            progress: hears after each batch how much is deleted so far.

        Returns:
            How much was deleted; None when another process is purging.

        Raises:
            StoreUnavailable: what was deleted so far stays deleted.
        """
        now = self._clock.now()
        done = PurgeCounts()
        async with self._lease.held() as mine:
            if not mine:
                return None
            for number in count() if all_of_it else range(_MOST_ROUNDS):
                if number and not await self._lease.still_held():
                    break
                some = await self._batch(now)
                done += some
                if progress is not None:
                    progress(done)
                if max(some.sessions, some.denials, some.subjects) < _BATCH:
                    break
        if done.total:
            self._emitter.emit(Purged(sessions=done.sessions, denials=done.denials, subjects=done.subjects))
        return done

    async def _batch(self, now: float) -> PurgeCounts:
        return PurgeCounts(
            sessions=await self._sessions.purge_sessions(now - self._keep, _BATCH),
            denials=await self._feed.purge_denials(now, _BATCH),
            subjects=await self._sessions.purge_subjects(now - self._keep, _BATCH),
        )
