"""The feed of denials in Redis: a sorted set by cursor and one by expiry, written by one script and so in one order."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Final

from sealring.revocation.record import Denial, DenialKind, FeedPage
from sealring.stores import redis_scripts as scripts
from sealring.stores.redis_link import Asking, Server, Trail
from sealring.stores.redis_names import Names
from sealring.stores.redis_rows import text
from sealring.stores.redis_scripts import Command, call, command

_BATCH: Final = 1_000


def appending(names: Names, denial: Denial) -> Command:
    """Return the command that appends a denial."""
    expires = text(float(denial.expires_at))
    entry = b" ".join((text(denial.kind), text(denial.least_epoch), expires, text(denial.ident)))
    return call(scripts.APPEND, (*names.feed, names.wake), expires, entry)


class Feed:
    """Reads the feed, and reads it anew when it comes from another place than the last time.

    What was read last over a connection that broke may be missing on the server that is there now: a replica that took
    over, or the same one after a crash. Its later denials need not come behind the cursor either, when its clock is
    behind.

    Args:
        names: of the keys.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._place: Trail | None = None

    async def read(self, asking: Asking, after: int, limit: int) -> FeedPage:
        """Return what was written after a cursor; everything, if that is not certain to be complete."""
        page = await self._read(asking, after, limit)
        before, self._place = self._place, asking.trail
        if before is not None and before != asking.trail:
            return replace(await self._read(asking, 0, limit), anew=True)
        return page

    async def _read(self, asking: Asking, after: int, limit: int) -> FeedPage:
        head, entries = await asking.run(call(scripts.READ_FEED, self._names.feed, after, max(0, limit)))
        news = [_denial(entry) for entry in entries]
        if not news:
            return FeedPage(min(after, int(head)), (), anew=after > int(head))
        # What lies behind the cursor is everything, if the cursor is beyond the head.
        return FeedPage(news[-1][0], tuple(denial for _, denial in news), anew=after > int(head))


async def watch(server: Server, names: Names, hold: float) -> AsyncGenerator[None, None]:
    """Give a turn at the beginning and after every denial.

    A stream and no channel: a user of the server needs no right beyond the store's keys, a cluster sends it to the
    node of the feed alone, and whatever is appended between two questions is still there.

    Args:
        server: a connection of its own; each question holds it up.
        names: of the keys.
        hold: seconds for which the server holds a question at most.
    """
    newest = await server.run(command("XREVRANGE", names.wake, "+", "-", "COUNT", 1))
    seen: bytes = newest[0][0] if newest else b"0-0"
    yield
    while True:
        milliseconds = max(1, int(hold * 1000))
        question = ("XREAD", "COUNT", 1, "BLOCK", milliseconds, "STREAMS", names.wake, seen)
        found = await server.run(Command(question, routed_by=names.wake))
        if found:
            seen = found[0][1][-1][0]
            yield


async def purge(server: Server, names: Names, now: float, limit: int) -> int:
    """Delete at most ``limit`` denials that have expired."""
    deleted = 0
    while deleted < limit:
        wanted = min(_BATCH, limit - deleted)
        spent = await server.run(call(scripts.PURGE_FEED, names.feed, text(float(now)), wanted))
        deleted += spent
        if spent < wanted:
            break
    return deleted


async def count_spent(server: Server, names: Names, now: float, limit: int) -> int:
    """Count the denials that have expired, no further than ``limit``."""
    _, _, expiry = names.feed
    return min(max(0, limit), int(await server.run(command("ZCOUNT", expiry, "-inf", text(float(now))))))


def _denial(entry: bytes) -> tuple[int, Denial]:
    cursor, kind, least, expires, ident = entry.decode().split(" ", 4)
    return int(cursor), Denial(DenialKind(kind), ident, int(least), float(expires))
