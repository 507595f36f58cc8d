"""What the benchmarks of rotation share: sessions that can rotate for ever, clients that do, and a table of ratios."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sealring.sessions.record import Rotation, SessionRow
from sealring.stores.base import Store
from sealring.testing import NOW, make_rotation, make_row

SESSIONS = 4_096
"""In the store; every client has its own share of them."""

SLICE = 1.0
"""Seconds that one contender runs in one round."""

Rotate = Callable[[Rotation], Awaitable[SessionRow | None]]
Turn = Callable[[int], Awaitable[float]]
"""Runs a number of clients for one slice and returns what they got done each second."""


def endless_rows(count: int = SESSIONS) -> list[SessionRow]:
    """Return sessions that count as confirmed in each generation, so that each rotation of theirs applies."""
    return [
        make_row(subject=f"user {index}", confirmed_generation=1_000_000_000, absolute_end=NOW + 1e9, idle_seconds=1e8)
        for index in range(count)
    ]


async def filled(store: Store, rows: Sequence[SessionRow]) -> None:
    """Open all sessions."""
    for start in range(0, len(rows), 500):
        opened = await asyncio.gather(*(store.open_session(row) for row in rows[start : start + 500]))
        assert all(opened)


class Clients:
    """Keeps up with the generations of sessions, and rotates them.

    Args:
        rows: the sessions.
        rotate: what is measured.
    """

    def __init__(self, rows: Sequence[SessionRow], rotate: Rotate) -> None:
        self._next = [make_rotation(row) for row in rows]
        self._rotate = rotate

    async def run(self, clients: int) -> float:
        """Let so many clients rotate for one slice, and return rotations per second."""
        share = len(self._next) // clients
        until = time.perf_counter() + SLICE

        async def client(first: int) -> int:
            done = 0
            while time.perf_counter() < until:
                index = first + done % share
                rotated = await self._rotate(self._next[index])
                assert rotated is not None, "a rotation did not apply"
                # Nobody else has it, and a copy would cost as much as what is measured.
                object.__setattr__(self._next[index], "generation", rotated.generation)
                done += 1
            return done

        started = time.perf_counter()
        done = await asyncio.gather(*(client(number * share) for number in range(clients)))
        return sum(done) / (time.perf_counter() - started)


async def table(title: str, turns: Mapping[str, Turn], rounds: int, *, clients: Sequence[int] = (1, 32)) -> None:
    """Run all contenders by turns and print the medians, and the medians of the ratios over the first one."""
    first = next(iter(turns))
    for number in clients:
        rates: dict[str, list[float]] = {name: [] for name in turns}
        for _ in range(rounds):
            for name, turn in turns.items():
                rates[name].append(await turn(number))
        heading = f"{title}, {number} client{'s' if number > 1 else ''}"
        print(f"\n{heading:<58} {'per second':>10} {'x':>7}")
        for name, results in rates.items():
            ratio = statistics.median(mine / base for mine, base in zip(results, rates[first], strict=True))
            print(f"{name:<58} {statistics.median(results):>10,.0f} {ratio:>7.2f}", flush=True)
