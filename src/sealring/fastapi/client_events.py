"""``POST /auth/client-events``: what browser clients tell about themselves, counted as events of the server."""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from sealring.errors import RateLimited, RefusedError
from sealring.events import ClientAlerted, ClientReported, Event
from sealring.service import Sealring
from sealring.web.meter import Meter
from sealring.web.request_auth import request_auth

CLIENT_EVENTS_PATH: Final = "/auth/client-events"

MOST_EVENTS: Final = 50
"""Events of one request."""

_MINUTE: Final = 60.0
_YEAR_MS: Final = 31_536_000_000
_OTHER: Final = "other"

_OUTCOMES: Final = frozenset({"opened", "rotated", "replayed", "unchanged", "adopted", "current"})
_CLIENT_ERRORS: Final = frozenset({"network_error", "timeout", "http_error", "answer_invalid", "superseded"})
_REASONS: Final = frozenset(
    {
        "signed_out",
        "signed_out_elsewhere",
        "expired_idle",
        "expired_absolute",
        "revoked",
        "reused",
        "inactive",
        "binding_failed",
        "invalid",
        "unsupported",
    }
)
_ALERTS: Final = frozenset(
    {
        "refresh_late",
        "refresh_failing",
        "refresh_storm",
        "clock_skew",
        "cookies_blocked",
        "reuse_detected",
        "ends_soon",
    }
)


class ClientEvent(BaseModel):
    """One event of a browser client: a name from a closed set, a code, and a number (spec/README.md)."""

    model_config = ConfigDict(extra="forbid")

    type: Literal[
        "signed_in",
        "refreshed",
        "refresh_failed",
        "adopted",
        "request_retried",
        "clock_skew",
        "lock_timeout",
        "wake",
        "signed_out",
        "alert",
    ]
    code: Annotated[str, Field(max_length=40, pattern=r"^[a-z_]+$")] | None = None
    ms: Annotated[float, Field(ge=-_YEAR_MS, le=_YEAR_MS, allow_inf_nan=False, strict=True)] | None = None

    def as_event(self, errors: frozenset[str]) -> Event:
        """Return the event that the server's sinks are given.

        Args:
            errors: codes that a server refuses with.
        """
        known = {
            "refreshed": _OUTCOMES,
            "refresh_failed": errors | _CLIENT_ERRORS,
            "request_retried": errors,
            "signed_out": _REASONS,
            "alert": _ALERTS,
        }
        # Anybody may send this: what is not known must not become a label of its own.
        codes = known.get(self.type, frozenset[str]())
        code = "" if self.code is None else self.code if self.code in codes else _OTHER
        if self.type == "alert":
            return ClientAlerted(code=code, ms=self.ms or 0.0)
        return ClientReported(kind=self.type, code=code, ms=self.ms or 0.0)


class ClientEvents(BaseModel):
    """The body of one request."""

    model_config = ConfigDict(extra="forbid")

    events: Annotated[list[ClientEvent], Field(min_length=1, max_length=MOST_EVENTS)]


def client_events_router(ring: Sealring[Any], *, requests_per_minute: int = 600) -> APIRouter:
    """Return the endpoint that browser clients report to.

    Nobody has to be signed in, since what is worth telling is often why nobody is. So its events are what browsers
    say, never proof: count them, and look where many say the same. Like all endpoints of a session it takes requests
    of the application's own pages only.

    Args:
        ring: whose sinks the events go to.
        requests_per_minute: requests of one address to one process; more get 429. Many people may share an address.
    """
    router = APIRouter()
    requests = Meter(requests_per_minute, _MINUTE)
    errors = frozenset(_codes(RefusedError))

    async def take(request: Request, body: ClientEvents) -> Response:
        if wait := requests.count(request_auth(request.scope).client_ip, ring.clock.monotonic()):
            raise RateLimited("the address reports too often", retry_after=wait)
        for each in body.events:
            ring.emit(each.as_event(errors))
        return Response(status_code=204)

    router.add_api_route(CLIENT_EVENTS_PATH, take, methods=["POST"], include_in_schema=False)
    return router


def _codes(kind: type[RefusedError]) -> set[str]:
    """Return the codes of a refusal and of all that are made of it, also the application's own."""
    own: set[str] = {kind.code} if "code" in vars(kind) else set()
    return own.union(*map(_codes, kind.__subclasses__()))
