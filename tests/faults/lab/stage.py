"""Where a fault happens: rounds of traffic, with time passing between them, and every row looked at after each.

A round is over when everybody has got an answer, however long that takes. So what one round leaves in flight never
reaches into the next one, and the clock can move by more than the grace in between without making anybody late.
"""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sealring.errors import StoreUnavailable
from sealring.sessions import EndReason
from sealring.stores import open_store
from tests.faults.lab.journal import Life
from tests.faults.lab.thief import Strategy
from tests.faults.lab.watch import Watch
from tests.faults.lab.world import World
from tests.running import ROOT

BETWEEN_ROUNDS = 25.0
"""Seconds that pass between two rounds: more than the grace, so that what was confirmed settles."""

_ANSWER_WITHIN = 150.0


@dataclass
class Stage:
    """One installation with its clients.

    Attributes:
        world: the installation.
        crowd: the process of the clients.
        mark: begins every name, so that an installation can be played in again.
        watch: looks at the rows.
        rounds: that were played.
        lost: whose session or end the store itself has lost.
        forgotten: of those, whose end not every process remembers.
        fell_back: whether the store has lost anything.
        skewed: whether the clocks of two processes have differed by more than the grace.
        names: of all browsers.
        watching: whether rows are looked at.
    """

    world: World
    crowd: asyncio.subprocess.Process
    mark: str = field(default_factory=lambda: secrets.token_hex(3))
    watch: Watch = field(default_factory=Watch)
    rounds: int = 0
    lost: dict[str, str] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    fell_back: bool = False
    skewed: bool = False
    names: list[str] = field(default_factory=list)
    watching: bool = True

    async def join(self, number: int, *, tabs: int) -> list[str]:
        """Sign in so many browsers more, and return their names."""
        begin = len(self.names)
        new = [f"{self.mark}-{index}" for index in range(begin, begin + number)]
        self.names += new
        await self._order(do="join", names=new, tabs=tabs)
        return new

    async def steal(self, names: Sequence[str], strategy: Strategy) -> None:
        """Let somebody copy the cookies of browsers."""
        await self._order(do="steal", names=list(names), strategy=strategy)

    async def leave(self, names: Sequence[str]) -> None:
        """Sign browsers out; from then on they try with the cookies that they had."""
        await self._order(do="leave", names=list(names))

    async def round(self, number: int = 1, *, nap: bool = False) -> None:
        """Play some rounds, with time passing after each."""
        for _ in range(number):
            await self._order(do="round", nap=nap)
            self.rounds += 1
            await self.look()
            self.world.clock.advance(BETWEEN_ROUNDS)

    async def use_locks(self, *, locks: bool) -> None:
        """Let the tabs of each browser refresh one for all, or each for itself."""
        await self._order(do="use_locks", locks=locks)

    async def knock(self) -> set[str]:
        """Wait until every process refuses the access tokens of all whose session is over, and return their names."""
        await self._order(do="knock", times=2 * len(self.world.workers), forgotten=sorted(self.forgotten))
        return await self._over()

    async def _over(self) -> set[str]:
        owners, thieves = await self.lives()
        return {life.subject for life in (*owners, *(life for _, life in thieves)) if life.over is not None}

    async def under_traffic(self, action: Awaitable[Any]) -> None:
        """Do something while rounds are played, and play one more when it is done."""
        task = asyncio.ensure_future(action)
        try:
            while not task.done():
                await self.round()
        finally:
            await task
        await self.round()

    async def look(self) -> None:
        """Hold every row against what it was; a store that is down is looked at after the next round."""
        if not self.watching:
            return
        with suppress(StoreUnavailable):
            async with open_store(self.world.engine.url()) as store:
                for name in self.names:
                    self.watch.see(name, await store.list_sessions(name), self.world.clock.now())
                for sid in self.watch.known:
                    self.watch.look(sid, await store.read_session(sid))

    async def fall_back(self) -> None:
        """Let the store fall back to the state that was marked, and name what it has lost."""
        known = await self.knock()
        self.watching, self.fell_back = False, True
        await self.under_traffic(self.world.fall_back())
        new = await self._over() - known
        async with open_store(self.world.engine.url()) as store:
            rows = {sid: await store.read_session(sid) for sid in self.watch.known}
        for before in self.watch.known.values():
            row = rows[before.sid]
            if row is None:
                self.lost[before.subject] = "its session"
            elif row.revoked_reason == EndReason.IMPOSSIBLE_GENERATION:
                self.lost[before.subject] = "more rotations than it may"
            elif before.subject in known | new and row.revoked_at is None:
                self.lost[before.subject] = "its end"
                # An end that not every process had heard of before it was lost, or whose processes are lost as well.
                if before.subject in new or self.world.engine.embedded:
                    self.forgotten.add(before.subject)
        self.watch.begin_anew(row for row in rows.values() if row is not None)
        self.watching = True

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that the proxies count."""
        async with asyncio.timeout(_ANSWER_WITHIN):
            while not condition():
                await asyncio.sleep(0.005)

    async def lives(self) -> tuple[list[Life], list[tuple[Strategy, Life]]]:
        """Return the lives of the owners and of the thieves."""
        told = await self._order(do="lives")
        thieves = [(Strategy(each.pop("strategy")), Life.from_json(each)) for each in told["thieves"]]
        return [Life.from_json(each) for each in told["owners"]], thieves

    async def _order(self, **order: object) -> Any:
        assert self.crowd.stdin is not None
        assert self.crowd.stdout is not None
        self.crowd.stdin.write(json.dumps(order).encode() + b"\n")
        async with asyncio.timeout(_ANSWER_WITHIN):
            line = await self.crowd.stdout.readline()
        assert line, f"the clients have died\n{self.world.log}"
        return json.loads(line)["done"]


@asynccontextmanager
async def stage(world: World, *, seed: int = 1) -> AsyncIterator[Stage]:
    """Give an installation clients, in a process of their own, for the length of a block."""
    crowd = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.lab.crowd", world.origin, str(seed), cwd=ROOT,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**26,
    )  # fmt: skip
    try:
        yield Stage(world, crowd)
    finally:
        if crowd.returncode is None:
            crowd.kill()
        await crowd.wait()
