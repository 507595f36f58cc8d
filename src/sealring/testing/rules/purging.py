# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: purging sessions. A live session is never deleted."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealring.sessions.record import SessionRow
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_denial, make_row
from sealring.testing.rules.base import EVERYTHING, Rules, feed, opened

# An example opens a store of its own; a class of rules runs once for each kind of store.
modestly = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow]
)

_MOMENTS = st.integers(-4, 4).map(lambda seconds: NOW + seconds)


@st.composite
def _rows(draw: st.DrawFn) -> SessionRow:
    revoked_at = draw(st.none() | _MOMENTS)
    return make_row(
        idle_end=draw(_MOMENTS),
        absolute_end=draw(_MOMENTS),
        revoked_at=revoked_at,
        revoked_reason=None if revoked_at is None else "logout",
    )


def _ended_at(row: SessionRow) -> float:
    return row.end if row.revoked_at is None else min(row.end, row.revoked_at)


class PurgingRules(Rules):
    """Only sessions that are over are deleted, a few at a time."""

    @modestly
    @given(rows=st.lists(_rows(), max_size=8), moment=_MOMENTS, limit=st.integers(0, 9))
    async def test_a_purge_deletes_only_what_ended_before_the_moment_and_no_more_than_its_limit(
        self, rows: list[SessionRow], moment: float, limit: int
    ) -> None:
        over = {row.sid for row in rows if _ended_at(row) < moment}
        async with self.open_store() as store:
            for row in rows:
                await opened(store, row)
            deleted = await store.purge_sessions(moment, limit)
            gone = {row.sid for row in rows if await store.read_session(row.sid) is None}
            assert deleted == len(gone) == min(limit, len(over))
            assert gone <= over
            assert not any(row.is_live(moment) for row in rows if row.sid in gone)
            await store.purge_sessions(moment, EVERYTHING)
            left = {row.sid: await store.read_session(row.sid) for row in rows}
            assert left == {row.sid: None if row.sid in over else row for row in rows}

    @pytest.mark.parametrize("end", ["idle_end", "absolute_end", "revoked_at"])
    async def test_a_session_is_purged_when_it_ended_before_the_moment_and_not_at_the_moment(
        self, store: Store, end: str
    ) -> None:
        at_the_moment = await opened(store, make_row(**{end: NOW}))
        await opened(store, make_row(**{end: NOW - 0.001}))
        assert await store.purge_sessions(NOW, EVERYTHING) == 1
        assert await store.read_session(at_the_moment.sid) == at_the_moment

    async def test_a_purge_repeated_ends_at_nothing(self, store: Store) -> None:
        for index in range(7):
            await opened(store, make_row(idle_end=NOW - 10 + index % 2, revoked_at=NOW - 5 if index < 3 else None))
        assert [await store.purge_sessions(NOW, 3) for _ in range(4)] == [3, 3, 1, 0]

    async def test_a_purged_session_is_not_listed_and_its_denial_stays(self, store: Store) -> None:
        row = await opened(store, make_row())
        await store.end_session(row.sid, "logout", NOW, NOW + 900)
        assert await store.purge_sessions(NOW + 1, EVERYTHING) == 1
        assert await store.list_sessions("alice") == ()
        assert [denial.ident for denial in await feed(store)] == [row.session_id]

    async def test_a_purge_leaves_the_epoch_of_a_subject(self, store: Store) -> None:
        await opened(store, make_row())
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        await store.purge_sessions(NOW + 1, EVERYTHING)
        assert await store.subject_epoch("alice") == NOW * 1000


class PurgingSubjectsRules(Rules):
    """An epoch is forgotten when no login can compare it, and no login is refused or let in because of that."""

    async def test_an_epoch_that_was_raised_since_the_moment_is_kept(self, store: Store) -> None:
        await store.end_subject("alice", None, "logout_all", NOW - 100, NOW + 900)
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        epoch = await store.subject_epoch("alice")
        assert await store.purge_subjects(NOW, EVERYTHING) == 0
        assert await store.subject_epoch("alice") == epoch
        assert not await store.open_session(make_row(subject_epoch=0))

    async def test_forgetting_is_bounded_and_ends_at_nothing(self, store: Store) -> None:
        for index in range(7):
            await store.end_subject(f"subject {index}", None, "logout_all", NOW - 10, NOW + 900)
        counts = [await store.purge_subjects(NOW, 3) for _ in range(4)]
        # In some stores epochs leave by themselves.
        assert counts in ([3, 3, 1, 0], [0, 0, 0, 0])
        assert await store.purge_subjects(NOW, 0) == 0

    async def test_a_login_under_way_opens_although_its_epoch_is_forgotten(self, store: Store) -> None:
        await store.end_subject("alice", None, "logout_all", NOW - 7_200, NOW)
        epoch = await store.subject_epoch("alice")
        await store.purge_subjects(NOW - 3_600, EVERYTHING)
        assert await store.open_session(make_row(subject_epoch=epoch))

    async def test_a_login_under_way_is_refused_when_its_subject_is_revoked_after_its_epoch_was_forgotten(
        self, store: Store
    ) -> None:
        await store.end_subject("alice", None, "logout_all", NOW - 7_200, NOW)
        began_before, began_after = await store.subject_epoch("alice"), 0
        await store.purge_subjects(NOW - 3_600, EVERYTHING)
        await store.end_subject("alice", None, "password_changed", NOW, NOW + 900)
        assert not await store.open_session(make_row(subject_epoch=began_before))
        assert not await store.open_session(make_row(subject_epoch=began_after))

    async def test_logins_and_ends_that_meet_a_purge_are_as_they_would_be_without_it(self, store: Store) -> None:
        rows = [make_row(created_at=NOW - 9_000) for _ in range(20)]
        calls = [
            (
                asyncio.ensure_future(store.open_session(row)),
                asyncio.ensure_future(store.purge_subjects(NOW, EVERYTHING)),
            )
            for row in rows
        ]
        assert [await login for login, _ in calls] == [True] * len(rows)
        await asyncio.gather(*(purge for _, purge in calls))
        end = asyncio.ensure_future(store.end_subject("alice", None, "password_changed", NOW, NOW + 900))
        purges = [asyncio.ensure_future(store.purge_subjects(NOW, EVERYTHING)) for _ in range(5)]
        assert {row.sid for row in await end} == {row.sid for row in rows}
        await asyncio.gather(*purges)
        assert not await store.open_session(make_row())


class CountingRules(Rules):
    """What a purge would delete can be told without deleting it."""

    @modestly
    @given(rows=st.lists(_rows(), max_size=8), moment=_MOMENTS, limit=st.integers(0, 9))
    async def test_the_sessions_that_are_due_are_counted_as_they_are_purged(
        self, rows: list[SessionRow], moment: float, limit: int
    ) -> None:
        async with self.open_store() as store:
            for row in rows:
                await opened(store, row)
            due = await store.count_due(moment, moment, limit)
            assert due.sessions == min(limit, sum(_ended_at(row) < moment for row in rows))
            assert [await store.read_session(row.sid) for row in rows] == rows
            assert await store.purge_sessions(moment, limit) == due.sessions

    async def test_the_denials_and_subjects_that_are_due_are_counted_as_they_are_purged(self, store: Store) -> None:
        for index in range(5):
            await store.write_denial(make_denial(expires_at=NOW + index))
            await store.end_subject(f"subject {index}", None, "logout_all", NOW + index, NOW)
        for moment, limit in ((NOW - 1, EVERYTHING), (NOW + 2, EVERYTHING), (NOW + 9, 3)):
            due = await store.count_due(moment, moment, limit)
            assert await store.purge_denials(moment, limit) == due.denials
            assert await store.purge_subjects(moment, limit) == due.subjects
