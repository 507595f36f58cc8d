"""The bodies of requests and answers, for validation and for the OpenAPI document; their source is spec/README.md."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sealring.sessions.record import SessionRow

Seconds = Annotated[float, Field(ge=0)]


class RefreshRequest(BaseModel):
    """The optional body of a refresh."""

    model_config = ConfigDict(extra="ignore")

    attempt: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_-]+$",
        description="One id for each generation.",
    )
    idle_for: float | None = Field(
        default=None, ge=0, le=31_536_000, allow_inf_nan=False, description="Seconds since the last user input."
    )


class SessionAnswer(BaseModel):
    """What login, refresh and `GET /auth/session` answer."""

    outcome: Literal["opened", "rotated", "replayed", "unchanged", "adopted", "current"]
    now_ms: int = Field(description="The server's time, milliseconds since the epoch.")
    expires_in: Seconds = Field(description="Seconds until the access token expires.")
    refresh_in: Seconds = Field(description="Seconds until the client should refresh.")
    idle_expires_in: Seconds = Field(description="Seconds until the session ends if the user does nothing.")
    session_expires_in: Seconds = Field(description="Seconds until the session ends whatever happens.")
    session_id: str = Field(description="Public id of the session, never a credential.")
    generation: int = Field(ge=1, description="Version of the session; compared only within one session_id.")
    binding: Literal["none", "dpop", "mtls", "dbsc"]
    user: dict[str, object] = Field(description="What the application tells about the signed-in user.")


class EndedAnswer(BaseModel):
    """What ending sessions answers."""

    outcome: Literal["signed_out", "ended"]
    ended: int = Field(ge=0, description="How many sessions this request ended.")


class SessionItem(BaseModel):
    """One live session of the signed-in user."""

    session_id: str
    current: bool = Field(description="Whether the request came from this one.")
    device: str
    created_at_ms: int
    last_seen_ms: int
    expires_at_ms: int = Field(description="The earlier of the idle and the absolute end.")

    @classmethod
    def of(cls, row: SessionRow, *, current: bool) -> "SessionItem":
        """Return what the list shows of a session."""
        return cls(
            session_id=row.session_id,
            current=current,
            device=row.device,
            created_at_ms=int(row.created_at * 1000),
            last_seen_ms=int(row.last_seen * 1000),
            expires_at_ms=int(row.end * 1000),
        )


class SessionList(BaseModel):
    """What `GET /auth/sessions` answers."""

    sessions: list[SessionItem]


class FieldFault(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class ErrorBody(BaseModel):
    """The one shape of every error; codes stand in spec/error-codes.json."""

    error: str | None
    error_description: str
    code: str
    action: Literal["retry", "refresh", "sign_in", "fix"]
    request_id: str
    fields: list[FieldFault] | None = None
