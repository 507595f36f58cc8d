"""The process of the clients: ``python -m tests.faults.lab.crowd``, told what to do by lines of JSON.

They are in a process of their own so that whatever happens to the servers, and to the lab that makes it happen, is
nothing but an answer or a lost one to them.
"""

import asyncio
import json
import random
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx2

from tests.faults.lab.browser import PATIENCE, Browser
from tests.faults.lab.journal import Life
from tests.faults.lab.thief import Strategy, Thief
from tests.running import Visitor


class Crowd:
    """Every browser and every thief.

    Args:
        http: shared by all; keeps no cookies.
        origin: of the application.
        seed: of everything that is left to chance here.
    """

    def __init__(self, http: httpx2.AsyncClient, origin: str, seed: int) -> None:
        self._http = http
        self._origin = origin
        self._random = random.Random(seed)
        self._browsers: dict[str, Browser] = {}
        self._thieves: dict[str, Thief] = {}

    async def join(self, *, names: list[str], tabs: int) -> None:
        """Sign new browsers in."""
        new = {name: self._browser(name, tabs) for name in names}
        await asyncio.gather(*(browser.sign_in() for browser in new.values()))
        self._browsers |= new

    async def steal(self, *, names: list[str], strategy: str) -> None:
        """Copy the cookies of browsers."""
        for name in names:
            life = Life(f"thief of {name}", name)
            owner = self._browsers[name]
            copy = owner.visitor.copy()
            self._thieves[name] = Thief(copy, life, Strategy(strategy), self._chance(), owner.life.generation)

    async def leave(self, *, names: list[str]) -> None:
        """Sign browsers out; whatever they do afterwards, they do with the cookies that they had."""
        for name in names:
            browser = self._browsers[name]
            kept = dict(browser.visitor.cookies)
            await browser.sign_out()
            browser.visitor.cookies = kept

    async def round(self, *, nap: bool) -> None:
        """Let everybody act once, all at the same time."""
        await asyncio.gather(*(self._act(name, nap=nap) for name in self._browsers))

    async def use_locks(self, *, locks: bool) -> None:
        """Let the tabs of each browser refresh one for all, or each for itself."""
        for browser in self._browsers.values():
            browser.locks = locks

    async def knock(self, *, times: int, forgotten: list[str]) -> None:
        """Wait until the access tokens of everybody whose session is over are refused so many times running.

        Args:
            times: more than there are processes.
            forgotten: accounts whose end the store has lost.
        """
        everybody: list[Browser | Thief] = [*self._browsers.values(), *self._thieves.values()]
        for each in everybody:
            if each.life.subject in forgotten:
                continue
            async with asyncio.timeout(PATIENCE):
                refusals = 0
                while each.life.over is not None and refusals < times:
                    # A connection of its own each time, so that it is another process that answers.
                    try:
                        answer = await each.visitor.ask("GET", "/me", headers={"Connection": "close"})
                    except httpx2.HTTPError:
                        continue  # no answer says nothing
                    refusals = refusals + 1 if answer.status_code == 401 else 0

    async def lives(self) -> dict[str, list[dict[str, Any]]]:
        """Return what everybody has lived through."""
        return {
            "owners": [browser.life.to_json() for browser in self._browsers.values()],
            "thieves": [{"strategy": each.strategy, **each.life.to_json()} for each in self._thieves.values()],
        }

    async def _act(self, name: str, *, nap: bool) -> None:
        thief, browser = self._thieves.get(name), self._browsers[name]
        if thief is not None:
            await thief.before(browser.life.generation)
        await browser.round(nap=nap)
        if thief is not None:
            await thief.after()

    def _browser(self, name: str, tabs: int) -> Browser:
        return Browser(Visitor(self._http, self._origin), Life(name, name), tabs, self._chance())

    def _chance(self) -> random.Random:
        return random.Random(self._random.getrandbits(64))


async def main(origin: str, seed: int) -> None:
    """Obey the lines that come in, and answer each with one line."""
    limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
    loop = asyncio.get_running_loop()
    async with httpx2.AsyncClient(timeout=10, limits=limits) as http:
        crowd = Crowd(http, origin, seed)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            order: dict[str, Any] = json.loads(line)
            act: Callable[..., Awaitable[Any]] = getattr(crowd, order.pop("do"))
            result = await act(**order)
            sys.stdout.write(json.dumps({"done": result}) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
