"""Decides, when all is over, whether anybody was wronged."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from sealring.policy import SessionPolicy
from sealring.sessions import EndReason, SessionRow
from tests.faults.lab.journal import AFTER_THE_END, Life
from tests.faults.lab.stage import Stage
from tests.faults.lab.thief import Strategy

CAUGHT_AS: Final = {
    Strategy.LATER: EndReason.REUSED,
    Strategy.RACE: EndReason.SUSPICIOUS_REPLAY,
    Strategy.FIRST: EndReason.SUSPICIOUS_REPLAY,
}
"""Why the session of a thief ends, by its strategy."""

_CAUGHT: Final = (EndReason.REUSED, EndReason.SUSPICIOUS_REPLAY, EndReason.RESTORED)

MOST_GENERATIONS: Final = {Strategy.LATER: 0, Strategy.RACE: 1, Strategy.FIRST: 2}
"""Generations of refresh tokens that a thief gets at most, by its strategy."""


_SIGNED_OUT: Final = (EndReason.LOGOUT, EndReason.RESTORED)

# What the driver of PostgreSQL logs about connections that it could not restore is not among them.
_BAD_WORDS: Final = ("Unhandled exception", "Exception in ASGI application", "was never retrieved", "was never awaited")


@dataclass
class Verdict:
    """What came of a lab.

    Attributes:
        rounds: that were played.
        refreshes: that were answered with tokens.
        felt: how often owners were told which code, or nothing at all (``offline``).
        outcomes: of the owners' refreshes.
        spurious: owners who were logged out without a cause.
        forked: sessions that had two different refresh tokens of one generation.
        uncaught: thieves who were not caught as they should.
        broken: rows that broke a rule, and everything else that may not be.
        lost: what the store itself has lost.
    """

    rounds: int
    refreshes: int = 0
    felt: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    spurious: list[str] = field(default_factory=list)
    forked: list[str] = field(default_factory=list)
    uncaught: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    @property
    def wrongs(self) -> list[str]:
        """Everything that may not be, in sentences; empty when all is well."""
        return [*self.spurious, *self.forked, *self.uncaught, *self.broken]


async def judge(stage: Stage) -> Verdict:
    """Hold what everybody was told against the rows, when a last round is over."""
    owners, thieves = await stage.lives()
    # Everybody signs in once, so an account has one session.
    rows = {row.subject: row for row in stage.watch.known.values()}
    robbed = {life.subject for _, life in thieves}
    # What a store has lost of a session, a thief may get once more; and where clocks differ, one who is late is early.
    more = SessionPolicy().rollback_tolerance if stage.fell_back else int(stage.skewed)
    verdict = Verdict(stage.rounds, broken=list(stage.watch.faults))
    verdict.lost = [f"{subject} has lost {what}" for subject, what in stage.lost.items()]
    for life in owners:
        verdict.refreshes += len(life.outcomes)
        verdict.felt += life.told
        verdict.outcomes.update(life.outcomes)
        if life.told[AFTER_THE_END] and life.subject not in stage.forgotten:
            verdict.broken.append(f"{life.name} was given tokens after the end of its session")
        _judge_owner(life, rows.get(life.subject), verdict, robbed=life.subject in robbed, lost=stage.lost)
    for strategy, life in thieves:
        if life.subject not in stage.lost:
            # What was counted against a thief may be lost, or the grace be none: it is caught, though as another.
            reasons = _CAUGHT if stage.fell_back or stage.skewed else (CAUGHT_AS[strategy],)
            _judge_thief(f"{life.name} ({strategy})", life, rows.get(life.subject), verdict, reasons)
            if len(life.tokens) > MOST_GENERATIONS[strategy] + more:
                verdict.uncaught.append(f"the {life.name} ({strategy}) got {len(life.tokens)} generations")
    _find_forks([*owners, *(life for _, life in thieves)], verdict)
    if verdict.outcomes["adopted"]:
        verdict.lost.append(f"{verdict.outcomes['adopted']} rotations were lost and taken from their holders again")
    if verdict.felt["internal_error"]:
        verdict.broken.append("the application failed by itself")
    verdict.broken += [f"a worker's log says: {what}" for what in _BAD_WORDS if what in stage.world.log]
    return verdict


def _judge_owner(life: Life, row: SessionRow | None, verdict: Verdict, *, robbed: bool, lost: dict[str, str]) -> None:
    if life.over == "signed_out":
        if life.subject not in lost and (row is None or row.revoked_reason not in _SIGNED_OUT):
            verdict.broken.append(f"{life.name} signed out, and its row does not say so")
    elif life.over is not None:
        if not robbed and life.subject not in lost:
            verdict.spurious.append(f"{life.name} was logged out by {life.over}")
    elif row is None or row.revoked_at is not None:
        verdict.broken.append(f"{life.name} is signed in, and its row does not say so")
    elif row.generation != life.generation:
        verdict.broken.append(f"{life.name} holds generation {life.generation}, its row is at {row.generation}")


def _judge_thief(
    name: str, life: Life, row: SessionRow | None, verdict: Verdict, reasons: Collection[EndReason]
) -> None:
    if life.over is None or row is None:
        verdict.uncaught.append(f"the {name} goes on")
    elif row.revoked_reason not in reasons:
        verdict.uncaught.append(f"the {name} was caught as {row.revoked_reason}")


def _find_forks(lives: Sequence[Life], verdict: Verdict) -> None:
    given: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for life in lives:
        for generation, prints in life.tokens.items():
            given[life.session_id, generation] |= prints
    forked = sorted({session for (session, _), prints in given.items() if len(prints) > 1})
    verdict.forked += [f"session {session} was forked" for session in forked]
