"""Writes back what this process knows to be denied and the store has lost, as in a failover to a replica that lagged.

A denial lives no longer than the last access token that it concerns, a session much longer. So a row that has lost its
end, or an epoch, gets it anew, and not the feed only.
"""

import asyncio
from typing import Protocol

from sealring.clock import Clock
from sealring.events import DenialsRestored, Emitter
from sealring.revocation.follower import FeedFollower
from sealring.revocation.port import FeedStore
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.port import SessionStore
from sealring.sessions.record import EndReason, SessionRow


class _Store(SessionStore, FeedStore, Protocol):
    """Sessions and the feed."""


class DenialRestorer:
    """Gives the store back what it has lost.

    Args:
        follower: knows what is missing.
        store: takes it.
        clock: read once for each call.
        emitter: hears of it.
    """

    def __init__(self, *, follower: FeedFollower, store: _Store, clock: Clock, emitter: Emitter) -> None:
        self._follower = follower
        self._store = store
        self._clock = clock
        self._emitter = emitter
        self._missing: tuple[Denial, ...] = ()
        self._restored: set[Denial] = set()
        self._turn = asyncio.Lock()

    async def restore(self) -> int:
        """Write back what is missing, each thing once.

        Returns:
            How many denials that were.

        Raises:
            StoreUnavailable: what is left is written by the next call.
        """
        async with self._turn:
            return await self._restore(self._clock.now())

    async def _restore(self, now: float) -> int:
        if self._follower.missing is not self._missing:
            # Another reading: what was lost once can be lost once more.
            self._missing, self._restored = self._follower.missing, set()
        missing = [denial for denial in self._missing if denial.expires_at > now]
        written = sessions = 0
        for denial in missing:
            if denial in self._restored:
                continue
            sessions += await self._write(denial, now)
            self._restored.add(denial)
            written += 1
        if written:
            self._emitter.emit(DenialsRestored(entries=written, sessions=sessions))
        return written

    async def _write(self, denial: Denial, now: float) -> bool:
        """Write one denial, and tell whether its session had lost it too."""
        if denial.kind is DenialKind.SESSION:
            row = await self._store.read_session(bytes.fromhex(denial.ident))
            if row is not None and row.revoked_at is None and row.ep < denial.least_epoch:
                return await self._write_row(row, denial, now)
        await self._store.write_denial(denial)
        return False

    async def _write_row(self, row: SessionRow, denial: Denial, now: float) -> bool:
        if denial.least_epoch == ENDED:
            return await self._store.end_session(row.sid, EndReason.RESTORED, now, denial.expires_at) is not None
        # Otherwise it would give out tokens that this denial refuses.
        for _ in range(denial.least_epoch - row.ep):
            await self._store.raise_epoch(row.sid, denial.expires_at)
        return True
