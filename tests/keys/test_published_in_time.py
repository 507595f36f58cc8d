"""Cache time, announce period and the interval of the processes fit: nobody meets a signature by a key it lacks."""

from dataclasses import replace
from datetime import timedelta

import pytest

from sealring import Policy
from sealring.clock import ManualClock
from sealring.errors import ConfigurationError, StoreUnavailable, UnknownKey
from sealring.keys import KeyEncryptionKeys, KeyRing, Schedule
from sealring.keys.signer import CompactJws
from sealring.policy import KeyPolicy
from tests.jwks_reader import JwksReader
from tests.keys.ring_store import OLD_KEK, ListSink, VariableKeyStore

pytestmark = pytest.mark.anyio

KEKS = KeyEncryptionKeys({1: OLD_KEK}, 1)
LARGEST_CLOCK_DIFFERENCE = 60.0
SHORTEST = timedelta(0), timedelta(seconds=300), timedelta(hours=6)


async def token_at_the_worst_moment(policy: Policy, schedule: Schedule) -> str:
    """Return what comes of a token signed as early as the schedule allows, at a verifier that learned as late.

    A key is announced just after the other process has looked; that process fails to look once; somebody fetches the
    JWKS just before it looks again; and the process that rotates has a clock that is a minute ahead.
    """
    store, true, ahead = VariableKeyStore(), ManualClock(), ManualClock(1_767_225_600.0 + LARGEST_CLOCK_DIFFERENCE)
    follow = policy.keys.follow_every.total_seconds()
    first, second = (KeyRing(store, KEKS, clock=clock, events=ListSink(), schedule=schedule) for clock in (true, ahead))
    await first.start()
    await second.start()

    def pass_(seconds: float) -> None:
        true.advance(seconds)
        ahead.advance(seconds)

    # A new key is announced, dated by the true clock, right after the process that publishes has looked.
    published_by = KeyRing(store, KEKS, clock=true, events=ListSink(), schedule=schedule)
    await published_by.read()
    await first.retire(next(row.kid for row in first.rows if row.state == "announced"))
    announced = next(row.kid for row in first.rows if row.state == "announced")
    assert announced not in {key["kid"] for key in published_by.jwks()["keys"]}
    pass_(follow)
    store.down = True
    with pytest.raises(StoreUnavailable):
        await published_by.rotate()
    store.down = False
    pass_(follow)
    reader = JwksReader(policy.keys.jwks_max_age.total_seconds(), true.now)
    reader.fetch(published_by.jwks)
    await published_by.rotate()

    # As early as its clock allows, the process that is ahead rotates and signs.
    created = next(row.created_at for row in first.rows if row.kid == announced)
    pass_(max(0.0, created + schedule.announce - ahead.now()))
    while not await second.rotate() or second.signer.kid != announced:
        pass_(1.0)
    return reader.accepts(await CompactJws("at+jwt").make(b"{}", second.signer), published_by.jwks)


def policy(jwks_max_age: timedelta, follow_every: timedelta) -> Policy:
    bare = KeyPolicy(jwks_max_age=jwks_max_age, follow_every=follow_every)
    keys = replace(bare, announce=bare.known_after)
    return Policy(app="todo", issuer="https://todo.example", keys=keys)


@pytest.mark.parametrize("follow_every", [timedelta(seconds=1), timedelta(seconds=60), timedelta(minutes=10)])
@pytest.mark.parametrize("jwks_max_age", SHORTEST)
async def test_the_shortest_announcement_that_the_policy_allows_reaches_every_verifier_in_time(
    jwks_max_age: timedelta, follow_every: timedelta
) -> None:
    it = policy(jwks_max_age, follow_every)
    # The period is over from the beginning, so that only the announcement holds the rotation back.
    assert await token_at_the_worst_moment(it, replace(Schedule.of(it), period=0.0))


@pytest.mark.parametrize("follow_every", [timedelta(seconds=1), timedelta(seconds=60), timedelta(minutes=10)])
@pytest.mark.parametrize("jwks_max_age", SHORTEST[1:])
async def test_a_shorter_one_would_not_and_the_policy_refuses_it(
    jwks_max_age: timedelta, follow_every: timedelta
) -> None:
    it = policy(jwks_max_age, follow_every)
    shorter = replace(Schedule.of(it), period=0.0, announce=it.keys.announce.total_seconds() - 1)
    with pytest.raises(UnknownKey):
        await token_at_the_worst_moment(it, shorter)
    with pytest.raises(ConfigurationError, match="cached JWKS lacks the key that signs"):
        replace(it.keys, announce=it.keys.announce - timedelta(seconds=1))


def test_an_announcement_longer_than_the_period_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="longer than the key before it signs"):
        KeyPolicy(period=timedelta(hours=2), announce=timedelta(hours=3))


def test_the_default_policy_announces_far_longer_than_needed() -> None:
    keys = KeyPolicy()
    assert keys.known_after == timedelta(minutes=8)
    assert keys.announce > 100 * keys.known_after
    assert Schedule.of(Policy(app="todo", issuer="https://todo.example")) == Schedule()
