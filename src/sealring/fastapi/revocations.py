"""``GET /auth/revocations``: the feed of denials for services without a store, as a long poll or as an event stream."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from sealring.errors import CallerUnknown, RateLimited, RequestInvalid, StoreUnavailable
from sealring.oauth.callers import Callers
from sealring.revocation.publish import FeedPublisher
from sealring.revocation.wire import START, WirePage, encode_page
from sealring.service import Sealring
from sealring.web.conditional import is_known
from sealring.web.meter import Meter
from sealring.web.request_auth import request_auth

REVOCATIONS_PATH: Final = "/auth/revocations"

LONGEST_WAIT: Final = 20.0
"""The longest time that a long poll is held, in seconds."""

_HEARTBEAT: Final = 1.0
# A server that is told to stop waits for what it has open.
_STREAM_FOR: Final = 5.0
_HELD_AT_ONCE: Final = 512
_MINUTE: Final = 60.0


def revocations_router(
    ring: Sealring[Any], callers: Callers, *, failures_per_minute: int = 30, requests_per_minute: int = 6_000
) -> APIRouter:
    """Return the endpoint of the feed.

    A service says who it is by HTTP Basic (RFC 7617). Whoever else asks is told nothing but that.

    Args:
        ring: whose feed.
        callers: the services that may read it.
        failures_per_minute: refused requests of one address that are answered with 401; more get 429. Right secrets
            are never turned away for that.
        requests_per_minute: requests of one service to one process; more get 429.
    """
    router = APIRouter()
    endpoint = _Revocations(ring, callers, failures_per_minute, requests_per_minute)
    router.add_api_route(REVOCATIONS_PATH, endpoint.get, methods=["GET"], include_in_schema=False)
    return router


class _Revocations:
    """The handler, and what it counts."""

    def __init__(self, ring: Sealring[Any], callers: Callers, failures: int, requests: int) -> None:
        self._ring = ring
        self._callers = callers
        self._publisher = FeedPublisher(store=ring.store, follower=ring.follower, clock=ring.clock)
        self._failures = Meter(failures, _MINUTE)
        self._requests = Meter(requests, _MINUTE)
        self._held: Counter[str] = Counter()

    async def get(self, request: Request, after: str = START, wait: float = 0.0) -> Response:
        """Answer with the page after a cursor, held for up to ``wait`` seconds while there is no news.

        With ``Accept: text/event-stream`` the answer is a stream of pages, an empty one every second.
        """
        caller = self._authenticate(request)
        if not 0 <= wait <= LONGEST_WAIT:
            raise RequestInvalid(f"wait is 0 to {LONGEST_WAIT:g} seconds")
        if self._held[caller] >= _HELD_AT_ONCE:
            raise RateLimited("the service holds too many requests open", retry_after=1)
        if "text/event-stream" in request.headers.get("accept", ""):
            return StreamingResponse(
                self._stream(caller, after), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
            )
        page = await self._page(caller, after, wait)
        tag = f'"{page.cursor}"'
        if not page.denials and is_known(request.headers.get("if-none-match"), tag):
            return Response(status_code=304, headers={"ETag": tag, "Sealring-Feed-At": f"{page.at:.3f}"})
        return Response(encode_page(page), media_type="application/json", headers={"ETag": tag})

    def _authenticate(self, request: Request) -> str:
        now = self._ring.clock.monotonic()
        lines = tuple(value for name, value in request.headers.raw if name == b"authorization")
        try:
            caller = self._callers.authenticate(lines)
        except CallerUnknown:
            if wait := self._failures.count(request_auth(request.scope).client_ip, now):
                raise RateLimited("too many requests without a right secret", retry_after=wait) from None
            raise
        if wait := self._requests.count(caller, now):
            raise RateLimited("the service asks too often", retry_after=wait)
        return caller

    async def _page(self, caller: str, after: str, wait: float) -> WirePage:
        self._held[caller] += 1
        try:
            async with aclosing(self._publisher.watch(after, every=max(wait, 0.001))) as pages:
                page = await anext(pages)
                if not page.denials and not page.reset and wait > 0:
                    page = await anext(pages)
                return page
        finally:
            self._release(caller)

    async def _stream(self, caller: str, after: str) -> AsyncIterator[bytes]:
        self._held[caller] += 1
        began = self._ring.clock.monotonic()
        try:
            async with aclosing(self._publisher.watch(after, every=_HEARTBEAT)) as pages:
                async for page in pages:
                    # WHATWG HTML, Server-sent events: the id comes back as Last-Event-ID, the data is one page.
                    yield b"id: %s\ndata: %s\n\n" % (page.cursor.encode("ascii"), encode_page(page))
                    if not page.more and self._ring.clock.monotonic() - began >= _STREAM_FOR:
                        return
        except StoreUnavailable:
            return  # its reader notices that nothing comes, and asks again
        finally:
            self._release(caller)

    def _release(self, caller: str) -> None:
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]
