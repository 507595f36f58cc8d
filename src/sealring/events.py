"""Typed events: what happened, with which fields, how serious.

Every login, issue, refresh outcome, refusal and revocation is one of these values. A room makes the event, the
application's sinks (log lines, counters, alerts) consume it. No field ever holds a token, cookie value or secret.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import ClassVar, Protocol


class Severity(IntEnum):
    """How serious an event is; the numbers are those of :mod:`logging`."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ALERT = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        name: stable snake_case name, the same in logs and metrics.
        severity: how serious it is.
        labels: the fields that are few-valued and so fit a metric.
    """

    name: ClassVar[str] = "event"
    severity: ClassVar[Severity] = Severity.INFO
    labels: ClassVar[tuple[str, ...]] = ()

    def as_fields(self) -> dict[str, object]:
        """Return the event's own fields by name."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


class Sink(Protocol):
    """Consumes events; it must be quick and must not block."""

    def emit(self, event: Event) -> None:
        """Take one event."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOpened(Event):
    """A login opened a session."""

    name = "session_opened"
    labels = ("client_id", "persistent")

    subject: str
    session_id: str
    client_id: str
    persistent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginRefused(Event):
    """A login failed."""

    name = "login_refused"
    severity = Severity.WARNING
    labels = ("code",)

    code: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssued(Event):
    """An access token was signed."""

    name = "token_issued"
    severity = Severity.DEBUG
    labels = ("algorithm",)

    subject: str
    session_id: str
    generation: int
    token_id: str
    algorithm: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshDecided(Event):
    """A refresh token was presented, and this is what came of it."""

    name = "refresh_decided"
    labels = ("outcome",)

    outcome: str
    session_id: str
    presented: int
    generation: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReuseDetected(Event):
    """An old refresh token came back: somebody else has a copy. The session was ended."""

    name = "reuse_detected"
    severity = Severity.ALERT

    subject: str
    session_id: str
    presented: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SuspiciousReplay(Event):
    """A foreign attempt was replayed in two generations running."""

    name = "suspicious_replay"
    severity = Severity.ALERT
    labels = ("ended",)

    subject: str
    session_id: str
    generation: int
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationLost(Event):
    """A token newer than its row was presented: the store has lost acknowledged writes, or the token is impossible."""

    name = "generation_lost"
    severity = Severity.ALERT
    labels = ("adopted",)

    subject: str
    session_id: str
    presented: int
    generation: int
    adopted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session was ended."""

    name = "session_ended"
    labels = ("reason",)

    subject: str
    session_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRevoked(Event):
    """The access tokens of a session were denied; the session itself lives on."""

    name = "access_revoked"

    subject: str
    session_id: str
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionEnded(Event):
    """A WebSocket or event stream was closed because its session does not stand any more."""

    name = "connection_ended"
    labels = ("code",)

    session_id: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientReported(Event):
    """A browser client told what happened to it; anybody can say so, and ``ms`` is what its kind says."""

    name = "client_reported"
    labels = ("kind", "code")

    kind: str
    code: str
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAlerted(Event):
    """A browser client told that something is wrong with it; anybody can say so."""

    name = "client_alerted"
    severity = Severity.WARNING
    labels = ("code",)

    code: str
    ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused(Event):
    """An access token was refused."""

    name = "token_refused"
    severity = Severity.WARNING
    labels = ("code",)

    code: str
    detail: str
    session_id: str = ""
    token_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefused(Event):
    """A request was refused for another reason than its access token."""

    name = "request_refused"
    severity = Severity.WARNING
    labels = ("code",)

    code: str
    detail: str
    request_id: str
    method: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieAmbiguous(Event):
    """Two cookies of one of our names came with a request: somebody may be tossing cookies."""

    name = "cookie_ambiguous"
    severity = Severity.ALERT
    labels = ("cookie",)

    cookie: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRingLoaded(Event):
    """The key ring was read, or made on the first start."""

    name = "key_ring_loaded"

    revision: int
    active: str
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRowRefused(Event):
    """A row of the key ring is not authentic and was left out."""

    name = "key_row_refused"
    severity = Severity.ALERT

    key_id: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStateChanged(Event):
    """A key of the ring was made, or changed its state; told by the one process that did it."""

    name = "key_state_changed"
    labels = ("state", "cause")

    key_id: str
    before: str
    state: str
    cause: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDistrusted(Event):
    """A key was declared unsafe and its tokens are refused; every running process tells of it when it learns it."""

    name = "key_distrusted"
    severity = Severity.ALERT

    key_id: str
    before: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRingRewrapped(Event):
    """The keys of the ring were sealed under another key-encryption key."""

    name = "key_ring_rewrapped"
    labels = ("version",)

    rows: int
    version: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerKeysRead(Event):
    """A service without a store fetched the keys of an issuer, and they are others than before.

    ``detail`` says why the first of the skipped keys was left out.
    """

    name = "issuer_keys_read"

    issuer: str
    keys: int
    skipped: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionUnseen(Event):
    """A token of a version came that only a newer server makes."""

    name = "version_unseen"
    severity = Severity.WARNING
    labels = ("kind",)

    kind: str
    version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedCaughtUp(Event):
    """The denylist took in news from the store."""

    name = "feed_caught_up"
    severity = Severity.DEBUG

    entries: int
    cursor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DenialsRestored(Event):
    """The store had lost denials, as in a failover to a replica that lagged, and this process wrote them back."""

    name = "denials_restored"
    severity = Severity.ALERT

    entries: int
    sessions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedStale(Event):
    """The news of this process are older than the policy allows; what it does about it is the policy's."""

    name = "feed_stale"
    severity = Severity.ALERT

    age: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedFresh(Event):
    """The news of this process are fresh again, after they were stale."""

    name = "feed_fresh"
    severity = Severity.WARNING

    stale_for: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleAccepted(Event):
    """An access token was accepted on stale news, as the policy says by name."""

    name = "stale_accepted"
    severity = Severity.DEBUG

    age: float
    session_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFailed(Event):
    """The store did not answer."""

    name = "store_failed"
    severity = Severity.ALERT
    labels = ("operation",)

    operation: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFailed(Event):
    """A background job failed; it is tried again."""

    name = "job_failed"
    severity = Severity.ALERT
    labels = ("job",)

    job: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged(Event):
    """Dead sessions, spent denials and the epochs of subjects that nobody compares any more were deleted."""

    name = "purged"

    sessions: int
    denials: int
    subjects: int


class Emitter:
    """Hands every event to all sinks; a sink that fails never hurts the operation.

    Args:
        sinks: where the events go.
        on_failure: is told about a sink's exception; default: it is dropped.
    """

    def __init__(self, sinks: Iterable[Sink] = (), on_failure: Callable[[Exception], None] | None = None) -> None:
        self._sinks = tuple(sinks)
        self._on_failure = on_failure

    def emit(self, event: Event) -> None:
        """Hand one event to every sink."""
        for sink in self._sinks:
            try:
                sink.emit(event)
            except Exception as error:  # noqa: BLE001 - monitoring must never break what it watches
                if self._on_failure is not None:
                    self._on_failure(error)


def all_event_types() -> tuple[type[Event], ...]:
    """Return every event type, in the order of this module."""
    # `dataclass(slots=True)` makes each class a second time, and the first lives on until it is collected; an
    # application may have events of its own. Only what this module names counts.
    return tuple(kind for kind in Event.__subclasses__() if globals().get(kind.__name__) is kind)
