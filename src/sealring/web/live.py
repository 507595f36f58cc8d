"""How a long-lived connection ends: the close codes of WebSockets, and server-sent events as bytes."""

import json
from dataclasses import dataclass
from typing import Final

from sealring.errors import RefusedError

CLOSE_SESSION: Final = 4401
"""The session of the connection does not stand, or a fresh access token is needed: the reason is the error's code."""

CLOSE_FORBIDDEN: Final = 4403
"""What the connection asks for is not allowed, and asking again will not help."""

CLOSE_RETRY: Final = 1013
"""Try again later (the registry of RFC 6455 section 11.7)."""

CLOSE_POLICY: Final = 1008
"""Policy violation (RFC 6455 section 7.4.1)."""

SESSION_ENDED: Final = "session_ended"
"""The name of the last event of a stream whose session does not stand any more."""


def close_code(refusal: RefusedError) -> int:
    """Return the WebSocket close code of a refusal."""
    if refusal.status == 401:
        return CLOSE_SESSION
    if refusal.status == 403:
        return CLOSE_FORBIDDEN
    return CLOSE_RETRY if refusal.status >= 500 or refusal.status == 429 else CLOSE_POLICY


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One server-sent event (WHATWG HTML, section "Server-sent events").

    Attributes:
        data: sent as JSON on one line.
        name: the type that its listeners listen for; default ``message``. Letters, digits, ``_``, ``-`` and ``.``.
    """

    data: object
    name: str = "message"

    def encode(self) -> bytes:
        """Return the event as it goes over the wire."""
        # JSON escapes every line break, so that nothing in the data can begin another field or event.
        data = json.dumps(self.data, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
        return f"event: {self.name}\ndata: {data}\n\n".encode("ascii")


HEARTBEAT: Final = b":\n\n"
"""A comment: keeps proxies from closing a stream on which nothing happens."""


def ended_event(refusal: RefusedError) -> ServerEvent:
    """Return the last event of a stream that a refusal ends: its code, and what the client does about it."""
    return ServerEvent(name=SESSION_ENDED, data={"code": refusal.code, "action": refusal.action.value})
