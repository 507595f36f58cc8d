"""Plays operations against each other in every order: each stops before every call of the store, one goes on at a time.

What an operation does between two calls of the store nobody else can see or disturb, so the orders of the calls are all
the orders that there are. They are found by playing: whenever several operations could go on, each of them is the next
one in some run.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

from sealring.errors import RefusedError
from sealring.stores.base import Store
from tests.gated import GatedStore

PATIENCE = 60.0
NEVER = 1_000_000

_actor: ContextVar["Actor | None"] = ContextVar("actor", default=None)


class StagedStore(GatedStore):
    """A real store before whose every call the operations of a run stop; whoever is no part of a run passes."""

    def __init__(self, inner: Store) -> None:
        super().__init__(inner)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.inner, name)
        if not inspect.iscoroutinefunction(member):
            return member

        async def call(*args: Any, **named: Any) -> Any:
            await stop(name)
            return await member(*args, **named)

        return call


async def stop(before: str) -> None:
    """Stop here until it is this operation's turn.

    Args:
        before: what comes next.
    """
    actor = _actor.get()
    if actor is not None:
        await actor.stop(before)


class Actor:
    """One operation of a run."""

    def __init__(self, name: str, operation: Callable[[], Awaitable[Any]]) -> None:
        self.name = name
        self.next = ""
        self._operation = operation
        self._stands, self._goes = asyncio.Event(), asyncio.Event()
        self.task: asyncio.Task[Any] | None = None

    async def begin(self) -> None:
        """Run until the first stop."""
        self.task = asyncio.create_task(self._play())
        await self._until_it_stands()

    async def go_on(self) -> None:
        """Run to the next stop, or to the end."""
        self._stands.clear()
        self._goes.set()
        await self._until_it_stands()

    async def stop(self, before: str) -> None:
        """Stand still until it goes on."""
        self.next = before
        self._stands.set()
        await self._goes.wait()
        self._goes.clear()

    @property
    def is_done(self) -> bool:
        """Whether it has come to its end."""
        return self.task is not None and self.task.done()

    async def _play(self) -> Any:
        _actor.set(self)
        try:
            return await self._operation()
        except RefusedError as error:
            return error

    async def _until_it_stands(self) -> None:
        assert self.task is not None
        standing = asyncio.create_task(self._stands.wait())
        await asyncio.wait([self.task, standing], timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        assert standing.done() or self.task.done(), f"{self.name} hangs after {self.next}"
        standing.cancel()


@dataclass
class Run:
    """One order, and what came of it.

    Attributes:
        order: who did what, one call after the other; an operation's end is a call named ``end``.
        results: the results of the operations by their names; an error of ours is a result.
    """

    order: list[tuple[str, str]] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)

    def at(self, name: str, what: str) -> int:
        """Return when an operation did something; :data:`NEVER` if it did not."""
        return self.order.index((name, what)) if (name, what) in self.order else NEVER

    def __str__(self) -> str:
        return " → ".join(f"{name}: {what}" for name, what in self.order) + f" ⇒ {self.results}"


Cast = Sequence[tuple[str, Callable[[], Awaitable[Any]]]]


async def every_order(prepare: Callable[[], Awaitable[Cast]]) -> AsyncIterator[Run]:
    """Play all orders, one run after the other.

    Args:
        prepare: makes the stage for a run, and returns its operations by their names; the same ones each time.
    """
    prefix: list[int] | None = []
    while prefix is not None:
        run, choices = await _played([Actor(*each) for each in await prepare()], prefix)
        yield run
        prefix = _following(choices)


async def _played(actors: Sequence[Actor], prefix: Sequence[int]) -> tuple[Run, list[tuple[int, list[int]]]]:
    run = Run()
    choices: list[tuple[int, list[int]]] = []
    for actor in actors:
        await actor.begin()
    while possible := [index for index, actor in enumerate(actors) if not actor.is_done]:
        chosen = prefix[len(choices)] if len(choices) < len(prefix) else possible[0]
        choices.append((chosen, possible))
        actor = actors[chosen]
        run.order.append((actor.name, actor.next))
        await actor.go_on()
        if actor.is_done:
            run.order.append((actor.name, "end"))
    for actor in actors:
        run.results[actor.name] = await cast("asyncio.Task[Any]", actor.task)
    return run, choices


def _following(choices: Sequence[tuple[int, list[int]]]) -> list[int] | None:
    """Return the beginning of the next run: the last choice that was not yet made the other way."""
    for position in range(len(choices) - 1, -1, -1):
        chosen, possible = choices[position]
        if later := [each for each in possible if each > chosen]:
            return [*(before for before, _ in choices[:position]), later[0]]
    return None
