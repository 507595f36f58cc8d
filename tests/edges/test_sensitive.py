"""Routes that look the session up: as a dependency, together with a scope, in Starlette, and in OpenAPI."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sealring import AccessToken, Policy, RevocationPolicy, SessionTokens
from sealring.fastapi import SensitiveToken, Token, operations_router, protect, requires, sensitive_token
from sealring.observe.metrics import PrometheusSink
from sealring.starlette import require_sensitive_token
from sealring.stores.memory import MemoryStore
from tests.edges.serving import Answer, House, ask, cookies
from tests.edges.serving import application as whole
from tests.gated import GatedStore
from tests.refreshing import quiet
from tests.support import Bench, bench

pytestmark = pytest.mark.anyio

SENSITIVE = ("/sensitive", "/scoped", "/dependency", "/starlette")
EVERY = ("/normal", *SENSITIVE)


def application(it: Bench) -> FastAPI:
    """Return an application with one route of each kind."""
    app = FastAPI()
    protect(app, it.ring)
    app.include_router(operations_router(it.ring, PrometheusSink()))

    @app.get("/normal")
    async def normal(token: Token) -> str:
        return token.subject

    @app.get("/sensitive")
    async def sensitive(token: SensitiveToken) -> str:
        return token.subject

    @app.get("/scoped")
    async def scoped(token: Annotated[AccessToken[Any], Depends(requires("todos:read", sensitive=True))]) -> str:
        return token.subject

    @app.get("/forbidden", dependencies=[Depends(requires("admin", sensitive=True))])
    async def forbidden() -> None: ...

    @app.get("/dependency", dependencies=[Depends(sensitive_token)])
    async def dependency() -> str:
        return "ada"

    async def starlette(request: Request) -> Response:
        return JSONResponse((await require_sensitive_token(request.scope)).subject)

    app.add_route("/starlette", starlette, methods=["GET"])
    return app


@asynccontextmanager
async def serving(policy: Policy | None = None) -> AsyncIterator[tuple[House, GatedStore, Bench]]:
    """Run the application, on a store that a test can take away, beside another process."""
    inner = MemoryStore()
    store = GatedStore(inner)
    async with (
        bench(policy=policy or quiet(), store=store.port) as it,
        bench(policy=policy or quiet(), store=inner, clock=it.clock) as other,
    ):
        yield House(application(it), it), store, other


async def get(house: House, path: str, tokens: SessionTokens) -> Answer:
    """Ask a route with the cookies of a session."""
    return await ask(house.app, "GET", path, [cookies(tokens)])


@pytest.mark.parametrize("path", EVERY)
async def test_every_kind_of_route_answers_with_a_good_token_and_refuses_none(path: str) -> None:
    async with serving() as (house, _, _):
        tokens = await house.bench.login()
        answer = await get(house, path, tokens)
        assert (answer.status, answer.body) == (200, b'"ada"')
        assert (await ask(house.app, "GET", path)).code == "not_authenticated"


async def test_a_normal_route_reads_nothing_and_a_sensitive_one_reads_the_session_once() -> None:
    async with serving() as (house, store, _):
        tokens = await house.bench.login()
        for path in EVERY:
            store.calls.clear()
            await get(house, path, tokens)
            assert store.calls == ([] if path == "/normal" else ["read_session"]), path


async def test_what_another_process_has_ended_is_refused_on_sensitive_routes_before_any_news() -> None:
    async with serving() as (house, _, other):
        tokens = await house.bench.login()
        await other.ring.logout(refresh_token=tokens.refresh_token)
        assert (await get(house, "/normal", tokens)).status == 200
        for path in SENSITIVE:
            assert (await get(house, path, tokens)).code == "token_revoked", path


async def test_without_the_store_a_sensitive_route_asks_to_come_again() -> None:
    async with serving() as (house, store, _):
        tokens = await house.bench.login()
        store.fail("read_session", times=len(SENSITIVE))
        for path in SENSITIVE:
            answer = await get(house, path, tokens)
            assert (answer.status, answer.code, answer.one("retry-after")) == (503, "store_unavailable", "1"), path
        assert (await get(house, "/normal", tokens)).status == 200


async def test_a_missing_scope_is_refused_after_the_session_was_looked_up() -> None:
    async with serving() as (house, _, other):
        tokens = await house.bench.login()
        assert (await get(house, "/forbidden", tokens)).code == "insufficient_scope"
        await other.ring.logout(refresh_token=tokens.refresh_token)
        assert (await get(house, "/forbidden", tokens)).code == "token_revoked"


async def test_openapi_shows_the_same_scheme_for_sensitive_routes() -> None:
    async with serving() as (house, _, _):
        assert isinstance(house.app, FastAPI)
        paths = house.app.openapi()["paths"]
        for path in ("/sensitive", "/scoped", "/dependency"):
            assert paths[path]["get"]["security"] == paths["/normal"]["get"]["security"], path


async def test_the_list_of_sessions_and_the_end_of_one_are_sensitive() -> None:
    async with serving() as (house, _, other):
        house.app = whole(house.bench)
        tokens = await house.bench.login()
        await other.ring.logout(refresh_token=tokens.refresh_token)
        assert (await get(house, "/auth/sessions", tokens)).code == "token_revoked"


async def test_the_state_of_the_feed_is_seen_by_probes_and_metrics() -> None:
    accepting = replace(
        quiet(),
        revocation=RevocationPolicy(poll_every=timedelta(seconds=5), accept_stale_for=timedelta(seconds=60)),
    )
    seen = []
    async with serving(accepting) as (house, store, _):
        tokens = await house.bench.login()
        await house.ring.logout(refresh_token=tokens.refresh_token)
        for step in (0, 4, 10, 60):
            house.clock.advance(step)
            probe = await ask(house.app, "GET", "/readyz")
            seen.append((probe.status, probe.json["status"], probe.json["feed"], probe.json["feed_age_seconds"]))
        assert probe.json["denials"] == 1
        store.fail("ping")
        assert (await ask(house.app, "GET", "/readyz")).json["store"] == "unavailable"
        lines = (await ask(house.app, "GET", "/metrics")).body.decode().splitlines()
    assert seen == [
        (200, "ready", "fresh", 0),
        (200, "ready", "fresh", 4),
        (200, "degraded", "accepted", 14),
        (503, "not_ready", "stale", 74),
    ]
    assert "sealring_feed_age_seconds 74.0" in lines
    assert "sealring_denylist_entries 1.0" in lines


def test_two_routers_may_show_the_metrics_of_one_sink() -> None:
    sink = PrometheusSink()
    sink.gauge("sealring_something_seconds", "Something.", lambda: 1.0)
    sink.gauge("sealring_something_seconds", "Something.", lambda: 2.0)
    assert b"\nsealring_something_seconds 2.0\n" in sink.expose()
