"""Verifies access tokens in a service that has no store: its issuer's keys and feed, and the same checks as there."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Generic, Self

from sealring.access.claims import AccessToken, ClaimsT, NoClaims
from sealring.access.verify import AccessTokenVerifier
from sealring.access.versions import ClaimsSchema
from sealring.clock import Clock, SystemClock
from sealring.errors import RefusedError, StoreUnavailable, TokenInvalid, UnknownKey, VersionUnknown
from sealring.events import Emitter, Event, JobFailed, Sink, TokenRefused, VersionUnseen
from sealring.policy import TOKEN_ALGORITHMS, AccessPolicy, Client, Policy, RevocationPolicy, WebPolicy
from sealring.remote.addresses import AddressRule
from sealring.remote.connect import Resolver, resolve_by_system
from sealring.remote.feed import FeedAccess, HttpFeed
from sealring.remote.http import HttpClient
from sealring.remote.keys import IssuerKeys, KeySource
from sealring.remote.policy import RemotePolicy
from sealring.remote.urls import checked_url, origin_of
from sealring.revocation.denylist import Denylist
from sealring.revocation.follower import FeedFollower
from sealring.revocation.freshness import FeedState, Freshness
from sealring.runtime import Job, Runtime

_KEYS_EVERY: Final = 10.0
_FEED_PAUSE: Final = 0.02
_LONGEST_PAUSE: Final = 2.0
# A held reading must return well before the news that it brings are needed.
_HOLD_PART: Final = 0.4
_LONGEST_HOLD: Final = 15.0
_START_PAUSE: Final = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierState:
    """What a verifier knows of its issuer, for a readiness probe.

    Attributes:
        ready: whether tokens are accepted just now.
        feed_age_seconds: since its denials were last known complete; None before the first time.
        keys_age_seconds: since its keys were last fetched; None when nobody can say.
    """

    ready: bool
    feed_age_seconds: float | None
    keys_age_seconds: float | None


class Verifier(Generic[ClaimsT]):
    """Verifies access tokens of one issuer; use it as ``async with`` in the application's lifespan.

    It takes the place of a :class:`~sealring.service.Sealring` wherever tokens are only verified: in the middleware,
    in dependencies, everywhere an :class:`~sealring.access.verify.Authenticator` is asked for.

    Args:
        issuer: the exact ``iss`` of the tokens; its metadata and its feed are at its origin.
        audience: this service's own identifier, which every token that it accepts must name (RFC 9068 section 4).
        feed: who this service is for the issuer.
        app: the short name of the application at the issuer, for the names of its cookies; default ``app``.
        clients: the client ids whose tokens are accepted; default ``<app>-web``.
        former_issuers: other names that the issuer's key ring signs under, while it is renamed; default none.
        claims: the model of the application's own claims, or the schema of their versions; default none.
        leeway: accepted clock difference to the issuer; default 10 seconds, at most 60 seconds.
        revocation: how stale the denials may be, and what happens then; default the recommendation.
        web: cookies, CSRF, limits and headers of this service; default the recommendation.
        fetching: how keys and documents are fetched; default the recommendation.
        sinks: consume the events.
        clock: tells the time; default the machine's.
        resolve: looks host names up; default the system's resolver.

    Raises:
        ConfigurationError: a value is out of its range, or the issuer is no URL that may be fetched.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audience: str,
        feed: FeedAccess,
        app: str = "app",
        clients: Iterable[str] = (),
        former_issuers: Iterable[str] = (),
        claims: type[ClaimsT] | ClaimsSchema[ClaimsT] = NoClaims,  # type: ignore[assignment]  # the default of ClaimsT
        leeway: timedelta = timedelta(seconds=10),
        revocation: RevocationPolicy | None = None,
        web: WebPolicy | None = None,
        fetching: RemotePolicy | None = None,
        sinks: Iterable[Sink] = (),
        clock: Clock | None = None,
        resolve: Resolver = resolve_by_system,
    ) -> None:
        self.policy = Policy(
            app=app,
            issuer=issuer,
            former_issuers=tuple(former_issuers),
            clients=tuple(Client(client_id) for client_id in clients),
            access=AccessPolicy(audience=audience, leeway=leeway),
            revocation=revocation or RevocationPolicy(),
            web=web or WebPolicy(),
        )
        self.clock = clock or SystemClock()
        self.denylist = Denylist()
        self._fetching = fetching or RemotePolicy()
        self._emitter = Emitter(sinks)
        checked_url(issuer, plain_http=self._fetching.plain_http)
        self._client = HttpClient(AddressRule(self._fetching.private_networks), resolve=resolve)
        self._keys = IssuerKeys(
            KeySource(issuer=issuer, algorithms=TOKEN_ALGORITHMS, by_thumbprint=True),
            client=self._client,
            policy=self._fetching,
            clock=self.clock,
            emitter=self._emitter,
        )
        self._feed = HttpFeed(
            origin_of(issuer) + feed.path,
            feed,
            client=self._client,
            clock=self.clock,
            hold=min(_LONGEST_HOLD, _HOLD_PART * self.policy.revocation.max_staleness.total_seconds()),
            within=self._fetching.fetch_within.total_seconds(),
        )
        self._follower = FeedFollower(
            store=self._feed, denylist=self.denylist, clock=self.clock, emitter=self._emitter, trusting=True
        )
        self._freshness = Freshness(
            follower=self._follower,
            policy=self.policy.revocation,
            clock=self.clock,
            emitter=self._emitter,
            read_now=self._read_at_once,
        )
        self._verifier = AccessTokenVerifier(
            policy=self.policy,
            claims=ClaimsSchema.of(claims),
            resolve_key=self._keys.resolve_key,
            is_in_use=self._keys.is_in_use,
            denylist=self.denylist,
        )
        self._runtime: Runtime | None = None

    async def __aenter__(self) -> Self:
        """Load keys and denials and start the background work; before that, no request is answered.

        Raises:
            StoreUnavailable: the issuer did not answer within the policy's ``start_within``.
        """
        try:
            await self._start()
        except BaseException:
            await self._client.aclose()
            raise
        self._runtime = Runtime(
            (
                Job("follow_feed", _FEED_PAUSE, self._follower.catch_up, longest_pause=_LONGEST_PAUSE),
                Job("follow_keys", _KEYS_EVERY, self._keys.load_when_due, jitter=_KEYS_EVERY / 10),
            ),
            self._emitter,
        )
        self._runtime.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the background work and close every connection."""
        try:
            if self._runtime is not None:
                with self._feed.at_once():
                    await self._runtime.stop()
            await self._follower.stop()
            await self._keys.stop()
            await self._feed.aclose()
        finally:
            await self._client.aclose()

    async def authenticate(self, text: str, *, sensitive: bool = False) -> AccessToken[ClaimsT]:
        """Verify an access token: signature, claims and denylist, without any network call.

        Only a token that names an unknown key makes it ask the issuer, at most once in a minute; and stale denials do,
        where the policy says so.

        Args:
            text: the compact JWS as it came.
            sensitive: whether the denials are read at this moment; default False.

        Raises:
            RefusedError: with the code that says why; ``StoreUnavailable`` when the issuer had to be asked and did not
                answer in time.
        """
        try:
            token = await self._verify(text)
            if sensitive:
                await self._read_now()
            elif not await self._freshness.ensure(token.session_id):
                return token
            return await self._verify(text)
        except VersionUnknown as error:
            self._emitter.emit(VersionUnseen(kind="claims", version=error.version))
            raise
        except RefusedError as error:
            self._emitter.emit(TokenRefused(code=error.code, detail=error.detail))
            raise

    def confirm(self, token: AccessToken[Any]) -> None:
        """Do nothing: only a process that has the store can write down that a generation was seen."""

    def emit(self, event: Event) -> None:
        """Hand an event to all sinks."""
        self._emitter.emit(event)

    def state(self) -> VerifierState:
        """Return what is known of the issuer just now."""
        now = self.clock.now()
        feed, keys_age = self._freshness.status(), self._keys.age(now)
        fresh = feed.state is not FeedState.STALE
        try:
            self._keys.check_age(now)
        except StoreUnavailable:
            fresh = False
        return VerifierState(ready=fresh, feed_age_seconds=feed.age, keys_age_seconds=keys_age)

    async def _verify(self, text: str) -> AccessToken[ClaimsT]:
        now = self.clock.now()
        self._keys.check_age(now)
        try:
            return self._verifier.verify(text, now)
        except UnknownKey:
            await self._keys.look_again()
        try:
            return self._verifier.verify(text, self.clock.now())
        except UnknownKey as error:
            raise TokenInvalid("the issuer does not publish its key") from error

    async def _read_now(self) -> None:
        try:
            async with asyncio.timeout(self.policy.revocation.sensitive_within.total_seconds()):
                await self._read_at_once()
        except TimeoutError:
            raise StoreUnavailable("the issuer did not tell about revocations in time") from None

    async def _read_at_once(self) -> None:
        with self._feed.at_once():
            await self._follower.catch_up()

    async def _start(self) -> None:
        told = ""
        try:
            async with asyncio.timeout(self._fetching.start_within.total_seconds()):
                while True:
                    try:
                        await self._keys.load_when_due()
                        await self._follower.catch_up()
                    except StoreUnavailable as error:
                        if error.detail != told:
                            told = error.detail
                            self._emitter.emit(JobFailed(job="start", detail=told))
                        await asyncio.sleep(_START_PAUSE)
                    else:
                        return
        except TimeoutError:
            raise StoreUnavailable("the issuer did not answer in time for a start") from None
