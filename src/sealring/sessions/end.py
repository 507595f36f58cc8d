"""Ends sessions: first in the store, then in this process's denylist, so that their access tokens stop at once."""

import hmac
from datetime import timedelta

from sealring.clock import Clock
from sealring.errors import RefreshInvalid, VersionUnknown
from sealring.events import AccessRevoked, Emitter, SessionEnded
from sealring.revocation.denylist import Denylist
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.port import SessionStore
from sealring.sessions.record import SessionRow
from sealring.sessions.token import RefreshKeys, decode


class SessionEnder:
    """Ends one session, or those of a subject.

    Args:
        store: where the sessions are.
        keys: the MAC keys, to tell whose a refresh token is.
        denylist: this process's own.
        afterlife: how long after now an access token of an ended session can still look valid.
        clock: read once for each call.
        emitter: hears of every end.
    """

    def __init__(
        self,
        *,
        store: SessionStore,
        keys: RefreshKeys,
        denylist: Denylist,
        afterlife: timedelta,
        clock: Clock,
        emitter: Emitter,
    ) -> None:
        self._store = store
        self._keys = keys
        self._denylist = denylist
        self._afterlife = afterlife.total_seconds()
        self._clock = clock
        self._emitter = emitter

    async def end(self, sid: bytes, reason: str) -> bool:
        """End one session.

        Args:
            sid: the session.
            reason: an :class:`~sealring.sessions.record.EndReason` or the application's own word.

        Returns:
            Whether this call ended it; False when there is none or it was ended before.
        """
        now = self._clock.now()
        deny_until = now + self._afterlife
        row = await self._store.end_session(sid, reason, now, deny_until)
        # Denied here even if it was ended before: another process may have done it, and its news is still on the way.
        self._deny(sid.hex(), ENDED, deny_until)
        if row is None:
            return False
        self._emitter.emit(SessionEnded(subject=row.subject, session_id=row.session_id, reason=reason))
        return True

    async def holder(self, text: str) -> SessionRow | None:
        """Return the session that a refresh token of any generation belongs to, live or not; None for no token of ours.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        try:
            token = decode(text, self._keys)
        except (RefreshInvalid, VersionUnknown):
            return None
        row = await self._store.read_session(token.sid)
        # Constant time: how much of a guessed secret is right must not show.
        return row if row is not None and hmac.compare_digest(row.secret_hash, token.secret_hash) else None

    async def end_by_token(self, text: str, reason: str) -> bool:
        """End the session that a refresh token of any generation belongs to; return whether this call ended it."""
        row = await self.holder(text)
        return row is not None and await self.end(row.sid, reason)

    async def end_subject(self, subject: str, reason: str, keep: bytes | None = None) -> int:
        """End all sessions of a subject, and refuse the logins that are under way.

        Args:
            subject: the account.
            reason: why.
            keep: a session that lives on, or None.

        Returns:
            How many were ended.
        """
        now = self._clock.now()
        deny_until = now + self._afterlife
        rows = await self._store.end_subject(subject, keep, reason, now, deny_until)
        for row in rows:
            self._deny(row.session_id, ENDED, deny_until)
            self._emitter.emit(SessionEnded(subject=subject, session_id=row.session_id, reason=reason))
        return len(rows)

    async def revoke_access(self, sid: bytes) -> SessionRow | None:
        """Deny the access tokens of a session at once; it lives on, and a refresh brings fresh ones.

        Returns:
            The session as it is now, or None when there is no live one.
        """
        deny_until = self._clock.now() + self._afterlife
        row = await self._store.raise_epoch(sid, deny_until)
        if row is not None:
            self._deny(row.session_id, row.ep, deny_until)
            self._emitter.emit(AccessRevoked(subject=row.subject, session_id=row.session_id, epoch=row.ep))
        return row

    def _deny(self, session_id: str, least_epoch: int, deny_until: float) -> None:
        self._denylist.add(Denial(DenialKind.SESSION, session_id, least_epoch, deny_until))
