"""Drives the decision against a store: one conditional statement, and only if that misses, read, decide, write."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from sealring.clock import Clock
from sealring.errors import (
    BindingFailed,
    RefreshInvalid,
    RefusedError,
    SessionExpiredAbsolute,
    SessionExpiredIdle,
    SessionReused,
    SessionRevoked,
    StoreUnavailable,
    VersionUnknown,
)
from sealring.events import (
    Emitter,
    Event,
    GenerationLost,
    RefreshDecided,
    ReuseDetected,
    SuspiciousReplay,
    VersionUnseen,
)
from sealring.policy import IdleBy, SessionPolicy
from sealring.revocation.denylist import Denylist
from sealring.sessions.decide import Decision, Outcome, Presented, Sender, decide
from sealring.sessions.end import SessionEnder
from sealring.sessions.port import SessionStore
from sealring.sessions.record import MAX_GENERATION, EndReason, Rotation, SessionRow
from sealring.sessions.token import RefreshKeys, RefreshToken, decode, encode

# Each lost round means that somebody else moved the row in between; a third loss in a row is no race any more.
_ROUNDS = 3

_REFUSALS: dict[Outcome, type[RefusedError]] = {
    Outcome.INVALID: RefreshInvalid,
    Outcome.IMPOSSIBLE: RefreshInvalid,
    Outcome.REVOKED: SessionRevoked,
    Outcome.EXPIRED_IDLE: SessionExpiredIdle,
    Outcome.EXPIRED_ABSOLUTE: SessionExpiredAbsolute,
    Outcome.BINDING_FAILED: BindingFailed,
    Outcome.REUSED: SessionReused,
}


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A refresh that gives tokens.

    Attributes:
        outcome: ``rotated``, ``unchanged``, ``replayed`` or ``adopted``.
        row: the session as it is now.
        refresh_token: the successor, or None where the client keeps what it has.
        now: the clock as it was read before the row; ``iat`` of the access token.
    """

    outcome: Outcome
    row: SessionRow
    refresh_token: str | None
    now: float


class Refresher:
    """Answers refresh tokens.

    Args:
        store: where the sessions are.
        keys: the MAC keys.
        policy: grace, tolerance, what counts as use.
        denylist: this process's own; it is asked before the row and before the answer.
        ender: ends a session that the decision condemns.
        clock: read once for each refresh.
        emitter: hears of every outcome.
    """

    def __init__(
        self,
        *,
        store: SessionStore,
        keys: RefreshKeys,
        policy: SessionPolicy,
        denylist: Denylist,
        ender: SessionEnder,
        clock: Clock,
        emitter: Emitter,
    ) -> None:
        self._store = store
        self._keys = keys
        self._policy = policy
        self._denylist = denylist
        self._ender = ender
        self._clock = clock
        self._emitter = emitter

    async def refresh(
        self, text: str, *, sender: Sender, attempt: str | None = None, idle_for: float | None = None
    ) -> Refreshed:
        """Answer one presented refresh token.

        Args:
            text: the token as it came.
            sender: who presents it.
            attempt: the client's id for this refresh, or None.
            idle_for: seconds since the last user input as the client reports them, or None.

        Returns:
            What gives tokens.

        Raises:
            RefusedError: anything else, with the code of its outcome.
        """
        now = self._clock.now()
        token = self._decode(text)
        await self._refuse_denied(token)
        presented = Presented(
            generation=token.generation,
            secret_hash=token.secret_hash,
            attempt=attempt,
            sender=sender,
            active_at=self._active_at(idle_for, now),
            key_version=self._keys.current,
        )
        outcome, row = await self._settled_in_time(token.sid, presented, now)
        # A revoke that this process heard of in the meantime wins, whatever raced.
        await self._refuse_denied(token)
        self._tell(outcome, row, presented)
        return Refreshed(outcome, row, self._successor(outcome, row, token), now)

    def _decode(self, text: str) -> RefreshToken:
        try:
            return decode(text, self._keys)
        except VersionUnknown as error:
            self._emitter.emit(VersionUnseen(kind="refresh_key", version=error.version))
            raise
        except RefreshInvalid as error:
            self._emitter.emit(
                RefreshDecided(outcome="invalid", session_id="", presented=0, generation=0, detail=error.detail)
            )
            raise

    async def _refuse_denied(self, token: RefreshToken) -> None:
        session_id = token.sid.hex()
        if not self._denylist.denies_session(session_id):
            return
        await self._finish_end(token.sid)
        detail = "denied in this process"
        self._emitter.emit(
            RefreshDecided(
                outcome=Outcome.REVOKED,
                session_id=session_id,
                presented=token.generation,
                generation=0,
                detail=detail,
            )
        )
        raise SessionRevoked(detail)

    async def _finish_end(self, sid: bytes) -> None:
        """End a denied session in its row too, where whoever ended it was cut off in between.

        A denial lives no longer than the access tokens, and nobody repeats an end that a refresh brought about: whoever
        would do so is refused here, by the denial.
        """
        with suppress(StoreUnavailable, TimeoutError):
            async with asyncio.timeout(self._policy.store_patience.total_seconds()):
                row = await self._store.read_session(sid)
                if row is not None and row.revoked_at is None:
                    await self._ender.end(sid, EndReason.RESTORED)

    def _active_at(self, idle_for: float | None, now: float) -> float | None:
        if self._policy.idle_by is IdleBy.REFRESH:
            return now
        return None if idle_for is None else now - max(0.0, idle_for)

    async def _settled_in_time(self, sid: bytes, presented: Presented, now: float) -> tuple[Outcome, SessionRow]:
        patience = self._policy.store_patience.total_seconds()
        try:
            # The client has given up by then or is about to; what comes later would be for nobody.
            async with asyncio.timeout(patience):
                return await self._settle(sid, presented, now)
        except TimeoutError as error:
            raise StoreUnavailable(f"the store took longer than {patience:g} seconds") from error

    async def _settle(self, sid: bytes, presented: Presented, now: float) -> tuple[Outcome, SessionRow]:
        rotated = await self._try_hot(sid, presented, now)
        if rotated is not None:
            return Outcome.ROTATED, rotated
        for _ in range(_ROUNDS):
            row = await self._store.read_session(sid)
            decision = decide(row, presented, now, self._policy)
            if row is None or decision.after is None:
                await self._refuse(row, decision, presented)
            elif await self._store.compare_and_swap(row, decision.after):
                if decision.suspicious:
                    self._emitter.emit(_suspicious(row, ended=False))
                return decision.outcome, decision.after
        raise StoreUnavailable("the session changed under three tries in a row")

    async def _try_hot(self, sid: bytes, presented: Presented, now: float) -> SessionRow | None:
        if presented.generation >= MAX_GENERATION:
            return None
        return await self._store.rotate(
            Rotation(
                sid=sid,
                secret_hash=presented.secret_hash,
                client_id=presented.sender.client_id,
                generation=presented.generation,
                cnf_thumbprint=presented.sender.key_thumbprint,
                now=now,
                settled_before=now - self._policy.grace.total_seconds(),
                active_at=presented.active_at,
                attempt=presented.attempt,
                sender_hint=presented.sender.hint,
                key_version=presented.key_version,
            )
        )

    async def _refuse(self, row: SessionRow | None, decision: Decision, presented: Presented) -> NoReturn:
        if row is not None:
            if decision.end is not None:
                await self._ender.end(row.sid, decision.end)
            if decision.outcome is Outcome.REUSED:
                self._emitter.emit(
                    ReuseDetected(
                        subject=row.subject,
                        session_id=row.session_id,
                        presented=presented.generation,
                        generation=row.generation,
                    )
                )
            if decision.suspicious:
                self._emitter.emit(_suspicious(row, ended=True))
            if decision.outcome is Outcome.IMPOSSIBLE:
                self._emitter.emit(_generation_lost(row, presented, adopted=False))
        self._emitter.emit(_decided(decision.outcome, row, presented))
        if decision.end is EndReason.SUSPICIOUS_REPLAY:
            raise SessionReused("foreign attempts were replayed in two generations running")
        raise _REFUSALS[decision.outcome](f"the decision is {decision.outcome}")

    def _tell(self, outcome: Outcome, row: SessionRow, presented: Presented) -> None:
        self._emitter.emit(_decided(outcome, row, presented))
        if outcome is Outcome.ADOPTED:
            self._emitter.emit(_generation_lost(row, presented, adopted=True))

    def _successor(self, outcome: Outcome, row: SessionRow, token: RefreshToken) -> str | None:
        if not outcome.gives_refresh_token:
            return None
        # The row's own key version, not the current one: a replay must give the very same successor.
        return encode(RefreshToken(row.key_version, row.sid, row.generation, token.secret), self._keys)


def _decided(outcome: Outcome, row: SessionRow | None, presented: Presented) -> Event:
    return RefreshDecided(
        outcome=outcome,
        session_id=row.session_id if row else "",
        presented=presented.generation,
        generation=row.generation if row else 0,
    )


def _suspicious(row: SessionRow, *, ended: bool) -> Event:
    return SuspiciousReplay(subject=row.subject, session_id=row.session_id, generation=row.generation, ended=ended)


def _generation_lost(row: SessionRow, presented: Presented, *, adopted: bool) -> Event:
    return GenerationLost(
        subject=row.subject,
        session_id=row.session_id,
        presented=presented.generation,
        generation=row.generation,
        adopted=adopted,
    )
