"""Somebody with a copy of a browser's cookies, who looks just like that browser and knows when it refreshes."""

import asyncio
import random
from dataclasses import dataclass
from enum import StrEnum

from tests.faults.lab.browser import PATIENCE, WITH_REFRESH_TOKEN, ask
from tests.faults.lab.journal import Life
from tests.running import REFRESH, Visitor

BEHIND = 2
"""Generations by which a thief who waits lets its copy grow old."""


class Strategy(StrEnum):
    """When a thief presents what it has."""

    LATER = "later"  # once, when the owner is generations ahead
    RACE = "race"  # each time just after the owner, within the grace
    FIRST = "first"  # each time before the owner


@dataclass
class Thief:
    """One thief.

    Attributes:
        visitor: its cookies, a copy at first.
        life: what it has lived through; ``over`` is the refusal that caught it.
        strategy: when it acts.
        random: of its back-off and its attempt ids.
        stolen: the generation of the copy.
    """

    visitor: Visitor
    life: Life
    strategy: Strategy
    random: random.Random
    stolen: int

    async def before(self, generation: int) -> None:
        """Act before the owner, who holds this generation, if that is its way."""
        is_old = generation >= self.stolen + BEHIND
        if self.strategy is Strategy.FIRST or (self.strategy is Strategy.LATER and is_old):
            await self._use()

    async def after(self) -> None:
        """Act after the owner, if that is its way."""
        if self.strategy is Strategy.RACE:
            await self._use()

    async def _use(self) -> None:
        if self.life.over is not None:
            return
        attempt = f"thief-{self.random.getrandbits(64):016x}"
        async with asyncio.timeout(PATIENCE):
            told = await ask(
                self.visitor, self.life, self.random, "POST", "/auth/refresh", lambda: {"attempt": attempt}
            )
        if told.action:
            self.life.end(told.body["code"])
            return
        outcome = told.body["outcome"]
        self.life.given(told.body, self.visitor.cookies.get(REFRESH) if outcome in WITH_REFRESH_TOKEN else None)
