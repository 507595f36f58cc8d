"""Everything that a lab runs: a store, the application in several processes, one clock for all, and proxies."""

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.lab.clock import LabClock
from tests.faults.lab.engines import Engine, engine
from tests.faults.lab.proxy import Proxy
from tests.faults.lab.workers import Worker

ISSUER = "http://localhost:8000"
REFRESH_REQUEST = b"POST /auth/refresh"


def key(version: int) -> str:
    """Return a key as the settings take it; the same in every run."""
    return f"{version}:" + base64.urlsafe_b64encode(bytes((version * 89 + i * 7) % 256 for i in range(32))).decode()


@dataclass
class World:
    """One installation.

    Attributes:
        engine: the store.
        clock: of all processes.
        workers: the processes of the application.
        front: stands before the workers and balances over them.
        back: stands between the workers and the store; None where that is a file.
    """

    engine: Engine
    clock: LabClock
    workers: list[Worker]
    front: Proxy
    back: Proxy | None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where the application is."""
        return f"http://127.0.0.1:{self.front.port}"

    @property
    def log(self) -> str:
        """Everything that the workers have printed."""
        return "".join(worker.log for worker in self.workers)

    async def restart(self, worker: Worker, settings: Mapping[str, str] | None = None) -> None:
        """Stop a worker as a deploy would, and start it again; the settings stay for later restarts too."""
        await asyncio.to_thread(worker.stop)
        worker.settings = {**worker.settings, **(settings or {})}
        await asyncio.to_thread(worker.start)

    async def fall_back(self) -> None:
        """Let the store fall back to the state that was marked; who is connected is cut off."""
        if self.engine.embedded:
            for worker in self.workers:
                await asyncio.to_thread(worker.kill)
        await asyncio.to_thread(self.engine.fall_back)
        if self.back is not None and self.engine.port is not None:
            self.back.targets = [self.engine.port]
            self.back.drop()
        if self.engine.embedded:
            await self._start()

    async def _start(self) -> None:
        for worker in self.workers:
            worker.spawn()
        for worker in self.workers:
            await asyncio.to_thread(worker.wait)


@asynccontextmanager
async def world(
    name: str, folder: Path, *, workers: int = 2, settings: Mapping[str, str] | None = None
) -> AsyncIterator[World]:
    """Run an installation for the length of a block.

    Args:
        name: of the engine: ``sqlite``, ``postgres`` or ``valkey``.
        folder: of the logs, the clock and, where the engine is a file, the store.
        workers: processes of the application.
        settings: further settings of the application.
    """
    async with AsyncExitStack() as stack:
        store = stack.enter_context(engine(name, folder))
        back = None if store.port is None else await stack.enter_async_context(Proxy([store.port]))
        clock = LabClock(folder / "clock")
        stack.callback(clock.close)
        every = {
            "LAB_CLOCK": str(folder / "clock"),
            "SEALRING_ENV_FILE": str(folder / "no-such-file"),
            "SEALRING_ENVIRONMENT": "development",
            "SEALRING_APP": "todo",
            "SEALRING_ISSUER": ISSUER,
            "SEALRING_STORE": store.url(None if back is None else back.port),
            "SEALRING_KEY_ENCRYPTION_KEYS": key(9),
            "SEALRING_REFRESH_KEYS": key(1),
            **(settings or {}),
        }
        crew = [Worker(folder, place, every) for place in range(1, workers + 1)]
        front = await stack.enter_async_context(Proxy([worker.port for worker in crew], [REFRESH_REQUEST]))
        for worker in crew:
            stack.callback(worker.stop)
        it = World(store, clock, crew, front, back)
        await it._start()
        yield it
