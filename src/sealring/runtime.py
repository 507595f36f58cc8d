"""Background work: started with the application, watched while it runs, drained when it stops."""

import asyncio
import secrets
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealring.errors import SealringError
from sealring.events import Emitter, JobFailed


@dataclass(frozen=True, slots=True)
class Job:
    """Something to be done again and again.

    Attributes:
        name: for events.
        every: seconds between two runs.
        run: does it once; what it returns is ignored.
        at_stop: whether it is run once more when the application stops.
        jitter: up to so many seconds are added, drawn anew each time, so that processes that started together part.
        lasting: whether one run lasts as long as the application; it is run again only after it failed, and cancelled
            when the application stops.
        longest_pause: seconds between two tries at most while it keeps failing; default 5, and never less than
            ``every``.
    """

    name: str
    every: float
    run: Callable[[], Awaitable[object]]
    at_stop: bool = False
    jitter: float = 0.0
    lasting: bool = False
    longest_pause: float = 5.0


class Runtime:
    """Runs jobs, each in a task of its own; a failure is reported and tried again, never silent and never fatal.

    Args:
        jobs: what to run.
        emitter: hears of failures.
        drain_within: seconds that running jobs may take to finish when the application stops, and as many again for
            all last runs together; default 5.
        entropy: returns that many random bytes, for the jitter; default the operating system's generator.
    """

    def __init__(
        self,
        jobs: Sequence[Job],
        emitter: Emitter,
        *,
        drain_within: float = 5.0,
        entropy: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._jobs = tuple(jobs)
        self._emitter = emitter
        self._drain_within = drain_within
        self._entropy = entropy
        self._stopping = asyncio.Event()
        self._tasks: dict[asyncio.Task[None], Job] = {}

    def start(self) -> None:
        """Start every job; the first run comes after its interval."""
        self._stopping.clear()
        self._tasks = {_task(job, self._repeat(job)): job for job in self._jobs}

    async def stop(self) -> None:
        """Let running jobs finish, then run those that have something to save once more."""
        self._stopping.set()
        running, self._tasks = self._tasks, {}
        lasting = [task for task, job in running.items() if job.lasting]
        for task in lasting:
            task.cancel()
        await self._drain({task: job for task, job in running.items() if not job.lasting})
        await asyncio.gather(*lasting, return_exceptions=True)
        await self._drain({_task(job, self._last_run(job)): job for job in self._jobs if job.at_stop})

    async def _drain(self, tasks: Mapping[asyncio.Task[None], Job]) -> None:
        if not tasks:
            return
        try:
            _, late = await asyncio.wait(tasks, timeout=self._drain_within)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        for task in late:
            self._emitter.emit(JobFailed(job=tasks[task].name, detail="it was cut off when the application stopped"))

    async def _last_run(self, job: Job) -> None:
        await self._attempt(job)

    async def _repeat(self, job: Job) -> None:
        pause = job.every
        while not await self._stopped_within(pause + self._drawn(job.jitter)):
            succeeded = await self._attempt(job)
            if succeeded and job.lasting:
                return
            # A job that keeps failing is tried less and less often.
            pause = job.every if succeeded else max(job.every, min(pause * 2, job.longest_pause))

    def _drawn(self, jitter: float) -> float:
        return jitter * int.from_bytes(self._entropy(4), "big") / 2**32 if jitter else 0.0

    async def _stopped_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _attempt(self, job: Job) -> bool:
        try:
            await job.run()
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # Something inside the job was cancelled, not the job: that must not end it for ever.
            self._emitter.emit(JobFailed(job=job.name, detail=_described(error)))
            return False
        except SealringError as error:
            self._emitter.emit(JobFailed(job=job.name, detail=error.detail))
            return False
        except Exception as error:  # noqa: BLE001 - a job must outlive its own bugs; the event tells of them
            self._emitter.emit(JobFailed(job=job.name, detail=_described(error)))
            return False
        return True


def _task(job: Job, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    return asyncio.create_task(work, name=f"sealring {job.name}")


def _described(error: BaseException) -> str:
    """Return the kind of an error and its place; never its words, which may hold a secret."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {frame.name}, {Path(frame.filename).name} line {frame.lineno}"
