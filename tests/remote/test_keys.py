"""The keys of an issuer, whatever its server does: when they are fetched, what is kept, what is left out."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sealring.clock import ManualClock
from sealring.errors import ConfigurationError, StoreUnavailable
from sealring.events import Emitter, IssuerKeysRead
from sealring.jose import JWK
from sealring.remote.addresses import AddressRule
from sealring.remote.discovery import Discovery, metadata_url
from sealring.remote.http import HttpClient
from sealring.remote.keys import IssuerKeys, KeySource
from sealring.remote.policy import RemotePolicy
from tests.remote.issuer import LOOPBACK
from tests.remote.raw_server import RawServer, Route, says
from tests.support import EventLog

pytestmark = pytest.mark.anyio

METADATA, JWKS = "/.well-known/oauth-authorization-server", "/keys"
ONE, TWO, THREE = (JWK.generate("ES256") for _ in range(3))


def public(*keys: JWK, **changes: object) -> dict[str, object]:
    return {"keys": [{**key.to_dict(), **changes} for key in map(JWK.public, keys)]}


@dataclass
class Bench:
    """The keys of an issuer whose server is the test's."""

    server: RawServer
    keys: IssuerKeys
    clock: ManualClock
    log: EventLog

    @property
    def fetches(self) -> int:
        return self.server.count(JWKS)

    def serve(self, route: Route | Mapping[str, object], **headers: str) -> None:
        self.server.routes[JWKS] = route if callable(route) else says(route, **headers)

    def known(self) -> set[str]:
        return {str(key.kid) for key in self.keys.keys}


@asynccontextmanager
async def bench(*, policy: RemotePolicy = LOOPBACK, **source: Any) -> AsyncIterator[Bench]:
    clock, log = ManualClock(), EventLog()
    async with RawServer() as server:
        server.routes[METADATA] = says({"issuer": server.url, "jwks_uri": server.url + JWKS})
        client = HttpClient(AddressRule(policy.private_networks))
        given: dict[str, Any] = {"issuer": server.url, "algorithms": frozenset({"ES256"})}
        keys = IssuerKeys(
            KeySource(**(given | source)), client=client, policy=policy, clock=clock, emitter=Emitter([log])
        )
        it = Bench(server, keys, clock, log)
        it.serve(public(ONE))
        try:
            yield it
        finally:
            await keys.stop()
            await client.aclose()


# When


@pytest.mark.parametrize(
    ("said", "due"),
    [
        ({}, 300), ({"Cache_Control": "public, max-age=77"}, 77), ({"Cache_Control": "MAX-AGE=77"}, 77),
        ({"Cache_Control": "max-age=1"}, 30), ({"Cache_Control": "max-age=99999999"}, 3_600),
        ({"Cache_Control": "no-store"}, 300), ({"Cache_Control": "s-maxage=5"}, 300),
        ({"Cache_Control": "max-age=" + "9" * 400}, 300), ({"Cache_Control": "max-age=x"}, 300),
    ],
)  # fmt: skip
async def test_keys_are_kept_for_as_long_as_the_issuer_says_within_bounds(said: dict[str, str], due: int) -> None:
    async with bench() as it:
        it.serve(public(ONE), **said)
        await it.keys.load_when_due()
        it.clock.advance(due - 1)
        await it.keys.load_when_due()
        assert it.fetches == 1
        it.clock.advance(1)
        await it.keys.load_when_due()
        assert it.fetches == 2


async def test_who_asks_at_the_same_time_shares_one_fetch_and_who_leaves_does_not_end_it() -> None:
    async with bench() as it:
        gate = asyncio.Event()

        async def slow(asked: Any, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            await says(public(ONE))(asked, writer)

        it.serve(slow)
        asking = [asyncio.create_task(it.keys.load()) for _ in range(50)]
        async with asyncio.timeout(60):
            while not it.fetches:
                await asyncio.sleep(0.005)
        asking[0].cancel()
        gate.set()
        await asyncio.wait(asking)
        assert asking[0].cancelled()
        assert [task.exception() for task in asking[1:]] == [None] * 49
        assert (it.fetches, it.known()) == (1, {ONE.kid})


async def test_a_failed_fetch_is_tried_again_before_the_keys_are_due() -> None:
    async with bench() as it:
        await it.keys.load()
        it.serve(says({}, status="503 Busy"))
        it.clock.advance(300)
        with pytest.raises(StoreUnavailable, match="status 503"):
            await it.keys.load_when_due()
        it.serve(public(ONE, TWO))
        await it.keys.load_when_due()
        assert it.known() == {ONE.kid, TWO.kid}


async def test_while_the_issuer_is_silent_its_keys_are_good_for_the_stated_time() -> None:
    async with bench() as it:
        await it.keys.load()
        it.server.routes[JWKS] = says(b"<html>", media_type="text/html")
        it.clock.advance(3_600)
        with pytest.raises(StoreUnavailable):
            await it.keys.load()
        it.keys.check_age(it.clock.now())
        assert it.keys.is_in_use(str(ONE.kid))
        it.clock.advance(1)
        with pytest.raises(StoreUnavailable, match="too old"):
            it.keys.check_age(it.clock.now())
        it.serve(public(ONE))
        await it.keys.load()
        it.keys.check_age(it.clock.now())


async def test_a_clock_that_was_set_back_makes_no_key_younger() -> None:
    async with bench() as it:
        await it.keys.load()
        it.clock.advance(-61)
        assert it.keys.age(it.clock.now()) is None
        with pytest.raises(StoreUnavailable):
            it.keys.check_age(it.clock.now())
        await it.keys.load_when_due()
        assert (it.fetches, it.keys.age(it.clock.now())) == (2, 0)


async def test_a_set_that_has_not_changed_is_not_sent_again_and_young_again() -> None:
    async with bench() as it:
        it.serve(public(ONE), ETag='"1"')
        await it.keys.load()
        it.serve(says(b"", status="304 Not Modified"))
        it.clock.advance(1_000)
        await it.keys.load()
        assert it.server.asked[-1].headers["if-none-match"] == '"1"'
        assert (it.keys.age(it.clock.now()), it.known()) == (0, {ONE.kid})
        assert len(it.log.of(IssuerKeysRead)) == 1


async def test_a_server_that_says_unchanged_to_who_knows_nothing_is_not_believed() -> None:
    async with bench() as it:
        it.serve(says(b"", status="304 Not Modified"))
        with pytest.raises(StoreUnavailable, match="nothing was known"):
            await it.keys.load()


# What


async def test_a_key_that_has_left_can_still_be_asked_about_but_is_not_in_use() -> None:
    async with bench() as it:
        it.serve(public(ONE, TWO))
        await it.keys.load()
        it.serve(public(TWO))
        await it.keys.load()
        kid = str(ONE.kid)
        assert it.keys.resolve_key(kid) is not None
        assert (it.keys.is_in_use(kid), it.keys.is_in_use(str(TWO.kid))) == (False, True)
        it.serve(public(ONE))
        await it.keys.load()
        assert it.keys.is_in_use(kid)


async def test_what_is_remembered_of_keys_that_have_left_is_bounded() -> None:
    async with bench() as it:
        for _ in range(4):
            it.serve(public(*(JWK.generate("ES256") for _ in range(50))))
            await it.keys.load()
        assert len(it.keys._left) == 128


async def test_keys_that_moved_are_found_by_the_metadata_after_a_failure() -> None:
    async with bench() as it:
        await it.keys.load()
        del it.server.routes[JWKS]
        it.server.routes["/new"] = says(public(TWO))
        it.server.routes[METADATA] = says({"issuer": it.server.url, "jwks_uri": f"{it.server.url}/new"})
        with pytest.raises(StoreUnavailable, match="status 404"):
            await it.keys.load()
        await it.keys.load()
        assert it.known() == {TWO.kid}


async def test_where_the_keys_are_may_be_configured_and_then_nothing_else_is_asked() -> None:
    other = RawServer({"/elsewhere": says(public(TWO))})
    async with other, bench(jwks_uri=f"{other.url}/elsewhere") as it:
        await it.keys.load()
        assert it.known() == {TWO.kid}
        assert it.server.asked == []


DISCOVERY = {
    "https://todo.example": (
        "https://todo.example/.well-known/oauth-authorization-server",
        "https://todo.example/.well-known/openid-configuration",
    ),
    "https://id.example/realms/a": (
        "https://id.example/.well-known/oauth-authorization-server/realms/a",
        "https://id.example/realms/a/.well-known/openid-configuration",
    ),
    "https://tenant.example/": (
        "https://tenant.example/.well-known/oauth-authorization-server",
        "https://tenant.example/.well-known/openid-configuration",
    ),
}


@pytest.mark.parametrize("issuer", DISCOVERY)
def test_metadata_are_where_the_two_standards_put_them(issuer: str) -> None:
    assert (metadata_url(issuer), metadata_url(issuer, Discovery.OPENID)) == DISCOVERY[issuer]


def test_a_policy_checks_itself() -> None:
    wrongs: tuple[dict[str, Any], ...] = (
        {"keys_max_age": timedelta(seconds=29)},
        {"keys_stale_for": timedelta(minutes=4)},
        {"unknown_key_every": timedelta(0)},
        {"fetch_within": timedelta(minutes=2)},
        {"start_within": timedelta(seconds=-1)},
        {"private_networks": ("10.0.0.1/8",)},
    )
    for wrong in wrongs:
        with pytest.raises(ConfigurationError):
            RemotePolicy(**wrong)
