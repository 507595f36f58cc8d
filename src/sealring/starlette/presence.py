"""Whether the client of a request still waits for the answer."""

import asyncio

from starlette.requests import ClientDisconnect, Request

# A server that was held up finds a request and the end of its connection at the same time, and takes them in one after
# the other; asyncio's loop needs two turns for that, and one to tell.
_TURNS = 4


async def require_presence(request: Request) -> None:
    """Refuse to go on for a client that has gone: what it would be given could reach nobody, and would still count.

    Call it after the body was read, right before something is done that cannot be undone.

    Args:
        request: whose body was read to its end.

    Raises:
        ClientDisconnect: the connection is closed; the middleware ends the request without an answer.
    """
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    if await request.is_disconnected():
        raise ClientDisconnect
