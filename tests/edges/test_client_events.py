"""``POST /auth/client-events`` on a real ring: what is counted, what is refused, and how often one may report."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI

from sealring.events import ClientAlerted, ClientReported
from sealring.fastapi import client_events_router, protect
from sealring.fastapi.client_events import MOST_EVENTS
from tests.edges.serving import JSON_BODY, OWN_PAGE, POLICY, Answer, Lines, ask
from tests.support import Bench, bench

pytestmark = pytest.mark.anyio

PATH = "/auth/client-events"
CODES = json.loads((Path(__file__).parents[2] / "spec" / "error-codes.json").read_text(encoding="utf-8"))["codes"]
GOOD = {"type": "refreshed", "code": "rotated", "ms": 41.5}


class Reports:
    """The endpoint, and the ring behind it."""

    def __init__(self, app: FastAPI, it: Bench) -> None:
        self._app = app
        self.it = it

    async def send(self, body: object, lines: Lines = (*OWN_PAGE, *JSON_BODY)) -> Answer:
        return await ask(self._app, "POST", PATH, lines, json.dumps(body).encode())

    def counted(self) -> list[ClientReported | ClientAlerted]:
        return [each for each in self.it.log.events if isinstance(each, ClientReported | ClientAlerted)]


@asynccontextmanager
async def reports(*, requests: int = 1_000) -> AsyncIterator[Reports]:
    async with bench(policy=POLICY) as it:
        app = FastAPI(openapi_url=None)
        protect(app, it.ring)
        app.include_router(client_events_router(it.ring, requests_per_minute=requests))
        yield Reports(app, it)


async def test_events_and_alerts_become_events_of_the_server_without_a_session() -> None:
    async with reports() as it:
        alert = {"type": "alert", "code": "refresh_failing", "ms": 2_000}
        answer = await it.send({"events": [GOOD, {"type": "lock_timeout"}, alert]})
        assert (answer.status, answer.body) == (204, b"")
        assert it.counted() == [
            ClientReported(kind="refreshed", code="rotated", ms=41.5),
            ClientReported(kind="lock_timeout", code="", ms=0.0),
            ClientAlerted(code="refresh_failing", ms=2_000.0),
        ]


@pytest.mark.parametrize("kind", ["refresh_failed", "request_retried"])
async def test_every_code_of_the_contract_is_known(kind: str) -> None:
    async with reports() as it:
        for code in CODES:
            assert (await it.send({"events": [{"type": kind, "code": code}]})).status == 204
        assert [each.code for each in it.counted()] == list(CODES)


@pytest.mark.parametrize("kind", ["refreshed", "refresh_failed", "request_retried", "signed_out", "alert", "wake"])
async def test_a_code_that_is_not_known_is_no_label_of_its_own(kind: str) -> None:
    async with reports() as it:
        assert (await it.send({"events": [{"type": kind, "code": "made_up"}]})).status == 204
        assert [each.code for each in it.counted()] == ["other"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"events": []},
        {"events": [GOOD] * (MOST_EVENTS + 1)},
        {"events": [GOOD], "user": "ada"},
        {"events": [{}]},
        {"events": [{"type": "own_idea"}]},
        {"events": [{**GOOD, "detail": "free text"}]},
        {"events": [{**GOOD, "code": "A b"}]},
        {"events": [{**GOOD, "code": "a" * 41}]},
        {"events": [{**GOOD, "code": "rotated\n"}]},
        {"events": [{**GOOD, "ms": "41"}]},
        {"events": [{**GOOD, "ms": True}]},
        {"events": [{**GOOD, "ms": 1e300}]},
        {"events": [{**GOOD, "ms": float("nan")}]},
        {"events": [GOOD, {"type": "own_idea"}]},
    ],
    ids=lambda body: str(body)[:60],
)
async def test_what_the_contract_does_not_know_is_refused_as_a_whole(body: object) -> None:
    async with reports() as it:
        assert (await it.send(body)).code == "validation_failed"
        assert it.counted() == []


async def test_only_the_application_s_own_pages_may_report() -> None:
    async with reports() as it:
        foreign = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("sealring-client", "1")]
        for lines in ((*foreign, *JSON_BODY), (*OWN_PAGE[:2], *JSON_BODY), JSON_BODY):
            assert (await it.send({"events": [GOOD]}, lines)).code == "csrf_refused"
        assert (await it.send({"events": [GOOD]}, (*OWN_PAGE, ("content-type", "text/plain")))).status == 415
        assert it.counted() == []


async def test_a_body_beyond_the_limit_is_not_read() -> None:
    async with reports() as it:
        answer = await it.send({"events": [GOOD], "more": "a" * 70_000})
        assert answer.code == "body_too_large"


async def test_an_address_that_reports_too_often_has_to_wait_for_the_next_minute() -> None:
    async with reports(requests=2) as it:
        for _ in range(2):
            assert (await it.send({"events": [GOOD]})).status == 204
        refused = await it.send({"events": [GOOD]})
        assert (refused.code, refused.one("retry-after")) == ("rate_limited", "60")
        assert len(it.counted()) == 2
        it.it.clock.advance(60)
        assert (await it.send({"events": [GOOD]})).status == 204
