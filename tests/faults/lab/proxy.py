"""A TCP proxy that balances connections over its targets, and that can cut one after its request and before its answer.

The server behind it has done everything by then: whoever asked just never hears of it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

_CHUNK = 65_536
_UNAVAILABLE = b"HTTP/1.1 503 "


class Proxy:
    """Takes connections on a free port of the loopback interface.

    Args:
        targets: ports on the loopback interface, taken in turns; one that refuses is passed over.
        marks: an answer is to something when a request held one of these.

    Attributes:
        targets: may be replaced at any time; connections that exist keep theirs.
        cut: answers that were cut so far.
        waiting: connections whose marked request has no answer yet.
        unavailable: answers that began with the status 503.
    """

    def __init__(self, targets: Sequence[int], marks: Sequence[bytes] = ()) -> None:
        self.targets = list(targets)
        self.cut = 0
        self.waiting = 0
        self.unavailable = 0
        self._marks = tuple(marks)
        self._turn = 0
        self._to_cut = 0
        self._every = 1
        self._answers = 0
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> "Proxy":
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Listen no more and cut every connection."""
        assert self._server is not None
        self._server.close()
        self.drop()
        while self._serving:
            await asyncio.wait(self._serving)

    def cut_answers(self, number: int, *, every: int = 1) -> None:
        """Cut connections when an answer to a marked request comes: so many of them, each of which is the n-th."""
        self._to_cut, self._every = number, every

    @property
    def left_to_cut(self) -> int:
        """Answers that are still to be cut."""
        return self._to_cut

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._serving)

    def drop(self) -> None:
        """Cut every connection at once, whatever is under way."""
        for task in self._serving:
            task.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if (target := await self._connect()) is not None:
                await self._relay(reader, writer, *target)
        except asyncio.CancelledError:
            pass  # dropped; nobody awaits this task for its result
        finally:
            writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for _ in self.targets:
            self._turn += 1
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", self.targets[self._turn % len(self.targets)])
        return None

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> None:
        asked = False

        def now_asked(is_asked: bool) -> None:
            nonlocal asked
            self.waiting += is_asked - asked
            asked = is_asked

        async def up() -> None:
            while data := await reader.read(_CHUNK):
                now_asked(asked or not self._marks or any(mark in data for mark in self._marks))
                far_writer.write(data)
                await far_writer.drain()

        async def down() -> None:
            while data := await far_reader.read(_CHUNK):
                if asked and self._cuts_this():
                    return
                now_asked(False)
                self.unavailable += data.startswith(_UNAVAILABLE)
                writer.write(data)
                await writer.drain()

        pumps = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            now_asked(False)
            far_writer.transport.abort()

    def _cuts_this(self) -> bool:
        if not self._to_cut:
            return False
        self._answers += 1
        if self._answers % self._every:
            return False
        self._to_cut -= 1
        self.cut += 1
        return True
