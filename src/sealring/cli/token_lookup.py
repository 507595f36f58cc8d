"""Asks the configured installation about a token: the state of its key, and, when told to, whether it is good."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sealring.access import AccessTokenVerifier, NoClaims
from sealring.clock import Clock
from sealring.errors import ConfigurationError, RefusedError, SealringError, UnknownKey
from sealring.events import Emitter
from sealring.keys.ring import KeyRing
from sealring.revocation.denylist import Denylist
from sealring.revocation.follower import FeedFollower
from sealring.settings import SealringSettings, load_settings
from sealring.stores import open_store
from sealring.stores.base import Store


@dataclass(frozen=True, slots=True)
class Lookup:
    """What an installation knows about a token.

    Attributes:
        key: the state of its key, or why that is not known.
        verified: True or False when it was verified, None when it was not.
        code: why it was refused, a code of ``spec/error-codes.json``; empty when it was not.
        detail: the same in words.
    """

    key: str
    verified: bool | None = None
    code: str = ""
    detail: str = ""


class _Unread:
    """Stands for the application's claims, whose model only the application knows."""

    def read(self, version: int, values: Mapping[str, object]) -> NoClaims:
        return NoClaims()


async def look_up(kid: str | None, clock: Clock) -> Lookup:
    """Look up the state of a key, if settings and store are there; nothing is made that is not.

    Args:
        kid: what the header names, or None.
        clock: tells the time.
    """
    try:
        settings = load_settings()
        async with _existing_store(settings) as store:
            ring = await _ring(settings, store, clock)
            return Lookup(_state(ring, kid))
    except SealringError as error:
        return Lookup(f"not looked up: {error.detail}")


async def verify(text: str, kid: str | None, clock: Clock) -> Lookup:
    """Verify an access token as the application would, apart from the application's own claims.

    Args:
        text: the compact JWS.
        kid: what its header names, or None.
        clock: tells the time.

    Raises:
        SealringError: settings, store or key ring are not there, so that nothing can be said.
    """
    settings = load_settings()
    async with _existing_store(settings) as store:
        ring = await _ring(settings, store, clock)
        denylist = Denylist()
        await FeedFollower(store=store, denylist=denylist, clock=clock, emitter=Emitter()).catch_up()
        verifier = AccessTokenVerifier(
            policy=settings.policy(),
            claims=_Unread(),
            resolve_key=ring.resolve_key,
            is_in_use=ring.is_in_use,
            denylist=denylist,
        )
        state = _state(ring, kid)
        try:
            verifier.verify(text, clock.now())
        except UnknownKey:
            return Lookup(state, verified=False, code="token_invalid", detail="nobody knows its key")
        except RefusedError as error:
            return Lookup(state, verified=False, code=error.code, detail=error.detail)
        return Lookup(state, verified=True)


def _existing_store(settings: SealringSettings) -> Store:
    # Looking at a token must not leave an empty database behind.
    path = settings.store.removeprefix("sqlite:///")
    if settings.store == "memory:":
        raise ConfigurationError("the memory store belongs to the process of the application alone")
    if path != settings.store and not Path(path).exists():
        raise ConfigurationError("the store is not there yet: it is made when the application first starts")
    return open_store(settings.store)


async def _ring(settings: SealringSettings, store: Store, clock: Clock) -> KeyRing:
    if not (await store.load_ring()).rows:
        raise ConfigurationError("there is no key ring yet: it is made when the application first starts")
    ring = KeyRing(store, settings.key_encryption(), clock=clock, events=Emitter())
    await ring.start()
    return ring


def _state(ring: KeyRing, kid: str | None) -> str:
    status = ring.find(kid) if kid is not None else None
    return str(status.state) if status is not None else "unknown to this key ring"
