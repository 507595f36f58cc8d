"""A process of the revocation benchmark: verifies the tokens that it is told of until each is refused."""

import asyncio
import json
import sys
import time

from pydantic import BaseModel

from sealring import Policy, Sealring, Sender, Subject
from sealring.errors import TokenRevoked
from sealring.stores import open_store
from tests.support import key_encryption, refresh_keys

ISSUER = "https://bench.example"
WEB = Sender("bench-web", "Firefox")
ACCOUNT = Subject("ada")


class NoClaims(BaseModel):
    """The application has no claims of its own."""


def ring(url: str) -> Sealring[NoClaims]:
    """Return the ring of a process, with the policy as it comes."""

    async def load_subject(_: str) -> Subject:
        return ACCOUNT

    return Sealring(
        policy=Policy(app="bench", issuer=ISSUER),
        store=open_store(url),
        key_encryption=key_encryption(),
        refresh_keys=refresh_keys(),
        load_subject=load_subject,
        claims=NoClaims,
    )


async def main(url: str) -> None:
    """Read a token from each line, say when it is verified, and at which moment it is refused."""
    loop = asyncio.get_running_loop()
    async with ring(url) as it:
        # Until the store is watched, news come by the interval alone.
        await asyncio.sleep(2 * it.policy.revocation.poll_every.total_seconds())
        say("ready")
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            text = line.strip()
            await it.authenticate(text)
            say("verified")
            while True:
                try:
                    await it.authenticate(text)
                except TokenRevoked:
                    break
                await asyncio.sleep(0.0005)
            say(time.monotonic())


def say(what: object) -> None:
    """Print one line at once."""
    print(json.dumps(what), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
