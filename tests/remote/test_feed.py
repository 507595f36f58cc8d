"""Reading the feed over HTTP from servers that break off, fall silent, lie about time, or answer nonsense."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.clock import ManualClock
from sealring.errors import StoreUnavailable
from sealring.remote import FeedAccess, Follow
from sealring.remote.addresses import AddressRule
from sealring.remote.feed import HttpFeed
from sealring.remote.http import HttpClient
from sealring.remote.server_events import event_data
from tests.remote.issuer import SECRET
from tests.remote.raw_server import RawServer, Route, never, says, sends

pytestmark = pytest.mark.anyio

PATH = "/auth/revocations"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
FIRST = {"cursor": "1.mark", "at": 0, "base": 2_000_000_000, "keys": [["kid", 0]]}


def event(page: object) -> bytes:
    return b"data: " + json.dumps(page).encode() + b"\n\n"


@asynccontextmanager
async def following(
    route: Route, follow: Follow, clock: ManualClock | None = None, within: float = 20.0
) -> AsyncIterator[tuple[HttpFeed, RawServer]]:
    """Give a feed that has read its first page, and whose next answers are the test's."""
    client = HttpClient(AddressRule(("127.0.0.0/8",)))
    async with RawServer({PATH: says(FIRST)}) as server:
        access = FeedAccess(name="reports", secret=SECRET, follow=follow)
        feed = HttpFeed(server.url + PATH, access, client=client, clock=clock or ManualClock(), hold=0.2, within=within)
        assert (await feed.read_feed(0, 1_000)).cursor == 1
        server.routes[PATH] = route
        yield feed, server
        await feed.aclose()
        await client.aclose()


async def test_a_stream_gives_page_after_page_and_is_opened_again_when_it_ends() -> None:
    stream = sends(STREAM, event({"cursor": "1.mark", "at": 0}), event({"cursor": "2.mark", "at": 1}))
    async with following(stream, Follow.STREAM) as (feed, server):
        cursors, after = [], 1
        for _ in range(4):
            after = (await feed.read_feed(after, 1_000)).cursor
            cursors.append(after)
        assert cursors == [1, 2, 1, 2]
        # It asked after what was last taken in, and said who it is each time.
        assert [asked.path for asked in server.asked[1:]] == [f"{PATH}?after=1.mark", f"{PATH}?after=2.mark"]
        assert all(asked.headers["authorization"].startswith("Basic ") for asked in server.asked)


BROKEN: dict[str, Route] = {
    "nothing": never,
    "a head and nothing more": sends(STREAM, b"", every=3_600),
    "comments for ever": sends(STREAM, b": still here\n\n", every=0.05, for_ever=True),
    "an end at once": sends(STREAM),
    "a page that is none": sends(STREAM, b"data: {}\n\n", every=3_600),
    "an event without end": sends(STREAM, b"data: " + b"x" * 65_536 + b"\n", for_ever=True),
    "a line without end": sends(STREAM, b"x" * 65_536, for_ever=True),
    "another media type": says(FIRST),
    "a redirect": says(b"", status="302 Found", Location="/elsewhere"),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_stream_is_given_up_that_sends(case: str) -> None:
    async with following(BROKEN[case], Follow.STREAM, within=0.3) as (feed, server):
        async with asyncio.timeout(60):
            with pytest.raises(StoreUnavailable) as caught:
                await feed.read_feed(1, 1_000)
        assert SECRET not in caught.value.detail
        # And the next reading begins a new one.
        server.routes[PATH] = sends(STREAM, event({"cursor": "2.mark", "at": 0}))
        assert (await feed.read_feed(1, 1_000)).cursor == 2


NONSENSE: dict[str, Route] = {
    "no page": says({}),
    "no JSON": says(b"<html>"),
    "another media type": says(b"data: {}\n\n", media_type="text/event-stream"),
    "an entry that is not understood": says({"cursor": "2.mark", "at": 0, "sessions": [["?", 1]]}),
    "a refusal": says({"code": "caller_unknown"}, status="401 Unauthorized"),
    "too much": says(b" " * 600_000),
}


@pytest.mark.parametrize("case", NONSENSE)
async def test_a_poll_is_no_news_that_answers_with(case: str) -> None:
    async with following(NONSENSE[case], Follow.POLL) as (feed, server):
        with pytest.raises(StoreUnavailable):
            await feed.read_feed(1, 1_000)
        server.routes[PATH] = says({"cursor": "2.mark", "at": 0})
        assert (await feed.read_feed(1, 1_000)).cursor == 2
        assert server.asked[-1].path == f"{PATH}?after=1.mark&wait=0.2"


@pytest.mark.parametrize("follow", list(Follow))
async def test_a_page_is_never_dated_later_than_it_was_complete_however_long_it_was_on_its_way(follow: Follow) -> None:
    clock = ManualClock()
    page = {"cursor": "1.mark", "at": 2}

    async def late(_: object, writer: asyncio.StreamWriter) -> None:
        clock.advance(30)
        data = event(page) if follow is Follow.STREAM else json.dumps(page).encode()
        kind = b"text/event-stream" if follow is Follow.STREAM else b"application/json"
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: " + kind + b"\r\n\r\n" + data)

    async with following(late, follow, clock) as (feed, _):
        given = await feed.read_feed(1, 1_000)
        assert given.as_of == clock.now() - 28


@pytest.mark.parametrize("at", [10**9, -(10**9)])
async def test_an_issuer_that_lies_about_time_makes_nothing_fresher_than_now(at: int) -> None:
    clock = ManualClock()
    async with following(says({"cursor": "1.mark", "at": at}), Follow.POLL, clock) as (feed, _):
        given = await feed.read_feed(1, 1_000)
        assert given.as_of is not None
        assert given.as_of <= clock.now()


async def test_a_reading_that_waits_is_hurried_and_the_answer_is_a_new_one() -> None:
    async with following(never, Follow.POLL) as (feed, server):
        waiting = asyncio.create_task(feed.read_feed(1, 1_000))
        async with asyncio.timeout(60):
            while server.count(PATH) < 2:
                await asyncio.sleep(0.005)
        server.routes[PATH] = says({"cursor": "2.mark", "at": 0})
        with feed.at_once():
            assert (await asyncio.wait_for(waiting, 60)).cursor == 2
        assert server.asked[-1].path == f"{PATH}?after=1.mark&wait=0"


# Server-Sent Events


async def parts_of(data: bytes, sizes: list[int]) -> AsyncIterator[bytes]:
    while data:
        size = sizes.pop() if sizes else len(data)
        yield data[:size]
        data = data[size:]


@given(st.lists(st.integers(1, 12), max_size=40), st.sampled_from([b"\n", b"\r\n"]))
async def test_events_are_the_same_however_they_are_cut(sizes: list[int], end: bytes) -> None:
    lines = [b": hello", b"", b"id: 1", b"data: one", b"", b"data:two", b"data: lines", b"event: x", b"", b"data: half"]
    data = end.join(lines)
    assert [each async for each in event_data(parts_of(data, sizes), limit=1_000)] == [b"one", b"two\nlines"]


async def test_an_event_beyond_the_limit_is_not_kept() -> None:
    for data in (b"data: " + b"x" * 100, b"data: x\n" * 20, b": " + b"x" * 100):
        with pytest.raises(StoreUnavailable, match="larger than 50 bytes"):
            assert [each async for each in event_data(parts_of(data, []), limit=50)]
