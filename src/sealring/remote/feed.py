"""Reads the feed of an issuer over HTTP, as a long poll or as an event stream, for a follower in this process."""

import asyncio
import re
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlencode

from sealring.clock import Clock
from sealring.errors import ConfigurationError, JoseError, StoreUnavailable
from sealring.oauth.callers import Callers, basic_credentials, digest_of_secret
from sealring.remote.http import HttpClient
from sealring.remote.server_events import event_data
from sealring.revocation.record import FeedPage
from sealring.revocation.wire import MAX_PAGE_BYTES, START, cursor_number, decode_page

_JSON: Final = frozenset({"application/json"})
_EVENTS: Final = frozenset({"text/event-stream"})
_PATH: Final = re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*")
# Servers end a stream when they like; none is kept longer than this.
_STREAM_FOR: Final = 300.0


class Follow(StrEnum):
    """How a service follows the feed."""

    POLL = "poll"  # one request after another, each held until there is news; passes every proxy
    STREAM = "stream"  # Server-Sent Events: fresher, with fewer requests, where no proxy holds them back


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedAccess:
    """Who a service is for its issuer.

    Attributes:
        name: as the issuer knows it.
        secret: made by ``sealring caller``; the issuer keeps its digest.
        path: of the feed at the issuer's origin; default ``/auth/revocations``. The secret is sent nowhere else.
        follow: how the feed is followed; default by long polls.
    """

    name: str
    secret: str = field(repr=False)
    path: str = "/auth/revocations"
    follow: Follow = Follow.POLL

    def __post_init__(self) -> None:
        Callers([(self.name, digest_of_secret(self.secret))])
        # Nothing in it may move the secret to another host.
        if not _PATH.fullmatch(self.path):
            raise ConfigurationError("The path of the feed begins with a slash and has no query.")


class HttpFeed:
    """Gives pages to a :class:`~sealring.revocation.follower.FeedFollower`; a reading waits for news.

    Args:
        url: of the feed.
        access: who asks.
        client: fetches.
        clock: dates the pages. Of the issuer's clock only differences are used, so the two may disagree.
        hold: seconds for which a reading waits for news.
        within: seconds for the rest of a request.
    """

    def __init__(
        self, url: str, access: FeedAccess, *, client: HttpClient, clock: Clock, hold: float, within: float
    ) -> None:
        self._url = url
        self._access = access
        self._client = client
        self._clock = clock
        self._hold = hold
        self._within = within
        self._given = self._taken = START
        self._behind = True
        self._hurries = 0
        self._hurry = asyncio.Event()
        self._stream: AsyncGenerator[FeedPage] | None = None

    async def aclose(self) -> None:
        """Close an open stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Let no reading wait for news within this block, not even one that waits already."""
        self._hurries += 1
        self._hurry.set()
        try:
            yield
        finally:
            self._hurries -= 1
            if not self._hurries:
                self._hurry.clear()

    async def read_feed(self, after: int, limit: int) -> FeedPage:
        """Return the next page; see the port.

        Args:
            after: tells whether the last page was taken in; if it was not, it is given again. A follower that begins
                anew goes on where it was: the cursors that travel tell by themselves when the feed has become another.
            limit: not needed; a page of the issuer has as many denials as a follower asks for.

        Raises:
            StoreUnavailable: the issuer does not answer, or with something that is no page.
        """
        if after == cursor_number(self._given):
            self._taken = self._given
        elif self._taken != self._given:
            self._behind = True
            await self.aclose()
        if self._hurries or self._behind:
            return await self._poll(0.0)
        held = asyncio.create_task(self._held())
        hurry = asyncio.create_task(self._hurry.wait())
        try:
            await asyncio.wait((held, hurry), return_when=asyncio.FIRST_COMPLETED)
            return await held if held.done() else await self._poll(0.0)
        finally:
            for task in (held, hurry):
                task.cancel()
            # Looked at, so that nobody complains about a failure that no longer matters.
            await asyncio.gather(held, hurry, return_exceptions=True)

    async def _held(self) -> FeedPage:
        return await (self._next_of_stream() if self._access.follow is Follow.STREAM else self._poll(self._hold))

    async def _poll(self, wait: float) -> FeedPage:
        sent_at = self._clock.monotonic()
        answer = await self._client.get(
            self._asking(wait=f"{wait:g}"),
            media_types=_JSON,
            limit=MAX_PAGE_BYTES,
            within=wait + self._within,
            headers=self._headers,
        )
        return self._page(answer.body, sent_at)

    async def _next_of_stream(self) -> FeedPage:
        # The second try is for a stream that its server has ended, as it may at any time.
        for _ in range(2):
            if self._stream is None:
                self._stream = self._pages()
            try:
                async with asyncio.timeout(self._hold + self._within):
                    return await anext(self._stream)
            except StopAsyncIteration:
                self._stream = None
            except TimeoutError:
                self._stream = None
                raise StoreUnavailable("the feed of the issuer went silent") from None
            except BaseException:
                self._stream = None
                raise
        raise StoreUnavailable("the feed of the issuer ends at once")

    async def _pages(self) -> AsyncGenerator[FeedPage]:
        sent_at = self._clock.monotonic()
        async with self._client.stream(
            self._asking(), media_types=_EVENTS, within=_STREAM_FOR, headers=self._headers
        ) as (_, body):
            async for data in event_data(body, limit=MAX_PAGE_BYTES):
                yield self._page(data, sent_at)

    def _page(self, data: bytes, sent_at: float) -> FeedPage:
        try:
            page = decode_page(data)
        except JoseError as error:
            raise StoreUnavailable(error.detail) from None
        self._given, self._behind = page.cursor, page.more
        # However long the page was on its way, it is not dated later than it was complete.
        on_its_way = max(0.0, self._clock.monotonic() - (sent_at + page.at))
        return FeedPage(cursor_number(page.cursor), page.denials, self._clock.now() - on_its_way)

    def _asking(self, **more: str) -> str:
        return f"{self._url}?{urlencode({'after': self._taken, **more})}"

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": basic_credentials(self._access.name, self._access.secret)}
