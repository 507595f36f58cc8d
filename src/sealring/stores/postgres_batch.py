"""Rotations that wait at the same moment go to the server together.

A statement for fifty sessions costs the server little more than one for one session: one round trip, one plan, one
flush of its log. While a batch is under way the next one gathers.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sealring.errors import InternalError, SealringError, StoreUnavailable
from sealring.sessions.record import Confirmation, Rotation, SessionRow

LANES: Final = 2
"""Batches under way at the same time: while the server commits one, it computes the other."""

LARGEST_BATCH: Final = 200
"""Rotations in one statement at most."""


def rounds(confirmations: Sequence[Confirmation]) -> list[list[Confirmation]]:
    """Split confirmations into batches in each of which a session occurs once, each session's in their order."""
    layers: list[list[Confirmation]] = []
    seen: Counter[bytes] = Counter()
    for confirmation in confirmations:
        if seen[confirmation.sid] == len(layers):
            layers.append([])
        layers[seen[confirmation.sid]].append(confirmation)
        seen[confirmation.sid] += 1
    return [layer[start : start + LARGEST_BATCH] for layer in layers for start in range(0, len(layer), LARGEST_BATCH)]


@dataclass(frozen=True, slots=True)
class _Waiting:
    rotation: Rotation
    answer: "asyncio.Future[SessionRow | None]"
    deadline: float  # of the loop's clock


class RotationBatches:
    """Gathers rotations, and gives everybody the answer to their own one after its commit.

    Of several rotations of one session only one is under way at a time; the others wait for the next batch. Who goes
    away before their rotation is sent takes it along, and one that has waited too long is not sent any more; what was
    sent is done, whoever waits. A rotation that the server refuses is found by doing those of its batch one by one.

    Args:
        apply: does rotations of different sessions in one transaction and returns the rows that changed; raises
            ``StoreUnavailable``, or ``InternalError`` when one of them holds what cannot be stored. It is given what
            tells the rotations, and asks it when it has a connection, again each time that it tries.
        timeout: seconds that a caller waits.
        capacity: rotations that may wait.
    """

    def __init__(
        self,
        apply: Callable[[Callable[[], Sequence[Rotation]]], Awaitable[Mapping[bytes, SessionRow]]],
        *,
        timeout: float,
        capacity: int,
    ) -> None:
        self._apply = apply
        self._timeout = timeout
        self._capacity = capacity
        self._waiting = 0
        # A session has a line while one of its rotations waits or is under way, and is ready while none is under way.
        self._lines: dict[bytes, deque[_Waiting]] = {}
        self._ready: deque[bytes] = deque()
        self._lanes: set[asyncio.Task[None]] = set()
        self._accepts = True

    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        """Return the row after the rotation, or None when its conditions did not hold.

        Raises:
            StoreUnavailable: the store is closed or full, did not answer in time, or failed.
            InternalError: the rotation holds what cannot be stored.
        """
        if not self._accepts:
            raise StoreUnavailable("the PostgreSQL store is not open")
        if self._waiting >= self._capacity:
            raise StoreUnavailable(f"{self._capacity} rotations wait for PostgreSQL already")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[SessionRow | None] = loop.create_future()
        self._enqueue(_Waiting(rotation, answer, loop.time() + self._timeout))
        timer = loop.call_later(self._timeout, self._expire, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def close(self) -> None:
        """Accept nothing more and wait until everything that waits has its answer."""
        self._accepts = False
        while self._lanes:
            await asyncio.wait(self._lanes)

    def _enqueue(self, job: _Waiting) -> None:
        self._waiting += 1
        line = self._lines.get(job.rotation.sid)
        if line is None:
            self._lines[job.rotation.sid] = deque([job])
            self._ready.append(job.rotation.sid)
        else:
            line.append(job)
        if self._ready and len(self._lanes) < LANES:
            # It begins when the loop turns, so whoever asks in this turn comes along.
            lane = asyncio.create_task(self._serve())
            self._lanes.add(lane)
            lane.add_done_callback(self._lanes.discard)

    def _expire(self, answer: "asyncio.Future[SessionRow | None]") -> None:
        # An answer that is done is also how a batch knows that nobody waits for it.
        if not answer.done():
            answer.set_exception(StoreUnavailable(f"PostgreSQL did not answer within {self._timeout:g} seconds"))

    async def _serve(self) -> None:
        while batch := self._next_batch():
            try:
                await self._answer(batch)
            finally:
                self._leave([job.rotation.sid for job in batch])

    def _next_batch(self) -> list[_Waiting]:
        batch: list[_Waiting] = []
        while self._ready and len(batch) < LARGEST_BATCH:
            sid = self._ready.popleft()
            line = self._lines[sid]
            while line and not _is_wanted(line[0]):
                line.popleft()
                self._waiting -= 1
            if line:
                batch.append(line.popleft())
                self._waiting -= 1
            else:
                del self._lines[sid]
        return batch

    def _leave(self, sids: Sequence[bytes]) -> None:
        for sid in sids:
            if self._lines[sid]:
                self._ready.append(sid)
            else:
                del self._lines[sid]

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        sent: list[_Waiting] = []

        def still_wanted() -> list[Rotation]:
            sent[:] = filter(_is_wanted, batch)
            return [job.rotation for job in sent]

        try:
            rows = await self._apply(still_wanted)
        except InternalError as error:
            if len(batch) == 1:
                _refuse(batch, error)
                return
            for job in batch:
                if not job.answer.done():
                    await self._answer([job])
        except SealringError as error:
            _refuse(batch, error)
        except BaseException:
            _refuse(batch, StoreUnavailable("the PostgreSQL store was stopped"))
            raise
        else:
            # Whoever is not among those that were sent waited too long; the timer has told them or is about to.
            for job in sent:
                if not job.answer.done():
                    job.answer.set_result(rows.get(job.rotation.sid))


def _is_wanted(job: _Waiting) -> bool:
    # The time is looked at too: a loop that was held up has not told the caller yet that it waits no more.
    return not job.answer.done() and job.answer.get_loop().time() < job.deadline


def _refuse(batch: Sequence[_Waiting], error: SealringError) -> None:
    for job in batch:
        if not job.answer.done():
            # One each: an exception that is raised at several places collects the tracebacks of all.
            own = type(error)(error.detail)
            own.__cause__ = error.__cause__
            job.answer.set_exception(own)
