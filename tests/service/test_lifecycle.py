"""Starting and stopping a ring: ready before the first request, nothing lost at the end, a clear error in between."""

import asyncio
from pathlib import Path

import pytest

from sealring import KeyEncryptionKeys, Subject
from sealring.clock import ManualClock
from sealring.errors import KeyRingError, RefreshInvalid, StoreUnavailable, TokenInvalid
from sealring.events import JobFailed, KeyRingLoaded
from sealring.stores.sqlite import SqliteStore
from tests.gated import GatedStore, Place, sqlite_place
from tests.refreshing import another_ring, quiet, refresh_token, refreshed
from tests.support import WEB, Claims, EventLog, bench

pytestmark = pytest.mark.anyio


async def test_the_first_start_makes_the_keys_and_the_next_finds_them(place: Place) -> None:
    for created in (True, False):
        async with bench(policy=quiet(), store=place.open()) as it:
            (told,) = it.log.of(KeyRingLoaded)
            assert told.created is created


async def test_a_restart_logs_nobody_out(place: Place) -> None:
    clock = ManualClock()
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        tokens = await it.login()
        it.ring.confirm(await it.ring.authenticate(tokens.access_token))
    # What was seen was written while the ring stopped, so the next refresh rotates.
    clock.advance(21)
    async with bench(policy=quiet(), store=place.open(), clock=clock) as it:
        await it.ring.authenticate(tokens.access_token)
        assert (await refreshed(it, tokens)).view.outcome == "rotated"


async def test_ten_processes_that_start_together_share_one_ring(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path)
    async with bench(policy=quiet(), store=place.open()) as it:
        rings = [another_ring(place, it) for _ in range(10)]
        await asyncio.gather(*(ring.__aenter__() for ring in rings))
        try:
            tokens = await it.login()
            for ring in rings:
                await ring.authenticate(tokens.access_token)
            assert {ring.keys.revision for ring in rings} == {it.ring.keys.revision}
        finally:
            await asyncio.gather(*(ring.__aexit__(None, None, None) for ring in rings))


async def test_a_ring_that_cannot_start_closes_its_store(tmp_path: Path) -> None:
    place = sqlite_place(tmp_path)
    async with bench(policy=quiet(), store=place.open()) as it:
        store = SqliteStore(tmp_path / "sessions.db")
        stranger = KeyEncryptionKeys({1: bytes(range(200, 232))}, 1)
        with pytest.raises(KeyRingError):
            async with another_ring(place, it, store=store, key_encryption=stranger):
                raise AssertionError("it must not start with a wrong key")
        with pytest.raises(StoreUnavailable, match="not open"):
            await store.ping()


@pytest.mark.parametrize("method", ["load_ring", "read_feed"])
async def test_a_store_that_fails_at_the_start_is_a_clear_error_and_a_later_start_works(
    place: Place, method: str
) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        gated = GatedStore(place.open())
        gated.fail(method)
        with pytest.raises(StoreUnavailable):
            async with another_ring(place, it, store=gated.port):
                raise AssertionError("it must not start without its denials and keys")
        async with another_ring(place, it, store=gated.port) as ring:
            await ring.begin_login("ada")


async def test_an_error_of_the_application_passes_and_the_ring_is_stopped(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        with pytest.raises(ZeroDivisionError):
            async with another_ring(place, it):
                raise ZeroDivisionError
        assert len([task for task in asyncio.all_tasks() if task.get_name().startswith("sealring ")]) == 7


async def test_a_store_that_fails_while_the_ring_stops_is_told_and_the_stop_goes_on(place: Place) -> None:
    log, gated = EventLog(), GatedStore(place.open())
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens = await it.login()
        async with another_ring(place, it, store=gated.port, sinks=[log]) as ring:
            ring.confirm(await ring.authenticate(tokens.access_token))
            gated.fail("confirm")
        assert [(event.job, event.detail) for event in log.of(JobFailed)] == [("confirm", "confirm was told to fail")]


async def test_rings_of_different_houses_do_not_accept_each_other_s_tokens(place: Place, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    elsewhere = sqlite_place(tmp_path / "other")

    async def load(subject_id: str) -> Subject:
        return Subject(subject_id, Claims())

    async with bench(policy=quiet(), store=place.open()) as it, another_ring(elsewhere, it, load) as other:
        tokens = await it.login()
        with pytest.raises(TokenInvalid):
            await other.authenticate(tokens.access_token)
        # The MAC keys are the same here, as after a copied configuration: still there is no such session.
        with pytest.raises(RefreshInvalid):
            await other.refresh(refresh_token(tokens), sender=WEB)
