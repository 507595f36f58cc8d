"""Decides, when all is over, whether anybody was wronged."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
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


@dataclass(kw_only=True)
class Evidence:
    """What a judge looks at; all but the lives is what :class:`~tests.faults.lab.stage.Stage` says of it.

    Attributes:
        owners: their lives.
        thieves: their strategies and lives.
        rows: by account.
        faults: of rows.
        log: of the workers.
    """

    owners: Sequence[Life]
    thieves: Sequence[tuple[Strategy, Life]] = ()
    rows: Mapping[str, SessionRow]
    faults: Sequence[str] = ()
    log: str = ""
    rounds: int = 0
    lost: Mapping[str, str] = field(default_factory=dict)
    forgotten: Collection[str] = ()
    fell_back: bool = False
    skewed: bool = False


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
    return weigh(
        Evidence(
            owners=owners,
            thieves=thieves,
            # Everybody signs in once, so an account has one session.
            rows={row.subject: row for row in stage.watch.known.values()},
            faults=stage.watch.faults,
            log=stage.world.log,
            rounds=stage.rounds,
            lost=stage.lost,
            forgotten=stage.forgotten,
            fell_back=stage.fell_back,
            skewed=stage.skewed,
        )
    )


def weigh(evidence: Evidence) -> Verdict:
    """Decide who was wronged."""
    robbed = {life.subject for _, life in evidence.thieves}
    verdict = Verdict(evidence.rounds, broken=list(evidence.faults))
    verdict.lost = [f"{subject} has lost {what}" for subject, what in evidence.lost.items()]
    for life in evidence.owners:
        verdict.refreshes += len(life.outcomes)
        verdict.felt += life.told
        verdict.outcomes.update(life.outcomes)
        if life.told[AFTER_THE_END] and life.subject not in evidence.forgotten:
            verdict.broken.append(f"{life.name} was given tokens after the end of its session")
        row = evidence.rows.get(life.subject)
        _judge_owner(life, row, verdict, robbed=life.subject in robbed, lost=life.subject in evidence.lost)
    for strategy, life in evidence.thieves:
        if life.subject not in evidence.lost:
            _judge_thief(strategy, life, evidence, verdict)
    _find_forks([*evidence.owners, *(life for _, life in evidence.thieves)], verdict)
    if verdict.outcomes["adopted"]:
        verdict.lost.append(f"{verdict.outcomes['adopted']} rotations were lost and taken from their holders again")
    if verdict.felt["internal_error"]:
        verdict.broken.append("the application failed by itself")
    verdict.broken += [f"a worker's log says: {what}" for what in _BAD_WORDS if what in evidence.log]
    return verdict


def _judge_owner(life: Life, row: SessionRow | None, verdict: Verdict, *, robbed: bool, lost: bool) -> None:
    if life.over == "signed_out":
        if not lost and (row is None or row.revoked_reason not in _SIGNED_OUT):
            verdict.broken.append(f"{life.name} signed out, and its row does not say so")
    elif life.over is not None:
        if not robbed and not lost:
            verdict.spurious.append(f"{life.name} was logged out by {life.over}")
    elif row is None or row.revoked_at is not None:
        verdict.broken.append(f"{life.name} is signed in, and its row does not say so")
    elif row.generation != life.generation:
        verdict.broken.append(f"{life.name} holds generation {life.generation}, its row is at {row.generation}")


def _judge_thief(strategy: Strategy, life: Life, evidence: Evidence, verdict: Verdict) -> None:
    # What a store has lost of a session, a thief may get once more; and where clocks differ, one who is late is early.
    more = SessionPolicy().rollback_tolerance if evidence.fell_back else int(evidence.skewed)
    # What was counted against a thief may be lost, or the grace be none: it is caught, though as another.
    # An end that was cut off in the middle is finished by whoever comes next.
    reasons = _CAUGHT if more else (CAUGHT_AS[strategy], EndReason.RESTORED)
    name, row = f"the {life.name} ({strategy})", evidence.rows.get(life.subject)
    if life.over is None or row is None:
        verdict.uncaught.append(f"{name} goes on")
    elif row.revoked_reason not in reasons:
        verdict.uncaught.append(f"{name} was caught as {row.revoked_reason}")
    if len(life.tokens) > MOST_GENERATIONS[strategy] + more:
        verdict.uncaught.append(f"{name} got {len(life.tokens)} generations")


def _find_forks(lives: Sequence[Life], verdict: Verdict) -> None:
    given: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    for life in lives:
        for generation, prints in life.tokens.items():
            given[life.session_id, generation] |= prints
    forked = sorted({session for (session, _), prints in given.items() if len(prints) > 1})
    verdict.forked += [f"session {session} was forked" for session in forked]
