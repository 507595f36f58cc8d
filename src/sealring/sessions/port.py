"""What the sessions room asks of a store.

An answer always waits for its commit. A caller's cancellation never undoes a write that has begun: the write stands,
and the caller's next try sees it. Every method raises ``StoreUnavailable`` when the store does not answer.
"""

from collections.abc import Sequence
from typing import Protocol

from sealring.sessions.record import Confirmation, PurgeCounts, Rotation, SessionRow


class SessionStore(Protocol):
    """Sessions, and one epoch for each subject."""

    async def subject_epoch(self, subject: str) -> int:
        """Return the subject's epoch; 0 for a subject that was not revoked as far as anybody remembers."""
        ...

    async def open_session(self, row: SessionRow) -> bool:
        """Insert a session if the subject's epoch still equals ``row.subject_epoch``, or is 0.

        An epoch is remembered for longer than a login may take, so 0 means: not raised since this login began.

        Returns:
            False, and nothing written, when the epoch has risen since the login began.

        Raises:
            InternalError: there is a session with this ``sid`` already; it stays as it is.
        """
        ...

    async def read_session(self, sid: bytes) -> SessionRow | None:
        """Return a session, live or not, or None."""
        ...

    async def list_sessions(self, subject: str) -> tuple[SessionRow, ...]:
        """Return the subject's sessions that are not revoked, oldest first; those past an end may be among them."""
        ...

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Apply the hot write in one atomic statement.

        Returns:
            The row as it is now, or None when the conditions did not hold and nothing was written.
        """
        ...

    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        """Replace a row by another state of it, if nobody was quicker.

        Applies only where the stored row is not revoked and its ``generation``, ``confirmed_generation``, ``attempt``,
        ``replay_generation`` and ``ep`` still equal those of ``before``. It writes generation, rotated_at, attempt,
        confirmed_generation, confirmed_at, replay_generation, replay_streak, idle_end (only ever later, never past
        the absolute end), last_seen (only ever later), sender_hint, key_version and scope.

        Returns:
            Whether it was written.
        """
        ...

    async def confirm(self, confirmations: Sequence[Confirmation]) -> None:
        """Write what was seen, in one go.

        ``confirmed_generation`` becomes the greater of itself and the news, never beyond the row's ``generation``;
        ``confirmed_at`` becomes ``seen_at`` when it rises; ``last_seen`` only ever moves forward. Revoked and unknown
        sessions are passed over.
        """
        ...

    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        """Revoke one session and write its denial to the feed, in one transaction.

        Args:
            sid: the session.
            reason: an :class:`EndReason` or the application's own word.
            now: becomes ``revoked_at``.
            deny_until: when the last access token of the session is dead; ``expires_at`` of the denial.

        Returns:
            The row as it is now, or None when there is none or it was ended before (then nothing is written).
        """
        ...

    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        """Raise the subject's epoch and revoke its sessions with their denials, in one transaction.

        The new epoch is the greater of one more and ``now`` in whole milliseconds: a number that this subject has never
        had, also when the one before was purged.

        Args:
            subject: the account.
            keep: a session that lives on, or None.
            reason: why.
            now: becomes ``revoked_at``.
            deny_until: ``expires_at`` of the denials.

        Returns:
            The sessions that this call ended.
        """
        ...

    async def raise_epoch(self, sid: bytes, deny_until: float) -> SessionRow | None:
        """Raise ``ep`` of a live session by one and write the denial of all lower ones, in one transaction.

        Returns:
            The row as it is now, or None when there is no such session or it was ended.
        """
        ...

    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        """Delete at most ``limit`` sessions that ended, by revocation or by time, before a moment.

        A live session is never deleted.

        Returns:
            How many were deleted.
        """
        ...

    async def purge_subjects(self, unused_since: float, limit: int) -> int:
        """Forget the epochs of at most ``limit`` subjects that were neither revoked nor logged in since a moment.

        Args:
            unused_since: seconds since the epoch, longer ago than any login under way began.
            limit: subjects at most.

        Returns:
            How many were forgotten; 0 from a store where epochs leave by themselves.
        """
        ...

    async def count_due(self, ended_before: float, spent_at: float, limit: int) -> PurgeCounts:
        """Return how much a purge would delete, without deleting anything.

        Args:
            ended_before: of :meth:`purge_sessions`, and ``unused_since`` of :meth:`purge_subjects`.
            spent_at: ``now`` of :meth:`~sealring.revocation.port.FeedStore.purge_denials`.
            limit: counts no further than this, of each kind.
        """
        ...
