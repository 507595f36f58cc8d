"""A service without a store: it verifies as its issuer does, learns what ended, and knows how fresh that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from sealring import ClaimsSchema, RevocationPolicy
from sealring.errors import (
    ConfigurationError,
    RefusedError,
    StoreUnavailable,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    TokenSuperseded,
    VersionUnknown,
)
from sealring.events import FeedStale, IssuerKeysRead, JobFailed, StaleAccepted, TokenRefused, VersionUnseen
from sealring.policy import WhenStale
from sealring.remote import FeedAccess, Follow, RemotePolicy, Verifier
from sealring.remote.feed import HttpFeed
from tests.remote.issuer import LOOPBACK, PATIENCE, SECRET, Issuer, issuer
from tests.support import Claims, EventLog

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("follow", list(Follow))


async def refusal(verifier: Verifier[Any], token: str) -> RefusedError | None:
    try:
        await verifier.authenticate(token)
    except RefusedError as error:
        return error
    return None


async def until_refused(verifier: Verifier[Any], token: str, kind: type[RefusedError]) -> None:
    """Ask again and again until a token is refused in this way."""
    async with asyncio.timeout(PATIENCE):
        while not isinstance(await refusal(verifier, token), kind):
            await asyncio.sleep(0.01)


async def test_a_token_says_the_same_there_as_at_its_issuer() -> None:
    async with issuer() as it, it.verifier() as reports:
        text = (await it.it.login()).access_token
        there = await reports.authenticate(text)
        assert there == await it.it.ring.authenticate(text)
        assert there.claims == Claims(team="blue")
        assert there.audience == ("todo", "reports")


@BOTH
async def test_a_session_that_ends_at_the_issuer_ends_there(follow: Follow) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        ended, other = await it.it.login(), await it.it.login("bob")
        await reports.authenticate(ended.access_token)
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        await until_refused(reports, ended.access_token, TokenRevoked)
        await reports.authenticate(other.access_token)


@BOTH
async def test_what_ended_before_the_service_started_is_known_before_its_first_request(follow: Follow) -> None:
    async with issuer() as it:
        ended = [await it.it.login("bob") for _ in range(3)]
        await it.it.ring.end_all_sessions("bob")
        good = await it.it.login()
        async with it.verifier(follow=follow) as reports:
            for tokens in ended:
                assert isinstance(await refusal(reports, tokens.access_token), TokenRevoked)
            await reports.authenticate(good.access_token)


async def test_a_raised_epoch_makes_its_holder_refresh() -> None:
    async with issuer() as it, it.verifier() as reports:
        tokens = await it.it.login()
        await it.it.ring.revoke_access(tokens.view.row.session_id)
        await until_refused(reports, tokens.access_token, TokenSuperseded)


async def test_a_long_feed_comes_in_pages_and_completely() -> None:
    async with issuer() as it:
        tokens = await it.it.login()
        sid = tokens.view.row.session_id
        for _ in range(2_345):
            await it.it.ring.revoke_access(sid)
        async with it.verifier() as reports:
            assert reports.denylist.least_epoch(sid) == 2_345
            assert it.asked.count("/auth/revocations") >= 3


async def test_an_audience_that_is_not_named_an_unknown_client_and_an_expired_token_are_refused() -> None:
    async with issuer() as it:
        tokens = await it.it.login()
        async with it.verifier(audience="billing") as billing, it.verifier(clients=["other-web"]) as other:
            assert isinstance(await refusal(billing, tokens.access_token), TokenInvalid)
            assert isinstance(await refusal(other, tokens.access_token), TokenInvalid)
        async with it.verifier() as reports:
            it.clock.advance(it.it.ring.policy.access.lifetime.total_seconds() + 11)
            await reports._follower.catch_up()
            assert isinstance(await refusal(reports, tokens.access_token), TokenExpired)


async def test_a_version_of_claims_that_only_the_issuer_knows_is_to_be_tried_again() -> None:
    class Newer(BaseModel):
        team: str = "blue"

    schema = ClaimsSchema(Newer, version=7)
    log = EventLog()
    async with issuer() as it, it.verifier(log, claims=schema) as reports:
        tokens = await it.it.login()
        # Version 1 is older than all that are known: a refresh would bring what the issuer writes now.
        assert isinstance(await refusal(reports, tokens.access_token), TokenSuperseded)
    assert [event.code for event in log.of(TokenRefused)] == ["token_superseded"]
    assert log.of(VersionUnseen) == []
    assert VersionUnknown.action.value == "retry"


# Keys


async def test_keys_that_were_announced_are_known_before_they_sign() -> None:
    async with issuer() as it, it.verifier() as reports:
        before = it.asked.count("/.well-known/jwks.json")
        await it.it.ring.keys.rotate_early(force=True)
        tokens = await it.it.login()
        await reports.authenticate(tokens.access_token)
        assert it.asked.count("/.well-known/jwks.json") == before


async def test_a_distrusted_key_is_refused_by_the_feed_and_the_next_one_is_good() -> None:
    async with issuer() as it, it.verifier() as reports:
        old = await it.it.login()
        await it.it.ring.distrust_key(it.it.ring.keys.signer.kid)
        await until_refused(reports, old.access_token, TokenSuperseded)
        await reports.authenticate((await it.it.login()).access_token)


async def test_a_key_that_has_left_the_set_makes_its_holders_refresh_and_not_sign_in() -> None:
    async with issuer() as it, it.verifier() as reports:
        old = await it.it.login()
        kid = it.it.ring.keys.signer.kid
        await it.it.ring.keys.rotate_early(force=True)
        await it.it.ring.keys.retire(kid)
        await reports._keys.load()
        assert isinstance(await refusal(reports, old.access_token), TokenSuperseded)


async def test_keys_are_fetched_again_when_the_issuer_says_that_they_are_old() -> None:
    log = EventLog()
    async with issuer() as it, it.verifier(log) as reports:
        for advance, fetches in ((299, 1), (1, 2), (1, 2)):
            it.clock.advance(advance)
            await reports._keys.load_when_due()
            assert it.asked.count("/.well-known/jwks.json") == fetches
        assert it.asked.count("/.well-known/oauth-authorization-server") == 1
        # The second answer was a 304, and said nothing new.
        assert [(event.keys, event.skipped) for event in log.of(IssuerKeysRead)] == [(2, 0)]


# Without the issuer


@BOTH
async def test_without_its_issuer_a_service_goes_on_for_the_stated_time_and_then_refuses(follow: Follow) -> None:
    async with issuer() as it, it.verifier(follow=follow) as reports:
        tokens = await it.it.login()
        await it.stop()
        it.clock.advance(5)
        await reports.authenticate(tokens.access_token)
        assert reports.state().ready
        it.clock.advance(0.1)
        assert isinstance(await refusal(reports, tokens.access_token), StoreUnavailable)
        state = reports.state()
        assert (state.ready, round(state.feed_age_seconds or 0, 1)) == (False, 5.1)


@BOTH
async def test_when_its_issuer_is_back_a_service_catches_up_without_a_restart(follow: Follow) -> None:
    log = EventLog()
    async with issuer() as it, it.verifier(log, follow=follow) as reports:
        ended, good = await it.it.login(), await it.it.login("bob")
        await it.stop()
        it.clock.advance(60)
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        async with asyncio.timeout(PATIENCE):
            while not log.of(JobFailed):
                await asyncio.sleep(0.01)
        await it.start()
        await until_refused(reports, ended.access_token, TokenRevoked)
        await reports.authenticate(good.access_token)
        assert reports.state().ready


async def test_stale_denials_make_a_service_ask_at_once_whatever_it_waits_for() -> None:
    async with issuer(poll=1) as it, it.verifier() as reports:
        ended, good = await it.it.login(), await it.it.login("bob")
        await reports.authenticate(good.access_token)
        await it.it.ring.logout(refresh_token=ended.refresh_token)
        it.clock.advance(100)
        # Nobody has told it, and its own request may be held: it finds out before it answers.
        assert isinstance(await refusal(reports, ended.access_token), TokenRevoked)
        await reports.authenticate(good.access_token)


async def test_many_requests_on_stale_denials_ask_the_issuer_a_few_times() -> None:
    async with issuer(poll=5) as it, it.verifier() as reports:
        good = await it.it.login()
        it.clock.advance(100)
        before = len(it.asked)
        await asyncio.gather(*(reports.authenticate(good.access_token) for _ in range(50)))
        assert len(it.asked) - before <= 5


async def test_a_service_that_never_asks_refuses_stale_denials_at_once() -> None:
    refusing = RevocationPolicy(when_stale=WhenStale.REFUSE)
    async with issuer() as it, it.verifier(revocation=refusing) as reports:
        good = await it.it.login()
        await it.stop()
        it.clock.advance(5.1)
        assert isinstance(await refusal(reports, good.access_token), StoreUnavailable)
        forged = good.access_token[:-4] + "AAAA"
        assert isinstance(await refusal(reports, forged), TokenInvalid), "a forgery is one, whatever is stale"


async def test_a_service_may_go_on_without_news_by_policy_and_tells_of_every_token() -> None:
    log = EventLog()
    patient = RevocationPolicy(accept_stale_for=timedelta(seconds=60))
    async with issuer() as it, it.verifier(log, revocation=patient) as reports:
        good = await it.it.login()
        await it.stop()
        it.clock.advance(64.9)
        await reports.authenticate(good.access_token)
        assert [event.session_id for event in log.of(StaleAccepted)] == [good.view.row.session_id]
        assert isinstance(await sensitive_refusal(reports, good.access_token), StoreUnavailable)
        it.clock.advance(0.2)
        assert isinstance(await refusal(reports, good.access_token), StoreUnavailable)
        assert len(log.of(FeedStale)) == 1


@BOTH
async def test_on_a_sensitive_route_the_end_of_a_session_counts_from_its_commit(follow: Follow) -> None:
    async with issuer(poll=5) as it, it.verifier(follow=follow) as reports:
        for _ in range(5):
            tokens = await it.it.login()
            await reports.authenticate(tokens.access_token, sensitive=True)
            await it.it.ring.logout(refresh_token=tokens.refresh_token)
            assert isinstance(await sensitive_refusal(reports, tokens.access_token), TokenRevoked)


async def sensitive_refusal(verifier: Verifier[Any], token: str) -> RefusedError | None:
    try:
        await verifier.authenticate(token, sensitive=True)
    except RefusedError as error:
        return error
    return None


async def test_a_service_does_not_start_without_its_issuer() -> None:
    async with issuer() as it:
        await it.stop()
        with pytest.raises(StoreUnavailable, match="did not answer in time for a start"):
            async with it.verifier(fetching=it.hasty):
                raise AssertionError("it started")


async def test_a_service_waits_at_its_start_for_an_issuer_that_starts_as_well() -> None:
    async with issuer() as it:
        await it.stop()
        patient = replace(LOOPBACK, start_within=timedelta(seconds=PATIENCE))
        log = EventLog()
        reports = it.verifier(log, fetching=patient)
        starting = asyncio.create_task(reports.__aenter__())
        async with asyncio.timeout(PATIENCE):
            while not log.of(JobFailed):
                await asyncio.sleep(0.01)
        await it.start()
        await asyncio.wait_for(starting, PATIENCE)
        await reports.authenticate((await it.it.login()).access_token)
        await reports.__aexit__(None, None, None)


async def test_a_service_whose_secret_is_wrong_does_not_start_and_says_why() -> None:
    wrong = FeedAccess(name="reports", secret=SECRET[:-1] + "A")
    log = EventLog()
    async with issuer() as it:
        with pytest.raises(StoreUnavailable):
            async with it.verifier(log, feed=wrong, fetching=it.hasty):
                raise AssertionError("it started")
    assert "status 401" in log.of(JobFailed)[0].detail
    assert SECRET not in repr(wrong)
    assert "scs_" not in repr(log.events)


# The feed itself


@asynccontextmanager
async def feed_of(it: Issuer, follow: Follow = Follow.POLL) -> AsyncIterator[HttpFeed]:
    reports = it.verifier(follow=follow)
    yield reports._feed
    await reports._feed.aclose()
    await reports._client.aclose()


@BOTH
async def test_a_page_that_was_not_taken_in_is_given_again(follow: Follow) -> None:
    async with issuer() as it, feed_of(it, follow) as feed:
        first, second = await it.it.login(), await it.it.login()
        await it.it.ring.logout(refresh_token=first.refresh_token)
        page = await feed.read_feed(0, 1_000)
        again = await feed.read_feed(0, 1_000)
        assert page.denials == again.denials != ()
        assert page.cursor == again.cursor
        await it.it.ring.logout(refresh_token=second.refresh_token)
        async with asyncio.timeout(PATIENCE):
            cursor = page.cursor
            while not (news := await feed.read_feed(cursor, 1_000)).denials:
                cursor = news.cursor
            repeated = await feed.read_feed(cursor, 1_000)
            assert [each.ident for each in news.denials] == [second.view.row.session_id]
            assert repeated.denials == news.denials


async def test_a_follower_that_begins_anew_goes_on_where_it_was() -> None:
    async with issuer() as it, feed_of(it) as feed:
        tokens = await it.it.login()
        await it.it.ring.logout(refresh_token=tokens.refresh_token)
        page = await feed.read_feed(0, 1_000)
        assert (await feed.read_feed(page.cursor, 1_000)).denials == ()
        assert (await feed.read_feed(0, 1_000)).denials == ()


MISTAKES: dict[str, dict[str, Any]] = {
    "an issuer over http": {"fetching": RemotePolicy()},
    "an issuer that is no URL": {"issuer": "todo"},
    "an issuer with a query": {"issuer": "https://todo.example?x"},
    "an issuer with a slash at its end": {"issuer": "https://todo.example/"},
    "too long a leeway": {"leeway": timedelta(minutes=2)},
    "an app name that no cookie can have": {"app": "To do"},
}


@pytest.mark.parametrize("path", ["", "auth", "@evil.example/", "/a?b", "/a#b", "/a b", "\\evil", "/\r\nx"])
def test_the_secret_of_a_service_goes_nowhere_but_to_a_path_of_its_issuer(path: str) -> None:
    with pytest.raises(ConfigurationError, match="path of the feed"):
        FeedAccess(name="reports", secret=SECRET, path=path)


@pytest.mark.parametrize(("name", "secret"), [("a:b", SECRET), ("", SECRET), ("reports", "secret"), ("reports", "")])
def test_the_name_and_the_secret_of_a_service_are_checked_where_they_are_configured(name: str, secret: str) -> None:
    with pytest.raises(ConfigurationError):
        FeedAccess(name=name, secret=secret)


@pytest.mark.parametrize("case", MISTAKES)
def test_a_verifier_is_not_made_with(case: str) -> None:
    given: dict[str, Any] = {
        "issuer": "http://todo.example",
        "audience": "reports",
        "feed": FeedAccess(name="reports", secret=SECRET),
        "fetching": LOOPBACK,
    }
    with pytest.raises(ConfigurationError):
        Verifier(**(given | MISTAKES[case]))


def test_the_revocation_policy_bounds_how_long_a_request_is_held() -> None:
    for staleness, hold in ((5, 2.0), (60, 15.0), (1, 0.4)):
        revocation = RevocationPolicy(max_staleness=timedelta(seconds=staleness))
        reports = Verifier(
            issuer="https://todo.example",
            audience="reports",
            feed=FeedAccess(name="reports", secret=SECRET),
            revocation=revocation,
        )
        assert reports._feed._hold == hold
