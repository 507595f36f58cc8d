"""The rule of the server: the library's own ``decide``, and variants of it that must fail.

A variant is the real rule with one thing changed. Each is refuted by a trace, which shows that the thing is needed and
that the model can see it.
"""

from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from sealring.policy import SessionPolicy
from sealring.sessions import Decision, Outcome, Presented, Sender, SessionRow, decide
from sealring.sessions.record import EndReason
from spec.model.world import OLD, POLICY, TICK, UNKNOWN, Row, Token, World

_NOW = 1_000_000.0
_FAR = 1e9
_SENDER = Sender("todo-web", "Firefox")
_SECRET_HASH = bytes(32)


class Verdict(NamedTuple):
    """What comes of a token: the outcome, the row to write or None, why the session ends, the token that is given."""

    outcome: Outcome
    after: Row | None
    end: str
    gives: Token | None


class Rule:
    """The real rule: what the server does with a token, and what the store does with a write."""

    name = "the real rule"
    explanation = "the library's own decision"
    # What the world asks.
    swap_tests_revoked = True
    drops_late_requests = True
    asks_denylist = True
    knows_rotation_time = False

    def __init__(self) -> None:
        self.judge = lru_cache(maxsize=None)(self._judge)

    @property
    def after_login(self) -> World:
        """The state right after a login: nobody has shown yet that its answer arrived."""
        return World(row=Row(rotated_age=0)) if self.knows_rotation_time else World()

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Decide as the library does."""
        return decide(row, presented, now, policy)

    def confirmed(self, row: Row, generation: int, age: int) -> Row:
        """Write that a generation was seen, as every store does (``SessionStore.confirm``)."""
        seen = min(generation, row.generation)
        return row._replace(confirmed=seen, confirmed_age=age) if seen > row.confirmed else row

    def is_settled(self, row: Row) -> bool:
        """Tell whether the predecessor of the current generation can only be a stolen copy."""
        return row.settled

    def successor(self, after: Row, outcome: Outcome) -> Token | None:
        """Return the refresh token that goes with the answer; it is derived, so there is only one of a generation."""
        return Token(after.generation) if outcome.gives_refresh_token else None

    def _judge(self, row: Row, token: Token, attempt: str | None, clock: int) -> Verdict:
        """Decide about a token, ``clock`` ticks after the server has read its clock; cached, because it is pure."""
        presented = Presented(token.generation, _SECRET_HASH, attempt, _SENDER, None, 1)
        decision = self.decide(_session(row), presented, _NOW - clock * TICK, POLICY)
        if decision.after is None:
            return Verdict(decision.outcome, None, decision.end or "", None)
        after = self._row(decision.after)
        return Verdict(decision.outcome, after, decision.end or "", self.successor(after, decision.outcome))

    def _row(self, session: SessionRow) -> Row:
        return Row(
            generation=session.generation,
            attempt=session.attempt,
            confirmed=session.confirmed_generation,
            confirmed_age=int((_NOW - session.confirmed_at) / TICK),
            replay_generation=session.replay_generation,
            replay_streak=session.replay_streak,
            rotated_age=int((_NOW - session.rotated_at) / TICK) if self.knows_rotation_time else UNKNOWN,
        )


def _session(row: Row) -> SessionRow:
    return SessionRow(
        sid=bytes(16), subject="ada", subject_epoch=0, client_id=_SENDER.client_id, secret_hash=_SECRET_HASH,
        key_version=1, generation=row.generation, rotated_at=_NOW - row.rotated_age * TICK, attempt=row.attempt,
        confirmed_generation=row.confirmed, confirmed_at=_NOW - row.confirmed_age * TICK,
        replay_generation=row.replay_generation, replay_streak=row.replay_streak, ep=0, idle_seconds=_FAR,
        idle_end=_FAR, absolute_end=_FAR, persistent=True, revoked_at=_NOW if row.revoked else None,
        revoked_reason=None, cnf_kind=None, cnf_thumbprint=None, sender_hint=_SENDER.hint, auth_time=0.0, amr="pwd",
        scope="", created_at=0.0, last_seen=0.0, device="",
    )  # fmt: skip


class GraceFromRotation(Rule):
    """The grace counts from the rotation."""

    name = "grace from the rotation"
    explanation = "a generation is settled when the grace has passed since it was made, whether or not anybody has it"
    knows_rotation_time = True

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Decide as if every generation had been shown when it was made."""
        shown = replace(row, confirmed_generation=row.generation, confirmed_at=row.rotated_at)
        return decide(shown, presented, now, policy)

    def is_settled(self, row: Row) -> bool:
        """Tell how long ago the generation was made."""
        return row.rotated_age >= OLD


class ConfirmedFlag(Rule):
    """The row says *that* something was seen since the rotation, not which generation."""

    name = "a confirmed flag"
    explanation = "the row keeps a flag that the session was seen since the rotation, not the generation that was seen"

    def confirmed(self, row: Row, generation: int, age: int) -> Row:
        """Write that the present generation was seen, whichever it was."""
        return super().confirmed(row, row.generation, age)


class NextAfterFailover(Rule):
    """After a failover the session goes on one generation after the token that came."""

    name = "generation p + 1 after a failover"
    explanation = "a token from the future of a store that fell back is rotated at once instead of adopted"

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Rotate where the library adopts."""
        decision = decide(row, presented, now, policy)
        if decision.outcome is not Outcome.ADOPTED or decision.after is None:
            return decision
        next_one = replace(decision.after, generation=presented.generation + 1, attempt=presented.attempt)
        return Decision(Outcome.ROTATED, after=next_one)


class BlindSwap(Rule):
    """A write is conditional on the generation only."""

    name = "a swap that does not test revoked"
    explanation = "the write that gives tokens compares the generation and forgets that the session may have ended"
    swap_tests_revoked = False


class SingleUse(Rule):
    """A refresh token is good for one use, whatever became of the answer."""

    name = "strict single use"
    explanation = "a predecessor that comes back is theft, at once"

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Take a predecessor for theft."""
        decision = decide(row, presented, now, policy)
        is_replay = decision.outcome is Outcome.REPLAYED
        return Decision(Outcome.REUSED, end=EndReason.REUSED) if is_replay else decision


class NoAttempts(Rule):
    """Clients draw no ids for their attempts."""

    name = "no attempt ids"
    explanation = "the server cannot tell a retry of the owner from a thief who is quick enough"

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Decide without the attempt."""
        return decide(row, replace(presented, attempt=None), now, policy)


class EndlessReplay(Rule):
    """A predecessor is answered for ever."""

    name = "replay without an end"
    explanation = "a predecessor gets the same successor however long ago that one was confirmed"

    def decide(self, row: SessionRow, presented: Presented, now: float, policy: SessionPolicy) -> Decision:
        """Decide about a predecessor as if its successor had never been shown."""
        open_row = replace(row, confirmed_generation=min(row.confirmed_generation, row.generation - 1))
        return decide(open_row if presented.generation < row.generation else row, presented, now, policy)


class NewSuccessors(Rule):
    """Every replay gets a successor of its own."""

    name = "a new successor for each replay"
    explanation = "within the grace a predecessor is answered with one more new token, and all of them are good"

    def successor(self, after: Row, outcome: Outcome) -> Token | None:
        """Return another token for a replay than for the rotation."""
        return Token(after.generation, int(outcome is Outcome.REPLAYED)) if outcome.gives_refresh_token else None


class LateRequests(Rule):
    """The server works off whatever has piled up, also for clients that have gone."""

    name = "requests of clients that have gone"
    explanation = "a request that waited longer than its client did is carried out all the same"
    drops_late_requests = False


class NoDenylist(Rule):
    """A refresh asks only the row whether the session has ended."""

    name = "no look at the denylist"
    explanation = "a refresh trusts the row alone, also after a failover that lost the logout"
    asks_denylist = False
