"""The key ring of one process: started once, changed by whichever process comes first."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sealring.clock import Clock
from sealring.errors import KeyRingError, SealringError, StoreUnavailable
from sealring.events import KeyRingRewrapped, KeyStateChanged, Sink
from sealring.keys.authentic import AuthenticRing
from sealring.keys.change import carry_out, make_key, rewrapped
from sealring.keys.held import RELOAD_COOLDOWN, HeldRing
from sealring.keys.plan import Cause, Plan, plan, plan_distrust, plan_retirement
from sealring.keys.port import KeyStore
from sealring.keys.record import KeyRow, KeyState, RingSnapshot
from sealring.keys.schedule import Schedule
from sealring.keys.signer import ExternalKeys
from sealring.keys.wrapping import KeyEncryptionKeys

# A lost race means that another process changed the ring, so the loser looks again; nothing changes it this often.
_ATTEMPTS: Final = 10
_FIRST_KEYS: Final = Plan(Cause.SCHEDULE, fresh=(KeyState.ACTIVE, KeyState.ANNOUNCED))


class KeyRing(HeldRing):
    """The ring; :meth:`start` or :meth:`read` comes first.

    Args:
        store: keeps the rows.
        keks: seal and open the rows.
        clock: dates new keys and measures the cool-down.
        events: hears of every ring that was read, every row that was refused and every key that changed its state.
        schedule: when keys move; default the recommendation.
        alg: the algorithm of new keys; those of an existing ring keep their own.
        cooldown: seconds during which :meth:`reload` asks the store at most once; default 10.
        external: makes new keys outside of this process and signs with them; default none, keys are made here.
    """

    def __init__(
        self,
        store: KeyStore,
        keks: KeyEncryptionKeys,
        *,
        clock: Clock,
        events: Sink,
        schedule: Schedule | None = None,
        alg: str = "ES256",
        cooldown: float = RELOAD_COOLDOWN,
        external: ExternalKeys | None = None,
    ) -> None:
        super().__init__(store, keks, clock=clock, events=events, cooldown=cooldown, external=external)
        self._schedule = schedule or Schedule()
        self._alg = alg

    async def start(self) -> None:
        """Load the ring, making it first when the store has none: once, however many processes start together.

        Raises:
            KeyRingError: no active key can be used; the sentence says why and what to do.
            StoreUnavailable: the store does not answer.
        """
        created = False
        for _ in range(_ATTEMPTS):
            async with self._reading:
                snapshot = await self._store.load_ring()
                if snapshot.rows:
                    self._hold(snapshot, created=created)
                    _ = self.signer
                    return
            rows = await self._carried_out(_FIRST_KEYS, (), self._clock.now())
            # A loser of the race finds the winner's ring at the next turn.
            created = await self._store.replace_ring(snapshot.revision, rows)
        raise KeyRingError("the store does not keep the key ring that it acknowledged: check its integrity")

    @property
    def schedule(self) -> Schedule:
        """When keys move."""
        return self._schedule

    # Each of these is a pure plan and one compare-and-swap, so that any process may try and one of them does it.

    async def rotate(self, *, now: float | None = None) -> bool:
        """Read the ring and do what its schedule says is due, if anything.

        Args:
            now: seconds since the epoch; default the clock's.

        Returns:
            Whether this call changed the ring; False when nothing was due, or another process did it first.

        Raises:
            KeyRingError: a row is sealed under a key-encryption key that this process lacks, so that it must not
                change what it cannot read.
            StoreUnavailable: the store or the keeper of external keys does not answer; nothing is changed.
        """
        return await self._change(Cause.SCHEDULE, now)

    async def rotate_early(self, *, force: bool = False, now: float | None = None) -> bool:
        """Let the next key sign at once.

        Args:
            force: also when some verifier may not know the next key yet: until its cached JWKS has run out, it refuses
                the new tokens.
            now: seconds since the epoch; default the clock's.

        Raises:
            KeyRingError: as :meth:`rotate`, and without ``force`` when the next key was announced too late.
            StoreUnavailable: as :meth:`rotate`.
        """
        return await self._change(Cause.FORCED if force else Cause.EARLY, now)

    async def retire(self, kid: str) -> bool:
        """Take a retiring or announced key out of use before its time; the holders of its tokens refresh.

        Returns:
            Whether this call did it; False when the key is out of use already.

        Raises:
            KeyRingError: as :meth:`rotate`, and for a key that is not there or that signs.
            StoreUnavailable: as :meth:`rotate`.
        """
        return await self._apply(lambda ring: plan_retirement(ring.rows, kid), None)

    async def distrust(self, kid: str) -> bool:
        """Shut a key out at once; the waiting key takes its place if it signs.

        This changes the ring alone. :class:`sealring.revocation.distrust.KeyDistruster` tells every process.

        Returns:
            Whether this call did it; False when the key is distrusted already, or not there.

        Raises:
            KeyRingError: as :meth:`rotate`.
            StoreUnavailable: as :meth:`rotate`.
        """
        done = await self._apply(lambda ring: plan_distrust(ring.rows, kid), None)
        # The emergency is over; when no fresh key can be made just now, the schedule makes one later.
        with suppress(SealringError):
            await self.rotate()
        return done

    async def rewrap(self, *, drop_refused: bool = False) -> int:
        """Seal every row under the current key-encryption key, in one step: all rows move, or none.

        Args:
            drop_refused: whether rows that are not authentic leave the ring; default they are an error.

        Returns:
            How many rows were sealed again or dropped.

        Raises:
            KeyRingError: a row cannot be opened.
            StoreUnavailable: the store does not answer; nothing is changed.
        """
        for _ in range(_ATTEMPTS):
            snapshot = await self._read()
            ring = self._ring()
            unused = [row for row in snapshot.rows if row.kid not in ring.keys]
            if unused and not drop_refused:
                raise KeyRingError(f"{len(unused)} rows of the ring cannot be sealed again: {ring.refused[0].detail}")
            if not ring.keys:
                raise KeyRingError("no row of the ring is authentic: this key-encryption key is not the ring's")
            rows = rewrapped(ring.rows, self._keks)
            changed = len(unused) + sum(row not in ring.rows for row in rows)
            if not changed:
                return 0
            if await self._swap(snapshot.revision, rows):
                self._events.emit(KeyRingRewrapped(revision=self.revision, rows=changed, version=self._keks.current))
                return changed
        raise StoreUnavailable("other processes kept changing the key ring")

    async def _change(self, cause: Cause, now: float | None) -> bool:
        at = self._clock.now() if now is None else now
        return await self._apply(lambda ring: plan(ring.rows, at, self._schedule, cause), at)

    async def _apply(self, decide: Callable[[AuthenticRing], Plan | None], now: float | None) -> bool:
        for _ in range(_ATTEMPTS):
            snapshot = await self._read()
            ring = self._ring()
            planned = decide(ring)
            if planned is None:
                return False
            self._check_may(planned, snapshot, ring)
            # Rows that are not authentic are not ours to delete; a stale copy of a key that we know is replaced.
            rows = (*ring.rows, *(row for row in snapshot.rows if row.kid not in ring.keys))
            new = await self._carried_out(planned, rows, self._clock.now() if now is None else now)
            if await self._swap(snapshot.revision, new):
                self._tell(planned, {row.kid: row.state for row in rows}, new)
                return True
        raise StoreUnavailable("other processes kept changing the key ring")

    def _check_may(self, planned: Plan, snapshot: RingSnapshot, ring: AuthenticRing) -> None:
        missing = {row.kek_version for row in snapshot.rows} - self._keks.versions
        if missing:
            raise KeyRingError(
                f"the ring has rows under key-encryption key version {min(missing)}, which is not configured here, so "
                "this process does not change it"
            )
        if not ring.keys:
            raise KeyRingError("no row of the ring is authentic: this key-encryption key is not the ring's")
        kept_outside = self._external is None and any(status.external for status in ring.keys.values())
        if planned.fresh and kept_outside and planned.cause is not Cause.FORCED:
            raise KeyRingError(
                "the keys of this ring are made outside of it, and no external keys are configured here: let the "
                "application do it, or force it to go over to keys of the ring's own"
            )

    async def _carried_out(self, planned: Plan, rows: tuple[KeyRow, ...], now: float) -> tuple[KeyRow, ...]:
        fresh = [await make_key(self._alg, self._external) for _ in planned.fresh]
        return carry_out(planned, rows, fresh, now=now, keks=self._keks)

    async def _swap(self, revision: int, rows: tuple[KeyRow, ...]) -> bool:
        """Replace the ring of a revision and hold the new one; False when another process was quicker."""
        async with self._reading:
            if not await self._store.replace_ring(revision, rows):
                return False
            self._hold(RingSnapshot(revision + 1, rows))
            return True

    def _tell(self, planned: Plan, before: dict[str, KeyState], rows: tuple[KeyRow, ...]) -> None:
        for row in rows:
            if (was := before.get(row.kid)) is not row.state:
                self._events.emit(
                    KeyStateChanged(
                        key_id=row.kid, before=was or "", state=row.state, cause=planned.cause, revision=self.revision
                    )
                )
