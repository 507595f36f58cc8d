"""Stale news: each policy with a store that fails, hangs and comes back; and routes that look the session up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from sealring import Policy, SessionTokens
from sealring.clock import ManualClock
from sealring.errors import (
    RefusedError,
    SessionExpiredIdle,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    TokenSuperseded,
)
from sealring.events import FeedFresh, FeedStale, StaleAccepted
from sealring.policy import RevocationPolicy, SessionPolicy, WhenStale
from sealring.revocation import Denial, DenialKind
from sealring.revocation.freshness import FeedState
from sealring.stores.memory import MemoryStore
from tests.access.forging import payload_of
from tests.gated import GatedStore
from tests.support import ISSUER, Bench, bench

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)
# As long as a policy allows, so that nothing runs out on a busy machine, and nothing in the background.
PATIENT = {"ask_within": timedelta(seconds=5), "sensitive_within": timedelta(seconds=10)}
IMPATIENT = {"ask_within": timedelta(milliseconds=10), "sensitive_within": timedelta(milliseconds=10)}


@dataclass
class Scene:
    """A ring whose store a test takes away, and another one that revokes."""

    it: Bench
    store: GatedStore
    other: Bench

    async def stale(self) -> SessionTokens:
        """Return the tokens of a login, and let the news become stale."""
        tokens = await self.it.login()
        self.it.clock.advance(6)
        return tokens

    async def revoke(self, tokens: SessionTokens) -> None:
        """End a session in the other process."""
        await self.other.ring.logout(refresh_token=tokens.refresh_token)

    async def outcome(self, tokens: SessionTokens, *, sensitive: bool = False) -> str:
        """Return ``ok`` or the code of the refusal."""
        try:
            await self.it.ring.authenticate(tokens.access_token, sensitive=sensitive)
        except RefusedError as error:
            return error.code
        return "ok"


@asynccontextmanager
async def scene(**revocation: Any) -> AsyncIterator[Scene]:
    """Run two rings on one store; nothing happens in the background."""
    policy = Policy(
        app="todo",
        issuer=ISSUER,
        revocation=RevocationPolicy(**({"poll_every": timedelta(seconds=5)} | PATIENT | revocation)),
        sessions=SessionPolicy(confirm_within=timedelta(seconds=30)),
    )
    inner, clock = MemoryStore(), ManualClock()
    store = GatedStore(inner)
    async with (
        bench(policy=policy, store=store.port, clock=clock) as it,
        bench(policy=policy, store=inner, clock=clock) as other,
    ):
        yield Scene(it, store, other)


ACCEPT = {"accept_stale_for": HOUR}
REFUSE = {"when_stale": WhenStale.REFUSE}


async def test_with_fresh_news_a_token_costs_no_call_of_the_store() -> None:
    async with scene() as on:
        tokens = await on.it.login()
        on.it.clock.advance(5)
        on.store.calls.clear()
        assert await on.outcome(tokens) == "ok"
        assert on.store.calls == []


# Asking


async def test_with_stale_news_the_store_is_asked_and_a_revoked_token_is_refused() -> None:
    async with scene() as on:
        good, bad = await on.it.login(), await on.stale()
        await on.revoke(bad)
        assert await on.outcome(bad) == "token_revoked"
        assert await on.outcome(good) == "ok"


@pytest.mark.parametrize("kind", [DenialKind.TOKEN, DenialKind.KEY])
async def test_what_is_asked_for_are_all_denials_and_not_the_session_alone(kind: DenialKind) -> None:
    async with scene() as on:
        tokens = await on.stale()
        ident = payload_of(tokens)["jti"] if kind is DenialKind.TOKEN else on.it.ring.keys.signer.kid
        await on.store.inner.write_denial(Denial(kind, ident, 0, on.it.clock.now() + 900))
        assert await on.outcome(tokens) == ("token_revoked" if kind is DenialKind.TOKEN else "token_superseded")


async def test_a_store_that_fails_is_503_and_one_that_is_back_is_used_at_once() -> None:
    async with scene() as on:
        good, bad = await on.it.login(), await on.stale()
        await on.revoke(bad)
        on.store.fail("read_feed", times=2)
        assert await on.outcome(good) == "store_unavailable"
        assert await on.outcome(bad) == "store_unavailable"
        assert await on.outcome(good) == "ok"
        assert await on.outcome(bad) == "token_revoked"


async def test_a_store_that_hangs_is_503_in_time_and_is_asked_by_one_for_all() -> None:
    async with scene(**IMPATIENT) as on:
        good, bad = await on.it.login(), await on.stale()
        await on.revoke(bad)
        on.store.calls.clear()
        gate = on.store.hold("read_feed")
        assert set(await asyncio.gather(*(on.outcome(good) for _ in range(20)))) == {"store_unavailable"}
        assert on.store.calls == ["read_feed"]
        gate.open()
        await on.it.ring.follower.completed()
        assert await on.outcome(good) == "ok"
        assert await on.outcome(bad) == "token_revoked"


async def test_many_requests_at_once_share_one_reading() -> None:
    async with scene() as on:
        tokens = await on.stale()
        on.store.calls.clear()
        assert set(await asyncio.gather(*(on.outcome(tokens) for _ in range(50)))) == {"ok"}
        assert on.store.calls == ["read_feed"]


@pytest.mark.parametrize("policy", [{}, REFUSE, ACCEPT], ids=["ask", "refuse", "accept"])
async def test_what_is_no_good_token_never_reaches_the_store(policy: dict[str, Any]) -> None:
    async with scene(**policy) as on:
        tokens = await on.stale()
        on.store.calls.clear()
        head, payload, _ = tokens.access_token.split(".")
        for forged in ("nonsense", f"{head}.{payload}.{'A' * 86}"):
            with pytest.raises(TokenInvalid):
                await on.it.ring.authenticate(forged)
        on.it.clock.advance(3600)
        with pytest.raises(TokenExpired):
            await on.it.ring.authenticate(tokens.access_token, sensitive=True)
        assert on.store.calls == []


# Refusing


async def test_who_refuses_on_stale_news_asks_nobody_and_goes_on_when_the_background_work_has_caught_up() -> None:
    async with scene(**REFUSE) as on:
        tokens = await on.stale()
        on.store.calls.clear()
        assert await on.outcome(tokens) == "store_unavailable"
        assert await on.outcome(tokens, sensitive=True) == "store_unavailable"
        assert on.store.calls == []
        await on.it.ring.follower.catch_up()
        assert await on.outcome(tokens) == "ok"
        assert await on.outcome(tokens, sensitive=True) == "ok"


# Accepting


async def test_who_accepts_stale_news_does_so_for_as_long_as_was_said_and_counts_each() -> None:
    async with scene(**ACCEPT) as on:
        tokens = await on.stale()
        await on.revoke(tokens)
        on.store.fail("read_feed", times=1_000)
        on.store.calls.clear()
        assert [await on.outcome(tokens) for _ in range(3)] == ["ok"] * 3
        assert on.store.calls == []
        assert [event.session_id for event in on.it.log.of(StaleAccepted)] == [tokens.view.row.session_id] * 3
        assert [round(event.age) for event in on.it.log.of(StaleAccepted)] == [6] * 3


async def test_past_the_accepted_time_the_store_is_asked_again() -> None:
    async with scene(accept_stale_for=timedelta(seconds=60)) as on:
        tokens = await on.stale()
        on.store.fail("read_feed", times=1)
        on.it.clock.advance(60)
        assert await on.outcome(tokens) == "store_unavailable"
        assert await on.outcome(tokens) == "ok"
        assert on.it.log.of(StaleAccepted) == []


# Sensitive routes


@pytest.mark.parametrize("policy", [{}, REFUSE, ACCEPT], ids=["ask", "refuse", "accept"])
async def test_a_sensitive_route_knows_of_an_end_before_any_news(policy: dict[str, Any]) -> None:
    async with scene(**policy) as on:
        tokens = await on.it.login()
        assert await on.outcome(tokens, sensitive=True) == "ok"
        await on.revoke(tokens)
        assert await on.outcome(tokens) == "ok"
        assert await on.outcome(tokens, sensitive=True) == "token_revoked"


async def test_a_sensitive_route_knows_of_a_raised_epoch_and_of_both_ends_of_a_session() -> None:
    async with scene() as on:
        superseded, idle = await on.it.login(), await on.it.login()
        await on.other.ring.revoke_access(superseded.view.row.session_id)
        with pytest.raises(TokenSuperseded):
            await on.it.ring.authenticate(superseded.access_token, sensitive=True)
        row = idle.view.row
        on.store.inner._sessions[row.sid] = replace(row, idle_end=on.it.clock.now())  # type: ignore[attr-defined]
        with pytest.raises(SessionExpiredIdle):
            await on.it.ring.authenticate(idle.access_token, sensitive=True)
        await on.store.inner.purge_sessions(on.it.clock.now() + 1, 10)
        with pytest.raises(TokenRevoked):
            await on.it.ring.authenticate(idle.access_token, sensitive=True)


@pytest.mark.parametrize("policy", [{}, REFUSE, ACCEPT], ids=["ask", "refuse", "accept"])
@pytest.mark.parametrize("how", ["fails", "hangs"])
@pytest.mark.parametrize("news", ["fresh", "stale"])
async def test_a_sensitive_route_is_never_answered_without_the_store(
    policy: dict[str, Any], how: str, news: str
) -> None:
    async with scene(**(IMPATIENT | policy)) as on:
        tokens = await on.it.login()
        if news == "stale":
            on.it.clock.advance(6)
        gates = []
        for method in ("read_feed", "read_session"):
            if how == "fails":
                on.store.fail(method, times=1_000)
            else:
                gates.append(on.store.hold(method))
        assert await on.outcome(tokens, sensitive=True) == "store_unavailable"
        for gate in gates:
            gate.open()


async def test_a_sensitive_route_accepts_no_stale_news_though_its_row_is_fine() -> None:
    async with scene(**ACCEPT) as on:
        tokens = await on.stale()
        denial = Denial(DenialKind.TOKEN, payload_of(tokens)["jti"], 0, on.it.clock.now() + 900)
        await on.store.inner.write_denial(denial)
        assert await on.outcome(tokens) == "ok"
        assert await on.outcome(tokens, sensitive=True) == "token_revoked"


# Telling


async def test_each_change_is_told_once_with_or_without_requests() -> None:
    async with scene() as on:
        tokens = await on.stale()
        on.store.fail("read_feed", times=3)
        for _ in range(3):
            assert await on.outcome(tokens) == "store_unavailable"
        assert [round(event.age) for event in on.it.log.of(FeedStale)] == [6]
        on.it.clock.advance(10)
        for _ in range(3):
            assert await on.outcome(tokens) == "ok"
        assert [round(event.stale_for) for event in on.it.log.of(FeedFresh)] == [10]
        on.it.clock.advance(6)
        # Nobody asks for anything.
        for _ in range(2):
            await on.it.ring._parts.look_at_feed()
        assert len(on.it.log.of(FeedStale)) == 2


async def test_the_state_tells_what_happens_to_normal_routes() -> None:
    async with scene(accept_stale_for=timedelta(seconds=10)) as on:
        states = []
        for _ in range(4):
            states.append(on.it.ring.freshness.status().state)
            on.it.clock.advance(5.5)
        assert states == [FeedState.FRESH, FeedState.ACCEPTED, FeedState.ACCEPTED, FeedState.STALE]
