# ruff: noqa: D102, S101 - these are tests, and their names are sentences
"""The contract: opening, reading and listing sessions."""

import asyncio
from dataclasses import astuple

import pytest

from sealring.errors import InternalError
from sealring.sessions.record import SessionRow
from sealring.stores.base import Store
from sealring.testing.build import NOW, make_row
from sealring.testing.rules.base import Rules, opened, read

_FULL = make_row(
    attempt="kJ3-_attempt",
    replay_generation=4,
    replay_streak=2,
    generation=2**32 - 1,
    confirmed_generation=2**32 - 2,
    ep=7,
    rotated_at=NOW + 1 / 3,
    persistent=False,
    revoked_at=NOW,
    revoked_reason="the application's own word",
    cnf_kind="dpop",
    cnf_thumbprint="0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I",
    subject="ålice 漢字 🔑",
    scope="todo:read todo:write",
    device="",
    secret_hash=bytes(32),
)
_WHOLE_NUMBERS = make_row(rotated_at=1_767_225_600.0, idle_seconds=1.0, confirmed_at=0.0)
_PLAIN = make_row()


class OpeningRules(Rules):
    """A session is opened once, under the epoch that its login began with."""

    async def test_a_store_that_is_open_answers(self, store: Store) -> None:
        await store.ping()

    @pytest.mark.parametrize("row", [_FULL, _PLAIN, _WHOLE_NUMBERS], ids=["full", "plain", "whole numbers"])
    async def test_a_session_reads_back_exactly_as_it_was_opened(self, store: Store, row: SessionRow) -> None:
        await opened(store, row)
        back = await read(store, row.sid)
        assert back == row
        assert [type(value) for value in astuple(back)] == [type(value) for value in astuple(row)]

    async def test_an_unknown_session_is_none(self, store: Store) -> None:
        await opened(store, make_row())
        assert await store.read_session(make_row().sid) is None

    async def test_a_subject_that_was_never_revoked_has_epoch_zero(self, store: Store) -> None:
        assert await store.subject_epoch("nobody") == 0

    async def test_a_session_is_not_opened_under_an_epoch_that_has_risen(self, store: Store) -> None:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        row = make_row(subject_epoch=0)
        assert not await store.open_session(row)
        assert await store.read_session(row.sid) is None
        assert await store.list_sessions("alice") == ()

    @pytest.mark.parametrize("other", [-1, 1])
    async def test_a_session_is_not_opened_under_an_epoch_of_another_time(self, store: Store, other: int) -> None:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        row = make_row(subject_epoch=await store.subject_epoch("alice") + other)
        assert not await store.open_session(row)
        assert await store.read_session(row.sid) is None

    async def test_a_session_opens_under_the_epoch_as_it_is_now(self, store: Store) -> None:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        assert await store.open_session(make_row(subject_epoch=await store.subject_epoch("alice")))

    async def test_a_session_opens_when_the_epoch_that_its_login_began_with_is_forgotten(self, store: Store) -> None:
        assert await store.open_session(make_row(subject_epoch=1_767_000_000_000))
        assert await store.subject_epoch("alice") == 0
        assert await store.open_session(make_row(subject_epoch=0))

    async def test_the_epoch_of_one_subject_is_not_that_of_another(self, store: Store) -> None:
        await store.end_subject("alice", None, "logout_all", NOW, NOW + 900)
        assert await store.subject_epoch("bob") == 0
        assert await store.open_session(make_row(subject="bob"))

    async def test_a_login_in_flight_loses_against_the_end_of_all_sessions(self, store: Store) -> None:
        epoch = await store.subject_epoch("alice")
        await store.end_subject("alice", None, "password_changed", NOW, NOW + 900)
        assert not await store.open_session(make_row(subject_epoch=epoch))

    async def test_no_session_survives_the_end_of_all_sessions_that_races_with_its_login(self, store: Store) -> None:
        rows = [make_row() for _ in range(20)]
        logins = [asyncio.ensure_future(store.open_session(row)) for row in rows[:10]]
        end = asyncio.ensure_future(store.end_subject("alice", None, "password_changed", NOW, NOW + 900))
        logins += [asyncio.ensure_future(store.open_session(row)) for row in rows[10:]]
        was_opened = {row.sid for row, login in zip(rows, logins, strict=True) if await login}
        assert {row.sid for row in await end} == was_opened
        assert {row.sid for row in rows if await store.read_session(row.sid) is not None} == was_opened
        assert await store.list_sessions("alice") == ()

    async def test_a_session_id_that_exists_is_refused_and_the_session_stays_as_it_was(self, store: Store) -> None:
        row = await opened(store, make_row())
        with pytest.raises(InternalError):
            await store.open_session(make_row(sid=row.sid, subject="mallory"))
        assert await read(store, row.sid) == row
        assert await store.list_sessions("mallory") == ()

    async def test_sessions_are_listed_oldest_first_whatever_the_order_of_opening(self, store: Store) -> None:
        rows = [await opened(store, make_row(created_at=NOW - age)) for age in (30.0, 10.0, 20.0)]
        assert await store.list_sessions("alice") == (rows[0], rows[2], rows[1])

    async def test_the_list_holds_only_sessions_of_the_subject_that_were_not_ended(self, store: Store) -> None:
        kept, ended = await opened(store, make_row()), await opened(store, make_row())
        await opened(store, make_row(subject="bob"))
        await store.end_session(ended.sid, "logout", NOW, NOW + 900)
        assert await store.list_sessions("alice") == (kept,)

    async def test_the_list_shows_each_session_as_it_is_now(self, store: Store) -> None:
        row = await opened(store, make_row())
        await store.raise_epoch(row.sid, NOW + 900)
        assert await store.list_sessions("alice") == (await read(store, row.sid),)

    async def test_many_sessions_of_one_subject_are_all_listed(self, store: Store) -> None:
        rows = [await opened(store, make_row(created_at=NOW + index)) for index in range(120)]
        assert await store.list_sessions("alice") == tuple(rows)
