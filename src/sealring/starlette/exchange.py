"""One request and its answer, as ASGI messages pass by."""

from collections.abc import Callable

from starlette.types import Message, Receive, Scope, Send

from sealring.errors import RefusedError
from sealring.web.answers import error_answer
from sealring.web.body import BodyMeter
from sealring.web.csrf import is_safe
from sealring.web.headers import AnswerHeaders


class Exchange:
    """One request and its answer: measures the body that comes in, completes the headers that go out.

    Args:
        scope: of the request.
        receive: of the server.
        send: of the server.
        report: is told about every error that is answered.
        headers: complete the answer.
        realm: of challenges.

    Attributes:
        request_id: names the request.
        method: of the request.
        path: as the application routes it.
        with_credential: whether a credential of ours came along.
        meter: measures the body; None before it is known how large it may be.
        started: whether an answer is on its way.
    """

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        report: Callable[[RefusedError, "Exchange"], None],
        headers: AnswerHeaders,
        realm: str,
    ) -> None:
        self._receive = receive
        self._send = send
        self._report = report
        self._headers = headers
        self._realm = realm
        self._body_refusal: RefusedError | None = None
        self._replaced = False
        self.request_id = ""
        self.method: str = scope["method"]
        self.path = route_path(scope)
        self.with_credential = False
        self.meter: BodyMeter | None = None
        self.started = False

    async def receive(self) -> Message:
        """Hand one message on, or raise where the body breaks a rule; what is too much is never kept."""
        message = await self._receive()
        if message["type"] == "http.request" and self.meter is not None:
            try:
                self.meter.add(len(message.get("body", b"")), last=not message.get("more_body", False))
            except RefusedError as error:
                self._body_refusal = error
                raise
        return message

    async def send(self, message: Message) -> None:
        """Hand one message on, the first with complete headers."""
        if self._replaced:
            return
        if message["type"] == "http.response.start":
            # FastAPI answers whatever goes wrong while it reads a body with a 400 of its own.
            if self._body_refusal is not None:
                self._replaced = True
                await self._answer(self._body_refusal)
                return
            await self._start(message)
            return
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        """Answer with an error; raise it where the application's answer is already on its way."""
        if self._replaced and error is self._body_refusal:
            return
        if self.started:
            raise error
        # What went wrong with the body is the cause of whatever the application makes of it.
        await self._answer(self._body_refusal or error)

    async def _answer(self, error: RefusedError) -> None:
        self._report(error, self)
        status, headers, body = error_answer(error, self.request_id, self._realm)
        await self._start({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, message: Message) -> None:
        self.started = True
        headers = self._headers.complete(
            message.get("headers", ()),
            path=self.path,
            safe_method=is_safe(self.method),
            with_credential=self.with_credential,
            request_id=self.request_id,
        )
        await self._send({**message, "headers": headers})


def route_path(scope: Scope) -> str:
    """Return the path as the application routes it: without the prefix that it is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
