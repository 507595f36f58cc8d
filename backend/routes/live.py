"""The WebSocket on which a page hears that its list has changed."""

import asyncio
from contextlib import suppress

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from backend.auth.config import TODOS_SCOPE, TodoClaims
from backend.live import LiveLists, Watch
from sealring import Sealring
from sealring.fastapi import live_socket


def live_router(lists: LiveLists, ring: Sealring[TodoClaims]) -> APIRouter:
    """Return the WebSocket ``/api/todos/live``.

    It sends ``{"list_version": n}`` once it is open and after every change of the account's list, by whomever; what it
    is sent is ignored. It closes with its session (spec/README.md).

    Args:
        lists: know of changes.
        ring: knows the sessions.
    """
    router = APIRouter()

    @router.websocket("/api/todos/live")
    async def live(websocket: WebSocket) -> None:
        async with live_socket(websocket, ring, TODOS_SCOPE) as token:
            with lists.watch(token.subject) as watch:
                sending = asyncio.create_task(_send(websocket, watch))
                try:
                    # Only by receiving does one learn that the other end has gone.
                    while (await websocket.receive())["type"] != "websocket.disconnect":
                        pass
                finally:
                    sending.cancel()

    return router


async def _send(websocket: WebSocket, watch: Watch) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):  # the other end has gone while it was told
        while True:
            await websocket.send_json({"list_version": await watch.next()})
