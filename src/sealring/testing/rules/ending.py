# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: ending sessions, and denying their access tokens."""

from dataclasses import replace

import pytest

from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.sessions.record import EndReason, SessionRow
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_rotation, make_row
from sealring.testing.rules.base import Rules, at_once, feed, opened, read

_UNTIL = NOW + 910.5


def _ended(row: SessionRow) -> Denial:
    return Denial(DenialKind.SESSION, row.session_id, ENDED, _UNTIL)


class EndingRules(Rules):
    """A session ends once, with one denial, and an end is never taken back."""

    @pytest.mark.parametrize("reason", [EndReason.LOGOUT, "the application's own word"])
    async def test_an_end_is_written_and_denied(self, store: Store, reason: str) -> None:
        row = await opened(store, make_row())
        ended = await store.end_session(row.sid, reason, NOW, _UNTIL)
        assert ended == replace(row, revoked_at=NOW, revoked_reason=str(reason))
        assert ended == await read(store, row.sid)
        assert await feed(store) == (_ended(row),)

    async def test_a_second_end_changes_nothing_and_denies_nothing(self, store: Store) -> None:
        row = await opened(store, make_row())
        ended = await store.end_session(row.sid, "logout", NOW, _UNTIL)
        assert await store.end_session(row.sid, "reused", NOW + 5, _UNTIL + 5) is None
        assert await read(store, row.sid) == ended
        assert await feed(store) == (_ended(row),)

    async def test_the_end_of_an_unknown_session_denies_nothing(self, store: Store) -> None:
        assert await store.end_session(make_row().sid, "logout", NOW, _UNTIL) is None
        assert await feed(store) == ()

    async def test_a_session_past_its_end_can_still_be_ended(self, store: Store) -> None:
        row = await opened(store, make_row(idle_end=NOW - 5))
        assert await store.end_session(row.sid, "logout", NOW, _UNTIL) is not None

    async def test_of_twenty_ends_at_once_exactly_one_counts(self, store: Store) -> None:
        row = await opened(store, make_row())
        answers = await at_once(20, lambda: store.end_session(row.sid, "logout", NOW, _UNTIL))
        assert len([answer for answer in answers if answer is not None]) == 1
        assert await feed(store) == (_ended(row),)

    async def test_an_ended_session_stays_ended_whatever_is_written_to_it_later(self, store: Store) -> None:
        row = await opened(store, make_row())
        ended = await store.end_session(row.sid, "logout", NOW, _UNTIL)
        assert await store.rotate(make_rotation(row)) is None
        assert not await store.compare_and_swap(row, replace(row, generation=2))
        assert await store.raise_epoch(row.sid, _UNTIL) is None
        assert await store.end_subject("alice", None, "logout_all", NOW, _UNTIL) == ()
        assert await read(store, row.sid) == ended


class EndingSubjectRules(Rules):
    """The sessions of a subject end together, and logins under way lose."""

    async def test_all_sessions_of_the_subject_end_with_one_denial_each(self, store: Store) -> None:
        rows = [await opened(store, make_row(created_at=NOW + index)) for index in range(3)]
        ended = await store.end_subject("alice", None, "password_changed", NOW, _UNTIL)
        assert set(ended) == {replace(row, revoked_at=NOW, revoked_reason="password_changed") for row in rows}
        assert {await store.read_session(row.sid) for row in rows} == set(ended)
        assert sorted(await feed(store), key=str) == sorted(map(_ended, rows), key=str)
        assert await store.list_sessions("alice") == ()

    async def test_the_session_to_keep_lives_on_as_it_was(self, store: Store) -> None:
        kept, other = await opened(store, make_row()), await opened(store, make_row())
        ended = await store.end_subject("alice", kept.sid, "logout_all", NOW, _UNTIL)
        assert [row.sid for row in ended] == [other.sid]
        assert await store.list_sessions("alice") == (kept,)
        assert await feed(store) == (_ended(other),)
        assert await store.rotate(make_rotation(kept)) is not None

    async def test_sessions_of_others_live_on(self, store: Store) -> None:
        other = await opened(store, make_row(subject="bob"))
        await store.end_subject("alice", other.sid, "logout_all", NOW, _UNTIL)
        assert await store.list_sessions("bob") == (other,)
        assert await store.subject_epoch("bob") == 0

    async def test_a_session_that_was_ended_before_is_neither_returned_nor_denied_again(self, store: Store) -> None:
        before, now = await opened(store, make_row()), await opened(store, make_row())
        gone = await store.end_session(before.sid, "logout", NOW - 5, _UNTIL)
        ended = await store.end_subject("alice", None, "logout_all", NOW, _UNTIL)
        assert [row.sid for row in ended] == [now.sid]
        assert await read(store, before.sid) == gone
        assert await feed(store) == (_ended(before), _ended(now))

    async def test_the_epoch_rises_each_time_with_or_without_sessions_and_whatever_the_clock(
        self, store: Store
    ) -> None:
        epochs = [await store.subject_epoch("nobody")]
        for now in (NOW, NOW, NOW - 300, NOW + 0.25, 0.0):
            assert await store.end_subject("nobody", None, "logout_all", now, _UNTIL) == ()
            epochs.append(await store.subject_epoch("nobody"))
        start = NOW * 1000
        assert epochs == [0, start, start + 1, start + 2, start + 250, start + 251]

    async def test_each_session_is_ended_by_exactly_one_of_twenty_calls_at_once(self, store: Store) -> None:
        rows = [await opened(store, make_row()) for _ in range(5)]
        answers = await at_once(20, lambda: store.end_subject("alice", None, "logout_all", NOW, _UNTIL))
        assert sorted(row.sid for answer in answers for row in answer) == sorted(row.sid for row in rows)
        assert len(await feed(store)) == len(rows)
        assert await store.subject_epoch("alice") == NOW * 1000 + 19


class RaisingEpochRules(Rules):
    """The access tokens of a session are denied while it lives on."""

    async def test_the_access_epoch_rises_and_all_lower_ones_are_denied(self, store: Store) -> None:
        row = await opened(store, make_row(ep=4))
        raised = await store.raise_epoch(row.sid, _UNTIL)
        assert raised == replace(row, ep=5)
        assert raised == await read(store, row.sid)
        assert await feed(store) == (Denial(DenialKind.SESSION, row.session_id, 5, _UNTIL),)

    async def test_the_session_refreshes_afterwards_as_before(self, store: Store) -> None:
        row = await opened(store, make_row())
        await store.raise_epoch(row.sid, _UNTIL)
        rotated = await store.rotate(make_rotation(row))
        assert rotated is not None
        assert rotated.ep == 1

    async def test_an_ended_or_unknown_session_has_no_epoch_to_raise(self, store: Store) -> None:
        row = await opened(store, make_row())
        ended = await store.end_session(row.sid, "logout", NOW, _UNTIL)
        assert await store.raise_epoch(row.sid, _UNTIL) is None
        assert await store.raise_epoch(make_row().sid, _UNTIL) is None
        assert await read(store, row.sid) == ended
        assert await feed(store) == (_ended(row),)

    async def test_ten_raises_at_once_all_count(self, store: Store) -> None:
        row = await opened(store, make_row())
        raised = await at_once(10, lambda: store.raise_epoch(row.sid, _UNTIL))
        assert sorted(after.ep for after in raised if after is not None) == list(range(1, 11))
        assert [denial.least_epoch for denial in await feed(store)] == list(range(1, 11))
