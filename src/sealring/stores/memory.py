"""The store in memory: the reference for what the ports mean, and the store of fast tests."""

import asyncio
import bisect
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from sealring.errors import InternalError
from sealring.keys.record import KeyRow, RingSnapshot
from sealring.revocation.record import ENDED, Denial, DenialKind, FeedPage
from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow
from sealring.stores import transitions
from sealring.stores.schema import SchemaState


class MemoryStore:
    """Keeps everything in this process; it is lost with the process.

    No method awaits anything between its first read and its last write, so each one is atomic in its event loop.
    """

    shared = False
    durable = False

    def __init__(self) -> None:
        self._sessions: dict[bytes, SessionRow] = {}
        self._epochs: dict[str, tuple[int, float]] = {}
        self._leases: dict[str, tuple[str, float]] = {}
        self._feed: list[tuple[int, Denial]] = []
        self._last_cursor = 0
        self._watches: set[asyncio.Event] = set()
        self._ring = RingSnapshot(0, ())

    async def __aenter__(self) -> Self:
        """Return the store; there is nothing to open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing; there is nothing to close."""

    async def migrate(self, *, look_only: bool = False) -> SchemaState:
        """Do nothing: there is no schema."""
        del look_only
        return SchemaState(0, 0)

    async def ping(self) -> None:
        """Always answers."""

    # Sessions

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        return self._epoch(subject)

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0."""
        if self._epoch(row.subject) not in {0, row.subject_epoch}:
            return False
        if row.sid in self._sessions:
            raise InternalError("a session with this id exists already")
        self._sessions[row.sid] = row
        return True

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        return self._sessions.get(sid)

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first."""
        return self._unrevoked(subject)

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write if all of its conditions hold."""
        row = self._sessions.get(rotation.sid)
        after = None if row is None else transitions.rotated(row, rotation)
        return None if after is None else self._put(after)

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker."""
        row = self._sessions.get(before.sid)
        swapped = None if row is None else transitions.swapped(row, before, after)
        if swapped is None:
            return False
        self._put(swapped)
        return True

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in one go."""
        for seen in confirmations:
            row = self._sessions.get(seen.sid)
            if row is not None:
                self._put(transitions.confirmed(row, seen))

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Revoke one session and write its denial to the feed."""
        row = self._sessions.get(sid)
        if row is None or row.revoked_at is not None:
            return None
        return self._end(row, reason, now, deny_until)

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch and revoke its sessions with their denials."""
        epoch, raised_at = self._epochs.get(subject, (0, now))
        self._epochs[subject] = (transitions.next_epoch(epoch, now), max(raised_at, now))
        condemned = [row for row in self._unrevoked(subject) if row.sid != keep]
        return tuple(self._end(row, reason, now, deny_until) for row in condemned)

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Raise ``ep`` of a session that was not ended by one and write the denial of all lower ones."""
        row = self._sessions.get(sid)
        if row is None or row.revoked_at is not None:
            return None
        self._append(Denial(DenialKind.SESSION, row.session_id, row.ep + 1, deny_until))
        return self._put(replace(row, ep=row.ep + 1))

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        """Delete at most ``limit`` sessions that ended before a moment."""
        ended = [row.sid for row in self._sessions.values() if transitions.ended_at(row) < ended_before]
        for sid in ended[: max(0, limit)]:
            del self._sessions[sid]
        return min(len(ended), max(0, limit))

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        """Forget the epochs of at most ``limit`` subjects that were not revoked since a moment."""
        unused = [subject for subject, (_, raised_at) in self._epochs.items() if raised_at < unused_since]
        for subject in unused[: max(0, limit)]:
            del self._epochs[subject]
        return min(len(unused), max(0, limit))

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        """Return how much a purge would delete, counted no further than ``limit`` of each kind."""
        most = max(0, limit)
        return PurgeCounts(
            sessions=min(most, sum(transitions.ended_at(row) < ended_before for row in self._sessions.values())),
            denials=min(most, sum(denial.expires_at <= spent_at for _, denial in self._feed)),
            subjects=min(most, sum(raised_at < ended_before for _, raised_at in self._epochs.values())),
        )

    def _epoch(self, subject: str) -> int:
        return self._epochs.get(subject, (0, 0.0))[0]

    def _unrevoked(self, subject: str) -> tuple[SessionRow, ...]:
        rows = [row for row in self._sessions.values() if row.subject == subject and row.revoked_at is None]
        return tuple(sorted(rows, key=lambda row: (row.created_at, row.sid)))

    def _end(self, row: SessionRow, reason: str, now: float, deny_until: float) -> SessionRow:
        self._append(Denial(DenialKind.SESSION, row.session_id, ENDED, deny_until))
        return self._put(replace(row, revoked_at=now, revoked_reason=reason))

    def _put(self, row: SessionRow) -> SessionRow:
        self._sessions[row.sid] = row
        return row

    # Leases

    async def take_lease(self, name: str, holder: str, now: float, seconds: float) -> bool:
        """Take a lease that is free, or prolong it."""
        held_by, until = self._leases.get(name, (holder, 0.0))
        if held_by != holder and now < until <= now + 2 * seconds:
            return False
        self._leases[name] = (holder, now + seconds)
        return True

    async def leave_lease(self, name: str, holder: str) -> None:
        """Give a lease back; does nothing when it is another holder's."""
        if self._leases.get(name, ("", 0.0))[0] == holder:
            del self._leases[name]

    # Feed

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return denials committed after a cursor, oldest first; all of them, after one beyond the newest."""
        anew = after > self._last_cursor
        if anew:
            after = 0
        start = bisect.bisect_right(self._feed, after, key=lambda entry: entry[0])
        page = self._feed[start : start + max(0, limit)]
        return FeedPage(page[-1][0] if page else after, tuple(denial for _, denial in page), anew=anew)

    async def watch_feed(self) -> AsyncGenerator[None, None]:
        """Give a turn at the beginning and after every denial."""
        news = asyncio.Event()
        self._watches.add(news)
        try:
            while True:
                yield
                await news.wait()
                news.clear()
        finally:
            self._watches.discard(news)

    async def write_denial(self, denial: Denial) -> None:
        """Append a denial to the feed; repeating one is harmless."""
        self._append(denial)

    async def purge_denials(self, now: float, limit: int) -> int:
        """Delete at most ``limit`` denials that expired at or before ``now``."""
        expired = [cursor for cursor, denial in self._feed if denial.expires_at <= now][: max(0, limit)]
        gone = set(expired)
        self._feed = [entry for entry in self._feed if entry[0] not in gone]
        return len(expired)

    def _append(self, denial: Denial) -> None:
        # Counted apart from the list: a cursor is never given twice, even after its denial was purged.
        self._last_cursor += 1
        self._feed.append((self._last_cursor, denial))
        for news in self._watches:
            news.set()

    # Keys

    async def load_ring(self) -> RingSnapshot:
        """Return the ring; revision 0 without rows when there is none yet."""
        return self._ring

    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        """Replace all rows if the revision still is the expected one, and raise it by one."""
        if self._ring.revision != expected_revision:
            return False
        self._ring = RingSnapshot(expected_revision + 1, tuple(rows))
        return True
