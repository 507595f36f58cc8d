"""The comparison: every strategy through many weeks, as a table in Markdown."""

import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from tests.faults.rivals.life import DAY, HOUR, WEEK, Thief, Week
from tests.faults.rivals.strategies import STRATEGIES, Session

SEED: Final = 20_260_101
HONEST: Final = 300
ROBBED: Final = 40


@dataclass(frozen=True)
class Row:
    """What became of one strategy.

    Attributes:
        name: of the strategy.
        spurious: sessions of 1,000 that were ended within a week although nobody else had touched them.
        dwell: for how many seconds each stolen copy was good, by what the thief does; shortest first.
    """

    name: str
    spurious: int
    dwell: dict[Thief, list[float]]


def compare(*, honest: int = HONEST, robbed: int = ROBBED, seed: int = SEED) -> list[Row]:
    """Let every strategy live through the same weeks.

    Args:
        honest: weeks without a thief.
        robbed: weeks with each kind of thief.
        seed: of everything that is left to chance.
    """
    return [_row(name, make, honest, robbed, seed) for name, make in STRATEGIES.items()]


def _row(name: str, make: Callable[[], Session], honest: int, robbed: int, seed: int) -> Row:
    weeks = [Week(make(), random.Random(f"{seed} {index}")).live() for index in range(honest)]
    dwell: dict[Thief, list[float]] = {}
    for thief in Thief:
        stolen = [Week(make(), random.Random(f"{seed} {thief} {index}"), thief=thief).live() for index in range(robbed)]
        dwell[thief] = sorted(week.dwell for week in stolen if week.stolen)
    return Row(name, round(1_000 * sum(week.is_spurious for week in weeks) / honest), dwell)


def lines(rows: list[Row]) -> Iterator[str]:
    """Yield the table."""
    yield "| strategy | logged out without a cause | comes back later | races the owner | goes first |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for row in rows:
        times = " | ".join(_told(row.dwell[thief]) for thief in Thief)
        yield f"| {row.name} | {row.spurious} | {times} |"


def _told(dwell: list[float]) -> str:
    median, longest = _time(statistics.median(dwell)), _time(dwell[-1])
    return median if median == longest else f"{median}, at most {longest}"


def _time(seconds: float) -> str:
    if seconds >= WEEK - DAY:
        return "to the end"
    if seconds >= HOUR:
        return f"{seconds / HOUR:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 60 else f"{seconds:.0f} s"
