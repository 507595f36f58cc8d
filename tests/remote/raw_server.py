"""A web server that answers with exactly the bytes that a test wants, as slowly as it wants."""

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]


Route = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Serves on a free port of loopback until its block ends.

    Attributes:
        routes: path without query to what answers; every other path is 404.
        asked: every request, in order.
        tls: certificate; default plain http.
    """

    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Its origin."""
        return f"http://127.0.0.1:{self.port}"

    def count(self, path: str) -> int:
        """Return how often a path was asked for, with any query."""
        return sum(each.path.partition("?")[0] == path for each in self.asked)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait([task])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            pairs = (line.partition(": ") for line in lines if line)
            asked = Asked(first.split(" ")[1], {name.lower(): value for name, _, value in pairs})
            self.asked.append(asked)
            await self.routes.get(asked.path.partition("?")[0], says(b"", status="404 Not Found"))(asked, writer)
            await writer.drain()
        writer.close()


def says(
    body: bytes | object, *, media_type: str = "application/json", status: str = "200 OK", **headers: str
) -> Route:
    """Return a route that answers at once; a body that is no bytes is sent as JSON."""

    async def route(_: Asked, writer: asyncio.StreamWriter) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {"Content-Type": media_type, "Content-Length": str(len(data)), "Connection": "close", **headers}
        lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in more.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    return route


def sends(*parts: bytes, every: float = 0.0, for_ever: bool = False) -> Route:
    """Return a route that sends raw bytes part by part, the last one again and again if it is told to."""

    async def route(_: Asked, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(every)
        while for_ever:
            writer.write(parts[-1])
            await writer.drain()
            await asyncio.sleep(every)

    return route


async def never(_: Asked, writer: asyncio.StreamWriter) -> None:
    """Accept the request and say nothing."""
    await asyncio.sleep(3_600)
