"""A process that turns the ring when it is told to: ``python ring_child.py FILE NUMBER``.

Each line of standard input is a time; the process looks at the ring at that time and says what it did and sees.
"""

import asyncio
import json
import sys
from pathlib import Path

from sealring.clock import ManualClock
from sealring.events import Emitter
from sealring.keys import KeyEncryptionKeys, KeyRing, KeyState
from sealring.stores import SqliteStore

KEKS = KeyEncryptionKeys({1: bytes(range(100, 132))}, 1)


async def turn(path: Path) -> None:
    """Obey until the input ends."""
    clock = ManualClock()
    async with SqliteStore(path, timeout=30.0) as store:
        ring = KeyRing(store, KEKS, clock=clock, events=Emitter())
        await ring.start()
        say({"revision": ring.revision})
        for line in sys.stdin:
            clock.advance(float(line) - clock.now())
            changed = await ring.rotate()
            say(
                {
                    "changed": ring.revision if changed else 0,
                    "active": [row.kid for row in ring.rows if row.state is KeyState.ACTIVE],
                    "signer": ring.signer.kid,
                    "revision": ring.revision,
                    "keys": sorted([row.kid, row.state] for row in ring.rows),
                }
            )
        await ring.stop()


def say(what: object) -> None:
    """Print one line at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(turn(Path(sys.argv[1])))
