"""Background work: a failing job is told and tried again, the others go on, and stopping saves what there is."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sealring.errors import StoreUnavailable
from sealring.events import Emitter, JobFailed
from sealring.runtime import Job, Runtime
from tests.support import EventLog

pytestmark = pytest.mark.anyio

SOON = 0.001
NEVER = 3600.0
PATIENCE = 10.0


Behaviour = Callable[[], Awaitable[object]] | Exception | None


class Work:
    """A job's work that a test waits for, and that does as it is told."""

    def __init__(self, *behaviour: Behaviour) -> None:
        self.runs = 0
        self._behaviour = list(behaviour)
        self._ran: asyncio.Condition = asyncio.Condition()

    async def __call__(self) -> object:
        async with self._ran:
            self.runs += 1
            self._ran.notify_all()
        what = self._behaviour.pop(0) if self._behaviour else None
        if isinstance(what, Exception):
            raise what
        return None if what is None else await what()

    async def reaches(self, runs: int) -> None:
        """Wait until it has run so many times."""
        async with self._ran, asyncio.timeout(PATIENCE):
            await self._ran.wait_for(lambda: self.runs >= runs)


async def hang() -> None:
    await asyncio.Event().wait()


def runtime(log: EventLog, *jobs: Job, drain_within: float = PATIENCE) -> Runtime:
    return Runtime(jobs, Emitter([log]), drain_within=drain_within)


def failures(log: EventLog) -> list[tuple[str, str]]:
    return [(event.job, event.detail) for event in log.of(JobFailed)]


async def test_a_job_runs_again_and_again() -> None:
    log, work = EventLog(), Work()
    it = runtime(log, Job("work", SOON, work))
    it.start()
    await work.reaches(5)
    await it.stop()
    assert log.events == []


async def test_the_first_run_comes_after_the_interval() -> None:
    work = Work()
    it = runtime(EventLog(), Job("work", NEVER, work))
    it.start()
    await it.stop()
    assert work.runs == 0


async def test_a_job_that_fails_is_told_and_tried_again() -> None:
    log, work = EventLog(), Work(StoreUnavailable("the disk is away"), None, StoreUnavailable("again"))
    it = runtime(log, Job("work", SOON, work))
    it.start()
    await work.reaches(5)
    await it.stop()
    assert failures(log) == [("work", "the disk is away"), ("work", "again")]


async def test_a_bug_is_told_with_its_kind_and_place_and_never_with_its_words() -> None:
    log, work = EventLog(), Work(ValueError("postgres://ada:secret@db"), KeyError("sr1_token"))
    it = runtime(log, Job("work", SOON, work))
    it.start()
    await work.reaches(3)
    await it.stop()
    (_, first), (_, second) = failures(log)
    assert first.startswith("ValueError in __call__, test_runtime.py line ")
    assert second.startswith("KeyError in __call__, ")
    assert "secret" not in first + second
    assert "sr1_" not in first + second


async def test_the_others_go_on_while_one_fails_and_one_hangs() -> None:
    log, good = EventLog(), Work()
    bad = Work(*[ValueError("always") for _ in range(1_000)])
    it = runtime(log, Job("bad", SOON, bad), Job("stuck", SOON, hang), Job("good", SOON, good), drain_within=0.01)
    it.start()
    await good.reaches(20)
    await bad.reaches(2)
    await it.stop()
    assert {job for job, _ in failures(log)} == {"bad", "stuck"}


@pytest.mark.parametrize("fault", ["a refusal", "a bug", "a cancellation within"])
async def test_a_job_that_keeps_failing_is_tried_less_and_less_often(fault: str) -> None:
    async def cancelled_within() -> None:
        raise asyncio.CancelledError

    faults: dict[str, Behaviour] = {
        "a refusal": StoreUnavailable("it is away"),
        "a bug": ValueError(),
        "a cancellation within": cancelled_within,
    }
    good, bad = Work(), Work(*[faults[fault]] * 1_000)
    it = runtime(EventLog(), Job("good", SOON, good), Job("bad", SOON, bad))
    it.start()
    await good.reaches(100)
    await it.stop()
    # 1, 2, 4, 8, … milliseconds, while the other one runs every millisecond.
    assert bad.runs < 25


async def test_after_a_success_a_job_runs_at_its_own_pace_again() -> None:
    work = Work(*[ValueError() for _ in range(5)])
    it = runtime(EventLog(), Job("work", SOON, work))
    it.start()
    await work.reaches(30)
    await it.stop()


@pytest.mark.parametrize(("drawn", "runs"), [(b"\0", True), (b"\xff", False)])
async def test_a_jitter_adds_to_the_interval_what_was_drawn(drawn: bytes, runs: bool) -> None:
    jittered, other = Work(), Work()
    jobs = (Job("jittered", SOON, jittered, jitter=NEVER), Job("other", SOON, other))
    it = Runtime(jobs, Emitter(), entropy=lambda size: drawn * size)
    it.start()
    await (jittered if runs else other).reaches(20)
    await it.stop()
    assert (jittered.runs > 0) is runs


async def test_a_cancellation_inside_a_job_does_not_end_it() -> None:
    async def cancelled_within() -> None:
        task = asyncio.create_task(hang())
        task.cancel()
        await task

    log, work = EventLog(), Work(cancelled_within)
    it = runtime(log, Job("work", SOON, work))
    it.start()
    await work.reaches(3)
    await it.stop()
    ((_, detail),) = failures(log)
    assert detail.startswith("CancelledError")


async def test_stopping_lets_a_running_job_finish() -> None:
    begun, may_finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        begun.set()
        await may_finish.wait()
        finished.set()

    log = EventLog()
    it = runtime(log, Job("slow", SOON, slow))
    it.start()
    await asyncio.wait_for(begun.wait(), PATIENCE)
    stopping = asyncio.create_task(it.stop())
    await asyncio.sleep(0)
    assert not stopping.done()
    may_finish.set()
    await stopping
    assert finished.is_set()
    assert log.events == []


async def test_stopping_runs_what_has_something_to_save_once_more_and_nothing_else() -> None:
    saving, other = Work(), Work()
    it = runtime(EventLog(), Job("saving", NEVER, saving, at_stop=True), Job("other", NEVER, other))
    it.start()
    await it.stop()
    assert (saving.runs, other.runs) == (1, 0)


async def test_a_last_run_that_fails_is_told_and_keeps_no_other_from_its_own() -> None:
    log, second = EventLog(), Work()
    first = Work(StoreUnavailable("it is away"))
    it = runtime(log, Job("first", NEVER, first, at_stop=True), Job("second", NEVER, second, at_stop=True))
    it.start()
    await it.stop()
    assert failures(log) == [("first", "it is away")]
    assert second.runs == 1


async def test_what_does_not_finish_in_time_is_cut_off_and_told() -> None:
    log, saving = EventLog(), Work()
    begun = asyncio.Event()

    async def stuck() -> None:
        begun.set()
        await hang()

    it = runtime(
        log,
        Job("stuck", SOON, stuck),
        Job("saving", NEVER, saving, at_stop=True),
        Job("also stuck", NEVER, hang, at_stop=True),
        drain_within=0.05,
    )
    it.start()
    await asyncio.wait_for(begun.wait(), PATIENCE)
    await it.stop()
    cut = "it was cut off when the application stopped"
    assert failures(log) == [("stuck", cut), ("also stuck", cut)]
    assert saving.runs == 1
    assert [task for task in asyncio.all_tasks() if task.get_name().startswith("sealring ")] == []


async def test_a_stop_that_is_itself_cut_off_leaves_no_task_behind() -> None:
    it = runtime(EventLog(), Job("stuck", SOON, hang))
    it.start()
    await asyncio.sleep(0.01)
    stopping = asyncio.create_task(it.stop())
    await asyncio.sleep(0)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task.get_name().startswith("sealring ")), return_exceptions=True
        )


async def test_stopping_twice_and_stopping_what_never_ran_is_harmless() -> None:
    saving = Work()
    it = runtime(EventLog(), Job("saving", NEVER, saving, at_stop=True))
    await it.stop()
    it.start()
    await it.stop()
    await it.stop()
    assert saving.runs == 3


async def test_it_can_be_started_again() -> None:
    work = Work()
    it = runtime(EventLog(), Job("work", SOON, work))
    for round_ in (1, 2):
        it.start()
        await work.reaches(work.runs + 2)
        await it.stop()
        assert work.runs >= 2 * round_


async def test_a_lasting_job_is_run_again_only_after_it_failed() -> None:
    log, other = EventLog(), Work()
    work = Work(StoreUnavailable("the connection is gone"), ValueError(), None)
    it = runtime(log, Job("lasting", SOON, work, lasting=True), Job("other", SOON, other))
    it.start()
    await work.reaches(3)
    await other.reaches(50)
    await it.stop()
    assert work.runs == 3
    assert len(failures(log)) == 2


async def test_a_lasting_job_is_cancelled_at_once_when_the_application_stops_and_that_is_no_failure() -> None:
    log, begun, tidied = EventLog(), asyncio.Event(), asyncio.Event()

    async def watch() -> None:
        try:
            begun.set()
            await hang()
        finally:
            tidied.set()

    it = runtime(log, Job("watch", SOON, watch, lasting=True))
    it.start()
    await asyncio.wait_for(begun.wait(), PATIENCE)
    async with asyncio.timeout(PATIENCE / 2):
        await it.stop()
    assert tidied.is_set()
    assert log.events == []


async def test_a_job_may_be_tried_at_its_own_pace_however_often_it_fails() -> None:
    good, bad = Work(), Work(*[StoreUnavailable("it is away")] * 1_000)
    it = runtime(EventLog(), Job("good", SOON, good), Job("bad", SOON, bad, longest_pause=SOON))
    it.start()
    await good.reaches(100)
    await it.stop()
    assert bad.runs > 50
