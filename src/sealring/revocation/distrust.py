"""The emergency: a signing key that somebody else may hold is refused at once in every process."""

import asyncio
from typing import Final

from sealring.clock import Clock
from sealring.errors import KeyRingError, StoreUnavailable
from sealring.keys.ring import KeyRing
from sealring.keys.signer import Signer
from sealring.revocation.denylist import Denylist
from sealring.revocation.port import FeedStore
from sealring.revocation.record import Denial, DenialKind

# The ring remembers for good that a key is distrusted; the denial only has to last until every process has read it.
_DENIED_FOR: Final = 86_400.0


class KeyDistruster:
    """Denies a key in the feed first and changes the ring second.

    Whatever dies in between, the tokens of the key are refused, and the next process that hears of the denial finishes
    what was begun. The other order would leave processes that accept them.

    Args:
        ring: the ring of this process.
        feed: tells the other processes.
        denylist: of this process.
        clock: dates the denial.
    """

    def __init__(self, *, ring: KeyRing, feed: FeedStore, denylist: Denylist, clock: Clock) -> None:
        self._ring = ring
        self._feed = feed
        self._denylist = denylist
        self._clock = clock
        self._finishing = asyncio.Lock()

    async def distrust(self, kid: str) -> bool:
        """Refuse the tokens of a key everywhere, and let the waiting key sign in its place; holders refresh.

        Args:
            kid: a key of the ring, in any state. Repeating it is harmless, and right after a failure.

        Returns:
            Whether this call changed the ring; False when the key was distrusted already.

        Raises:
            KeyRingError: the ring has no such key; nothing is done. Or this process cannot change the ring: the tokens
                are denied, and a process that can finishes the rest.
            StoreUnavailable: the store does not answer; what was not done is done by repeating this.
        """
        await self._ring.read()
        if self._ring.find(kid) is None:
            raise KeyRingError("the ring has no authentic key with this id")
        denial = Denial(DenialKind.KEY, kid, 0, self._clock.now() + _DENIED_FOR)
        await self._feed.write_denial(denial)
        self._denylist.add(denial)
        return await self._ring.distrust(kid)

    async def finish(self) -> None:
        """Take every denied key out of use that this process still uses: another one denied it, or died doing so.

        Raises:
            KeyRingError: this process cannot change the ring.
            StoreUnavailable: the store does not answer; the tokens stay denied.
        """
        if not self._in_use():
            return
        async with self._finishing:
            for kid in self._in_use():
                await self._ring.distrust(kid)

    async def signer(self) -> Signer:
        """Return who signs now; never a denied key, whose tokens would be refused at once.

        Raises:
            StoreUnavailable: no key can sign just now.
        """
        try:
            if self._denylist.denies_key(self._ring.signer.kid):
                await self.finish()
            return self._ring.signer
        except KeyRingError as error:
            raise StoreUnavailable(error.detail) from error

    def _in_use(self) -> tuple[str, ...]:
        rows = (row for row in self._ring.rows if row.state.verifies)
        return tuple(row.kid for row in rows if self._denylist.denies_key(row.kid))
