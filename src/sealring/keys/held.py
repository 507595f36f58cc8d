"""The ring as one process holds it: read on every request, read again when a token names a key that it lacks."""

import asyncio
from typing import Final

from sealring.clock import Clock
from sealring.errors import KeyRingError, SealringError, StoreUnavailable
from sealring.events import KeyDistrusted, KeyRingLoaded, KeyRowRefused, Sink
from sealring.jose import VerificationKey
from sealring.jose.jwk import is_kid
from sealring.keys.authentic import AuthenticRing, KeyStatus, RefusedRow, authenticate
from sealring.keys.port import KeyStore
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.rules import jwks
from sealring.keys.signer import ExternalKeys, Signer
from sealring.keys.wrapping import KeyEncryptionKeys

RELOAD_COOLDOWN: Final = 10.0
"""Seconds during which unknown key ids cause at most one reload."""


class HeldRing:
    """What a process knows of the ring; :meth:`read` comes first.

    Args:
        store: keeps the rows.
        keks: open the rows.
        clock: measures the cool-down.
        events: hears of every ring that was read and every row that was refused.
        cooldown: seconds during which :meth:`reload` asks the store at most once; default 10.
        external: signs with keys that are kept outside of this process; default none.
    """

    def __init__(
        self,
        store: KeyStore,
        keks: KeyEncryptionKeys,
        *,
        clock: Clock,
        events: Sink,
        cooldown: float = RELOAD_COOLDOWN,
        external: ExternalKeys | None = None,
    ) -> None:
        self._store = store
        self._keks = keks
        self._clock = clock
        self._events = events
        self._cooldown = cooldown
        self._external = external
        self._held: AuthenticRing | None = None
        # One reading at a time, so that rings are held in the order in which they were committed.
        self._reading = asyncio.Lock()
        self._reload: asyncio.Task[None] | None = None
        self._reloaded_at: float | None = None
        self._reload_failure = ""

    async def stop(self) -> None:
        """Cut off a reload that is under way, before its store closes; the ring held can still be read."""
        if self._reload is not None:
            self._reload.cancel()
            await asyncio.wait([self._reload])

    @property
    def signer(self) -> Signer:
        """Who signs now.

        Raises:
            KeyRingError: no active key can be used, or the ring was not started.
        """
        ring = self._ring()
        if ring.unsigned:
            raise KeyRingError(ring.unsigned)
        if ring.signing is None:
            why = ring.refused[0].detail if ring.refused else "the store holds no active key"
            raise KeyRingError(f"no active key can be used ({len(ring.refused)} rows refused): {why}")
        return ring.signing

    @property
    def revision(self) -> int:
        """The revision of the ring held; a cache of verified tokens is void when it changes."""
        return self._ring().revision

    @property
    def rows(self) -> tuple[KeyRow, ...]:
        """The authentic rows, for listing."""
        return self._ring().rows

    @property
    def refused(self) -> tuple[RefusedRow, ...]:
        """The rows that were found not authentic at the last load."""
        return self._ring().refused

    def find(self, kid: str) -> KeyStatus | None:
        """Return the key of an id and its state, or None when the ring does not have it."""
        return self._ring().keys.get(kid)

    def resolve_key(self, kid: str) -> VerificationKey | None:
        """Return the verification key of an id, whatever its state: ask :meth:`is_in_use` after the signature."""
        status = self._ring().keys.get(kid)
        return status.key if status else None

    def is_in_use(self, kid: str) -> bool:
        """Tell whether tokens of a key are good: it is announced, active or retiring."""
        status = self._ring().keys.get(kid)
        return status is not None and status.state.verifies

    def jwks(self) -> dict[str, list[dict[str, object]]]:
        """Return the JWK Set to publish: the active, the announced and the retiring keys."""
        return jwks(self._ring().rows)

    async def read(self) -> None:
        """Read the ring as it is now.

        Raises:
            KeyRingError: the store has none.
            StoreUnavailable: the store does not answer; the ring held stays in use.
        """
        await self._read()

    async def reload(self) -> bool:
        """Read the ring again, because a token names a key that it lacks.

        However many requests ask, the store is asked at most once in the cool-down, and they share the answer. The
        ring held stays in use when that fails.

        Returns:
            Whether the ring was read for this call; False within the cool-down.

        Raises:
            StoreUnavailable: the ring could not be read, now or at the last try in the cool-down, so that nobody can
                say whether the key exists.
        """
        if self._reload is None or self._reload.done():
            now = self._clock.now()
            # A clock that was set back must not prolong the cool-down: a negative age counts as over.
            if self._reloaded_at is not None and 0 <= now - self._reloaded_at < self._cooldown:
                self._raise_failure()
                return False
            self._reloaded_at = now
            self._reload_failure = "the key ring could not be reloaded: it was cut off"
            self._reload = asyncio.create_task(self._read_again(), name="sealring key ring reload")
        # Waiting, unlike awaiting, leaves the task alone when this caller is cancelled: others share its answer.
        await asyncio.wait([self._reload])
        self._raise_failure()
        return True

    async def _read(self) -> RingSnapshot:
        async with self._reading:
            snapshot = await self._store.load_ring()
            if not snapshot.rows:
                raise KeyRingError("the store has no key ring: it is made when the application first starts")
            self._hold(snapshot)
            return snapshot

    def _raise_failure(self) -> None:
        if self._reload_failure:
            raise StoreUnavailable(self._reload_failure)

    async def _read_again(self) -> None:
        try:
            await self._read()
        except KeyRingError:
            self._reload_failure = "the store has lost the key ring: the ring held stays in use until a restart"
        except SealringError as error:
            self._reload_failure = f"the key ring could not be reloaded: {error.detail}"
        else:
            self._reload_failure = ""

    def _hold(self, snapshot: RingSnapshot, *, created: bool = False) -> None:
        before = self._held
        ring = self._held = authenticate(snapshot, self._keks, before, self._external)
        for row in ring.refused:
            if before is None or row not in before.refused:
                self._events.emit(
                    KeyRowRefused(key_id=row.kid if is_kid(row.kid) else "not a key id", detail=row.detail)
                )
        for kid, status in ring.keys.items():
            was = before.keys.get(kid) if before else None
            if was and was.state is not status.state is KeyState.DISTRUSTED:
                self._events.emit(KeyDistrusted(key_id=kid, before=was.state, revision=ring.revision))
        if ring.signing and (before is None or before.revision != ring.revision):
            self._events.emit(KeyRingLoaded(revision=ring.revision, active=ring.signing.kid, created=created))

    def _ring(self) -> AuthenticRing:
        if self._held is None:
            raise KeyRingError("the key ring was not started: await its start() first")
        return self._held
