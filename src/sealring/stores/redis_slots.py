"""Which node of a cluster serves which slot, as far as this process knows."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.crc import REDIS_CLUSTER_HASH_SLOTS

from sealring.errors import StoreUnavailable
from sealring.stores.redis_connect import Address, asked_once
from sealring.stores.redis_errors import as_store_error
from sealring.stores.redis_sentinel import Make

_LONGEST_ASKED: Final = 1.0


class Slots:
    """The map of the slots, read from any node that answers, and read anew when it turned out to be old.

    Args:
        seeds: nodes to ask when nothing is known yet, and when nobody else answers.
        to_server: makes a connection to a node.
        timeout: seconds that the reading may take.
    """

    def __init__(self, seeds: Sequence[Address], *, to_server: Make, timeout: float) -> None:
        self._seeds = tuple(seeds)
        self._to_server = to_server
        self._timeout = timeout
        self._owners: list[Address | None] = []
        # Nodes in the order in which they are asked; those that did not answer go to the end.
        self._known: list[Address] = list(seeds)
        self._old = True
        self._reading: asyncio.Task[None] | None = None

    async def read(self) -> None:
        """Read the map, if it is not known to be right.

        Raises:
            StoreUnavailable: no node answers.
        """
        while self._old:
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
            # Shared by all who need it, and so not ended by one who goes away.
            await asyncio.shield(self._reading)

    def owner(self, slot: int) -> Address:
        """Return the node that serves a slot.

        Raises:
            StoreUnavailable: none does.
        """
        owner = self._owners[slot]
        if owner is None:
            self._old = True
            raise StoreUnavailable("no node of the Redis cluster serves this slot")
        return owner

    def primaries(self) -> set[Address]:
        """Return the nodes that serve slots."""
        return {owner for owner in self._owners if owner is not None}

    def complete(self) -> bool:
        """Tell whether each slot is served by a node."""
        return None not in self._owners

    def moved(self, slot: int, owner: Address) -> None:
        """Take in that a node said where a slot is now; where others went is read at the next opportunity."""
        self._owners[slot] = owner
        self._old = True
        # It knows that already, which the others need not.
        self._known = list(dict.fromkeys([owner, *self._known]))

    def failed(self, address: Address) -> None:
        """Take in that a node did not answer: another one may serve its slots by now."""
        self._old = True
        self._put_last(address)

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(self._timeout):
                reply, asked = await self._asked()
        except TimeoutError as error:
            raise StoreUnavailable("no node of the Redis cluster answered in time") from error
        finally:
            self._reading = None
        owners: list[Address | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        for first, last, (host, port, *_), *_ in reply:
            # A node that does not know its own name leaves it out: it is who was asked.
            owner = (host.decode() if host else asked[0], int(port))
            owners[first : last + 1] = [owner] * (last - first + 1)
        self._owners = owners
        self._known = list(dict.fromkeys([asked, *self.primaries(), *self._seeds]))
        self._old = False

    async def _asked(self) -> tuple[Any, Address]:
        failure: Exception = StoreUnavailable("no node of the Redis cluster is known")
        patience = min(_LONGEST_ASKED, self._timeout / 2)
        for address in tuple(self._known):
            try:
                async with asyncio.timeout(patience):
                    return await asked_once(self._to_server(address), "CLUSTER", "SLOTS"), address
            except Exception as error:  # noqa: BLE001 - whatever it is, another node is asked
                failure = error
                self._put_last(address)
        raise as_store_error(failure)

    def _put_last(self, address: Address) -> None:
        if address in self._known:
            self._known.remove(address)
            self._known.append(address)
