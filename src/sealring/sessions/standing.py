"""Whether a session still stands: the rule, and the question to store and application."""

from typing import Any

from sealring.access.claims import AccessToken
from sealring.clock import Clock
from sealring.errors import (
    SessionExpiredAbsolute,
    SessionExpiredIdle,
    SessionRevoked,
    SubjectInactive,
    TokenRevoked,
    TokenSuperseded,
)
from sealring.sessions.mint import SessionMinter
from sealring.sessions.port import SessionStore
from sealring.sessions.record import SessionRow
from sealring.sessions.subject import Subject, narrowed


def require_live(row: SessionRow | None, now: float) -> SessionRow:
    """Return a session that stands.

    Args:
        row: as the store has it; None for none.
        now: seconds since the epoch.

    Raises:
        SessionRevoked: there is none, or it was ended.
        SessionExpiredAbsolute: it is past its absolute end.
        SessionExpiredIdle: it is past its idle end.
    """
    if row is None or row.revoked_at is not None:
        raise SessionRevoked("the row says so")
    if now >= row.absolute_end:
        raise SessionExpiredAbsolute("the row says so")
    if now >= row.idle_end:
        raise SessionExpiredIdle("the row says so")
    return row


def require_current(row: SessionRow | None, epoch: int, now: float) -> SessionRow:
    """Return the session of an access token that is good at this moment: the rule of a sensitive route.

    Args:
        row: as it was read just now; None for none.
        epoch: ``ep`` of the token.
        now: seconds since the epoch.

    Raises:
        TokenRevoked: the session was ended, or is gone.
        TokenSuperseded: the access tokens of this epoch were revoked; the session lives on.
        SessionExpiredAbsolute: the session is past its absolute end, though the token is within the leeway.
        SessionExpiredIdle: it is past its idle end, though the token lives on.
    """
    if row is None or row.revoked_at is not None:
        raise TokenRevoked("the row of its session says so")
    if epoch < row.ep:
        raise TokenSuperseded("the row of its session has a higher epoch")
    return require_live(row, now)


class SessionStanding:
    """Asks the store about a session, and the application about its account.

    Args:
        store: where the sessions are.
        minter: knows how to ask the application.
        clock: read once for each question.
    """

    def __init__(self, *, store: SessionStore, minter: SessionMinter[Any], clock: Clock) -> None:
        self._store = store
        self._minter = minter
        self._clock = clock

    async def ask(self, token: AccessToken[Any]) -> tuple[SessionRow, Subject]:
        """Return the session of a token and its account.

        Raises:
            SessionRevoked: it was ended.
            SessionExpiredIdle: it is past its idle end, though the token lives on.
            SessionExpiredAbsolute: it is past its absolute end, though the token is within the leeway.
            SubjectInactive: the account is deleted or disabled.
            StoreUnavailable: the store or the application does not answer.
        """
        row = require_live(await self._store.read_session(token.sid), self._clock.now())
        subject = await self._minter.subject(token.subject)
        if subject is None:
            raise SubjectInactive("the application does not know the account as active")
        return row, subject

    async def end_of(self, token: AccessToken[Any]) -> float:
        """Return when the session of a token ends if nothing happens, in seconds since the epoch.

        Raises:
            TokenSuperseded: a fresh token would say less: its epoch was raised, or the account has lost a scope.
            RefusedError: what :meth:`ask` raises.
        """
        row, subject = await self.ask(token)
        if row.ep > token.epoch or not set(token.scope) <= set(narrowed(row.scope, subject).split()):
            raise TokenSuperseded("a fresh token would say less")
        return row.end
