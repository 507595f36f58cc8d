# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: the hot write."""

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest

from sealring.sessions.record import Confirmation
from sealring.stores.base import Store
from sealring.testing.build import GRACE, NOW, make_rotation, make_row
from sealring.testing.rules.base import Rules, at_once, opened, read

_KEY: Final = "thumbprint-of-the-key"

# What is changed in the session, and what in the rotation that would otherwise apply.
_REFUSED: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "wrong secret": ({}, {"secret_hash": bytes(32)}),
    "wrong client": ({}, {"client_id": "another"}),
    "older generation": ({"generation": 5, "confirmed_generation": 5}, {"generation": 4}),
    "newer generation": ({"generation": 5, "confirmed_generation": 6}, {"generation": 6}),
    "revoked": ({"revoked_at": NOW - 1, "revoked_reason": "logout"}, {}),
    "past its idle end": ({"idle_end": NOW - 1}, {}),
    "exactly at its idle end": ({"idle_end": NOW}, {}),
    "past its absolute end": ({"absolute_end": NOW - 1}, {}),
    "exactly at its absolute end": ({"absolute_end": NOW}, {}),
    "not confirmed at all": ({"confirmed_generation": 0}, {}),
    "only its predecessor confirmed": ({"generation": 2, "confirmed_generation": 1}, {}),
    "confirmed just now": ({"confirmed_at": NOW}, {}),
    "confirmed by a clock that is ahead": ({"confirmed_at": NOW + 60}, {}),
    "confirmed exactly the grace ago": ({"confirmed_at": NOW - GRACE}, {}),
    "bound to another key": ({"cnf_kind": "dpop", "cnf_thumbprint": _KEY}, {"cnf_thumbprint": "another"}),
    "bound, and no proof came": ({"cnf_kind": "dpop", "cnf_thumbprint": _KEY}, {"cnf_thumbprint": None}),
}

_APPLIED: Final[dict[str, tuple[dict[str, Any], dict[str, Any]]]] = {
    "an instant before its idle end": ({"idle_end": NOW + 0.001}, {}),
    "an instant before its absolute end": ({"absolute_end": NOW + 0.001, "idle_end": NOW + 0.001}, {}),
    "confirmed an instant longer ago than the grace": ({"confirmed_at": NOW - GRACE - 0.001}, {}),
    "bound to this key": ({"cnf_kind": "dpop", "cnf_thumbprint": _KEY}, {"cnf_thumbprint": _KEY}),
    "not bound, though a proof came": ({}, {"cnf_thumbprint": _KEY}),
    "in its ten thousandth generation": ({"generation": 10_000, "confirmed_generation": 10_000}, {}),
}


class RotatingRules(Rules):
    """A rotation applies only when every one of its conditions holds, and then exactly once."""

    async def test_a_rotation_writes_its_fields_and_no_others(self, store: Store) -> None:
        row = await opened(store, make_row())
        rotated = await store.rotate(make_rotation(row))
        assert rotated == replace(
            row,
            generation=2,
            rotated_at=NOW,
            attempt="attempt-of-the-rotation",
            idle_end=NOW + row.idle_seconds,
            last_seen=NOW,
            sender_hint="chrome",
            key_version=2,
        )

    async def test_the_row_that_a_rotation_returns_is_the_row_that_is_read_later(self, store: Store) -> None:
        row = await opened(store, make_row())
        assert await store.rotate(make_rotation(row)) == await read(store, row.sid)

    @pytest.mark.parametrize("case", _REFUSED)
    async def test_a_rotation_is_refused_and_nothing_written_when_the_session_is(self, store: Store, case: str) -> None:
        in_row, in_rotation = _REFUSED[case]
        row = await opened(store, make_row(**in_row))
        assert await store.rotate(make_rotation(row, **in_rotation)) is None
        assert await read(store, row.sid) == row

    @pytest.mark.parametrize("case", _APPLIED)
    async def test_a_rotation_applies_when_the_session_is(self, store: Store, case: str) -> None:
        in_row, in_rotation = _APPLIED[case]
        row = await opened(store, make_row(**in_row))
        rotated = await store.rotate(make_rotation(row, **in_rotation))
        assert rotated is not None
        assert rotated.generation == row.generation + 1

    async def test_an_unknown_session_is_not_rotated(self, store: Store) -> None:
        row = make_row()
        assert await store.rotate(make_rotation(row)) is None
        assert await store.read_session(row.sid) is None

    async def test_another_session_with_the_same_secret_is_not_touched(self, store: Store) -> None:
        row, other = await opened(store, make_row()), await opened(store, make_row())
        await store.rotate(make_rotation(row))
        assert await read(store, other.sid) == other

    async def test_a_rotation_without_an_attempt_forgets_the_one_before(self, store: Store) -> None:
        row = await opened(store, make_row(attempt="old"))
        rotated = await store.rotate(make_rotation(row, attempt=None))
        assert rotated is not None
        assert rotated.attempt is None

    async def test_the_idle_end_stays_when_nobody_was_active(self, store: Store) -> None:
        row = await opened(store, make_row())
        rotated = await store.rotate(make_rotation(row, active_at=None))
        assert rotated is not None
        assert rotated.idle_end == row.idle_end

    async def test_the_idle_end_never_moves_earlier(self, store: Store) -> None:
        row = await opened(store, make_row())
        rotated = await store.rotate(make_rotation(row, active_at=NOW - 100_000))
        assert rotated is not None
        assert rotated.idle_end == row.idle_end

    async def test_the_idle_end_never_passes_the_absolute_end(self, store: Store) -> None:
        row = await opened(store, make_row(absolute_end=NOW + 3_000))
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None
        assert rotated.idle_end == row.absolute_end

    async def test_a_rotation_never_moves_last_seen_back(self, store: Store) -> None:
        row = await opened(store, make_row(last_seen=NOW + 5))
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None
        assert rotated.last_seen == NOW + 5

    async def test_the_absolute_end_never_moves_however_often_a_session_is_rotated(self, store: Store) -> None:
        row = first = await opened(store, make_row())
        for step in range(1, 101):
            now = NOW + step * 100
            await store.confirm([Confirmation(row.sid, row.generation, now - 50)])
            rotated = await store.rotate(make_rotation(row, now=now, active_at=now, settled_before=now - GRACE))
            assert rotated is not None
            row = rotated
        assert row.generation == 101
        assert row.absolute_end == first.absolute_end
        assert await store.list_sessions("alice") == (row,)

    async def test_of_fifty_rotations_at_once_with_one_token_exactly_one_wins(self, store: Store) -> None:
        for _ in range(4):
            row = await opened(store, make_row(subject="bob"))
            rotation = make_rotation(row)
            winners = [rotated for rotated in await at_once(50, partial(store.rotate, rotation)) if rotated]
            assert len(winners) == 1
            assert winners[0] == await read(store, row.sid)
            assert winners[0].generation == 2

    async def test_no_rotation_applies_after_a_revocation_was_answered_whatever_raced(self, store: Store) -> None:
        for _ in range(10):
            row = await opened(store, make_row())
            rotation = make_rotation(row)
            before, ended, after = await asyncio.gather(
                store.rotate(rotation), store.end_session(row.sid, "logout", NOW, NOW + 900), store.rotate(rotation)
            )
            assert ended is not None
            assert ended.generation == (2 if before or after else 1)
            assert await store.rotate(replace(rotation, generation=ended.generation)) is None
            assert await read(store, row.sid) == ended
