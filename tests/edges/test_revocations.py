"""``GET /auth/revocations`` on a real ring: who may ask, what they get, and how long a request is held."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.types import Message

from sealring import RevocationPolicy
from sealring.events import RequestRefused, TokenRefused
from sealring.fastapi import protect, revocations_router
from sealring.oauth.callers import Callers, basic_credentials, digest_of_secret, make_caller_secret
from sealring.revocation import ENDED, DenialKind
from sealring.revocation.wire import decode_page
from tests.edges.serving import POLICY, Answer, ask, http_scope
from tests.support import Bench, bench

pytestmark = pytest.mark.anyio

SECRET = make_caller_secret()
PATH = "/auth/revocations"
RIGHT = ("authorization", basic_credentials("reports", SECRET))
PATIENCE = 20.0


@dataclass
class Feed:
    """The endpoint, and the ring behind it."""

    app: FastAPI
    it: Bench

    async def get(self, query: str = "", *lines: tuple[str, str]) -> Answer:
        return await ask(self.app, "GET", PATH, lines or (RIGHT,), query_string=query.encode())

    async def logout(self) -> str:
        tokens = await self.it.login()
        await self.it.ring.logout(refresh_token=tokens.refresh_token)
        return tokens.view.row.session_id


@asynccontextmanager
async def feed(*, poll: float = 0.05, failures: int = 3, requests: int = 100) -> AsyncIterator[Feed]:
    policy = replace(
        POLICY,
        revocation=RevocationPolicy(poll_every=timedelta(seconds=poll), max_staleness=timedelta(seconds=max(5, poll))),
    )
    async with bench(policy=policy) as it:
        app = FastAPI(openapi_url=None)
        protect(app, it.ring)
        callers = Callers([("reports", digest_of_secret(SECRET))])
        app.include_router(
            revocations_router(it.ring, callers, failures_per_minute=failures, requests_per_minute=requests)
        )
        yield Feed(app, it)


async def test_a_service_reads_what_has_ended_and_then_only_what_is_new() -> None:
    async with feed() as it:
        ended = await it.logout()
        answer = await it.get()
        page = decode_page(answer.body)
        assert (answer.status, answer.one("content-type")) == (200, "application/json")
        assert [(each.kind, each.ident, each.least_epoch) for each in page.denials] == [
            (DenialKind.SESSION, ended, ENDED)
        ]
        assert (page.more, page.reset, page.at) == (False, False, 0)
        assert answer.one("cache-control") == "no-store"
        again = decode_page((await it.get(f"after={page.cursor}")).body)
        assert (again.cursor, again.denials) == (page.cursor, ())


async def test_a_revoked_epoch_and_a_distrusted_key_travel_as_well() -> None:
    async with feed() as it:
        tokens = await it.it.login()
        await it.it.ring.revoke_access(tokens.view.row.session_id)
        kid = it.it.ring.keys.signer.kid
        await it.it.ring.distrust_key(kid)
        denials = decode_page((await it.get()).body).denials
        assert [(each.kind, each.ident, each.least_epoch) for each in denials] == [
            (DenialKind.SESSION, tokens.view.row.session_id, 1),
            (DenialKind.KEY, kid, 0),
        ]


async def test_who_has_the_present_cursor_is_told_with_304_and_how_fresh_that_is() -> None:
    async with feed() as it:
        await it.logout()
        first = await it.get()
        tag = first.one("etag")
        after = f"after={tag.strip(chr(34))}"
        again = await it.get(after, RIGHT, ("if-none-match", tag))
        assert (again.status, again.body, again.one("etag")) == (304, b"", tag)
        assert again.one("sealring-feed-at") == "0.000"
        await it.logout()
        assert (await it.get(after, RIGHT, ("if-none-match", tag))).status == 200


async def test_a_held_request_is_answered_by_news_long_before_its_time() -> None:
    async with feed() as it:
        await it.logout()
        cursor = decode_page((await it.get()).body).cursor
        held = asyncio.create_task(it.get(f"after={cursor}&wait=20"))
        ended = await it.logout()
        answer = await asyncio.wait_for(held, PATIENCE - 1)
        assert [each.ident for each in decode_page(answer.body).denials] == [ended]


async def test_a_held_request_without_news_is_answered_after_its_time() -> None:
    async with feed() as it:
        answer = await it.get("after=0&wait=0.01")
        assert decode_page(answer.body).denials == ()


@pytest.mark.parametrize("query", ["wait=-1", "wait=20.01", "wait=inf", "wait=nan", "wait=x"])
async def test_no_request_is_held_for_longer_than_that(query: str) -> None:
    async with feed() as it:
        assert (await it.get(query)).status in {400, 422}


async def test_a_foreign_cursor_is_answered_with_everything() -> None:
    async with feed() as it:
        ended = await it.logout()
        for cursor in ("7.foreign", "x", "%00", "9" * 5_000):
            page = decode_page((await it.get(f"after={cursor}")).body)
            assert page.reset
            assert [each.ident for each in page.denials] == [ended]


async def test_a_service_that_holds_too_many_requests_has_to_wait() -> None:
    async with feed(poll=60, requests=10_000) as it:
        cursor = decode_page((await it.get()).body).cursor
        held = [asyncio.create_task(it.get(f"after={cursor}&wait=20")) for _ in range(512)]
        async with asyncio.timeout(PATIENCE):
            while (refused := await it.get(f"after={cursor}")).status != 429:
                await asyncio.sleep(0.01)
        assert refused.one("retry-after") == "1"
        for task in held:
            task.cancel()
        await asyncio.wait(held)
        assert (await it.get(f"after={cursor}")).status == 200


# The stream


async def streamed(it: Feed, query: str, events: int, tick: float = 0) -> tuple[Answer, list[bytes]]:
    """Read events of a stream, each a tick of the clock after the last, then go away."""
    answer, seen = Answer(), list[bytes]()
    enough = asyncio.Event()

    async def receive() -> Message:
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], list(message["headers"])
        elif body := message.get("body", b""):
            seen.append(body)
            it.it.clock.advance(tick)
            if len(seen) >= events:
                enough.set()

    lines = (RIGHT, ("accept", "text/event-stream"))
    scope = http_scope("GET", PATH, lines, query_string=query.encode())
    await asyncio.wait_for(it.app(scope, receive, send), PATIENCE)
    return answer, seen


async def test_a_stream_brings_the_news_and_a_page_without_news_every_second() -> None:
    async with feed() as it:
        ended = await it.logout()
        answer, events = await streamed(it, "after=0", 2)
        assert (answer.status, answer.one("x-accel-buffering")) == (200, "no")
        assert answer.one("content-type").startswith("text/event-stream")
        pages = []
        for event in events[:2]:
            ident, data, *rest = event.decode().split("\n")
            assert rest == ["", ""]
            pages.append(decode_page(data.removeprefix("data: ").encode()))
            assert ident == f"id: {pages[-1].cursor}"
        assert [[each.ident for each in page.denials] for page in pages] == [[ended], []]
        assert pages[0].cursor == pages[1].cursor


async def test_a_stream_ends_after_a_while_so_that_a_server_can_stop() -> None:
    async with feed() as it:
        answer, events = await streamed(it, "after=0", 1_000, tick=2.5)
        assert (answer.status, len(events)) == (200, 2)


# Who may ask


async def test_whoever_is_not_known_gets_one_and_the_same_answer() -> None:
    async with feed(failures=100) as it:
        await it.logout()
        wrong = [
            (),
            (("authorization", basic_credentials("reports", make_caller_secret())),),
            (("authorization", basic_credentials("nobody", SECRET)),),
            (("authorization", "Basic " + base64.b64encode(b"reports:").decode()),),
            (RIGHT, RIGHT),
        ]
        bodies = set()
        for lines in wrong:
            answer = await ask(it.app, "GET", PATH, lines, query_string=b"after=0")
            assert (answer.status, answer.code) == (401, "caller_unknown")
            # RFC 6749 section 5.2: invalid_client, with the scheme that a service uses.
            assert answer.one("www-authenticate") == 'Basic realm="todo"'
            bodies.add(json.dumps({**answer.json, "request_id": ""}))
        assert len(bodies) == 1
        assert {event.code for event in it.it.log.of(RequestRefused)} == {"caller_unknown"}


async def test_a_user_s_own_token_is_no_credential_of_a_service() -> None:
    async with feed() as it:
        tokens = await it.it.login()
        answer = await it.get("", ("authorization", f"Bearer {tokens.access_token}"))
        assert (answer.status, answer.code) == (401, "caller_unknown")


async def test_a_service_s_secret_is_never_taken_for_a_token() -> None:
    async with feed() as it:
        assert (await it.get()).status == 200
        assert it.it.log.of(TokenRefused) == []


async def test_after_too_many_wrong_secrets_an_address_is_put_off_but_a_right_one_never_is() -> None:
    async with feed(failures=3) as it:
        wrong = ("authorization", basic_credentials("reports", make_caller_secret()))
        statuses = [(await it.get("", wrong)).status for _ in range(5)]
        assert statuses == [401, 401, 401, 429, 429]
        assert (await it.get("", wrong)).one("retry-after") == "60"
        assert (await it.get()).status == 200
        it.it.clock.advance(60)
        assert (await it.get("", wrong)).status == 401


async def test_a_service_that_asks_without_a_pause_is_put_off() -> None:
    async with feed(requests=2) as it:
        assert [(await it.get()).status for _ in range(3)] == [200, 200, 429]
        it.it.clock.advance(60)
        assert (await it.get()).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_the_feed_is_only_read(method: str) -> None:
    async with feed() as it:
        lines = (RIGHT, ("sec-fetch-site", "same-origin"), ("sealring-client", "1"))
        assert (await ask(it.app, method, PATH, lines)).status in {403, 405, 415}
