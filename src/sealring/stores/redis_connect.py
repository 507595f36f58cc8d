"""Connections to a Redis server: made, proved, asked, and left without a trace when something goes wrong."""

import contextlib
import math
from collections.abc import Awaitable, Callable
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

from sealring.errors import StoreUnavailable

Address = tuple[str, int]
"""Host and port."""

Connect = Callable[[], Awaitable[AbstractConnection]]
"""Returns a connection that is connected."""


async def connected(connection: AbstractConnection) -> AbstractConnection:
    """Connect a connection and return it.

    Raises:
        StoreUnavailable: the server refuses it.
        Exception: whatever the driver raises.
    """
    try:
        await connection.connect()  # type: ignore[no-untyped-call]
    except BaseException as error:
        await left(connection)
        if isinstance(error, ResponseError):
            # No caller's fault, and another address or password may be right tomorrow.
            raise StoreUnavailable(f"Redis refuses the connection ({type(error).__name__})") from error
        raise
    return connection


async def left(connection: AbstractConnection) -> None:
    """Give a connection up, whatever state it is in."""
    with contextlib.suppress(Exception):
        await connection.disconnect(nowait=True)


async def asked(connection: AbstractConnection, *words: str) -> Any:  # noqa: ANN401 - a reply has many types
    """Return the reply to one command over a connection that nobody else uses.

    Raises:
        ResponseError: the server refused it.
        Exception: whatever the driver raises.
    """
    pack: Any = hiredis.pack_command  # the stubs say a tuple of one; the function takes any number
    await connection.send_packed_command(pack(words), check_health=False)
    reply = await reply_of(connection)
    if isinstance(reply, ResponseError):
        raise reply
    return reply


async def asked_once(connection: AbstractConnection, *words: str) -> Any:  # noqa: ANN401
    """Connect a connection, return the reply to one command, and disconnect.

    Raises:
        Exception: whatever the driver raises.
    """
    await connected(connection)
    try:
        return await asked(connection, *words)
    finally:
        await left(connection)


async def reply_of(connection: AbstractConnection) -> Any:  # noqa: ANN401
    """Return the next reply; one that is an error is returned too.

    Raises:
        Exception: whatever the driver raises when there is no reply.
    """
    try:
        # Without a timeout of its own: the caller has one.
        return await connection.read_response(disable_decoding=True, timeout=math.inf, disconnect_on_error=False)
    except ResponseError as error:
        return error
