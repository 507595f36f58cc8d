"""Purging in Redis: rows leave by themselves some time after their end, and this takes what names them along."""

import math
from typing import Any, Final

from sealring.stores import redis_scripts as scripts
from sealring.stores.redis_link import Server
from sealring.stores.redis_names import Names, of_end_member
from sealring.stores.redis_rows import text
from sealring.stores.redis_scripts import Command, call, command

_BATCH: Final = 200


async def purge(server: Server, names: Names, ended_before: float, limit: int) -> int:
    """Delete at most ``limit`` sessions that ended before a moment, and what named them.

    The sorted set knows when a session ends *at the earliest*, because a rotation moves the end of its row only. So the
    row is asked each time, and a session that goes on is noted anew.

    Returns:
        How many are gone, those included whose row had left by itself.
    """
    deleted = 0
    while deleted < limit:
        due = await server.run(_due(names, ended_before, min(_BATCH, limit - deleted)))
        if not due:
            break
        ends = await server.run_all(
            [
                call(scripts.PURGE, [names.session(of_end_member(member)[0])], text(float(ended_before)))
                for member in due
            ]
        )
        deleted += await _tidy(server, names, dict(zip(due, ends, strict=True)))
    return deleted


async def count(server: Server, names: Names, ended_before: float, limit: int) -> int:
    """Count the sessions that a purge would delete, no further than ``limit``; each row is asked."""
    counted = passed = 0
    while counted < limit and (due := await server.run(_due(names, ended_before, _BATCH, passed))):
        passed += len(due)
        rows = await server.run_all(
            [
                command("HMGET", names.session(of_end_member(member)[0]), "idle_end", "absolute_end", "revoked_at")
                for member in due
            ]
        )
        counted += sum(min(map(float, filter(None, row)), default=-math.inf) < ended_before for row in rows)
    return min(counted, max(0, limit))


def _due(names: Names, ended_before: float, limit: int, offset: int = 0) -> Command:
    below = b"(" + text(float(ended_before))
    return command("ZRANGEBYSCORE", names.ends, "-inf", below, "LIMIT", offset, limit)


async def _tidy(server: Server, names: Names, ends: dict[bytes, Any]) -> int:
    later: list[Command] = []
    gone: list[bytes] = []
    leaving: list[Command] = []
    for member, end in ends.items():
        sid, digest = of_end_member(member)
        if end is None:
            gone.append(member)
            leaving.append(command("SREM", names.index(digest), sid))
        else:
            later.append(command("ZADD", names.ends, "XX", end, member))
    # In this order: whoever is cut off in between leaves the members, and the next purge comes here again.
    await server.run_all([*later, *leaving])
    return int(await server.run(command("ZREM", names.ends, *gone))) if gone else 0
