"""Sealring: the one object that an application builds, where all rooms meet."""

import asyncio
import re
import secrets
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Generic, Self

from pydantic import BaseModel

from sealring.access.claims import AccessToken, ClaimsT
from sealring.access.versions import ClaimsSchema
from sealring.clock import Clock, SystemClock
from sealring.errors import (
    NotAuthenticated,
    NotFound,
    RefusedError,
    SessionRevoked,
    StoreUnavailable,
    SubjectInactive,
    TokenInvalid,
    UnknownKey,
    VersionUnknown,
)
from sealring.events import Emitter, Event, Sink, TokenRefused, VersionUnseen
from sealring.keys.signer import ExternalKeys
from sealring.keys.wrapping import KeyEncryptionKeys
from sealring.policy import Policy
from sealring.runtime import Runtime
from sealring.sessions.answer import SessionTokens, SessionView
from sealring.sessions.decide import Sender
from sealring.sessions.open import Login
from sealring.sessions.record import EndReason, PurgeCounts, SessionRow
from sealring.sessions.standing import require_current
from sealring.sessions.subject import Subject, SubjectLoader
from sealring.sessions.token import RefreshKeys
from sealring.stores.base import Store
from sealring.wiring import Materials, Parts

_SESSION_ID = re.compile(r"[0-9a-f]{32}")


class Sealring(Generic[ClaimsT]):
    """Issues, refreshes, verifies and ends; use it as ``async with`` in the application's lifespan.

    Args:
        policy: every lifetime, limit and switch.
        store: where sessions, denials and keys are.
        key_encryption: the keys that seal the signing keys.
        refresh_keys: the MAC keys of refresh tokens.
        load_subject: tells about an account by its id; None when it is deleted or disabled. It is asked at every
            refresh, and an exception of its own is answered with 503.
        claims: the model of the application's own claims, or the schema of their versions.
        sinks: consume the events.
        clock: tells the time.
        entropy: returns that many random bytes.
        external_keys: makes signing keys outside of this process, in a KMS or an HSM, and signs with them; default
            none, keys are made here and kept sealed in the store.

    Raises:
        ConfigurationError: the claim model takes a name that is registered or ours, the version of claims to write is
            not known or cannot be reached, or a token within its budget would not fit into its cookie.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        store: Store,
        key_encryption: KeyEncryptionKeys,
        refresh_keys: RefreshKeys,
        load_subject: SubjectLoader,
        claims: type[ClaimsT] | ClaimsSchema[ClaimsT],
        sinks: Iterable[Sink] = (),
        clock: Clock | None = None,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
        external_keys: ExternalKeys | None = None,
    ) -> None:
        self.policy = policy
        self.store = store
        self.clock = clock or SystemClock()
        self._entropy = entropy
        self._emitter = Emitter(sinks)
        self._parts = parts = Parts(
            Materials(
                policy=policy,
                store=store,
                key_encryption=key_encryption,
                refresh_keys=refresh_keys,
                load_subject=load_subject,
                claims=ClaimsSchema.of(claims),
                emitter=self._emitter,
                clock=self.clock,
                entropy=entropy,
                external_keys=external_keys,
            )
        )
        self.keys = parts.keys
        self.denylist = parts.denylist
        self.follower = parts.follower
        self.connections = parts.connections
        self.freshness = parts.freshness
        self._runtime: Runtime | None = None

    async def __aenter__(self) -> Self:
        """Open the store, load keys and denials, start the background work; before that, no request is answered."""
        await self.store.__aenter__()
        try:
            await self._parts.load()
        except BaseException:
            await self.follower.stop()
            await self.store.__aexit__(None, None, None)
            raise
        self._runtime = Runtime(self._parts.jobs(), self._emitter, entropy=self._entropy)
        self._runtime.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drain the background work and close the store."""
        try:
            if self._runtime is not None:
                await self._runtime.stop()
            # What is read just now must not outlive the store.
            await self.follower.stop()
            await self.keys.stop()
        finally:
            await self.store.__aexit__(kind, error, trace)

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks."""
        self._emitter.emit(event)

    # Logging in

    async def begin_login(self, subject_id: str) -> Login:
        """Begin a login; call it before the credential is checked, for unknown accounts as well.

        It must come to its end within half an hour.

        Args:
            subject_id: the account that somebody claims to be.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self._parts.opener.begin(subject_id)

    async def open_session(
        self,
        login: Login,
        subject: Subject,
        *,
        sender: Sender,
        amr: tuple[str, ...] = (),
        persistent: bool = False,
        device: str = "",
        replaces: str | None = None,
    ) -> SessionTokens:
        """Open a session after the credential was found right.

        Args:
            login: what :meth:`begin_login` returned for this subject.
            subject: the account.
            sender: who logs in.
            amr: how the user authenticated (RFC 8176).
            persistent: whether the browser keeps the session when it is closed.
            device: what the user reads in the list of sessions.
            replaces: the refresh token that the request carried; its session ends, whoever it belonged to.

        Raises:
            LoginSuperseded: the subject's sessions were ended in the meantime, the login took longer than half an hour,
                or other logins of the same moment took all places.
            TooManySessions: the account has as many as it may have, and the policy is to refuse one more.
            StoreUnavailable: the store does not answer; no session is left open to anybody.
        """
        if login.subject != subject.id:
            raise SubjectInactive("the login was begun for another account")
        opened = await self._parts.opener.open(
            login, sender=sender, scope=" ".join(subject.scope), amr=amr, persistent=persistent, device=device
        )
        # ASVS 7.2.4: a new session at every authentication, and the old one is terminated.
        if replaces is not None:
            await self._parts.ender.end_by_token(replaces, EndReason.REPLACED)
        # Only then the surplus: what was replaced makes room, so that no other device pays for it.
        await self._parts.opener.make_room(opened)
        return await self._parts.minter.mint(opened.row, subject, "opened", opened.refresh_token, opened.now)

    # Refreshing

    async def refresh(
        self, refresh_token: str, *, sender: Sender, attempt: str | None = None, idle_for: float | None = None
    ) -> SessionTokens:
        """Answer a presented refresh token: swap, ask the application about the account, mint.

        Args:
            refresh_token: as it came.
            sender: who presents it.
            attempt: the client's id for this refresh.
            idle_for: seconds since the last user input, as the client reports them.

        Raises:
            RefusedError: with the code of its outcome; ``StoreUnavailable`` loses nothing, the next try is a replay.
        """
        refreshed = await self._parts.refresher.refresh(
            refresh_token, sender=sender, attempt=attempt, idle_for=idle_for
        )
        subject = await self._parts.minter.subject(refreshed.row.subject)
        if subject is None:
            await self._parts.ender.end(refreshed.row.sid, EndReason.SUBJECT_INACTIVE)
            raise SubjectInactive("the application does not know the account as active")
        tokens = await self._parts.minter.mint(
            refreshed.row, subject, refreshed.outcome, refreshed.refresh_token, refreshed.now
        )
        # The application and the signer may have taken their time: a session that ended meanwhile gets no tokens, not
        # even dead ones.
        if self.denylist.denies_session(refreshed.row.session_id):
            raise SessionRevoked("it ended while its tokens were made")
        return tokens

    # Verifying

    async def authenticate(self, text: str, *, sensitive: bool = False) -> AccessToken[ClaimsT]:
        """Verify an access token: signature, claims and denylist, without any network call.

        Only a token that names an unknown key makes the ring ask the store, at most once in the cool-down; and stale
        news do, where the policy says so.

        Args:
            text: the compact JWS as it came.
            sensitive: whether the row of the session is read too, so that its end counts from the moment of its commit;
                default False.

        Raises:
            RefusedError: with the code that says why; ``StoreUnavailable`` when the store had to be asked and did not
                answer in time.
        """
        try:
            token = await self._verify(text)
            # Only for a token that is good otherwise: forgeries never reach the store.
            if await self._parts.freshness.ensure(token.session_id, sensitive=sensitive):
                token = await self._verify(text)
            if sensitive:
                await self._check_row(token)
            return token
        except VersionUnknown as error:
            self._emitter.emit(VersionUnseen(kind="claims", version=error.version))
            raise
        except RefusedError as error:
            self._emitter.emit(TokenRefused(code=error.code, detail=error.detail))
            raise

    async def _verify(self, text: str) -> AccessToken[ClaimsT]:
        try:
            return self._parts.verifier.verify(text, self.clock.now())
        except UnknownKey:
            await self.keys.reload()
        try:
            return self._parts.verifier.verify(text, self.clock.now())
        except UnknownKey as error:
            raise TokenInvalid("nobody knows its key") from error

    async def _check_row(self, token: AccessToken[ClaimsT]) -> None:
        try:
            async with asyncio.timeout(self.policy.revocation.sensitive_within.total_seconds()):
                row = await self.store.read_session(token.sid)
        except TimeoutError:
            raise StoreUnavailable("the store did not tell about the session in time") from None
        require_current(row, token.epoch, self.clock.now())

    def confirm(self, token: AccessToken[BaseModel]) -> None:
        """Note that the generation of a verified token was seen; it is written in the background."""
        self._parts.confirmer.note(token.sid, token.generation, self.clock.now())

    async def flush_confirmations(self) -> int:
        """Write what :meth:`confirm` noted and return how many sessions that were."""
        return await self._parts.flush_confirmations()

    # Looking

    async def view(self, token: AccessToken[ClaimsT]) -> SessionView:
        """Return what the client may know about the session of a token.

        Raises:
            SessionRevoked: it was ended.
            SessionExpiredIdle: it is past its idle end, though the token lives on.
            SessionExpiredAbsolute: it is past its absolute end, though the token is within the leeway.
            SubjectInactive: the account is deleted or disabled.
            StoreUnavailable: the store or the application does not answer.
        """
        row, subject = await self._parts.standing.ask(token)
        return SessionView("current", row, token.issued_at, token.expires_at, subject.user)

    async def sessions(self, subject_id: str) -> tuple[SessionRow, ...]:
        """Return the live sessions of an account, oldest first."""
        now = self.clock.now()
        return tuple(row for row in await self.store.list_sessions(subject_id) if row.is_live(now))

    # Ending

    async def logout(self, *, refresh_token: str | None = None, token: AccessToken[BaseModel] | None = None) -> int:
        """End the session that a credential belongs to; its access tokens stop at once.

        Args:
            refresh_token: as it came; any generation of it will do.
            token: a verified access token, asked only when there is no usable refresh token.

        Returns:
            1 when a session was ended by this call, otherwise 0.

        Raises:
            StoreUnavailable: nothing is ended; try again.
        """
        if refresh_token is not None and await self._parts.ender.end_by_token(refresh_token, EndReason.LOGOUT):
            return 1
        return int(token is not None and await self._parts.ender.end(token.sid, EndReason.LOGOUT))

    async def logout_all(self, *, refresh_token: str | None = None, token: AccessToken[BaseModel] | None = None) -> int:
        """End every session of the account that a credential belongs to, and refuse the logins under way.

        Args:
            refresh_token: as it came, asked only when there is no verified access token; its session must be live.
            token: a verified access token.

        Returns:
            How many were ended.

        Raises:
            NotAuthenticated: there is no usable credential.
            StoreUnavailable: nothing is ended; try again.
        """
        if token is not None:
            return await self.end_all_sessions(token.subject)
        row = None if refresh_token is None else await self._parts.ender.holder(refresh_token)
        if row is None or not row.is_live(self.clock.now()):
            raise NotAuthenticated("no usable credential")
        return await self.end_all_sessions(row.subject)

    async def end_session(self, subject_id: str, session_id: str, reason: str = EndReason.ENDED_BY_USER) -> None:
        """End one session of an account.

        Raises:
            NotFound: there is no such live session, or it belongs to somebody else; the two look the same.
        """
        sid = _sid(session_id)
        row = await self.store.read_session(sid)
        if row is None or row.subject != subject_id or not row.is_live(self.clock.now()):
            raise NotFound("no such session of this account")
        await self._parts.ender.end(sid, reason)

    async def end_all_sessions(self, subject_id: str, reason: str = EndReason.LOGOUT_ALL) -> int:
        """End every session of an account, and refuse the logins under way; return how many were ended."""
        return await self._parts.ender.end_subject(subject_id, reason)

    async def end_other_sessions(self, subject_id: str, *, keep: str, reason: str) -> int:
        """End every session of an account but one, and refuse the logins under way; return how many were ended.

        Raises:
            NotFound: ``keep`` is no session id; nothing is ended.
        """
        return await self._parts.ender.end_subject(subject_id, reason, keep=_sid(keep))

    async def revoke_access(self, session_id: str) -> bool:
        """Deny the access tokens of a session at once; it lives on, and a refresh brings fresh ones.

        Returns:
            False when there is no such session, or it was ended.

        Raises:
            NotFound: this is no session id.
        """
        return await self._parts.ender.revoke_access(_sid(session_id)) is not None

    async def distrust_key(self, kid: str) -> bool:
        """Refuse the tokens of a signing key at once in every process, because somebody else may hold it.

        The waiting key signs from now on, and the holders of refused tokens carry on by refreshing.

        Returns:
            Whether this call changed the ring; False when the key was distrusted already.

        Raises:
            KeyRingError: there is no such key.
            StoreUnavailable: the store does not answer; repeat it.
        """
        return await self._parts.distruster.distrust(kid)

    async def purge(self) -> PurgeCounts | None:
        """Delete dead sessions, spent denials and the epochs that no login can compare, at most 10,000 of each.

        The background work does so by itself, every ``purge_every`` of the session policy.

        Returns:
            How many of each; None when another process is purging.

        Raises:
            StoreUnavailable: the store does not answer; what was deleted so far stays deleted.
        """
        return await self._parts.purger.purge()


def _sid(session_id: str) -> bytes:
    # One spelling, the one that we tell: bytes.fromhex alone would take upper case and spaces too.
    if not _SESSION_ID.fullmatch(session_id):
        raise NotFound("not a session id")
    return bytes.fromhex(session_id)
