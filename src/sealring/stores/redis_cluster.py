"""Redis Cluster: each command goes to the node that serves its slot, in the pipeline that is about to leave for it.

A node that does not serve a slot (any more) says who does, and has done nothing; such a command is sent on. So it is
with one whose keys are on their way from one node to another. Nothing else is ever repeated.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from redis.crc import key_slot
from redis.exceptions import AskError, MovedError, TryAgainError

from sealring.errors import StoreUnavailable
from sealring.stores.redis_connect import Address
from sealring.stores.redis_lane import Lane
from sealring.stores.redis_link import Trail
from sealring.stores.redis_scripts import Command, command
from sealring.stores.redis_slots import Slots

_MOST_HOPS: Final = 6
_FIRST_PAUSE: Final = 0.02

_ASKING: Final = command("ASKING")


class Cluster:
    """One lane to each node.

    Args:
        slots: which node serves what.
        lane: makes a lane to a node.
        timeout: seconds that an operation may take, all its ways together.
    """

    def __init__(self, slots: Slots, lane: Callable[[Address], Lane], *, timeout: float) -> None:
        self._slots = slots
        self._lane = lane
        self._timeout = timeout
        self._lanes: dict[Address, Lane] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._accepts = True

    async def replies(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands; those of one node go in one pipeline, the nodes work side by side.

        Raises:
            StoreUnavailable: a node did not answer; what the others were asked was done.
        """
        try:
            async with asyncio.timeout(self._timeout):
                return await self._delivered(commands, trail)
        except TimeoutError as error:
            raise StoreUnavailable(f"Redis did not answer within {self._timeout:g} seconds") from error

    async def replies_in_order(self, commands: Sequence[Command], trail: Trail | None = None) -> list[Any]:
        """Return the replies to several commands, each of which waits for the one in front of it.

        Raises:
            StoreUnavailable: a node did not answer; what comes behind was not done.
        """
        replies: list[Any] = []
        for each in commands:
            replies += await self.replies((each,), trail)
            if isinstance(replies[-1], Exception):
                break
        return replies

    async def everywhere(self, command: Command) -> list[Any]:
        """Return the replies of all nodes that serve slots.

        Raises:
            StoreUnavailable: one of them did not answer, or there is a slot that none of them serves.
        """
        await self._slots.read()
        if not self._slots.complete():
            raise StoreUnavailable("the Redis cluster has slots that no node serves")
        nodes = sorted(self._slots.primaries())
        replies = await asyncio.gather(*(self._to(node).replies((command,)) for node in nodes))
        return [reply for (reply,) in replies]

    async def close(self) -> None:
        """Accept nothing more, wait until everything that waits has its answer, and disconnect."""
        self._accepts = False
        await asyncio.gather(*(lane.close() for lane in self._lanes.values()), *self._leaving)

    async def give_up(self) -> None:
        """Accept nothing more, wait for nothing, and disconnect."""
        self._accepts = False
        await asyncio.gather(*(lane.give_up() for lane in self._lanes.values()))

    async def _delivered(self, commands: Sequence[Command], trail: Trail | None) -> list[Any]:
        replies: list[Any] = [None] * len(commands)
        left = list(range(len(commands)))
        asking: dict[int, Address] = {}
        await self._slots.read()
        for hop in range(_MOST_HOPS):
            await self._round(commands, left, replies, asking, trail)
            left = [index for index in left if isinstance(replies[index], AskError | TryAgainError)]
            if not left:
                break
            if any(isinstance(replies[index], TryAgainError) for index in left):
                await asyncio.sleep(_FIRST_PAUSE * 2**hop)
            asking = self._sent_on({index: replies[index] for index in left})
        return replies

    async def _round(
        self,
        commands: Sequence[Command],
        indexes: Sequence[int],
        replies: list[Any],
        asking: Mapping[int, Address],
        trail: Trail | None,
    ) -> None:
        ways: dict[Address, list[int]] = {}
        for index in indexes:
            node = asking.get(index) or self._slots.owner(key_slot(commands[index].key))
            ways.setdefault(node, []).append(index)
        sent = (self._send(node, commands, some, replies, asking, trail) for node, some in ways.items())
        if len(ways) == 1:
            await next(sent)
            return
        for outcome in await asyncio.gather(*sent, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    def _sent_on(self, errors: Mapping[int, AskError | TryAgainError]) -> dict[int, Address]:
        """Take in where slots have moved for good, and return where to ask for this once."""
        asking: dict[int, Address] = {}
        for index, error in errors.items():
            # For the driver a MOVED is an ASK, too.
            if isinstance(error, MovedError):
                self._slots.moved(error.slot_id, error.node_addr)
            elif isinstance(error, AskError):
                asking[index] = error.node_addr
        return asking

    async def _send(
        self,
        node: Address,
        commands: Sequence[Command],
        indexes: Sequence[int],
        replies: list[Any],
        asking: Mapping[int, Address],
        trail: Trail | None,
    ) -> None:
        """Send some of the commands to a node, and put the replies to their places."""
        sent: list[Command] = []
        for index in indexes:
            # ASKING concerns the very next command, so that must not be told first what its script is.
            sent += (_ASKING, commands[index].with_its_source()) if index in asking else (commands[index],)
        try:
            answers = iter(await self._to(node).replies(sent, trail))
        except StoreUnavailable:
            self._slots.failed(node)
            raise
        for index in indexes:
            if index in asking:
                next(answers)
            reply = replies[index] = next(answers)
            if isinstance(reply, AskError) and not reply.host:
                # A node that does not know its own name leaves it out.
                reply.node_addr = (node[0], reply.port)

    def _to(self, node: Address) -> Lane:
        if not self._accepts:
            raise StoreUnavailable("the Redis store is not open")
        lane = self._lanes.get(node)
        if lane is None:
            self._leave(set(self._lanes) - self._slots.primaries())
            lane = self._lanes[node] = self._lane(node)
        return lane

    def _leave(self, nodes: set[Address]) -> None:
        for node in nodes:
            closing = asyncio.create_task(self._lanes.pop(node).close())
            self._leaving.add(closing)
            closing.add_done_callback(self._leaving.discard)
