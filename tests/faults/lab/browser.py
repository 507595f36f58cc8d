"""A browser with our client in it, and tabs that know nothing of each other but the cookies: the worst that can be.

Like the client, it keeps one attempt id for each generation, drawn before it is needed, follows the action of each
refusal and nothing else, backs off with jitter and honours Retry-After.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import httpx2

from tests.faults.lab.journal import Life
from tests.running import REFRESH, Visitor

PATIENCE = 90.0
"""Seconds after which a browser that was only ever told to try again counts as stuck."""

WITH_REFRESH_TOKEN = frozenset({"opened", "rotated", "replayed"})

_SHORTEST, _LONGEST = 0.05, 0.8


class Told(NamedTuple):
    """An answer: what to do, and what it says.

    Attributes:
        action: empty for a success, ``asleep`` where the browser sleeps instead of asking again.
        body: of the answer.
    """

    action: str
    body: dict[str, Any]


async def ask(
    visitor: Visitor,
    life: Life,
    chance: random.Random,
    method: str,
    path: str,
    body: Callable[[], object] = lambda: None,
    *,
    nap: bool = False,
) -> Told:
    """Ask until the answer is another than to try again.

    Args:
        visitor: sends; it takes the cookies of the moment each time.
        life: takes note of what is told.
        chance: of the back-off.
        method: of the request.
        path: of the request.
        body: returns what to send, each time anew.
        nap: whether a lost answer ends it.
    """
    failures = 0
    while True:
        retry_after = 0.0
        try:
            answer = await visitor.ask(method, path, body())
        except httpx2.HTTPError:
            life.told["offline"] += 1
            if nap:
                return Told("asleep", {})
        else:
            told = answer.json()
            if answer.status_code == 200:
                return Told("", told)
            life.told[told["code"]] += 1
            if told["action"] != "retry":
                return Told(told["action"], told)
            retry_after = float(answer.headers.get("retry-after", 0))
        failures += 1
        ceiling = min(_LONGEST, _SHORTEST * 2**failures)
        await asyncio.sleep(max(_SHORTEST, chance.random() * ceiling, retry_after))


@dataclass
class Browser:
    """One browser and the session that it has opened.

    Attributes:
        visitor: its cookies.
        life: what it has lived through.
        tabs: that refresh at the same moment.
        random: of its back-off and its attempt ids.
        locks: whether one tab refreshes for all, as with our client in a browser whose locks work.
    """

    visitor: Visitor
    life: Life
    tabs: int
    random: random.Random
    locks: bool = False
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _attempt: str = ""
    _renewals: int = 0

    async def sign_in(self) -> None:
        """Open a session; repeated until there is an answer."""
        told = await self._ask("POST", "/auth/login", {"name": self.life.subject})
        assert not told.action, self.life
        self._take(told.body)

    async def round(self, *, nap: bool) -> None:
        """Refresh in every tab at the same moment, and use the new access token.

        Args:
            nap: whether a tab that loses an answer sleeps instead of asking again.
        """
        # Whoever is signed out tries all the same: a session that has ended is good for nothing.
        self.life.was_over = self.life.over is not None
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(self._tab(nap=nap) for _ in range(self.tabs)))

    async def sign_out(self) -> None:
        """End the session."""
        if not (await self._ask("POST", "/auth/logout")).action:
            self.life.over = "signed_out"

    async def _tab(self, *, nap: bool) -> None:
        if not await self._refresh(nap=nap):
            return
        told = await self._ask("GET", "/me", nap=nap)
        # "Refresh once, then repeat the request once."
        if told.action == "refresh" and await self._refresh(nap=nap):
            told = await self._ask("GET", "/me", nap=nap)
            self.life.told["unhelped"] += told.action == "refresh"
        if told.action == "sign_in":
            self.life.end(told.body["code"])

    async def _refresh(self, *, nap: bool) -> bool:
        """Refresh, and return whether there is a session and somebody awake."""
        asked = self._renewals
        async with self._lock if self.locks else nullcontext():
            if self.locks and self._renewals != asked:
                return True
            return await self._refresh_now(asked, nap=nap)

    async def _refresh_now(self, asked: int, *, nap: bool) -> bool:
        told = await ask(
            self.visitor, self.life, self.random, "POST", "/auth/refresh",
            lambda: {"attempt": self._attempt, "idle_for": 0}, nap=nap,
        )  # fmt: skip
        if not told.action:
            self._take(told.body)
        # Where another tab has refreshed meanwhile, what it was told is newer than this refusal.
        elif told.action != "asleep" and self._renewals == asked:
            self.life.end(told.body["code"])
        return self.life.over is None and told.action != "asleep"

    def _take(self, body: dict[str, Any]) -> None:
        newer = (body["session_id"], int(body["generation"])) != (self.life.session_id, self.life.generation)
        self.life.given(body, self.visitor.cookies.get(REFRESH) if body["outcome"] in WITH_REFRESH_TOKEN else None)
        if newer:
            self._attempt = f"{self.random.getrandbits(128):032x}"
        self._renewals += 1

    async def _ask(self, method: str, path: str, body: object = None, *, nap: bool = False) -> Told:
        return await ask(self.visitor, self.life, self.random, method, path, lambda: body, nap=nap)
