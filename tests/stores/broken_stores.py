"""Stores that break one rule each, and the rule that catches it; run by test_contract.py, not collected by name."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from sealring.keys.record import KeyRow
from sealring.sessions.record import Rotation, SessionRow
from sealring.stores import MemoryStore, Store
from sealring.testing import StoreContract

CAUGHT_BY = {
    "TestReadsThenWrites": "test_of_fifty_rotations_at_once_with_one_token_exactly_one_wins",
    "TestTakesAnySecret": "test_a_rotation_is_refused_and_nothing_written_when_the_session_is[wrong secret]",
    "TestRotatesTheRevoked": "test_no_rotation_applies_after_a_revocation_was_answered_whatever_raced",
    "TestSwapsBlindly": "test_a_swap_is_refused_after_a_revocation",
    "TestForgetsTheEpoch": "test_a_login_in_flight_loses_against_the_end_of_all_sessions",
    "TestEndsWithoutDenial": "test_an_end_is_written_and_denied",
    "TestPurgesEverything": "test_a_purge_deletes_only_what_ended_before_the_moment_and_no_more_than_its_limit",
    "TestCountsTheFeedFromZero": "test_a_follower_at_the_head_learns_what_comes_after_everything_was_purged",
    "TestEndsByHalves": "test_a_cancelled_end_of_all_sessions_ends_all_with_their_denials_or_none[3]",
    "TestReplacesAnyRing": "test_of_twenty_replacements_at_once_exactly_one_counts_for_each_revision",
}


class _Broken(StoreContract):
    store_type: type[MemoryStore]

    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with self.store_type() as store:
            yield store


class _ReadsThenWrites(MemoryStore):
    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        row = self._sessions[rotation.sid]
        await asyncio.sleep(0)
        self._sessions[rotation.sid] = row
        return await super().rotate(rotation)


class _TakesAnySecret(MemoryStore):
    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        return await super().rotate(replace(rotation, secret_hash=self._sessions[rotation.sid].secret_hash))


class _RotatesTheRevoked(MemoryStore):
    async def rotate(self, rotation: Rotation) -> SessionRow | None:
        row = self._sessions[rotation.sid]
        self._sessions[rotation.sid] = replace(row, revoked_at=None, revoked_reason=None)
        return await super().rotate(rotation)


class _SwapsBlindly(MemoryStore):
    async def compare_and_swap(self, before: SessionRow, after: SessionRow) -> bool:
        self._sessions[before.sid] = after
        return True


class _ForgetsTheEpoch(MemoryStore):
    async def open_session(self, row: SessionRow) -> bool:
        return await super().open_session(replace(row, subject_epoch=self._epoch(row.subject)))


class _EndsWithoutDenial(MemoryStore):
    async def end_session(self, sid: bytes, reason: str, now: float, deny_until: float) -> SessionRow | None:
        ended = await super().end_session(sid, reason, now, deny_until)
        self._feed.clear()
        return ended


class _PurgesEverything(MemoryStore):
    async def purge_sessions(self, ended_before: float, limit: int) -> int:
        return await super().purge_sessions(float("inf"), limit)


class _CountsTheFeedFromZero(MemoryStore):
    async def purge_denials(self, now: float, limit: int) -> int:
        deleted = await super().purge_denials(now, limit)
        self._last_cursor = self._feed[-1][0] if self._feed else 0
        return deleted


class _EndsByHalves(MemoryStore):
    async def end_subject(
        self, subject: str, keep: bytes | None, reason: str, now: float, deny_until: float
    ) -> tuple[SessionRow, ...]:
        ended = []
        for row in await self.list_sessions(subject):
            await asyncio.sleep(0)
            ended.append(await self.end_session(row.sid, reason, now, deny_until))
        await super().end_subject(subject, keep, reason, now, deny_until)
        return tuple(row for row in ended if row is not None)


class _ReplacesAnyRing(MemoryStore):
    async def replace_ring(self, expected_revision: int, rows: Sequence[KeyRow]) -> bool:
        return await super().replace_ring(self._ring.revision, rows)


class TestReadsThenWrites(_Broken):
    store_type = _ReadsThenWrites


class TestTakesAnySecret(_Broken):
    store_type = _TakesAnySecret


class TestRotatesTheRevoked(_Broken):
    store_type = _RotatesTheRevoked


class TestSwapsBlindly(_Broken):
    store_type = _SwapsBlindly


class TestForgetsTheEpoch(_Broken):
    store_type = _ForgetsTheEpoch


class TestEndsWithoutDenial(_Broken):
    store_type = _EndsWithoutDenial


class TestPurgesEverything(_Broken):
    store_type = _PurgesEverything


class TestCountsTheFeedFromZero(_Broken):
    store_type = _CountsTheFeedFromZero


class TestEndsByHalves(_Broken):
    store_type = _EndsByHalves


class TestReplacesAnyRing(_Broken):
    store_type = _ReplacesAnyRing
