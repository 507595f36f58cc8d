"""The keys of one issuer as one process knows them: fetched, kept, and fetched again, whatever its server does."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sealring.clock import Clock
from sealring.errors import KeyRefused, SealringError, StoreUnavailable
from sealring.events import Emitter, IssuerKeysRead
from sealring.jose import JWK, JWKSet, SkippedKey, VerificationKey
from sealring.jose.jwks import MAX_JWKS_BYTES
from sealring.remote.discovery import Discovery, find_jwks_uri
from sealring.remote.http import HttpAnswer, HttpClient
from sealring.remote.policy import RemotePolicy

# RFC 7517 section 8.5.2 registers the first; most issuers say the second.
_MEDIA_TYPES: Final = frozenset({"application/jwk-set+json", "application/json"})
_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age=(\d{1,9})(?:$|[\s,;])", re.IGNORECASE)
_LEAST_AGE: Final = 30.0
_MOST_AGE: Final = 3600.0
# A clock that was set back by more than this says nothing about the age of keys.
_SET_BACK: Final = 60.0
_REMEMBERED: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySource:
    """Where the keys of an issuer come from, and which of them are taken.

    Attributes:
        issuer: the exact ``iss`` of its tokens.
        algorithms: what its keys may sign with; others are left out.
        jwks_uri: where they are, when it is known; default what its metadata says.
        discovery: where the metadata is.
        by_thumbprint: whether each key must be named by its RFC 7638 thumbprint, as those of a key ring are: then no
            key can ever take another one's name.
    """

    issuer: str
    algorithms: frozenset[str]
    jwks_uri: str | None = None
    discovery: Discovery = Discovery.OAUTH
    by_thumbprint: bool = False


class IssuerKeys:
    """Fetches the keys of one issuer and answers from memory; :meth:`load` comes first.

    Args:
        source: where they come from.
        client: fetches.
        policy: ages and times.
        clock: tells their age.
        emitter: hears of every set that was read.
    """

    def __init__(
        self, source: KeySource, *, client: HttpClient, policy: RemotePolicy, clock: Clock, emitter: Emitter
    ) -> None:
        self._source = source
        self._client = client
        self._policy = policy
        self._clock = clock
        self._emitter = emitter
        self._set = JWKSet(())
        self._in_use: Mapping[str, VerificationKey] = {}
        self._left: dict[str, VerificationKey] = {}
        self._found_uri: str | None = None
        self._etag: str | None = None
        self._fetched_at: float | None = None
        self._max_age = 0.0
        self._flight: asyncio.Task[None] | None = None
        self._looked_at: float | None = None
        self._failure = ""

    @property
    def keys(self) -> JWKSet:
        """The keys in use."""
        return self._set

    def age(self, now: float) -> float | None:
        """Return the seconds since the keys were fetched; None before the first time, or when nobody can say."""
        if self._fetched_at is None or now < self._fetched_at - _SET_BACK:
            return None
        return max(0.0, now - self._fetched_at)

    def resolve_key(self, kid: str) -> VerificationKey | None:
        """Return the key of an id, also one that has left the set: ask :meth:`is_in_use` after the signature."""
        return self._in_use.get(kid) or self._left.get(kid)

    def is_in_use(self, kid: str) -> bool:
        """Tell whether a key stands in the issuer's set."""
        return kid in self._in_use

    def check_age(self, now: float) -> None:
        """Refuse to go on with keys that are too old.

        Raises:
            StoreUnavailable: there are none, or the issuer has not answered for longer than the policy allows.
        """
        age = self.age(now)
        if age is None or age > self._policy.keys_stale_for.total_seconds():
            raise StoreUnavailable("the keys of the issuer are missing or too old, and it does not answer")

    async def load(self) -> None:
        """Fetch the keys now, once for all who ask at the same time.

        Raises:
            StoreUnavailable: there are none to be had; the set held stays in use.
        """
        if self._flight is None or self._flight.done():
            self._failure = "the keys of the issuer could not be fetched: it was cut off"
            self._flight = asyncio.create_task(self._fetch_again(), name="sealring keys of an issuer")
        # Waiting, unlike awaiting, leaves the task alone when this caller is cancelled: others share its answer.
        await asyncio.wait([self._flight])
        self._raise_failure()

    async def load_when_due(self) -> None:
        """Fetch the keys if they are older than the issuer allows, or the last fetch failed.

        Raises:
            StoreUnavailable: see :meth:`load`.
        """
        age = self.age(self._clock.now())
        if age is None or age >= self._max_age or self._failure:
            await self.load()

    async def look_again(self) -> None:
        """Fetch the keys because a token names one that is not there, unless that was done a moment ago.

        Raises:
            StoreUnavailable: the last fetch failed, so that nobody can say whether the key exists.
        """
        if self._flight is None or self._flight.done():
            now = self._clock.now()
            every = self._policy.unknown_key_every.total_seconds()
            # A clock that was set back must not prolong the time: a negative age counts as over.
            if self._looked_at is not None and 0 <= now - self._looked_at < every:
                self._raise_failure()
                return
            self._looked_at = now
        await self.load()

    async def stop(self) -> None:
        """Cut off a fetch that is under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    def _raise_failure(self) -> None:
        if self._failure:
            raise StoreUnavailable(self._failure)

    async def _fetch_again(self) -> None:
        try:
            await self._fetch()
        except SealringError as error:
            self._failure = f"the keys of the issuer could not be fetched: {error.detail}"
            # Perhaps they have moved.
            self._found_uri = None
        else:
            self._failure = ""

    async def _fetch(self) -> None:
        within = self._policy.fetch_within.total_seconds()
        uri = self._source.jwks_uri or self._found_uri
        if uri is None:
            uri = await find_jwks_uri(
                self._client,
                self._source.issuer,
                discovery=self._source.discovery,
                plain_http=self._policy.plain_http,
                within=within,
            )
        asked_at = self._clock.now()
        known = {} if self._etag is None else {"If-None-Match": self._etag}
        answer = await self._client.get(
            uri, media_types=_MEDIA_TYPES, limit=MAX_JWKS_BYTES, within=within, headers=known
        )
        if answer.status == 200:
            self._take(answer)
        elif self._etag is None:
            raise StoreUnavailable("its server says that nothing has changed, but nothing was known")
        self._found_uri = uri
        self._fetched_at = asked_at
        self._max_age = self._allowed_age(answer)

    def _take(self, answer: HttpAnswer) -> None:
        taken, skipped = _usable(JWKSet.from_json(answer.body, algorithms=self._source.algorithms), self._source)
        # An empty set is what a server that is half up says; keys are taken back by the feed, not by silence.
        if not taken:
            raise KeyRefused("the set holds no usable key" + (f": {skipped[0].reason}" if skipped else ""))
        if taken.keys() != self._in_use.keys() or self._fetched_at is None:
            why = skipped[0].reason if skipped else ""
            self._emitter.emit(
                IssuerKeysRead(issuer=self._source.issuer, keys=len(taken), skipped=len(skipped), detail=why)
            )
        verifying = {kid: key.verification_key() for kid, key in taken.items()}
        gone = {kid: key for kid, key in {**self._left, **self._in_use}.items() if kid not in verifying}
        self._left = dict(list(gone.items())[-_REMEMBERED:])
        self._in_use = verifying
        self._set = JWKSet(taken.values(), skipped=skipped)
        self._etag = answer.headers.get("etag")

    def _allowed_age(self, answer: HttpAnswer) -> float:
        said = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        wanted = float(said[1]) if said else self._policy.keys_max_age.total_seconds()
        return min(max(wanted, _LEAST_AGE), _MOST_AGE)


def _usable(published: JWKSet, source: KeySource) -> tuple[dict[str, JWK], tuple[SkippedKey, ...]]:
    """Return the keys that this verifier may use, and every one that it may not with the reason."""
    taken: dict[str, JWK] = {}
    skipped = list(published.skipped)
    for index, key in enumerate(published):
        if why := _complaint(key, source):
            skipped.append(SkippedKey(index, key.kid, why))
        else:
            taken[key.kid or key.thumbprint()] = key
    return taken, tuple(skipped)


def _complaint(key: JWK, source: KeySource) -> str:
    if key.is_symmetric or "verify" not in key.operations:
        return "the key is not one to verify signatures with"
    # RFC 8725 section 3.1: algorithms are allowed for each issuer, not for all together.
    if key.alg not in source.algorithms:
        return "the key is for an algorithm that this issuer may not use"
    if source.by_thumbprint and key.kid != key.thumbprint():
        return "the key is not named by its thumbprint"
    return ""
