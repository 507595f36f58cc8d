"""A process that tests start: ``python postgres_child.py URL`` opens the store when told to, and uses it."""

import asyncio
import json
import sys

from sealring.stores import open_store
from sealring.testing.build import make_key, make_row


async def main(url: str) -> None:
    """Say that it is ready, wait for a line, open the store, try to make the first ring, and open a session."""
    _say({"ready": True})
    sys.stdin.readline()
    async with open_store(url) as store:
        made_the_ring = await store.replace_ring(0, [make_key()])
        _say({"made_the_ring": made_the_ring, "opened": await store.open_session(make_row())})


def _say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
