"""Deletes dead sessions and spent denials, piece by piece; a live session is never touched."""

from sealring.clock import Clock
from sealring.events import Emitter, Purged
from sealring.policy import SessionPolicy
from sealring.revocation.port import FeedStore
from sealring.sessions.port import SessionStore

_BATCH = 500
_MOST_BATCHES = 20


class Purger:
    """Purges a bounded number of rows at a time.

    Args:
        sessions: keeps the sessions.
        feed: keeps the denials.
        policy: how long an ended session is kept.
        clock: read once for each purge.
        emitter: hears of the counts.
    """

    def __init__(
        self, *, sessions: SessionStore, feed: FeedStore, policy: SessionPolicy, clock: Clock, emitter: Emitter
    ) -> None:
        self._sessions = sessions
        self._feed = feed
        self._keep = policy.keep_ended.total_seconds()
        self._clock = clock
        self._emitter = emitter

    async def purge(self) -> tuple[int, int]:
        """Delete what is due, at most 10,000 of each, and return how many sessions and denials that were.

        Raises:
            StoreUnavailable: what was deleted so far stays deleted.
        """
        now = self._clock.now()
        sessions = denials = 0
        for _ in range(_MOST_BATCHES):
            some = await self._sessions.purge_sessions(now - self._keep, _BATCH)
            spent = await self._feed.purge_denials(now, _BATCH)
            sessions, denials = sessions + some, denials + spent
            if some < _BATCH and spent < _BATCH:
                break
        if sessions or denials:
            self._emitter.emit(Purged(sessions=sessions, denials=denials))
        return sessions, denials
