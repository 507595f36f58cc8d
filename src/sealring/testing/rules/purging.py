# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: purging sessions. A live session is never deleted."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sealring.sessions.record import SessionRow
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_row
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
        assert await store.subject_epoch("alice") == 1
