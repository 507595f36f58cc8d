"""Leases in Redis: a hash each, which leaves by itself when its holder is gone for good."""

import math

from sealring.stores import redis_scripts as scripts
from sealring.stores.redis_link import Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_rows import text
from sealring.stores.redis_scripts import call


async def take(server: Server, names: Names, name: str, holder: str, now: float, seconds: float) -> bool:
    """Take a lease that is free, or prolong it."""
    lives = math.ceil(2 * seconds * 1000)
    key = names.lease(name)
    return bool(
        await server.run(call(scripts.TAKE_LEASE, [key], holder, text(float(now)), text(float(seconds)), lives))
    )


async def leave(server: Server, names: Names, name: str, holder: str) -> None:
    """Give a lease back."""
    await server.run(call(scripts.LEAVE_LEASE, [names.lease(name)], holder))
