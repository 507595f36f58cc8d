"""Processes that tests start: ``python children.py ROLE FILE``."""

import asyncio
import json
import sys
from pathlib import Path

from sealring.sessions.record import Confirmation, Rotation, SessionRow
from sealring.stores import SqliteStore
from sealring.testing.build import GRACE, NOW, make_denial, make_key, make_rotation, make_row

SHARED = make_row(sid=b"the one they all", subject="shared")
MANY = 20


async def write_for_ever(path: Path) -> None:
    """Keep eight sessions rotating and say each write that was acknowledged, until somebody kills this process."""
    async with SqliteStore(path) as store:

        async def client(row: SessionRow) -> None:
            await store.open_session(row)
            say({"sid": row.session_id, "generation": row.generation})
            for step in range(1, 1_000_000):
                now = NOW + step * 100
                await store.confirm([Confirmation(row.sid, step, now - 50)])
                rotated = await store.rotate(later(row, step, now))
                if rotated is None:
                    raise RuntimeError("a rotation was refused")
                say({"sid": row.session_id, "generation": rotated.generation})
                await store.write_denial(make_denial(f"{row.session_id} {rotated.generation}"))
                say({"denial": f"{row.session_id} {rotated.generation}"})

        await asyncio.gather(*(client(make_row(absolute_end=NOW + 1e12)) for _ in range(8)))


def later(row: SessionRow, generation: int, now: float) -> Rotation:
    """Return the rotation of a generation at a time."""
    return make_rotation(row, generation=generation, now=now, active_at=now, settled_before=now - GRACE)


async def open_with_others(path: Path) -> None:
    """Wait for the signal, open the file at the same moment as the others, and work on it with them."""
    say({"ready": True})
    sys.stdin.readline()
    async with SqliteStore(path, timeout=30.0) as store:
        first = make_key()
        made_the_ring = await store.replace_ring(0, [first])
        rows = [make_row() for _ in range(MANY)]
        opened = await asyncio.gather(*(store.open_session(row) for row in rows))
        if made_the_ring:
            await store.open_session(SHARED)
        say({"opened": sum(opened), "made_the_ring": made_the_ring, "kid": first.kid})
        sys.stdin.readline()
        rotated = await store.rotate(make_rotation(SHARED))
        ended = await store.end_session(rows[0].sid, "logout", NOW, NOW + 900)
        say({"rotated": rotated is not None, "ended": ended is not None})


async def leave_without_closing(path: Path) -> None:
    """Open the file, write to it, and end the program without closing the store."""
    store = await SqliteStore(path).__aenter__()
    say({"opened": await store.open_session(SHARED)})


def say(what: object) -> None:
    """Print one line at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    role = {"writer": write_for_ever, "opener": open_with_others, "leaver": leave_without_closing}[sys.argv[1]]
    asyncio.run(role(Path(sys.argv[2])))
