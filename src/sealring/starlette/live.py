"""WebSockets and event streams that are bound to the session of whoever opened them.

They are closed when the session ends or expires, from whichever process, and live through every rotation of its tokens.
A token is never taken from the address: the handshake carries the cookie, or the ``Authorization`` header.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Protocol

from starlette.requests import HTTPConnection
from starlette.responses import StreamingResponse
from starlette.websockets import WebSocket, WebSocketState

from sealring.access.claims import AccessToken
from sealring.errors import InsufficientScope
from sealring.sessions.connections import Connections
from sealring.web.live import HEARTBEAT, ServerEvent, close_code, ended_event
from sealring.web.request_auth import require_token

_HEARTBEAT_EVERY: Final = 15.0


class ConnectionKeeper(Protocol):
    """What these functions need: the ``Sealring`` object."""

    @property
    def connections(self) -> Connections:
        """The connections of this process."""
        ...


@asynccontextmanager
async def live_socket(websocket: WebSocket, ring: ConnectionKeeper, *scope: str) -> AsyncIterator[AccessToken[Any]]:
    """Bind a WebSocket to its session for as long as the ``async with`` block runs, and accept it.

    When the session ends, whatever the block waits for is cancelled and the WebSocket is closed: with code 4401 where
    the session does not stand or a fresh access token is needed, with 1013 where nobody can tell now; the reason is the
    error's code.

    Args:
        websocket: as the route got it, not accepted yet.
        ring: knows the connections.
        scope: scope tokens that the access token must carry.

    Returns:
        The verified access token that the handshake carried.

    Raises:
        RefusedError: there is none, or it lacks a scope; the middleware closes the WebSocket with the same codes.
    """
    token = _allowed(websocket, scope)
    with ring.connections.bind(token) as connection:
        await websocket.accept()
        # Of all ways to cancel a block from outside, this is the one that the standard library gets right.
        limit = asyncio.timeout(None)
        try:
            async with limit:
                connection.on_end(lambda: limit.reschedule(asyncio.get_running_loop().time()))
                yield token
        except TimeoutError:
            if connection.refusal is None or not limit.expired():
                raise
        if connection.refusal is not None and websocket.application_state is WebSocketState.CONNECTED:
            with suppress(RuntimeError):  # the other end was quicker
                await websocket.close(close_code(connection.refusal), connection.refusal.code)


def live_events(
    request: HTTPConnection,
    ring: ConnectionKeeper,
    events: AsyncGenerator[ServerEvent, None],
    *scope: str,
    heartbeat: float = _HEARTBEAT_EVERY,
) -> StreamingResponse:
    """Return a stream of server-sent events that ends with its session.

    The last event is then ``session_ended`` with ``{"code", "action"}``; the client acts on it as on an error answer.

    Args:
        request: carries the access token.
        ring: knows the connections.
        events: what is sent; closed when the stream ends, whoever ends it.
        scope: scope tokens that the access token must carry.
        heartbeat: seconds of silence after which a comment is sent, default 15.

    Raises:
        RefusedError: there is no verified access token, or it lacks a scope.
    """
    token = _allowed(request, scope)
    return StreamingResponse(
        _until_ended(token, ring.connections, events, heartbeat),
        media_type="text/event-stream",
        # A proxy that collects the answer would hold the events back.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _allowed(connection: HTTPConnection, scope: tuple[str, ...]) -> AccessToken[Any]:
    token = require_token(connection.scope)
    if not token.has_scope(*scope):
        raise InsufficientScope(scope)
    return token


async def _until_ended(
    token: AccessToken[Any],
    connections: Connections,
    events: AsyncGenerator[ServerEvent, None],
    heartbeat: float,
) -> AsyncGenerator[bytes, None]:
    """Give events as they come, a heartbeat in silence, and the end of the session as the last."""
    with connections.bind(token) as connection:
        ended = asyncio.create_task(connection.ended())
        coming: asyncio.Task[ServerEvent] | None = None
        try:
            yield HEARTBEAT  # the headers go out with it, and tell the client that the stream is open
            while True:
                coming = coming or asyncio.create_task(_next(events))
                await asyncio.wait({ended, coming}, timeout=heartbeat, return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    yield ended_event(ended.result()).encode()
                    return
                if not coming.done():
                    yield HEARTBEAT
                    continue
                try:
                    yield coming.result().encode()
                except StopAsyncIteration:
                    return
                coming = None
        finally:
            ended.cancel()
            if coming is not None:
                coming.cancel()
                with suppress(asyncio.CancelledError, StopAsyncIteration):
                    await coming
            await events.aclose()


async def _next(events: AsyncGenerator[ServerEvent, None]) -> ServerEvent:
    return await anext(events)
