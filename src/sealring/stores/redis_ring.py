"""The key ring in Redis: one hash with its revision and its rows, read and replaced as a whole."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict

from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.stores import redis_scripts as scripts
from sealring.stores.redis_link import Server
from sealring.stores.redis_names import Names
from sealring.stores.redis_scripts import call, command


async def load(server: Server, names: Names) -> RingSnapshot:
    """Return the ring."""
    revision, rows = await server.run(command("HMGET", names.ring, "revision", "rows"))
    return RingSnapshot(int(revision or 0), tuple(_row(fields) for fields in json.loads(rows or "[]")))


async def replace(server: Server, names: Names, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
    """Replace the ring if its revision is the expected one."""
    ring = json.dumps([asdict(row) | {"wrapped": b64encode(row.wrapped).decode()} for row in rows])
    return bool(
        await server.run(
            call(scripts.REPLACE_RING, [names.ring], str(expected_revision), str(expected_revision + 1), ring)
        )
    )


def _row(fields: dict[str, str]) -> KeyRow:
    values = fields | {"state": KeyState(fields["state"]), "wrapped": b64decode(fields["wrapped"])}
    return KeyRow(**values)  # type: ignore[arg-type]  # what asdict wrote
