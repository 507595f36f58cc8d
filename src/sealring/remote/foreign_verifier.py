"""Verifies tokens of other issuers, each with its own keys and its own policy."""

import asyncio
from collections.abc import Iterable
from types import TracebackType
from typing import Final, Self

from sealring.clock import Clock, SystemClock
from sealring.errors import ConfigurationError, JoseError, RefusedError, StoreUnavailable, TokenInvalid, UnknownKey
from sealring.events import Emitter, JobFailed, Sink, TokenRefused
from sealring.remote.addresses import AddressRule
from sealring.remote.connect import Resolver, resolve_by_system
from sealring.remote.foreign import ForeignIssuer, ForeignToken, unverified_issuer, verify_foreign
from sealring.remote.http import HttpClient
from sealring.remote.keys import IssuerKeys, KeySource
from sealring.remote.policy import RemotePolicy
from sealring.remote.urls import checked_url
from sealring.runtime import Job, Runtime

_KEYS_EVERY: Final = 10.0


class ForeignVerifier:
    """Verifies tokens of configured other issuers; use it as ``async with`` in the application's lifespan.

    It knows nothing of what those issuers revoke: their tokens live until they expire. An issuer that does not answer
    keeps nobody from starting; its tokens are answered with 503 until its keys are there.

    Args:
        issuers: what is accepted, and from whom.
        fetching: how keys and metadata are fetched; default the recommendation.
        sinks: consume the events.
        clock: tells the time; default the machine's.
        resolve: looks host names up; default the system's resolver.

    Raises:
        ConfigurationError: an issuer is named twice, or is no URL that may be fetched.
    """

    def __init__(
        self,
        issuers: Iterable[ForeignIssuer],
        *,
        fetching: RemotePolicy | None = None,
        sinks: Iterable[Sink] = (),
        clock: Clock | None = None,
        resolve: Resolver = resolve_by_system,
    ) -> None:
        self._clock = clock or SystemClock()
        self._emitter = Emitter(sinks)
        policy = fetching or RemotePolicy()
        self._client = HttpClient(AddressRule(policy.private_networks), resolve=resolve)
        self._known: dict[str, tuple[ForeignIssuer, IssuerKeys]] = {}
        for each in issuers:
            if each.issuer in self._known:
                raise ConfigurationError(f"The issuer {each.issuer} is configured twice.")
            for url in (each.issuer, each.jwks_uri or each.issuer):
                checked_url(url, plain_http=policy.plain_http)
            source = KeySource(
                issuer=each.issuer, algorithms=each.allowed, jwks_uri=each.jwks_uri, discovery=each.discovery
            )
            keys = IssuerKeys(source, client=self._client, policy=policy, clock=self._clock, emitter=self._emitter)
            self._known[each.issuer] = (each, keys)
        self._runtime: Runtime | None = None

    async def __aenter__(self) -> Self:
        """Fetch the keys of every issuer and start the background work."""
        sets = [keys for _, keys in self._known.values()]
        for outcome in await asyncio.gather(*(keys.load() for keys in sets), return_exceptions=True):
            if isinstance(outcome, StoreUnavailable):
                self._emitter.emit(JobFailed(job="start", detail=outcome.detail))
        jobs = [Job("follow_keys", _KEYS_EVERY, keys.load_when_due, jitter=_KEYS_EVERY / 10) for keys in sets]
        self._runtime = Runtime(jobs, self._emitter)
        self._runtime.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the background work and close every connection."""
        try:
            if self._runtime is not None:
                await self._runtime.stop()
            for _, keys in self._known.values():
                await keys.stop()
        finally:
            await self._client.aclose()

    async def authenticate_foreign(self, text: str) -> ForeignToken:
        """Verify one token of a configured issuer; which one, its own ``iss`` says, and it is checked like the rest.

        Raises:
            RefusedError: with the code that says why.
        """
        try:
            return await self._verify(text)
        except RefusedError as error:
            self._emitter.emit(TokenRefused(code=error.code, detail=error.detail))
            raise

    async def _verify(self, text: str) -> ForeignToken:
        # Looked up among the configured ones, never fetched.
        known = self._known.get(unverified_issuer(text))
        if known is None:
            raise TokenInvalid("its issuer is not configured")
        policy, keys = known
        now = self._clock.now()
        keys.check_age(now)
        try:
            try:
                return verify_foreign(text, policy, keys.keys, now)
            except UnknownKey:
                await keys.look_again()
            return verify_foreign(text, policy, keys.keys, self._clock.now())
        except UnknownKey as error:
            raise TokenInvalid("the issuer does not publish its key") from error
        except JoseError as error:
            raise TokenInvalid(error.detail) from error
