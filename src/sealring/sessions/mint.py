"""From a session row to tokens: ask the application about the account, narrow the scope, sign."""

from typing import Generic

from pydantic import BaseModel, ValidationError

from sealring.access.claims import ClaimsT
from sealring.access.issue import AccessTokenIssuer, Grant
from sealring.errors import ConfigurationError, SealringError, StoreUnavailable
from sealring.events import Emitter, StoreFailed
from sealring.sessions.answer import SessionTokens, SessionView
from sealring.sessions.record import SessionRow
from sealring.sessions.subject import Subject, SubjectLoader, narrowed


class SessionMinter(Generic[ClaimsT]):
    """Mints for sessions.

    Args:
        issuer: signs access tokens.
        load_subject: the application's; tells about an account by its id.
        claims: the newest model of the application's own claims.
        emitter: hears when the application cannot tell.
    """

    def __init__(
        self, *, issuer: AccessTokenIssuer, load_subject: SubjectLoader, claims: type[ClaimsT], emitter: Emitter
    ) -> None:
        self._issuer = issuer
        self._load_subject = load_subject
        self._claims = claims
        self._emitter = emitter

    async def subject(self, subject_id: str) -> Subject | None:
        """Ask the application about an account.

        Returns:
            The account, or None when it is deleted or disabled.

        Raises:
            StoreUnavailable: the application failed; trying again loses nothing.
        """
        try:
            return await self._load_subject(subject_id)
        except SealringError:
            raise
        except Exception as error:
            self._emitter.emit(StoreFailed(operation="load_subject", detail=type(error).__name__))
            raise StoreUnavailable("the application could not tell about the account") from error

    async def mint(
        self, row: SessionRow, subject: Subject, outcome: str, refresh_token: str | None, now: float
    ) -> SessionTokens:
        """Sign an access token for a session.

        Args:
            row: the session.
            subject: its account; the scope of the session is narrowed to what the account still has.
            outcome: what the client is told.
            refresh_token: goes with it, or None.
            now: seconds since the epoch, read before the row.

        Raises:
            ConfigurationError: the claims of the subject are not of the model.
            TokenTooLarge: the claims exceed the budget.
            StoreUnavailable: the key that signs cannot be used just now.
        """
        grant = Grant(
            subject=row.subject,
            client_id=row.client_id,
            session_id=row.session_id,
            generation=row.generation,
            epoch=row.ep,
            scope=narrowed(row.scope, subject),
            auth_time=row.auth_time,
            amr=row.amr,
            absolute_end=row.absolute_end,
        )
        minted = await self._issuer.issue(grant, self._claims_of(subject), now)
        view = SessionView(outcome, row, minted.issued_at, minted.expires_at, subject.user)
        return SessionTokens(view, minted.text, refresh_token)

    def _claims_of(self, subject: Subject) -> BaseModel:
        if subject.claims is not None:
            return subject.claims
        try:
            return self._claims()
        except ValidationError as error:
            name = self._claims.__name__
            raise ConfigurationError(f"{name} has no defaults, so a Subject needs claims.") from error
