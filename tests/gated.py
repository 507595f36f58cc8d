"""A real store behind gates: a test holds a call before or after its work, or lets it fail."""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

from sealring.errors import StoreUnavailable
from sealring.stores.base import Store
from sealring.stores.memory import MemoryStore
from sealring.stores.postgres import PostgresStore
from sealring.stores.redis import RedisStore
from sealring.stores.sqlite import SqliteStore
from tests.stores.servers import PostgresServer
from tests.stores.valkey_server import ValkeyServer

Side = Literal["before", "after"]
_PATIENCE = 10.0


@dataclass
class Gate:
    """Holds one call."""

    reached: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Wait until a call stands at the gate."""
        await asyncio.wait_for(self.reached.wait(), _PATIENCE)

    def open(self) -> None:
        """Let it go on."""
        self.opened.set()

    async def pass_through(self) -> None:
        """Stand at the gate."""
        self.reached.set()
        await asyncio.wait_for(self.opened.wait(), _PATIENCE)


class GatedStore:
    """Passes every call on to a real store, and knows the calls.

    Args:
        inner: does the work.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.calls: list[str] = []
        self._gates: dict[tuple[str, Side], Gate] = {}
        self._failures: dict[tuple[str, Side], int] = {}

    @property
    def port(self) -> Store:
        """The same object as the port that it offers."""
        return cast("Store", self)

    def hold(self, method: str, side: Side = "before") -> Gate:
        """Return a gate for the next call of a method."""
        gate = self._gates[method, side] = Gate()
        return gate

    def fail(self, method: str, side: Side = "before", times: int = 1) -> None:
        """Let the next calls of a method fail: before, nothing was written; after, only the answer is lost."""
        self._failures[method, side] = times

    def __getattr__(self, name: str) -> Any:
        member = getattr(self.inner, name)
        return self._gated(name, member) if inspect.iscoroutinefunction(member) else member

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.inner.__aexit__(kind, error, trace)

    def _gated(self, name: str, member: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **named: Any) -> Any:
            self.calls.append(name)
            await self._stop_at(name, "before")
            result = await member(*args, **named)
            await self._stop_at(name, "after")
            return result

        return call

    async def _stop_at(self, name: str, side: Side) -> None:
        gate = self._gates.pop((name, side), None)
        if gate is not None:
            await gate.pass_through()
        left = self._failures.get((name, side), 0)
        if left:
            self._failures[name, side] = left - 1
            raise StoreUnavailable(f"{name} was told to fail")


@dataclass(frozen=True)
class Place:
    """Somewhere that several rings can share and that survives them.

    Attributes:
        open: returns one more way in; each is entered and left by its own ring.
        name: of the engine.
    """

    open: Callable[[], Store]
    name: str


def memory_place() -> Place:
    """Return a place in this process."""
    store = MemoryStore()
    return Place(lambda: store, "memory")


def sqlite_place(folder: Path) -> Place:
    """Return a place in a file."""
    return Place(lambda: SqliteStore(folder / "sessions.db"), "sqlite")


def postgres_place(server: PostgresServer) -> Place:
    """Return a place in a schema of its own."""
    server.made += 1
    schema = f"place_{server.made}"
    server.sql(f"CREATE SCHEMA {schema}")
    return Place(lambda: PostgresStore(f"{server.url()}?search_path={schema}", pool_size=3), "postgres")


def valkey_place(server: ValkeyServer) -> Place:
    """Return a place in a server with nothing in it."""
    server.ask("FLUSHALL")
    return Place(lambda: RedisStore(server.url()), "valkey")
