"""Opens sessions: a login begins by reading the subject's epoch and opens only if that still stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sealring.clock import Clock
from sealring.errors import LoginSuperseded, TooManySessions
from sealring.events import Emitter, SessionOpened
from sealring.policy import SessionPolicy, WhenFull
from sealring.sessions.decide import Sender
from sealring.sessions.end import SessionEnder
from sealring.sessions.port import SessionStore
from sealring.sessions.record import EndReason, SessionRow
from sealring.sessions.token import SECRET_BYTES, SID_BYTES, RefreshKeys, RefreshToken, encode

_LONGEST_DEVICE = 120
# Seconds; the largest difference of clocks that the leeway allows.
_SAME_MOMENT = 60.0

LONGEST_LOGIN = 1_800.0
"""Seconds that a login may take; the epoch that it compares is kept for at least twice as long."""


@dataclass(frozen=True, slots=True)
class Login:
    """A login under way: made before the credential is checked.

    Attributes:
        subject: the account that somebody claims to be.
        epoch: its epoch; a password change or "sign out everywhere" in the meantime raises it, and the login fails.
        begun_at: seconds since the epoch (of time).
    """

    subject: str
    epoch: int
    begun_at: float


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that was just opened.

    Attributes:
        row: the session.
        refresh_token: its first refresh token.
        now: the clock as it was read.
    """

    row: SessionRow
    refresh_token: str
    now: float


class SessionOpener:
    """Opens sessions.

    Args:
        store: where the sessions are.
        keys: the MAC keys.
        policy: lifetimes and the number of sessions per subject.
        ender: ends what is one too many.
        clock: read once for each login.
        entropy: returns that many random bytes.
        emitter: hears of every session.
    """

    def __init__(
        self,
        *,
        store: SessionStore,
        keys: RefreshKeys,
        policy: SessionPolicy,
        ender: SessionEnder,
        clock: Clock,
        entropy: Callable[[int], bytes],
        emitter: Emitter,
    ) -> None:
        self._store = store
        self._keys = keys
        self._policy = policy
        self._ender = ender
        self._clock = clock
        self._entropy = entropy
        self._emitter = emitter

    async def begin(self, subject: str) -> Login:
        """Begin a login; call it before the credential is checked, for unknown accounts as well."""
        begun_at = self._clock.now()
        return Login(subject, await self._store.subject_epoch(subject), begun_at)

    async def open(
        self, login: Login, *, sender: Sender, scope: str, amr: tuple[str, ...], persistent: bool, device: str
    ) -> Opened:
        """Open a session after the credential was found right.

        Args:
            login: what :meth:`begin` returned.
            sender: who logs in.
            scope: space-separated scope tokens.
            amr: how the user authenticated (RFC 8176).
            persistent: whether the browser keeps the session when it is closed.
            device: what the user reads in the list of sessions; cut at 120 characters.

        Returns:
            The session and its first refresh token.

        Raises:
            LoginSuperseded: the subject's sessions were ended while the login was under way, or it took longer than
                half an hour.
        """
        now = self._clock.now()
        # After that the epoch may have been purged, and nobody knows any more whether it was raised in the meantime.
        if abs(now - login.begun_at) > LONGEST_LOGIN:
            raise LoginSuperseded("the login took too long")
        secret = self._entropy(SECRET_BYTES)
        token = RefreshToken(self._keys.current, self._entropy(SID_BYTES), 1, secret)
        row = self._row(login, token, sender, now, scope, amr, persistent=persistent, device=device)
        if not await self._store.open_session(row):
            raise LoginSuperseded("the subject's epoch has risen since the login began")
        self._emitter.emit(
            SessionOpened(
                subject=row.subject, session_id=row.session_id, client_id=row.client_id, persistent=persistent
            )
        )
        return Opened(row, encode(token, self._keys), now)

    def _row(
        self,
        login: Login,
        token: RefreshToken,
        sender: Sender,
        now: float,
        scope: str,
        amr: tuple[str, ...],
        *,
        persistent: bool,
        device: str,
    ) -> SessionRow:
        absolute = self._policy.absolute if persistent else min(self._policy.transient, self._policy.absolute)
        idle = min(self._policy.idle, absolute).total_seconds()
        return SessionRow(
            sid=token.sid,
            subject=login.subject,
            subject_epoch=login.epoch,
            client_id=sender.client_id,
            secret_hash=token.secret_hash,
            key_version=token.key_version,
            generation=token.generation,
            rotated_at=now,
            attempt=None,
            # Nobody has shown yet that the answer to this login arrived.
            confirmed_generation=0,
            confirmed_at=now,
            replay_generation=0,
            replay_streak=0,
            ep=0,
            idle_seconds=idle,
            idle_end=now + idle,
            absolute_end=now + absolute.total_seconds(),
            persistent=persistent,
            revoked_at=None,
            revoked_reason=None,
            cnf_kind=None,
            cnf_thumbprint=sender.key_thumbprint,
            sender_hint=sender.hint,
            auth_time=now,
            amr=" ".join(amr),
            scope=scope,
            created_at=now,
            last_seen=now,
            device=device[:_LONGEST_DEVICE],
        )

    async def make_room(self, opened: Opened) -> None:
        """Bring a subject that has one session too many back to its limit.

        Raises:
            TooManySessions: the policy is to refuse; the session that was just opened is ended.
            LoginSuperseded: logins of the same moment have taken all places; the session that was just opened is ended.
        """
        newest, limit = opened.row, self._policy.per_subject
        rows = await self._store.list_sessions(newest.subject)
        surplus = surplus_of([row for row in rows if row.is_live(opened.now)], newest, limit)
        if surplus and self._policy.when_full is WhenFull.REFUSE:
            await self._ender.end(newest.sid, EndReason.TOO_MANY)
            raise TooManySessions(f"{limit} sessions are open")
        for row in surplus:
            await self._ender.end(row.sid, EndReason.TOO_MANY)
        if newest.sid in {row.sid for row in surplus}:
            raise LoginSuperseded("newer logins of the same moment have taken all places")


def surplus_of(live: Sequence[SessionRow], newest: SessionRow, limit: int) -> list[SessionRow]:
    """Return the sessions that are too many, the oldest first.

    Logins of the same moment see each other's sessions, and each of them has to come to the same result: otherwise they
    would end each other, or nobody would end anything. So the one that asks counts by its age like all others.

    Args:
        live: the live sessions of a subject.
        newest: the one that was just opened.
        limit: how many there may be.
    """

    def age(row: SessionRow) -> tuple[bool, float, bytes]:
        # From so far in the future comes no login of the same moment: the clock was set back, and the row is old.
        return (row.created_at <= newest.created_at + _SAME_MOMENT, row.created_at, row.sid)

    return sorted(live, key=age)[: max(0, len(live) - limit)]
