"""The session row: one per login, the truth that access tokens are a short cache of."""

from dataclasses import dataclass, field
from enum import StrEnum

# Generations are four bytes in the refresh token.
MAX_GENERATION = 2**32 - 1


class EndReason(StrEnum):
    """Why a session was ended before its time."""

    LOGOUT = "logout"
    LOGOUT_ALL = "logout_all"
    ENDED_BY_USER = "ended_by_user"
    REPLACED = "replaced"  # a login arrived with this session's cookie
    TOO_MANY = "too_many"  # the subject opened more sessions than its limit
    REUSED = "reused"
    SUSPICIOUS_REPLAY = "suspicious_replay"
    IMPOSSIBLE_GENERATION = "impossible_generation"
    BINDING_FAILED = "binding_failed"
    SUBJECT_INACTIVE = "subject_inactive"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105
    ACCOUNT_DELETED = "account_deleted"
    ADMINISTRATOR = "administrator"
    RESTORED = "restored"  # the store had lost its end, or only half of it, and a process still knew of it


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session, as it is stored. All times are seconds since the epoch.

    Attributes:
        sid: 16 random bytes; its hex form is the public session id.
        subject: the account.
        subject_epoch: the subject's epoch at login.
        client_id: the registered client that the session belongs to.
        secret_hash: SHA-256 of the session's secret; the secret itself is only in the refresh token.
        key_version: the MAC key that signed its refresh token last.
        generation: the generation of the current refresh token, from 1.
        rotated_at: when that generation was made.
        attempt: the client's id for the refresh that made it, or None.
        confirmed_generation: the highest generation that the client has shown to have.
        confirmed_at: when that number last rose.
        replay_generation: the generation in which a foreign replay was last counted; 0 for never.
        replay_streak: in how many consecutive generations a foreign replay was counted, up to that one.
        ep: the access epoch; access tokens with a lower one are superseded.
        idle_seconds: how long the session lives without use.
        idle_end: when it ends if nothing happens.
        absolute_end: when it ends whatever happens; it never moves.
        persistent: whether the browser keeps the cookie when it is closed.
        revoked_at: when it was ended, or None.
        revoked_reason: an :class:`EndReason` or the application's own word.
        cnf_kind: how it is bound to a key (``dpop``, ``mtls``, ``dbsc``), or None.
        cnf_thumbprint: the key's thumbprint, or None.
        sender_hint: the user-agent family at the last rotation.
        auth_time: when the user authenticated.
        amr: how, space-separated (RFC 8176).
        scope: space-separated scope tokens (RFC 6749 section 3.3).
        created_at: when it was opened.
        last_seen: when it was last used; written at most once a minute.
        device: what the user reads in the list of sessions.
    """

    sid: bytes
    subject: str
    subject_epoch: int
    client_id: str
    secret_hash: bytes = field(repr=False)
    key_version: int
    generation: int
    rotated_at: float
    attempt: str | None
    confirmed_generation: int
    confirmed_at: float
    replay_generation: int
    replay_streak: int
    ep: int
    idle_seconds: float
    idle_end: float
    absolute_end: float
    persistent: bool
    revoked_at: float | None
    revoked_reason: str | None
    cnf_kind: str | None
    cnf_thumbprint: str | None
    sender_hint: str
    auth_time: float
    amr: str
    scope: str
    created_at: float
    last_seen: float
    device: str

    @property
    def session_id(self) -> str:
        """The public id: hex of ``sid``, 32 characters; not a credential."""
        return self.sid.hex()

    @property
    def end(self) -> float:
        """The earlier of the idle and the absolute end."""
        return min(self.idle_end, self.absolute_end)

    def is_live(self, now: float) -> bool:
        """Tell whether the session is neither ended nor past one of its ends."""
        return self.revoked_at is None and now < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """The hot write: one conditional statement that moves a settled session to its next generation.

    It applies only where the row has this ``sid``, ``secret_hash``, ``client_id`` and ``generation``, is not revoked,
    is not past one of its ends, is bound to no key or to ``cnf_thumbprint``, and is *settled*:
    ``confirmed_generation >= generation`` and ``confirmed_at < settled_before``.

    Attributes:
        now: becomes ``rotated_at``, and ``last_seen`` unless that is later already.
        settled_before: now - grace.
        active_at: when the user was last active, or None when nothing moves the idle end; the new idle end is
            ``max(idle_end, min(active_at + idle_seconds, absolute_end))``.
        attempt: becomes ``attempt``.
        sender_hint: becomes ``sender_hint``.
        key_version: becomes ``key_version``.
    """

    sid: bytes
    secret_hash: bytes = field(repr=False)
    client_id: str
    generation: int
    cnf_thumbprint: str | None
    now: float
    settled_before: float
    active_at: float | None
    attempt: str | None
    sender_hint: str
    key_version: int


@dataclass(frozen=True, slots=True)
class Confirmation:
    """News that a generation was seen, and that its session was used.

    Attributes:
        sid: the session.
        generation: the generation of the access token that was seen.
        seen_at: seconds since the epoch.
    """

    sid: bytes
    generation: int
    seen_at: float


@dataclass(frozen=True, slots=True)
class PurgeCounts:
    """How much was purged, or could be.

    Attributes:
        sessions: that ended, by revocation or by time.
        denials: whose last access token is dead.
        subjects: whose epoch no login under way can compare any more.
    """

    sessions: int = 0
    denials: int = 0
    subjects: int = 0

    @property
    def total(self) -> int:
        """All of them together."""
        return self.sessions + self.denials + self.subjects

    def __add__(self, other: "PurgeCounts") -> "PurgeCounts":
        return PurgeCounts(self.sessions + other.sessions, self.denials + other.denials, self.subjects + other.subjects)
