"""The decision about a presented refresh token: one pure function of row, token, sender and time.

Read it as a table, from the top; the first line that fits decides.

    the row is unknown, or the secret is wrong             invalid
    the row is revoked                                     revoked
    now is past the idle or the absolute end               expired_idle, expired_absolute
    another client presents it                             invalid
    a proof by another key; no proof on a bound session    binding_failed (the first ends the session)
    p == generation, settled                               rotated
    p == generation, not settled                           unchanged
    p == generation - 1, same sender, not settled          replayed
    p <  generation otherwise                              reused (the session ends)
    generation < p <= generation + tolerance               adopted
    p further ahead                                        impossible (the session ends)

*Settled* means that the client has shown to have the current generation, and that this was longer ago than the grace.
Until then its predecessor may still come from an honest client whose answer was lost, however late; afterwards only
from somebody who holds an old copy.
"""

import hmac
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sealring.policy import SessionPolicy
from sealring.sessions.record import MAX_GENERATION, EndReason, SessionRow

_STREAK_THAT_IS_SUSPICIOUS = 2


class Outcome(StrEnum):
    """What comes of a presented refresh token."""

    ROTATED = "rotated"
    UNCHANGED = "unchanged"
    REPLAYED = "replayed"
    ADOPTED = "adopted"
    INVALID = "invalid"
    REVOKED = "revoked"
    EXPIRED_IDLE = "expired_idle"
    EXPIRED_ABSOLUTE = "expired_absolute"
    BINDING_FAILED = "binding_failed"
    REUSED = "reused"
    IMPOSSIBLE = "impossible"

    @property
    def gives_tokens(self) -> bool:
        """Whether the client gets an access token."""
        return self in {Outcome.ROTATED, Outcome.UNCHANGED, Outcome.REPLAYED, Outcome.ADOPTED}

    @property
    def gives_refresh_token(self) -> bool:
        """Whether the client gets a refresh token too."""
        return self in {Outcome.ROTATED, Outcome.REPLAYED}


@dataclass(frozen=True, slots=True)
class Sender:
    """Who presents a token, as far as the edge can tell.

    Attributes:
        client_id: the registered client.
        hint: the user-agent family; never an IP address, a lost answer is often a changed network.
        key_thumbprint: of the key that a proof was made with (RFC 9449, RFC 8705), or None.
    """

    client_id: str
    hint: str = ""
    key_thumbprint: str | None = None


@dataclass(frozen=True, slots=True)
class Presented:
    """A refresh token whose MAC is right, and how it came.

    Attributes:
        generation: p.
        secret_hash: SHA-256 of its secret.
        attempt: the client's id for this refresh, or None.
        sender: who presents it.
        active_at: when the user was last active, seconds since the epoch; None moves no idle end.
        key_version: the MAC key version that a successor is made with.
    """

    generation: int
    secret_hash: bytes = field(repr=False)
    attempt: str | None
    sender: Sender
    active_at: float | None
    key_version: int


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do.

    Attributes:
        outcome: what comes of it.
        after: the row to write, conditionally on the row that was read; None when nothing is written.
        end: why the session ends, or None.
        suspicious: whether foreign attempts were replayed in two generations running.
    """

    outcome: Outcome
    after: SessionRow | None = None
    end: EndReason | None = None
    suspicious: bool = False


def is_settled(row: SessionRow, now: float, grace: float) -> bool:
    """Tell whether the predecessor of the current generation can only be a stolen copy.

    Args:
        row: the session.
        now: seconds since the epoch.
        grace: seconds; an age of exactly the grace, or a negative one (clocks differ), counts as inside.
    """
    return row.confirmed_generation >= row.generation and now - row.confirmed_at > grace


def idle_end_after(row: SessionRow, active_at: float | None) -> float:
    """Return the idle end after the user was active: only ever later, never past the absolute end."""
    if active_at is None:
        return row.idle_end
    return max(row.idle_end, min(active_at + row.idle_seconds, row.absolute_end))


def decide(row: SessionRow | None, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
    """Decide about a presented refresh token.

    Args:
        row: the session as it was read, or None.
        presented: the token and its sender.
        now: seconds since the epoch, read before the row.
        policy: grace, tolerance and what a suspicious replay does.

    Returns:
        The decision; the same arguments always give the same one.
    """
    if row is None or not hmac.compare_digest(row.secret_hash, presented.secret_hash):
        return Decision(Outcome.INVALID)
    if row.revoked_at is not None:
        return Decision(Outcome.REVOKED)
    if now >= row.absolute_end:
        return Decision(Outcome.EXPIRED_ABSOLUTE)
    if now >= row.idle_end:
        return Decision(Outcome.EXPIRED_IDLE)
    if presented.sender.client_id != row.client_id:
        # RFC 6749 section 5.2: "issued to another client" is invalid_grant; a mistake is no theft, so nothing ends.
        return Decision(Outcome.INVALID)
    if row.cnf_thumbprint is not None and presented.sender.key_thumbprint != row.cnf_thumbprint:
        wrong_key = presented.sender.key_thumbprint is not None
        return Decision(Outcome.BINDING_FAILED, end=EndReason.BINDING_FAILED if wrong_key else None)
    return _by_generation(row, presented, now, policy)


def _by_generation(row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
    settled = is_settled(row, now, policy.grace.total_seconds())
    ahead = presented.generation - row.generation
    if ahead == 0:
        if settled and row.generation < MAX_GENERATION:
            return Decision(Outcome.ROTATED, after=_rotated(row, presented, now))
        return Decision(Outcome.UNCHANGED, after=_unchanged(row, presented, now))
    if ahead == -1 and not settled and _same_sender(row, presented.sender):
        return _replay(row, presented, now, policy)
    if ahead < 0:
        # RFC 9700 section 4.14.2: a refresh token that was already replaced and comes back is held by two parties.
        return Decision(Outcome.REUSED, end=EndReason.REUSED)
    if ahead <= policy.rollback_tolerance:
        return Decision(Outcome.ADOPTED, after=_adopted(row, presented, now))
    return Decision(Outcome.IMPOSSIBLE, end=EndReason.IMPOSSIBLE_GENERATION)


def _same_sender(row: SessionRow, sender: Sender) -> bool:
    # A bound session has shown its key above; otherwise the user-agent family of the last rotation must agree.
    return row.cnf_thumbprint is not None or sender.hint == row.sender_hint


def _rotated(row: SessionRow, presented: Presented, now: float) -> SessionRow:
    return replace(
        row,
        generation=row.generation + 1,
        rotated_at=now,
        attempt=presented.attempt,
        idle_end=idle_end_after(row, presented.active_at),
        last_seen=max(row.last_seen, now),
        sender_hint=presented.sender.hint,
        key_version=presented.key_version,
    )


def _unchanged(row: SessionRow, presented: Presented, now: float) -> SessionRow:
    rises = presented.generation > row.confirmed_generation
    return replace(
        row,
        confirmed_generation=max(row.confirmed_generation, presented.generation),
        confirmed_at=now if rises else row.confirmed_at,
        idle_end=idle_end_after(row, presented.active_at),
        last_seen=max(row.last_seen, now),
    )


def _adopted(row: SessionRow, presented: Presented, now: float) -> SessionRow:
    return replace(
        row,
        generation=presented.generation,
        rotated_at=now,
        # Whose attempt made this generation is lost with it, so it counts no foreign one.
        attempt=None,
        replay_generation=presented.generation,
        replay_streak=0,
        confirmed_generation=presented.generation,
        confirmed_at=now,
        idle_end=idle_end_after(row, presented.active_at),
        last_seen=max(row.last_seen, now),
        sender_hint=presented.sender.hint,
    )


def _replay(row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
    """Answer with the same successor, and count the replay once per generation when its attempt is a foreign one.

    An honest client repeats the attempt that it stored before sending; a thief cannot know it. One foreign replay can
    be a client that lost its storage, two generations running cannot. A client that never tells an attempt is never
    counted; one side with and the other without are two senders, else a thief would just leave it out.
    """
    after = replace(row, last_seen=max(row.last_seen, now))
    foreign = presented.attempt != row.attempt
    if not foreign or row.replay_generation == row.generation:
        return Decision(Outcome.REPLAYED, after=after)
    follows = row.replay_generation == row.generation - 1
    streak = row.replay_streak + 1 if follows else 1
    after = replace(after, replay_generation=row.generation, replay_streak=streak)
    if streak < _STREAK_THAT_IS_SUSPICIOUS:
        return Decision(Outcome.REPLAYED, after=after)
    if policy.end_on_suspicious_replay:
        return Decision(Outcome.REVOKED, end=EndReason.SUSPICIOUS_REPLAY, suspicious=True)
    return Decision(Outcome.REPLAYED, after=after, suspicious=True)
