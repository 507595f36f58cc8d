"""Reads a stream of Server-Sent Events (WHATWG HTML, section 9.2), bounded in memory."""

from collections.abc import AsyncIterable, AsyncIterator

from sealring.errors import StoreUnavailable


async def event_data(body: AsyncIterable[bytes], *, limit: int) -> AsyncIterator[bytes]:
    """Give the data of each event; names, ids and comments are left aside.

    Args:
        body: of the answer, in any parts.
        limit: bytes of one event at most.

    Raises:
        StoreUnavailable: an event is larger.
    """
    rest, data, size = b"", list[bytes](), 0
    async for part in body:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if stripped := line.removesuffix(b"\r"):
                size += len(line)
                field, _, value = stripped.partition(b":")
                if field == b"data":
                    data.append(value.removeprefix(b" "))
            else:
                if data:
                    yield b"\n".join(data)
                data, size = [], 0
        if size + len(rest) > limit:
            raise StoreUnavailable(f"an event of the feed is larger than {limit} bytes")
