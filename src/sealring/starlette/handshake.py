"""One WebSocket and its refusal, as ASGI messages pass by."""

from starlette.types import Message, Receive, Send

from sealring.errors import RefusedError
from sealring.web.live import close_code


class Handshake:
    """Watches how far a WebSocket has come, so that a refusal can be said in a way that its client reads.

    Args:
        receive: of the server.
        send: of the server.
        own_page: whether a page of the application's own asks.
    """

    def __init__(self, receive: Receive, send: Send, *, own_page: bool) -> None:
        self._receive = receive
        self._send = send
        self._own_page = own_page
        self._asked = False
        self._accepted = False
        self._closed = False

    async def receive(self) -> Message:
        """Hand one message on."""
        message = await self._receive()
        self._asked = self._asked or message["type"] == "websocket.connect"
        return message

    async def send(self, message: Message) -> None:
        """Hand one message on."""
        self._accepted = self._accepted or message["type"] == "websocket.accept"
        self._closed = self._closed or message["type"] == "websocket.close"
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Close with the code of a refusal; raise it where the WebSocket is closed already.

        A browser tells its page nothing about a handshake that failed. So a page of ours that lacks a token or meets a
        dead store is let in first and closed at once, and learns what to do about it. Everybody else's handshake fails
        with 403.
        """
        if self._closed:
            raise error
        if self._own_page and not self._accepted and (error.status == 401 or error.status >= 500):
            if not self._asked:
                await self.receive()
            await self.send({"type": "websocket.accept"})
        await self.send({"type": "websocket.close", "code": close_code(error), "reason": error.code})
