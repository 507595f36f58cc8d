"""What an access token says (RFC 9068), as a typed, frozen value."""

from dataclasses import dataclass
from typing import Generic

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypeVar

# RFC 9068 section 2.1: the media type that tells an access token from every other kind of JWT.
TYP = "at+jwt"


class NoClaims(BaseModel):
    """The claim model of an application that adds none."""

    model_config = ConfigDict(frozen=True)


ClaimsT = TypeVar("ClaimsT", bound=BaseModel, default=NoClaims)
ClaimsT_co = TypeVar("ClaimsT_co", bound=BaseModel, covariant=True, default=NoClaims)


@dataclass(frozen=True, slots=True)
class AccessToken(Generic[ClaimsT_co]):
    """A verified access token: signature, claims and denylist have all been checked.

    Attributes:
        issuer: ``iss``.
        subject: ``sub``, the account.
        audience: ``aud``.
        expires_at: ``exp``, seconds since the epoch.
        issued_at: ``iat``, seconds since the epoch.
        token_id: ``jti``.
        client_id: the registered client.
        session_id: ``sid``, the public id of its session, 32 hex characters.
        generation: ``gen``, the generation of its session when it was minted.
        epoch: ``ep``, the access epoch of its session when it was minted.
        version: ``ver``, the version of the application's claims that the token carries; ``claims`` is always of the
            newest one.
        scope: the scope tokens (RFC 6749 section 3.3).
        auth_time: when the user authenticated, seconds since the epoch.
        amr: how (RFC 8176).
        claims: the application's own.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    expires_at: int
    issued_at: int
    token_id: str
    client_id: str
    session_id: str
    generation: int
    epoch: int
    version: int
    scope: tuple[str, ...]
    auth_time: int
    amr: tuple[str, ...]
    claims: ClaimsT_co

    @property
    def sid(self) -> bytes:
        """The session id as the store knows it, 16 bytes."""
        return bytes.fromhex(self.session_id)

    def has_scope(self, *required: str) -> bool:
        """Tell whether every one of some scope tokens is there."""
        return set(required) <= set(self.scope)
