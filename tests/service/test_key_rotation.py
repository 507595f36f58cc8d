"""Keys turn under continuous traffic in two processes: nobody is logged out, and nothing is refused."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from sealring import AccessPolicy, KeyPolicy, Policy, SessionTokens
from sealring.clock import ManualClock
from sealring.errors import KeyRingError, StoreUnavailable, TokenSuperseded
from sealring.events import KeyDistrusted, KeyStateChanged, TokenRefused
from sealring.jose.header import parse_header
from sealring.keys import KeyState
from sealring.revocation import Denial, DenialKind
from sealring.stores.sqlite import SqliteStore
from tests.gated import GatedStore, memory_place
from tests.jwks_reader import JwksReader
from tests.refreshing import QUIET_FEED
from tests.support import ISSUER, WEB, Bench, bench

pytestmark = pytest.mark.anyio

# The shortest times that the policy allows, so that three rotations are an afternoon.
KEYS = KeyPolicy(period=timedelta(hours=1), announce=timedelta(minutes=8))
POLICY = Policy(app="todo", issuer=ISSUER, keys=KEYS, revocation=QUIET_FEED)
STEP = KEYS.follow_every.total_seconds() / 2


@asynccontextmanager
async def two_processes(path: Path, policy: Policy = POLICY) -> AsyncIterator[tuple[Bench, Bench]]:
    """Run two rings on one SQLite file with one clock."""
    clock = ManualClock()
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(bench(policy=policy, store=SqliteStore(path), clock=clock))
        other = await stack.enter_async_context(bench(policy=policy, store=SqliteStore(path), clock=clock))
        yield one, other


def key_of(tokens: SessionTokens) -> str:
    header = tokens.access_token.split(".")[0]
    return parse_header(header, algorithms=frozenset({"ES256"}), typ="at+jwt").kid


@dataclass
class Client:
    """Keeps one session alive as the browser client does, whichever process answers."""

    tokens: SessionTokens
    refreshes: int = 0
    keys: set[str] = field(default_factory=set)

    async def act(self, it: Bench) -> None:
        """Refresh five minutes before the end, then use the token, which must be good."""
        if it.clock.now() >= self.tokens.view.expires_at - 300:
            await self.refresh(it)
        await it.use(self.tokens)
        self.keys.add(key_of(self.tokens))

    async def refresh(self, it: Bench) -> None:
        assert self.tokens.refresh_token is not None
        fresh = await it.ring.refresh(self.tokens.refresh_token, sender=WEB)
        self.tokens = SessionTokens(fresh.view, fresh.access_token, fresh.refresh_token or self.tokens.refresh_token)
        self.refreshes += 1


async def test_three_rotations_pass_under_traffic_in_two_processes_and_nobody_notices(tmp_path: Path) -> None:
    async with two_processes(tmp_path / "sealring.db") as processes:
        one, other = processes
        clients = [Client(await processes[n % 2].login("ada" if n % 3 else "bob")) for n in range(6)]
        # Tokens that are used to their very end, whatever happens to their key.
        old: list[SessionTokens] = [await one.login()]
        reader = JwksReader(KEYS.jwks_max_age.total_seconds(), one.clock.now)
        signers: list[str] = []
        step = 0
        while len(signers) < 4 or step % 40:
            step += 1
            one.clock.advance(STEP)
            looking, serving = processes[step % 2], processes[(step // 3) % 2]
            await looking.ring.keys.rotate()
            for n, client in enumerate(clients):
                await client.act(processes[(step + n) % 2])
            old = [tokens for tokens in old if tokens.view.expires_at > one.clock.now()]
            old.append(await serving.login() if step % 10 == 0 else clients[0].tokens)
            for tokens in old:
                for it in processes:
                    await it.ring.authenticate(tokens.access_token)
                assert reader.accepts(tokens.access_token, serving.ring.keys.jwks) == key_of(tokens)
            if (kid := one.ring.keys.signer.kid) not in signers:
                signers.append(kid)
        assert step < 1_000
        assert one.log.of(TokenRefused) + other.log.of(TokenRefused) == []
        assert all(client.keys >= set(signers[1:3]) for client in clients), "every client lived through the rotations"
        assert reader.fetches <= 1 + step * STEP / KEYS.jwks_max_age.total_seconds()
        turned = one.log.of(KeyStateChanged) + other.log.of(KeyStateChanged)
        assert sorted(event.key_id for event in turned if event.state == "active") == sorted(signers[1:])


async def test_a_refresh_token_needs_no_signing_key_of_the_past(tmp_path: Path) -> None:
    """Somebody sleeps through many rotations: the access token is long dead, the session is not."""
    async with two_processes(tmp_path / "sealring.db") as (one, other):
        client = Client(await one.login())
        for _ in range(12):
            one.clock.advance(KEYS.period.total_seconds())
            await one.ring.keys.rotate()
        await other.ring.keys.rotate()
        await client.refresh(other)
        await client.act(one)


async def test_a_process_that_slept_through_a_rotation_meets_a_key_that_it_knows_or_reloads(tmp_path: Path) -> None:
    async with two_processes(tmp_path / "sealring.db") as (one, asleep):
        for _ in range(3):
            one.clock.advance(KEYS.period.total_seconds())
            await one.ring.keys.rotate()
            tokens = await one.login()
            assert (await asleep.ring.authenticate(tokens.access_token)).subject == "ada"
        assert asleep.log.of(TokenRefused) == []


async def test_the_background_work_turns_the_ring(tmp_path: Path) -> None:
    """Nobody calls rotate: a process that runs looks by itself, at the interval of the policy."""
    quick = Policy(app="todo", issuer=ISSUER, revocation=QUIET_FEED, keys=KeyPolicy(follow_every=timedelta(seconds=1)))
    gated = GatedStore(memory_place().open())
    async with bench(policy=quick, store=gated.port) as it:
        first = it.ring.keys.signer.kid
        it.clock.advance(quick.keys.period.total_seconds())
        gate = gated.hold("replace_ring", "after")
        await gate.wait()
        gate.open()
        loaded = gated.hold("load_ring")
        await loaded.wait()
        assert it.ring.keys.signer.kid != first
        loaded.open()


# The emergency


async def test_distrust_refuses_the_tokens_of_a_key_in_every_process_and_holders_carry_on_by_refreshing(
    tmp_path: Path,
) -> None:
    async with two_processes(tmp_path / "sealring.db") as (one, other):
        clients = [Client(await one.login()), Client(await other.login("bob"))]
        bad = one.ring.keys.signer.kid
        assert await one.ring.distrust_key(bad) is True
        assert await one.ring.distrust_key(bad) is False
        await other.ring.follower.catch_up()
        for client in clients:
            for it in (one, other):
                with pytest.raises(TokenSuperseded):
                    await it.ring.authenticate(client.tokens.access_token)
            await client.refresh(other)
            assert key_of(client.tokens) != bad
            for it in (one, other):
                assert (
                    await it.ring.authenticate(client.tokens.access_token)
                ).subject == client.tokens.view.row.subject
            assert client.refreshes == 1
        assert one.ring.keys.signer.kid == other.ring.keys.signer.kid
        for it in (one, other):
            assert [event.key_id for event in it.log.of(KeyDistrusted)] == [bad]


async def test_the_key_that_takes_over_in_an_emergency_is_known_to_verifiers_without_our_store(tmp_path: Path) -> None:
    async with two_processes(tmp_path / "sealring.db") as (one, _):
        reader = JwksReader(KEYS.jwks_max_age.total_seconds(), one.clock.now)
        reader.fetch(one.ring.keys.jwks)
        await one.ring.distrust_key(one.ring.keys.signer.kid)
        assert reader.accepts((await one.login()).access_token, one.ring.keys.jwks) == one.ring.keys.signer.kid
        assert reader.fetches == 1


async def test_a_process_that_dies_between_denial_and_ring_leaves_tokens_denied_and_another_one_finishes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sealring.db"
    gated = GatedStore(SqliteStore(path))
    clock = ManualClock()
    async with (
        bench(policy=POLICY, store=gated.port, clock=clock) as dying,
        bench(policy=POLICY, store=SqliteStore(path), clock=clock) as other,
    ):
        client = Client(await dying.login())
        bad = dying.ring.keys.signer.kid
        gated.fail("replace_ring")
        with pytest.raises(StoreUnavailable):
            await dying.ring.distrust_key(bad)
        assert (await other.ring.store.load_ring()).revision == 1, "the ring is as it was"
        with pytest.raises(TokenSuperseded):
            await dying.ring.authenticate(client.tokens.access_token)
        await other.ring.follower.catch_up()
        with pytest.raises(TokenSuperseded):
            await other.ring.authenticate(client.tokens.access_token)
        # Nobody repeats the command: whoever is to sign next finishes what was begun.
        await client.refresh(other)
        assert key_of(client.tokens) != bad
        await other.use(client.tokens)
        states = {row.kid: row.state for row in (await other.ring.store.load_ring()).rows}
        assert states[bad] is KeyState.DISTRUSTED
        assert sorted(states.values()) == ["active", "announced", "distrusted"]


async def test_a_process_that_starts_after_such_a_death_finishes_before_its_first_request(tmp_path: Path) -> None:
    path, clock = tmp_path / "sealring.db", ManualClock()
    gated = GatedStore(SqliteStore(path))
    async with bench(policy=POLICY, store=gated.port, clock=clock) as dying:
        bad = dying.ring.keys.signer.kid
        gated.fail("replace_ring")
        with pytest.raises(StoreUnavailable):
            await dying.ring.distrust_key(bad)
    async with bench(policy=POLICY, store=SqliteStore(path), clock=clock) as fresh:
        assert fresh.ring.keys.signer.kid != bad
        assert not fresh.ring.keys.is_in_use(bad)


async def test_no_token_is_signed_with_a_denied_key_even_while_the_ring_cannot_be_changed(tmp_path: Path) -> None:
    path, clock = tmp_path / "sealring.db", ManualClock()
    gated = GatedStore(SqliteStore(path))
    async with bench(policy=POLICY, store=gated.port, clock=clock) as it:
        client = Client(await it.login())
        gated.fail("replace_ring")
        with pytest.raises(StoreUnavailable):
            await it.ring.distrust_key(it.ring.keys.signer.kid)
        gated.fail("load_ring")
        with pytest.raises(StoreUnavailable):
            await client.refresh(it)
        await client.refresh(it)
        await it.use(client.tokens)


async def test_a_distrusted_key_stays_refused_when_its_denial_is_long_gone(tmp_path: Path) -> None:
    long = Policy(
        app="todo", issuer=ISSUER, keys=KEYS, revocation=QUIET_FEED, access=AccessPolicy(lifetime=timedelta(hours=24))
    )
    async with two_processes(tmp_path / "sealring.db", long) as (one, other):
        one.clock.advance(60)
        bad = one.ring.keys.signer.kid
        await one.ring.distrust_key(bad)
        await other.ring.follower.catch_up()
        one.clock.advance(90_000)
        for it in (one, other):
            await it.ring.purge()
            await it.ring.follower.catch_up()
            await it.ring.keys.rotate()
            assert not it.ring.denylist.denies_key(bad)
            assert not it.ring.keys.is_in_use(bad)


async def test_distrusting_a_key_that_is_not_there_denies_nothing(tmp_path: Path) -> None:
    async with two_processes(tmp_path / "sealring.db") as (one, _):
        with pytest.raises(KeyRingError, match="no authentic key"):
            await one.ring.distrust_key("nobody")
        assert await one.ring.follower.catch_up() == 0


async def test_a_denial_of_a_key_that_somebody_planted_in_the_feed_costs_a_key_and_nobody_their_session(
    tmp_path: Path,
) -> None:
    """The feed is not sealed: whoever writes to the database can deny keys, which costs one refresh each."""
    async with two_processes(tmp_path / "sealring.db") as (one, other):
        client = Client(await one.login())
        for _ in range(3):
            denied = other.ring.keys.signer.kid
            await one.ring.store.write_denial(Denial(DenialKind.KEY, denied, 0, one.clock.now() + 1e6))
            for it in (one, other):
                await it.ring.follower.catch_up()
                with pytest.raises(TokenSuperseded):
                    await it.ring.authenticate(client.tokens.access_token)
            await client.refresh(other)
            await other.use(client.tokens)
            assert [event.key_id for event in other.log.of(KeyDistrusted)][-1] == denied
        assert client.refreshes == 3
