"""One scenario from its beginning to its verdict: owners, thieves, one who leaves, a fault, and quiet rounds."""

from collections.abc import Sequence

from tests.faults.lab.faults import Fault
from tests.faults.lab.judge import Verdict, judge
from tests.faults.lab.stage import Stage, stage
from tests.faults.lab.thief import Strategy
from tests.faults.lab.world import World

MOST_QUIET_ROUNDS = 60
"""Rounds after the last fault in which every thief has to be caught."""


async def play(world: World, faults: Sequence[Fault], *, browsers: int = 6, thieves: int = 1, seed: int = 1) -> Verdict:
    """Play a scenario and judge it.

    Args:
        world: the installation; it may have been played in before.
        faults: what happens, one after the other.
        browsers: honest ones that nobody steals from, with two tabs each.
        thieves: of each strategy.
        seed: of what is left to chance.
    """
    async with stage(world, seed=seed) as it:
        await it.join(browsers, tabs=2)
        robbed = {strategy: await it.join(thieves, tabs=2) for strategy in Strategy}
        leaver = await it.join(1, tabs=1)
        await it.round(3)
        for strategy, names in robbed.items():
            await it.steal(names, strategy)
        await it.leave(leaver)
        for fault in faults:
            await fault(it)
        await _quiet(it)
        return await judge(it)


async def _quiet(it: Stage) -> None:
    for _ in range(MOST_QUIET_ROUNDS):
        await it.round()
        _, thieves = await it.lives()
        if all(life.over for _, life in thieves):
            break
    # Once more, so that everybody has heard of everything.
    await it.round(2)
    await it.knock()
