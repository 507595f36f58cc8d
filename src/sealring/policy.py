"""Every lifetime, limit and switch, in frozen values that check themselves when they are made.

The defaults are the recommendation; a value outside its range raises ``ConfigurationError`` with a sentence that names
the setting, its range and why the range is what it is.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

from sealring.errors import ConfigurationError

TOKEN_ALGORITHMS = frozenset({"ES256", "Ed25519", "RS256", "PS256"})
"""What access tokens may be signed with: a short list of the algorithms that ``sealring.jose`` knows."""

_APP_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
# No store operation takes longer: it is given up before.
_SLOWEST_WRITE = timedelta(seconds=60)
_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 3.3
_LARGEST_LEEWAY = timedelta(seconds=60)


class IdleBy(StrEnum):
    """What moves the idle end of a session."""

    ACTIVITY = "activity"  # the client reports seconds since the last user input; a silent refresh alone moves nothing
    REFRESH = "refresh"  # every refresh counts as use


class WhenFull(StrEnum):
    """What happens when a subject opens more sessions than it may have."""

    END_OLDEST = "end_oldest"
    REFUSE = "refuse"  # the login is refused, and the sessions that there are live on


class Mode(StrEnum):
    """How a registered client carries its tokens; the mode belongs to the client id, never to a wish in a request."""

    COOKIE = "cookie"


@dataclass(frozen=True, slots=True)
class Client:
    """One registered first-party client.

    Attributes:
        client_id: 1 to 64 printable ASCII characters; never equal to a subject (RFC 9700 section 4.15).
        mode: how it carries its tokens.
    """

    client_id: str
    mode: Mode = Mode.COOKIE

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\x21-\x7e]{1,64}", self.client_id):
            raise ConfigurationError("A client id is 1 to 64 printable ASCII characters without spaces.")


def _between(name: str, value: timedelta, low: timedelta, high: timedelta, why: str = "") -> None:
    if not low <= value <= high:
        raise ConfigurationError(f"{name} is {value}; it must be from {low} to {high}.{' ' + why if why else ''}")


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """Access tokens (RFC 9068).

    Attributes:
        lifetime: of one token; default 15 minutes, 5 seconds to 24 hours.
        leeway: accepted clock difference between servers; default 10 seconds, at most 60 seconds.
        algorithm: signs new tokens; ``ES256`` (default), ``Ed25519``, ``RS256`` or ``PS256``.
        audience: the ``aud`` of new tokens, 1 to 16 identifiers of services, each a name or a URI. The first is this
            service's own, which every token that it accepts must name; default the issuer.
        budget: bytes of one token; default 1,500, 400 to 4,096; in a cookie its name counts as well.
        version: the ``ver`` written into new tokens, 1 to 1,000,000; default the oldest that the application
            registered, which every server of a rolling deploy can read.
    """

    lifetime: timedelta = timedelta(minutes=15)
    leeway: timedelta = timedelta(seconds=10)
    algorithm: str = "ES256"
    audience: str | tuple[str, ...] | None = None
    budget: int = 1_500
    version: int | None = None

    def __post_init__(self) -> None:
        _between("The access token lifetime", self.lifetime, timedelta(seconds=5), timedelta(hours=24))
        _between("The leeway", self.leeway, timedelta(0), _LARGEST_LEEWAY)
        if self.algorithm not in TOKEN_ALGORITHMS:
            known = ", ".join(sorted(TOKEN_ALGORITHMS))
            raise ConfigurationError(f"Access tokens are signed with one of {known}, not {self.algorithm!r}.")
        if not 400 <= self.budget <= 4_096:
            raise ConfigurationError("The token budget is 400 to 4,096 bytes: a cookie ends there.")
        if self.version is not None and not 1 <= self.version <= 1_000_000:
            raise ConfigurationError("The claims version is a whole number from 1 to 1,000,000.")
        if isinstance(self.audience, str):
            object.__setattr__(self, "audience", (self.audience,))
        if self.audience is not None:
            _check_audience(tuple(self.audience))


def _check_audience(audience: tuple[str, ...]) -> None:
    if not 1 <= len(audience) <= 16 or len(set(audience)) != len(audience):
        raise ConfigurationError("The audience is 1 to 16 different identifiers.")
    if not all(re.fullmatch(r"[\x21-\x7e]{1,255}", identifier) for identifier in audience):
        raise ConfigurationError("An identifier of the audience is 1 to 255 printable ASCII characters without spaces.")


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """Sessions and their refresh tokens.

    Attributes:
        idle: a persistent session ends after this time without use; default 7 days.
        absolute: no session lives longer (ASVS 10.4.8); default 30 days.
        transient: idle and absolute limit of a session that was opened without "keep me signed in"; default 12 hours.
        idle_by: what counts as use; default ``activity``.
        grace: for this time after a generation was confirmed, its predecessor is still answered with the same
            successor; default 20 seconds.
        client_timeout: the longest time a client waits for a refresh; default 10 seconds, 1 second to 4 minutes; the
            grace must exceed it.
        store_patience: the longest time that a refresh waits for the store, all its steps together; then it is given
            up, and what was not yet sent to the store is never done; default 5 seconds, 0.1 second to 1 minute.
        rollback_tolerance: generations that a store may have lost in a failover; default 3, 0 to 16.
        per_subject: live sessions of one subject; default 50.
        when_full: what happens when one more is opened; default ``end_oldest``.
        end_on_suspicious_replay: whether two foreign replays in a row end the session; default True.
        refresh_lead: a client refreshes this long before the access token expires, at most half its life; default
            5 minutes.
        confirm_within: a confirmation is written at most this much later; default 2 seconds.
        last_seen_every: "last seen" is written at most this often; default 1 minute, at most an hour.
        keep_ended: an ended session is purged after this time; default 1 day, at least an hour.
        purge_every: a process looks this often whether there is something to purge; default 1 minute, 1 second to
            1 day.
    """

    idle: timedelta = timedelta(days=7)
    absolute: timedelta = timedelta(days=30)
    transient: timedelta = timedelta(hours=12)
    idle_by: IdleBy = IdleBy.ACTIVITY
    grace: timedelta = timedelta(seconds=20)
    client_timeout: timedelta = timedelta(seconds=10)
    store_patience: timedelta = timedelta(seconds=5)
    rollback_tolerance: int = 3
    per_subject: int = 50
    when_full: WhenFull = WhenFull.END_OLDEST
    end_on_suspicious_replay: bool = True
    refresh_lead: timedelta = timedelta(minutes=5)
    confirm_within: timedelta = timedelta(seconds=2)
    last_seen_every: timedelta = timedelta(minutes=1)
    keep_ended: timedelta = timedelta(days=1)
    purge_every: timedelta = timedelta(minutes=1)

    def __post_init__(self) -> None:
        _between("The idle limit", self.idle, timedelta(seconds=5), timedelta(days=365))
        _between("The absolute limit", self.absolute, timedelta(seconds=5), timedelta(days=400))
        _between("The limit of a transient session", self.transient, timedelta(seconds=5), timedelta(days=7))
        _between("The client's refresh timeout", self.client_timeout, timedelta(seconds=1), timedelta(minutes=4))
        _between("The patience with the store", self.store_patience, timedelta(seconds=0.1), timedelta(minutes=1))
        _between("The time between two writings of last seen", self.last_seen_every, timedelta(0), timedelta(hours=1))
        _between("The refresh lead", self.refresh_lead, timedelta(seconds=1), timedelta(hours=12))
        _between("The time to a written confirmation", self.confirm_within, timedelta(0), timedelta(seconds=30))
        _between("The time until an ended session is purged", self.keep_ended, timedelta(hours=1), timedelta(days=400))
        _between("The time between two purges", self.purge_every, timedelta(seconds=1), timedelta(days=1))
        if self.idle > self.absolute:
            raise ConfigurationError("The idle limit is longer than the absolute limit, so it would never be reached.")
        if self.grace <= self.client_timeout:
            raise ConfigurationError(
                "The grace must exceed the client's refresh timeout, or a client that gave up waiting and asks again "
                "is taken for a thief."
            )
        _between(
            "The grace", self.grace, timedelta(seconds=1), timedelta(minutes=5), "It bounds a thief who is behind."
        )
        if not 0 <= self.rollback_tolerance <= 16:
            raise ConfigurationError("The rollback tolerance is 0 to 16 generations.")
        if not 1 <= self.per_subject <= 10_000:
            raise ConfigurationError("A subject may have 1 to 10,000 sessions.")


@dataclass(frozen=True, slots=True)
class KeyPolicy:
    """The key ring.

    Attributes:
        period: a key signs for this long; default 30 days, an hour to 400 days.
        announce: a key stands in the JWKS for this long before it signs; default 24 hours; from :attr:`known_after` to
            ``period``.
        jwks_max_age: how long others may cache the JWKS; default 300 seconds, at most 1 day.
        follow_every: a process looks this often whether another one has changed the ring; default 60 seconds, 1 second
            to 10 minutes.
        reload_cooldown: an unknown key id reloads the ring at most this often; default 10 seconds.
    """

    period: timedelta = timedelta(days=30)
    announce: timedelta = timedelta(hours=24)
    jwks_max_age: timedelta = timedelta(seconds=300)
    follow_every: timedelta = timedelta(seconds=60)
    reload_cooldown: timedelta = timedelta(seconds=10)

    def __post_init__(self) -> None:
        _between("The key period", self.period, timedelta(hours=1), timedelta(days=400))
        _between("The JWKS cache time", self.jwks_max_age, timedelta(0), timedelta(days=1))
        _between("The key ring interval", self.follow_every, timedelta(seconds=1), timedelta(minutes=10))
        if self.announce < self.known_after:
            raise ConfigurationError(
                f"Keys must be announced for at least {self.known_after}: the JWKS cache time, twice the key ring "
                "interval and a minute between clocks. Earlier, somebody's cached JWKS lacks the key that signs."
            )
        if self.announce > self.period:
            raise ConfigurationError("A key cannot be announced for longer than the key before it signs.")

    @property
    def known_after(self) -> timedelta:
        """The time after which every verifier knows an announced key.

        The last process has published it, even if its first look failed; what was cached just before that has run out;
        and the clocks of two servers may differ by the largest leeway.
        """
        return self.jwks_max_age + 2 * self.follow_every + _LARGEST_LEEWAY


class WhenStale(StrEnum):
    """What a request with an access token gets while the news of revocations are stale."""

    ASK = "ask"  # the store is asked once for all who wait; 503 when it does not answer in time
    REFUSE = "refuse"  # 503 at once, until the background work has caught up


@dataclass(frozen=True, slots=True)
class RevocationPolicy:
    """The denylist and the feed that fills it.

    No token that was revoked is accepted by another process later than ``max_staleness + accept_stale_for`` after the
    revocation was committed, whatever fails.

    Attributes:
        poll_every: how often a process asks the store for news, whether or not the store wakes it; default 1 second,
            50 milliseconds to 60 seconds.
        max_staleness: older news than this is stale; default 5 seconds, at least ``poll_every``.
        when_stale: what happens then; default ``ask``.
        ask_within: how long a request waits for the store when the news are stale; default 250 milliseconds,
            10 milliseconds to 5 seconds.
        accept_stale_for: for so long beyond ``max_staleness`` tokens are accepted all the same, except on sensitive
            routes, and each is counted; default 0, at most an hour.
        sensitive_within: how long a sensitive route waits for the row of the session; default 1 second,
            10 milliseconds to 10 seconds.
    """

    poll_every: timedelta = timedelta(seconds=1)
    max_staleness: timedelta = timedelta(seconds=5)
    when_stale: WhenStale = WhenStale.ASK
    ask_within: timedelta = timedelta(milliseconds=250)
    accept_stale_for: timedelta = timedelta(0)
    sensitive_within: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        _between("The feed interval", self.poll_every, timedelta(milliseconds=50), timedelta(seconds=60))
        shortest_wait = timedelta(milliseconds=10)
        _between("The wait for fresh news", self.ask_within, shortest_wait, timedelta(seconds=5))
        _between("The time for which stale news are accepted", self.accept_stale_for, timedelta(0), timedelta(hours=1))
        _between("The wait for a session's row", self.sensitive_within, shortest_wait, timedelta(seconds=10))
        if self.max_staleness < self.poll_every:
            raise ConfigurationError("The feed cannot be fresher than its interval.")


@dataclass(frozen=True, slots=True)
class WebPolicy:
    """Cookies, CSRF, limits and headers.

    Attributes:
        allowed_origins: origins (``https://host[:port]``) whose pages may change state when a browser sends no Fetch
            Metadata; default the issuer's origin.
        secure_cookies: ``__Host-`` prefixed names and Secure; False only for plain-http development.
        body_limit: bytes of one request body; default 65,536.
        hsts: whether ``Strict-Transport-Security`` is sent; default True, browsers ignore it on plain http.
        csp: the Content-Security-Policy of every answer that does not bring its own.
        no_store_prefixes: paths whose answers must not be stored by any cache; default ``/api/`` and ``/auth/``.
    """

    allowed_origins: tuple[str, ...] = ()
    secure_cookies: bool = True
    body_limit: int = 65_536
    hsts: bool = True
    csp: str = (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "img-src 'self' data:; object-src 'none'"
    )
    no_store_prefixes: tuple[str, ...] = ("/api/", "/auth/")

    def __post_init__(self) -> None:
        for origin in self.allowed_origins:
            _check_origin(origin)
        if not 1_024 <= self.body_limit <= 16_777_216:
            raise ConfigurationError("The body limit is 1,024 to 16,777,216 bytes.")
        if any(not (32 <= ord(c) < 127) for c in self.csp):
            raise ConfigurationError("The Content-Security-Policy has a character that no header may carry.")


def _check_origin(origin: str) -> None:
    """Refuse what no browser sends as an origin (RFC 6454 section 6.2): it would never match, without a word."""
    parts = _split(origin)
    if parts.scheme not in {"http", "https"} or not parts.netloc or f"{parts.scheme}://{parts.netloc}" != origin:
        raise ConfigurationError(f"{origin!r} is not an origin: write scheme://host or scheme://host:port.")
    default_port = ":443" if parts.scheme == "https" else ":80"
    if origin != origin.lower() or parts.netloc.endswith(default_port):
        raise ConfigurationError(f"Write the origin {origin!r} as browsers do: lower case, without the default port.")


def _split(url: str) -> SplitResult:
    # Checked before it is split: urlsplit drops line breaks and tabs, and the text itself is what gets compared.
    if not re.fullmatch(r"[\x21-\x7e]+", url):
        raise ConfigurationError(f"{url!r} is no URL: it has spaces, control or non-ASCII characters.")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{url!r} is no URL: {error}.") from error
    if "@" in parts.netloc or not parts.hostname:
        raise ConfigurationError(f"{url!r} names no host, or a user, which belongs in no origin and no issuer.")
    return parts


def _check_issuer(issuer: str) -> None:
    parts = _split(issuer)
    if parts.scheme not in {"http", "https"} or not parts.netloc or "?" in issuer or "#" in issuer:
        raise ConfigurationError("The issuer is an absolute http(s) URL without query and fragment.")
    if issuer.endswith("/"):
        raise ConfigurationError("The issuer is compared as exact text: write it without a trailing slash.")


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that the application decides about its tokens and sessions.

    Args:
        app: short name of the application, part of its cookie names: 1 to 32 of ``a-z 0-9 -``, first a letter.
        issuer: the ``iss`` of its tokens: an absolute http(s) URL without query, fragment or trailing slash
            (RFC 8414 section 2).
        former_issuers: other names that this key ring signs under or has signed under, accepted and never written;
            for a rename (docs/claims.md), until the last token with the former name is dead; default none.
        clients: registered first-party clients; default one in cookie mode, ``<app>-web``.
        access, sessions, keys, revocation, web: the policies of the single rooms.
    """

    app: str
    issuer: str
    former_issuers: tuple[str, ...] = ()
    clients: tuple[Client, ...] = ()
    access: AccessPolicy = field(default_factory=AccessPolicy)
    sessions: SessionPolicy = field(default_factory=SessionPolicy)
    keys: KeyPolicy = field(default_factory=KeyPolicy)
    revocation: RevocationPolicy = field(default_factory=RevocationPolicy)
    web: WebPolicy = field(default_factory=WebPolicy)

    def __post_init__(self) -> None:
        if not _APP_NAME.fullmatch(self.app):
            raise ConfigurationError("The app name is 1 to 32 of a-z, 0-9 and '-', starting with a letter.")
        for issuer in (self.issuer, *self.former_issuers):
            _check_issuer(issuer)
        if len(self.issuers) != 1 + len(self.former_issuers):
            raise ConfigurationError("A former issuer is the issuer itself, or named twice: name each once.")
        if not self.clients:
            object.__setattr__(self, "clients", (Client(f"{self.app}-web"),))
        if len({client.client_id for client in self.clients}) != len(self.clients):
            raise ConfigurationError("Two clients have the same client id.")

    @property
    def issuers(self) -> frozenset[str]:
        """Every ``iss`` that is accepted; compared as exact text (RFC 9068 section 4)."""
        return frozenset((self.issuer, *self.former_issuers))

    @property
    def audience(self) -> tuple[str, ...]:
        """The ``aud`` of new tokens; the first is this service's own identifier."""
        audience = self.access.audience or self.issuer
        return (audience,) if isinstance(audience, str) else audience

    def identifier(self, issuer: str) -> str:
        """Return this service's own identifier, which the ``aud`` of a token must contain.

        Args:
            issuer: the token's, one of :attr:`issuers`. Where no audience is set, it is the identifier, so that tokens
                from before a rename name this service by its former name.
        """
        return self.audience[0] if self.access.audience else issuer

    @property
    def default_client(self) -> Client:
        """The client that a request belongs to when it names none."""
        return self.clients[0]

    @property
    def client_by_id(self) -> Mapping[str, Client]:
        """The registered clients by their id."""
        return MappingProxyType({client.client_id: client for client in self.clients})

    @property
    def allowed_origins(self) -> frozenset[str]:
        """The origins whose pages may change state."""
        parts = urlsplit(self.issuer)
        return frozenset(self.web.allowed_origins or (f"{parts.scheme}://{parts.netloc}",))

    @property
    def token_afterlife(self) -> timedelta:
        """How long after a revocation the last token that it concerns can still look valid.

        That token may have been minted by a server whose clock is ahead, for a refresh that read its clock after the
        revocation had read its own and was still committed before it; and verifiers add their leeway to ``exp``.
        """
        return self.access.lifetime + 2 * self.access.leeway + _SLOWEST_WRITE


def is_scope_token(text: str) -> bool:
    """Tell whether a text is one scope token (RFC 6749 section 3.3)."""
    return _SCOPE_TOKEN.fullmatch(text) is not None
