"""What is done to a running installation. Each fault plays the rounds in which it happens."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from tests.faults.lab.stage import Stage
from tests.faults.lab.workers import Worker
from tests.faults.lab.world import key

EIGHT_HOURS: Final = 8 * 3_600.0
FIVE_MINUTES: Final = 300.0

Fault = Callable[[Stage], Awaitable[None]]


async def kill_workers(stage: Stage) -> None:
    """Kill one process of the application after the other while refreshes are under way."""
    for worker in stage.world.workers:
        await stage.under_traffic(_kill(stage, worker))


async def _kill(stage: Stage, worker: Worker) -> None:
    await stage.until(lambda: stage.world.front.waiting > 0)
    await asyncio.to_thread(worker.kill)
    await asyncio.to_thread(worker.start)


async def restart_store(stage: Stage) -> None:
    """Stop the server while refreshes are under way, and start it again."""

    async def action() -> None:
        await stage.until(lambda: stage.world.front.waiting > 0)
        await asyncio.to_thread(stage.world.engine.restart)

    await stage.under_traffic(action())


async def kill_store(stage: Stage) -> None:
    """Kill the server, and start it again when its absence was felt."""
    await _outage(stage, stage.world.engine.kill, stage.world.engine.start)


async def hang_store(stage: Stage) -> None:
    """Stop the server's processes so that its connections stay open and say nothing."""
    await _outage(stage, stage.world.engine.hang, stage.world.engine.go_on)


async def _outage(stage: Stage, begin: Callable[[], None], end: Callable[[], None]) -> None:
    front = stage.world.front

    async def action() -> None:
        await stage.until(lambda: front.waiting > 0)
        before = front.unavailable
        await asyncio.to_thread(begin)
        try:
            await stage.until(lambda: front.unavailable >= before + 5)
        finally:
            await asyncio.to_thread(end)

    await stage.under_traffic(action())


async def lose_answers(stage: Stage) -> None:
    """Cut connections between client and application when the application has committed and answers."""
    front = stage.world.front
    front.cut_answers(3 * len(stage.names), every=3)
    while front.left_to_cut:
        await stage.round()


async def lose_commits(stage: Stage) -> None:
    """Cut connections between application and store when the store has committed and answers."""
    back = stage.world.back
    assert back is not None
    back.cut_answers(12, every=9)
    while back.left_to_cut:
        await stage.round()


async def sleep(stage: Stage) -> None:
    """Let whoever loses an answer sleep for eight hours before asking again."""
    for _ in range(2):
        # Until a round that rotates: whose answer is lost then holds a token that is a generation behind.
        stage.world.front.cut_answers(2 * len(stage.names), every=2)
        await stage.round(2, nap=True)
        stage.world.front.cut_answers(0)
        stage.world.clock.advance(EIGHT_HOURS)
        await stage.round(3)


async def fall_back(stage: Stage) -> None:
    """Fail over to a copy of the store that lacks the last acknowledged rotations."""
    await asyncio.to_thread(stage.world.engine.mark)
    await stage.round(2)
    await stage.leave(stage.names[:1])
    await stage.fall_back()


async def fall_far_back(stage: Stage) -> None:
    """Fail over to a copy that lacks more rotations than the store may lose."""
    await asyncio.to_thread(stage.world.engine.mark)
    await stage.round(12)
    await stage.fall_back()


async def roll_keys(stage: Stage) -> None:
    """Bring in a new version of the MAC key, one process at a time: first all can read it, then they write it."""
    both = {"SEALRING_REFRESH_KEYS": f"{key(1)},{key(2)}"}
    for in_use in ("1", "2"):
        for worker in stage.world.workers:
            await stage.under_traffic(stage.world.restart(worker, {**both, "SEALRING_REFRESH_KEY_IN_USE": in_use}))
    await stage.round(4)


async def wrong_clock(stage: Stage) -> None:
    """Make the clock of one process five minutes fast, and then five minutes slow.

    Clocks that differ by more than the grace leave the server none of it, so here the tabs of a browser refresh one for
    all, as those of our client do.
    """
    stage.skewed = True
    await stage.use_locks(locks=True)
    for seconds in (FIVE_MINUTES, -FIVE_MINUTES, 0.0):
        stage.world.clock.shift(1, seconds)
        await stage.round(6)
    # What the fast clock has written settles only when the others have come there.
    stage.world.clock.advance(FIVE_MINUTES)
    await stage.round(4)
    await stage.use_locks(locks=False)


EVERYWHERE: Final[dict[str, Fault]] = {
    "kill_workers": kill_workers,
    "hang_store": hang_store,
    "lose_answers": lose_answers,
    "sleep": sleep,
    "fall_back": fall_back,
    "roll_keys": roll_keys,
    "wrong_clock": wrong_clock,
}
"""Faults that every engine knows."""

WITH_A_SERVER: Final[dict[str, Fault]] = {
    "restart_store": restart_store,
    "kill_store": kill_store,
    "lose_commits": lose_commits,
}
"""Faults that need a store with a server of its own."""


def faults_of(engine: str) -> dict[str, Fault]:
    """Return the faults that an engine knows."""
    return EVERYWHERE if engine == "sqlite" else EVERYWHERE | WITH_A_SERVER
