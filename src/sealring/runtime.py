"""Background work: started with the application, watched while it runs, drained when it stops."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sealring.errors import SealringError
from sealring.events import Emitter, JobFailed

# A job that keeps failing is tried less and less often, but never less than this, in seconds.
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again.

    Attributes:
        name: for events.
        every: seconds between two runs.
        run: does it once; what it returns is ignored.
        at_stop: whether it is run once more when the application stops.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[object]]
    at_stop: bool = False


class Runtime:
    """Runs jobs, each in a task of its own; a failure is reported and tried again, never silent and never fatal.

    Args:
        jobs: what to run.
        emitter: hears of failures.
        drain_within: seconds that the last runs may take together when the application stops; default 5.
    """

    def __init__(self, jobs: Sequence[Job], emitter: Emitter, *, drain_within: float = 5.0) -> None:
        self._jobs = tuple(jobs)
        self._emitter = emitter
        self._drain_within = drain_within
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start every job; the first run comes after its interval."""
        self._stopping.clear()
        self._tasks = [asyncio.create_task(self._repeat(job), name=f"sealring {job.name}") for job in self._jobs]

    async def stop(self) -> None:
        """Let running jobs finish, then run those that have something to save once more."""
        self._stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._drain_within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._tasks = []
        for job in self._jobs:
            if job.at_stop:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._attempt(job), self._drain_within)

    async def _repeat(self, job: Job) -> None:
        pause = job.every
        while not await self._stopped_within(pause):
            succeeded = await self._attempt(job)
            pause = job.every if succeeded else max(job.every, min(pause * 2, _LONGEST_PAUSE))

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _attempt(self, job: Job) -> bool:
        try:
            await job.run()
        except SealringError as error:
            self._emitter.emit(JobFailed(job=job.name, detail=error.detail))
            return False
        except Exception as error:  # noqa: BLE001 - a job must outlive its own bugs; the event tells of them
            self._emitter.emit(JobFailed(job=job.name, detail=f"{type(error).__name__}: {error}"))
            return False
        return True
