"""A process that tests start: ``python purge_child.py URL NOW [STOP]`` purges when told to, and says what it did.

NOW is where its clock stands. With STOP it stands still after its first batch, with its turn taken.
"""

import asyncio
import json
import secrets
import sys
from dataclasses import asdict

from sealring.clock import ManualClock
from sealring.events import Emitter
from sealring.policy import SessionPolicy
from sealring.sessions.purge import Purger
from sealring.sessions.record import PurgeCounts
from sealring.stores import open_store


async def main(url: str, now: float, *, stop: bool) -> None:
    """Open the store, say so, wait for a line, purge, and say how much that was; null when another process is at it."""
    async with open_store(url) as store:
        purger = Purger(
            sessions=store,
            feed=store,
            leases=store,
            policy=SessionPolicy(),
            clock=ManualClock(now),
            entropy=secrets.token_bytes,
            emitter=Emitter(),
        )
        _say("ready")
        sys.stdin.readline()
        done = await purger.purge(all_of_it=True, progress=_stand_still if stop else None)
        _say(done and asdict(done))


def _stand_still(done: PurgeCounts) -> None:
    _say(asdict(done))
    sys.stdin.readline()


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2]), stop=sys.argv[3:] == ["STOP"]))
