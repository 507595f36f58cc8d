"""A lease in the store: of all processes that want to do something, one does it at a time."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from sealring.clock import Clock
from sealring.errors import StoreUnavailable

_LENGTH = 60.0


class LeaseStore(Protocol):
    """Leases, each with one holder.

    Every method raises ``StoreUnavailable`` when the store does not answer.
    """

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take a lease that is free, or prolong it, in one atomic statement.

        It is free when there is none of this name, when it is this holder's, when it has run out
        (its end is not after ``now``), and when its end is after ``now + 2 * seconds``: that was written by a process
        whose clock was wrong, and must not keep everybody out for ever.

        Args:
            name: what is leased.
            holder: a random text of whoever takes it.
            now: seconds since the epoch.
            seconds: how long it lasts from ``now`` on unless it is prolonged.

        Returns:
            Whether this holder has it now.
        """
        ...

    async def leave_lease(self, name: str, holder: str) -> None:
        """Give a lease back; does nothing when it is another holder's."""
        ...


class Lease:
    """One lease, as one process sees it.

    It saves work, and nothing may rely on it for more: a holder that stands still for longer than the lease lasts is
    not alone when it goes on.

    Args:
        store: where it is.
        name: what is leased.
        clock: read at each taking.
        entropy: returns that many random bytes; names this holder.
    """

    def __init__(self, store: LeaseStore, name: str, *, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._store = store
        self._name = name
        self._clock = clock
        self._holder = entropy(16).hex()
        self._taken_at = 0.0

    @asynccontextmanager
    async def held(self) -> AsyncIterator[bool]:
        """Take it for the length of a block, and give it back; False when another process has it."""
        taken = await self._take()
        try:
            yield taken
        finally:
            if taken:
                # A lease that cannot be given back runs out.
                with suppress(StoreUnavailable):
                    await self._store.leave_lease(self._name, self._holder)

    async def still_held(self) -> bool:
        """Prolong it when a third of it has passed; return whether this process still has it."""
        if abs(self._clock.now() - self._taken_at) < _LENGTH / 3:
            return True
        return await self._take()

    async def _take(self) -> bool:
        self._taken_at = self._clock.now()
        return await self._store.take_lease(self._name, self._holder, self._taken_at, _LENGTH)
