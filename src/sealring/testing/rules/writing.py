# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: compare and swap, and confirmations."""

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest

from sealring.sessions.record import Confirmation
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_row
from sealring.testing.rules.base import Rules, at_once, opened, read

_STORED: Final[dict[str, Any]] = {
    "generation": 5,
    "confirmed_generation": 4,
    "attempt": "attempt",
    "replay_generation": 3,
    "ep": 2,
}

# What the writer believed to be stored, in one field each.
_STALE: Final[dict[str, dict[str, Any]]] = {
    "generation": {"generation": 4},
    "confirmed_generation": {"confirmed_generation": 3},
    "attempt": {"attempt": "another"},
    "attempt that was none": {"attempt": None},
    "replay_generation": {"replay_generation": 4},
    "ep": {"ep": 1},
}

_WRITTEN: Final[dict[str, Any]] = {
    "generation": 6,
    "rotated_at": NOW,
    "attempt": "new",
    "confirmed_generation": 6,
    "confirmed_at": NOW + 1,
    "replay_generation": 5,
    "replay_streak": 2,
    "idle_end": NOW + 3_000,
    "last_seen": NOW + 2,
    "sender_hint": "safari",
    "key_version": 9,
    "scope": "todo:read",
}

_NOT_WRITTEN: Final[dict[str, Any]] = {
    "subject": "mallory",
    "subject_epoch": 9,
    "client_id": "another",
    "secret_hash": bytes(32),
    "ep": 9,
    "idle_seconds": 1.0,
    "absolute_end": NOW + 999_999,
    "persistent": False,
    "revoked_at": NOW,
    "revoked_reason": "logout",
    "cnf_kind": "dpop",
    "cnf_thumbprint": "thumbprint",
    "auth_time": NOW,
    "amr": "otp",
    "created_at": NOW,
    "device": "another",
}


class SwappingRules(Rules):
    """A row is replaced only if nobody was quicker."""

    async def test_a_swap_writes_its_fields_and_no_others(self, store: Store) -> None:
        row = await opened(store, make_row(**_STORED))
        assert await store.compare_and_swap(row, replace(row, **_WRITTEN, **_NOT_WRITTEN))
        assert await read(store, row.sid) == replace(row, **_WRITTEN)

    @pytest.mark.parametrize("case", _STALE)
    async def test_a_swap_is_refused_and_nothing_written_after_a_change_of_the(self, store: Store, case: str) -> None:
        row = await opened(store, make_row(**_STORED))
        stale = replace(row, **_STALE[case])
        assert not await store.compare_and_swap(stale, replace(stale, **_WRITTEN))
        assert await read(store, row.sid) == row

    async def test_a_swap_is_refused_when_there_is_an_attempt_where_there_was_none(self, store: Store) -> None:
        row = await opened(store, make_row(attempt="attempt"))
        stale = replace(row, attempt=None)
        assert not await store.compare_and_swap(stale, replace(stale, **_WRITTEN))
        assert await read(store, row.sid) == row

    async def test_a_swap_applies_where_there_was_and_is_no_attempt(self, store: Store) -> None:
        row = await opened(store, make_row(attempt=None))
        assert await store.compare_and_swap(row, replace(row, attempt="first"))

    async def test_a_swap_is_refused_after_a_revocation(self, store: Store) -> None:
        row = await opened(store, make_row())
        ended = await store.end_session(row.sid, "logout", NOW, NOW + 900)
        assert not await store.compare_and_swap(row, replace(row, **_WRITTEN))
        assert await read(store, row.sid) == ended

    async def test_a_swap_of_an_unknown_session_is_refused(self, store: Store) -> None:
        row = make_row()
        assert not await store.compare_and_swap(row, replace(row, **_WRITTEN))
        assert await store.read_session(row.sid) is None

    async def test_a_use_in_the_meantime_does_not_hinder_a_swap(self, store: Store) -> None:
        row = await opened(store, make_row())
        await store.confirm([Confirmation(row.sid, 1, NOW + 7)])
        assert await store.compare_and_swap(row, replace(row, sender_hint="safari"))
        assert await read(store, row.sid) == replace(row, sender_hint="safari", last_seen=NOW + 7)

    async def test_a_swap_moves_the_idle_end_and_last_seen_only_later(self, store: Store) -> None:
        row = await opened(store, make_row())
        assert await store.compare_and_swap(row, replace(row, idle_end=NOW, last_seen=NOW - 900))
        assert await read(store, row.sid) == row

    async def test_a_swap_never_moves_the_idle_end_past_the_absolute_end(self, store: Store) -> None:
        row = await opened(store, make_row())
        assert await store.compare_and_swap(row, replace(row, idle_end=row.absolute_end + 1))
        assert (await read(store, row.sid)).idle_end == row.absolute_end

    async def test_of_twenty_swaps_at_once_exactly_one_applies(self, store: Store) -> None:
        row = await opened(store, make_row())
        after = replace(row, generation=2, attempt="new")
        assert sum(await at_once(20, lambda: store.compare_and_swap(row, after))) == 1
        assert await read(store, row.sid) == after


class ConfirmingRules(Rules):
    """What was seen is written, and is never taken back."""

    async def test_a_confirmation_raises_the_generation_and_sets_the_time(self, store: Store) -> None:
        row = await opened(store, make_row(generation=3))
        await store.confirm([Confirmation(row.sid, 2, NOW)])
        assert await read(store, row.sid) == replace(row, confirmed_generation=2, confirmed_at=NOW, last_seen=NOW)

    async def test_a_confirmation_never_passes_the_generation_of_the_row(self, store: Store) -> None:
        row = await opened(store, make_row(generation=3))
        await store.confirm([Confirmation(row.sid, 9, NOW)])
        assert await read(store, row.sid) == replace(row, confirmed_generation=3, confirmed_at=NOW, last_seen=NOW)

    @pytest.mark.parametrize("generation", [1, 2, 3, 9])
    async def test_the_time_stays_when_the_generation_does_not_rise(self, store: Store, generation: int) -> None:
        row = await opened(store, make_row(generation=3, confirmed_generation=3))
        await store.confirm([Confirmation(row.sid, generation, NOW)])
        assert await read(store, row.sid) == replace(row, last_seen=NOW)

    async def test_a_confirmation_never_moves_last_seen_back(self, store: Store) -> None:
        row = await opened(store, make_row(generation=2))
        await store.confirm([Confirmation(row.sid, 2, NOW - 600)])
        assert await read(store, row.sid) == replace(row, confirmed_generation=2, confirmed_at=NOW - 600)

    async def test_the_idle_end_is_not_moved_by_a_confirmation(self, store: Store) -> None:
        row = await opened(store, make_row(generation=2))
        await store.confirm([Confirmation(row.sid, 2, NOW + 2_000)])
        assert (await read(store, row.sid)).idle_end == row.idle_end

    async def test_ended_and_unknown_sessions_are_passed_over(self, store: Store) -> None:
        row, ended = await opened(store, make_row(generation=2)), await opened(store, make_row(generation=2))
        gone = await store.end_session(ended.sid, "logout", NOW, NOW + 900)
        await store.confirm([Confirmation(sid, 2, NOW + 1) for sid in (ended.sid, make_row().sid, row.sid)])
        assert await read(store, ended.sid) == gone
        assert (await read(store, row.sid)).confirmed_generation == 2

    async def test_two_confirmations_of_one_session_in_one_go_both_count(self, store: Store) -> None:
        row = await opened(store, make_row(generation=3))
        await store.confirm([Confirmation(row.sid, 3, NOW), Confirmation(row.sid, 2, NOW + 1)])
        assert await read(store, row.sid) == replace(row, confirmed_generation=3, confirmed_at=NOW, last_seen=NOW + 1)

    async def test_a_thousand_confirmations_are_written_in_one_go(self, store: Store) -> None:
        rows = [make_row(generation=2, subject=f"user {index % 7}") for index in range(1_000)]
        assert all(await asyncio.gather(*(store.open_session(row) for row in rows)))
        await store.confirm([Confirmation(row.sid, 2, NOW) for row in rows])
        for row in rows[::37]:
            assert (await read(store, row.sid)).confirmed_generation == 2
        confirmed = [row for index in range(7) for row in await store.list_sessions(f"user {index}")]
        assert [row.confirmed_generation for row in confirmed] == [2] * 1_000

    async def test_nothing_to_confirm_is_harmless(self, store: Store) -> None:
        await store.confirm([])
