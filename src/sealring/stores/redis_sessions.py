"""Sessions in Redis: the write to one row is one script, everything else is steps in an order that is safe to leave.

Ending writes denial → row → index. Opening reads the epoch and enters the index → writes the row → reads the epoch once
more and undoes itself when it has risen. Every step may be repeated, the answer waits for the last one, and whoever is
cut off in between leaves tokens that are denied, or a session whose tokens nobody holds; never tokens that are
accepted. In a cluster these keys are on different machines.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sealring.errors import InternalError, StoreUnavailable
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.record import Confirmation, Rotation, SessionRow
from sealring.stores import redis_feed
from sealring.stores import redis_scripts as scripts
from sealring.stores.redis_lane import LARGEST_PIPELINE
from sealring.stores.redis_link import Server
from sealring.stores.redis_names import Names, digest_of, end_member
from sealring.stores.redis_rows import ABSENT, Mapping, encoded, optional, text
from sealring.stores.redis_scripts import Command, call, command

ROWS: Final = Mapping(SessionRow)

# What compare_and_swap writes as it is; the attempt, the idle end and last_seen have rules of their own.
_SWAPPED: Final = (
    "generation", "rotated_at", "confirmed_generation", "confirmed_at", "replay_generation", "replay_streak",
    "sender_hint", "key_version", "scope",
)  # fmt: skip
_MOST_ROUNDS: Final = 16


class RedisSessions:
    """The operations on sessions.

    Args:
        server: takes the hot writes and the reads.
        names: of the keys.
        keep_ended: seconds that the row of an ended session stays.
    """

    def __init__(self, server: Server, names: Names, *, keep_ended: float) -> None:
        self._server = server
        self._names = names
        self._keep = math.ceil(keep_ended * 1000)

    # One script

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write, if all of its conditions hold."""
        return ROWS.record(
            await self._server.run(
                call(
                    scripts.ROTATE,
                    [self._names.session(rotation.sid)],
                    rotation.secret_hash,
                    encoded(rotation.client_id),
                    rotation.generation,
                    optional(rotation.cnf_thumbprint),
                    float(rotation.now),
                    float(rotation.settled_before),
                    ABSENT if rotation.active_at is None else float(rotation.active_at),
                    optional(rotation.attempt),
                    encoded(rotation.sender_hint),
                    rotation.key_version,
                )
            )
            or ()
        )

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row if what ``before`` says of it still holds."""
        values: list[bytes] = []
        for name in _SWAPPED:
            values += (name.encode(), text(getattr(after, name)))
        swapped = await self._server.run(
            call(
                scripts.SWAP,
                [self._names.session(before.sid)],
                text(before.generation),
                text(before.confirmed_generation),
                text(before.replay_generation),
                text(before.ep),
                optional(before.attempt),
                optional(after.attempt),
                text(after.idle_end),
                text(after.last_seen),
                *values,
            )
        )
        return bool(swapped)

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen."""
        await self._each(
            call(scripts.CONFIRM, [self._names.session(seen.sid)], text(seen.generation), text(float(seen.seen_at)))
            for seen in confirmations
        )

    # Reading

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch."""
        return int(await self._server.run(command("GET", self._names.epoch(digest_of(subject)))) or 0)

    async def read(self, sid: bytes) -> SessionRow | None:
        """Return a session, or None."""
        return ROWS.record(await self._server.run(command("HGETALL", self._names.session(sid))))

    async def list_all(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the sessions of a subject that are not revoked, oldest first."""
        sids = await self._server.run(command("SMEMBERS", self._names.index(digest_of(subject))))
        return await self._unrevoked(subject, sids)

    async def _unrevoked(self, subject: str, sids: Iterable[bytes]) -> tuple[SessionRow, ...]:
        # The index may name a session whose login is under way or never came to its end; the row decides.
        replies = await self._each(command("HGETALL", self._names.session(sid)) for sid in sids)
        rows = (ROWS.record(reply) for reply in replies)
        return _oldest_first(row for row in rows if row and row.revoked_at is None and row.subject == subject)

    # Several steps

    async def open(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch is that of the row, before and after."""
        digest = digest_of(row.subject)
        epoch, index, key = self._names.epoch(digest), self._names.index(digest), self._names.session(row.sid)
        member = end_member(row.sid, digest)
        lives = self._milliseconds(row.absolute_end - row.created_at)
        entered = await self._server.run(
            call(scripts.ENTER_INDEX, [epoch, index], text(row.subject_epoch), row.sid, lives)
        )
        if entered < 0:
            return False
        ends = row.end if row.revoked_at is None else min(row.end, row.revoked_at)
        _, written = await self._server.run_in_order(
            [
                command("ZADD", self._names.ends, "NX", text(float(ends)), member),
                call(scripts.OPEN, [key], self._milliseconds(row.end - row.created_at), *ROWS.flat(row)),
            ]
        )
        if not written:
            await self._forget_stranger(row, digest)
            raise InternalError("a session with this id exists already")
        if int(await self._server.run(command("GET", epoch)) or 0) in {0, row.subject_epoch}:
            return True
        undone = await self._server.run(call(scripts.UNDO, [key]))
        if undone:
            await self._server.run_in_order(self._leave(row.sid, digest))
        return not undone

    async def end(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Deny the tokens of a session, then revoke it."""
        row = await self.read(sid)
        if row is None or row.revoked_at is not None:
            return None
        ended = await self._end([row], reason, now, deny_until)
        return ended[0] if ended else None

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch, then end its sessions."""
        digest = digest_of(subject)
        sids = await self._server.run(
            call(
                scripts.RAISE_SUBJECT_EPOCH,
                [self._names.epoch(digest), self._names.index(digest)],
                text(float(now)),
                self._keep,
            )
        )
        rows = await self._unrevoked(subject, (sid for sid in sids if sid != keep))
        return _oldest_first(await self._end(rows, reason, now, deny_until))

    async def _end(self, rows: Sequence[SessionRow], reason: str, now: float, deny_until: float) -> list[SessionRow]:
        denials = [Denial(DenialKind.SESSION, row.session_id, ENDED, deny_until) for row in rows]
        await self._each(redis_feed.appending(self._names, denial) for denial in denials)
        replies = await self._each(
            call(scripts.END, [self._names.session(row.sid)], text(float(now)), text(reason), self._keep)
            for row in rows
        )
        ended = [row for reply in replies if reply and (row := ROWS.record(reply))]
        tidying: list[Command] = []
        for row in ended:
            digest = digest_of(row.subject)
            tidying += (
                command("SREM", self._names.index(digest), row.sid),
                command("ZADD", self._names.ends, "XX", "LT", text(float(now)), end_member(row.sid, digest)),
            )
        await self._each(tidying)
        return ended

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Deny the tokens of all epochs up to now, then raise the epoch of the session."""
        for _ in range(_MOST_ROUNDS):
            row = await self.read(sid)
            if row is None or row.revoked_at is not None:
                return None
            denial = Denial(DenialKind.SESSION, row.session_id, row.ep + 1, deny_until)
            await self._server.run(redis_feed.appending(self._names, denial))
            reply = await self._server.run(call(scripts.RAISE_EPOCH, [self._names.session(sid)], text(row.ep)))
            if reply:
                return ROWS.record(reply)
        raise StoreUnavailable("too many processes raise the epoch of one session at the same time")

    # What the steps have in common

    async def _forget_stranger(self, row: SessionRow, digest: bytes) -> None:
        """Take back what a login with a session id that exists has written, unless it belongs to that session."""
        existing = await self.read(row.sid)
        if existing is None or existing.subject != row.subject:
            await self._server.run_in_order(self._leave(row.sid, digest))

    def _leave(self, sid: bytes, digest: bytes) -> list[Command]:
        return [
            command("SREM", self._names.index(digest), sid),
            command("ZREM", self._names.ends, end_member(sid, digest)),
        ]

    async def _each(self, commands: Iterable[Command]) -> list[Any]:
        """Return the replies to any number of commands, a pipeline at a time."""
        every = list(commands)
        replies: list[Any] = []
        for start in range(0, len(every), LARGEST_PIPELINE):
            replies += await self._server.run_all(every[start : start + LARGEST_PIPELINE])
        return replies

    def _milliseconds(self, seconds: float) -> int:
        """Return how long a row or an index stays that is needed for so many seconds."""
        return math.ceil(max(0.0, seconds) * 1000) + self._keep


def _oldest_first(rows: Iterable[SessionRow]) -> tuple[SessionRow, ...]:
    return tuple(sorted(rows, key=lambda row: (row.created_at, row.sid)))
