"""Connections live with their session: through every rotation, until it ends, in whichever process that happens."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sealring import AccessToken, SessionTokens
from sealring.errors import (
    RefusedError,
    SessionExpiredAbsolute,
    SessionExpiredIdle,
    StoreUnavailable,
    SubjectInactive,
    TokenRevoked,
    TokenSuperseded,
)
from sealring.events import ConnectionEnded
from sealring.sessions.connections import Connection
from sealring.stores.memory import MemoryStore
from tests.gated import GatedStore, Place
from tests.refreshing import quiet, refreshed, settled_login
from tests.support import Bench, Claims, bench

pytestmark = pytest.mark.anyio


async def verified(it: Bench) -> tuple[SessionTokens, AccessToken[Claims]]:
    """Log in and return the verified token and the tokens it came with."""
    tokens = await settled_login(it)
    return tokens, await it.ring.authenticate(tokens.access_token)


async def look(it: Bench) -> int:
    return await it.ring.connections.look()


def refusal(connection: Connection) -> type[RefusedError] | None:
    return None if connection.refusal is None else type(connection.refusal)


async def test_a_logout_ends_the_connections_of_its_session_and_no_other(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, token = await verified(it)
        _, other_token = await verified(it)
        bind = it.ring.connections.bind
        with bind(token) as first, bind(token) as second, bind(other_token) as other:
            await it.ring.logout(refresh_token=tokens.refresh_token)
            assert isinstance(await asyncio.wait_for(first.ended(), 10), TokenRevoked)
            assert refusal(second) is TokenRevoked
            assert refusal(other) is None
        assert [event.code for event in it.log.of(ConnectionEnded)] == ["token_revoked"] * 2
        assert len(it.ring.connections) == 0


async def test_a_logout_in_another_process_ends_a_connection_with_the_next_reading_of_the_feed(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as here, bench(policy=quiet(), store=place.open()) as there:
        tokens, token = await verified(here)
        with here.ring.connections.bind(token) as connection:
            await there.ring.logout(refresh_token=tokens.refresh_token)
            assert refusal(connection) is None
            await here.ring.follower.catch_up()
            assert refusal(connection) is TokenRevoked


async def test_rotation_and_the_expiry_of_the_token_do_not_end_a_connection(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            for _ in range(3):
                tokens = await refreshed(it, tokens, idle_for=0)
                await it.settle(tokens)
                it.clock.advance(it.ring.policy.access.lifetime.total_seconds() + 60)
                assert await look(it) == 0
            assert refusal(connection) is None


async def test_a_connection_ends_when_its_session_is_idle_for_too_long() -> None:
    async with bench(policy=quiet(idle=timedelta(hours=1), transient=timedelta(hours=1))) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            it.clock.advance(tokens.view.row.idle_end - 1 - it.clock.now())
            assert await look(it) == 0
            it.clock.advance(1)
            assert await look(it) == 1
            assert refusal(connection) is SessionExpiredIdle


async def test_a_connection_ends_at_the_absolute_end_however_active_its_user_is() -> None:
    async with bench(policy=quiet(idle=timedelta(days=30), absolute=timedelta(days=30))) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            it.clock.advance(tokens.view.row.absolute_end - it.clock.now())
            assert await look(it) == 1
            assert refusal(connection) is SessionExpiredAbsolute


async def test_before_its_time_a_connection_costs_the_store_nothing() -> None:
    store = GatedStore(MemoryStore())
    async with bench(policy=quiet(), store=store.port) as it:
        _, token = await verified(it)
        with it.ring.connections.bind(token):
            store.fail("read_session", times=9)
            assert await look(it) == 0


async def test_a_dead_store_ends_a_connection_as_something_to_be_tried_again() -> None:
    store = GatedStore(MemoryStore())
    async with bench(policy=quiet(), store=store.port) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            store.fail("read_session", times=9)
            it.clock.advance(tokens.view.expires_at - it.clock.now())
            assert await look(it) == 1
            assert refusal(connection) is StoreUnavailable
            assert connection.refusal is not None
            assert connection.refusal.action == "retry"


async def test_revoked_access_ends_a_connection_until_a_fresh_token_opens_it_again(place: Place) -> None:
    async with bench(policy=quiet(), store=place.open()) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            await it.ring.revoke_access(token.session_id)
            assert refusal(connection) is TokenSuperseded
        with pytest.raises(TokenSuperseded), it.ring.connections.bind(token):
            pytest.fail("a denied token was bound")
        fresh = await refreshed(it, tokens)
        with it.ring.connections.bind(await it.ring.authenticate(fresh.access_token)) as connection:
            assert refusal(connection) is None


async def test_a_disabled_account_loses_its_connections_within_the_life_of_an_access_token() -> None:
    async with bench(policy=quiet()) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            del it.subjects["ada"]
            it.clock.advance(tokens.view.expires_at - it.clock.now())
            assert await look(it) == 1
            assert refusal(connection) is SubjectInactive


async def test_an_account_that_lost_a_scope_has_to_come_back_with_a_token_that_says_so() -> None:
    async with bench(policy=quiet()) as it:
        tokens, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            it.subjects["ada"] = replace(it.subjects["ada"], claims=Claims(), scope=("todos:read",))
            it.clock.advance(tokens.view.expires_at - it.clock.now())
            assert await look(it) == 1
            assert refusal(connection) is TokenSuperseded


async def test_a_distrusted_key_ends_every_connection() -> None:
    async with bench(policy=quiet()) as it:
        _, token = await verified(it)
        with it.ring.connections.bind(token) as connection:
            await it.ring.distrust_key(it.ring.keys.signer.kid)
            assert refusal(connection) is TokenSuperseded


async def test_who_listens_late_is_told_at_once_and_everybody_only_once() -> None:
    async with bench(policy=quiet()) as it:
        _, token = await verified(it)
        told: list[str] = []
        with it.ring.connections.bind(token) as connection:
            connection.on_end(lambda: told.append("early"))
            await it.ring.end_all_sessions("ada")
            await it.ring.end_all_sessions("ada")
            connection.end(StoreUnavailable("too late to matter"))
            connection.on_end(lambda: told.append("late"))
        assert told == ["early", "late"]
        assert refusal(connection) is TokenRevoked
