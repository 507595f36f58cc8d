# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: a caller that goes away in the middle leaves nothing half done."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from sealring.stores.base import Store
from sealring.testing.build import NOW, make_denial, make_rotation, make_row
from sealring.testing.rules.base import Rules, feed, opened, read

# How often the loop turns before the caller is cancelled: before, during and after the write.
_TURNS = [0, 1, 2, 3, 5, 20]


async def _cancelled_after(turns: int, call: Coroutine[Any, Any, object]) -> None:
    task = asyncio.create_task(call)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


class CancellingRules(Rules):
    """A write is done as a whole or not at all, whoever waits for it; and the store goes on."""

    @pytest.fixture(params=_TURNS)
    def turns(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    async def test_a_cancelled_rotation_is_done_or_not_and_the_session_goes_on(self, store: Store, turns: int) -> None:
        row = await opened(store, make_row())
        await _cancelled_after(turns, store.rotate(make_rotation(row)))
        ended = await store.end_session(row.sid, "logout", NOW, NOW + 900)
        assert ended is not None
        assert ended.generation in {1, 2}
        assert (ended.attempt, ended.key_version) == (
            (None, 1) if ended.generation == 1 else (make_rotation(row).attempt, 2)
        )
        assert await read(store, row.sid) == ended

    async def test_a_cancelled_end_of_all_sessions_ends_all_with_their_denials_or_none(
        self, store: Store, turns: int
    ) -> None:
        rows = [await opened(store, make_row()) for _ in range(10)]
        await _cancelled_after(turns, store.end_subject("alice", None, "logout_all", NOW, NOW + 900))
        # A later end waits for the one that was cancelled, so that nothing is under way any more.
        rest = await store.end_subject("alice", None, "administrator", NOW, NOW + 900)
        assert len(rest) in {0, len(rows)}
        assert await store.subject_epoch("alice") == NOW * 1000 + (0 if rest else 1)
        assert sorted(denial.ident for denial in await feed(store)) == sorted(row.session_id for row in rows)
        reasons = {(await read(store, row.sid)).revoked_reason for row in rows}
        assert reasons == ({"administrator"} if rest else {"logout_all"})

    async def test_a_cancelled_caller_takes_nobody_with_it(self, store: Store, turns: int) -> None:
        rows = [await opened(store, make_row()) for _ in range(10)]
        others = [asyncio.create_task(store.rotate(make_rotation(row))) for row in rows]
        await _cancelled_after(turns, store.write_denial(make_denial()))
        assert await asyncio.gather(*others) == [await read(store, row.sid) for row in rows]
        assert all([(await read(store, row.sid)).generation == 2 for row in rows])

    async def test_a_cancelled_swap_is_done_or_not(self, store: Store, turns: int) -> None:
        row = await opened(store, make_row())
        after = replace(row, generation=2, attempt="new", scope="todo:read")
        await _cancelled_after(turns, store.compare_and_swap(row, after))
        raised = await store.raise_epoch(row.sid, NOW + 900)
        assert raised in {replace(row, ep=1), replace(after, ep=1)}
