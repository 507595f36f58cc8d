"""A verdict in lines of text."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.lab.judge import Verdict


def report(name: str, verdict: Verdict) -> Iterator[str]:
    """Yield what came of a fault.

    Args:
        name: of the fault.
        verdict: what came of it.
    """
    yield (
        f"{name}: {verdict.rounds} rounds, {verdict.refreshes} refreshes, spurious logouts {len(verdict.spurious)}, "
        f"forked sessions {len(verdict.forked)}, thieves who were not caught {len(verdict.uncaught)}, "
        f"broken rules {len(verdict.broken)}"
    )
    yield f"  given: {_counted(verdict.outcomes)}"
    yield f"  told:  {_counted(verdict.felt)}"
    yield from (f"  lost by the store: {what}" for what in verdict.lost)
    yield from (f"  WRONG: {what}" for what in verdict.wrongs)


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counter.most_common() if count) or "nothing"
