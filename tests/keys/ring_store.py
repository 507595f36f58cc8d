"""A key store in a dictionary's place: one variable, with every await a chance for another task to run."""

import asyncio
import hashlib
from collections.abc import Sequence

from sealring.errors import StoreUnavailable
from sealring.events import Event
from sealring.jose import SigningKey
from sealring.keys import KeyEncryptionKeys, KeyRow, KeyState, RingSnapshot
from sealring.keys.change import NewKey, new_row


class VariableKeyStore:
    """Keeps the ring in memory and counts how often it is asked."""

    def __init__(self) -> None:
        self.snapshot = RingSnapshot(0, ())
        self.loads = 0
        self.replacements = 0
        self.down = False

    async def load_ring(self) -> RingSnapshot:
        self.loads += 1
        await asyncio.sleep(0)
        if self.down:
            raise StoreUnavailable("it is down")
        return self.snapshot

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        await asyncio.sleep(0)
        if self.snapshot.revision != expected_revision:
            return False
        self.snapshot = RingSnapshot(expected_revision + 1, tuple(rows))
        self.replacements += 1
        return True

    def plant(self, *rows: KeyRow) -> None:
        """Write rows as somebody with access to the database would."""
        self.snapshot = RingSnapshot(self.snapshot.revision + 1, rows)


class ListSink:
    """Keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def emit(self, event: Event) -> None:
        self.events.append(event)


OLD_KEK = hashlib.sha256(b"key-encryption key 1 of the tests").digest()
NEW_KEK = hashlib.sha256(b"key-encryption key 2 of the tests").digest()


def bootstrap(
    active: SigningKey, announced: SigningKey, *, now: float, keks: KeyEncryptionKeys
) -> tuple[KeyRow, KeyRow]:
    """Return the rows of a first ring, as the ring itself makes them."""
    return (
        new_row(NewKey.local(active), KeyState.ACTIVE, now, keks),
        new_row(NewKey.local(announced), KeyState.ANNOUNCED, now, keks),
    )
