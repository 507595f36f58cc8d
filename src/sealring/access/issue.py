"""Mints access tokens (RFC 9068 section 2)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from sealring.access.claims import TYP
from sealring.access.size import SizeLimit
from sealring.access.versions import ClaimsSchema
from sealring.errors import ConfigurationError, SessionExpiredAbsolute, StoreUnavailable
from sealring.events import Emitter, StoreFailed, TokenIssued
from sealring.jose.encoding import b64u_encode, dump_json
from sealring.keys.signer import CompactJws, Signer
from sealring.policy import Policy

_JTI_BYTES = 16
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a session says about the token to mint; the token repeats it until it expires.

    Attributes:
        subject: the account, 1 to 255 characters, never equal to a client id.
        client_id: the registered client.
        session_id: 32 hex characters.
        generation: of the session.
        epoch: of the session's access.
        scope: space-separated scope tokens; left out of the token when empty.
        auth_time: when the user authenticated, seconds since the epoch.
        amr: how, space-separated.
        absolute_end: ``exp`` never passes it; seconds since the epoch.
    """

    subject: str
    client_id: str
    session_id: str
    generation: int
    epoch: int
    scope: str
    auth_time: float
    amr: str
    absolute_end: float


@dataclass(frozen=True, slots=True)
class Minted:
    """A fresh access token.

    Attributes:
        text: the compact JWS.
        issued_at: ``iat``, seconds since the epoch.
        expires_at: ``exp``, seconds since the epoch.
    """

    text: str
    issued_at: int
    expires_at: int


class AccessTokenIssuer:
    """Signs access tokens within the policy.

    Args:
        policy: issuer, audience, lifetime, budget and the version of claims to write.
        claims: the versions of the application's claims.
        signer: returns who signs now.
        entropy: returns that many random bytes.
        emitter: hears of every token.
        cookie: name of the cookie that the tokens must fit into; default none.

    Raises:
        ConfigurationError: the version of claims to write is not known, or a downgrade to it is missing.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        claims: ClaimsSchema[Any],
        signer: Callable[[], Awaitable[Signer]],
        entropy: Callable[[int], bytes],
        emitter: Emitter,
        cookie: str | None = None,
    ) -> None:
        self._policy = policy
        self._claims = claims
        self._version = claims.to_write(policy.access.version)
        self._limit = SizeLimit(policy.access.budget, cookie)
        self._signer = signer
        self._jws = CompactJws(TYP)
        self._entropy = entropy
        self._emitter = emitter

    async def issue(self, grant: Grant, claims: BaseModel, now: float) -> Minted:
        """Mint one token.

        Args:
            grant: what the session says.
            claims: the application's own claims, of their newest model whatever version is written.
            now: seconds since the epoch, read before the session's row.

        Returns:
            The token and its times.

        Raises:
            TokenTooLarge: it exceeds the budget or its cookie; the detail lists the bytes of each claim.
            SessionExpiredAbsolute: less than a second of the session is left.
            StoreUnavailable: the key that signs cannot be used just now; trying again loses nothing.
            ConfigurationError: the subject is empty, too long, or the id of a client; or the claims are of another
                model or cannot be written.
        """
        self._check_subject(grant.subject)
        issued_at = int(now)
        expires_at = min(issued_at + int(self._policy.access.lifetime.total_seconds()), int(grant.absolute_end))
        if expires_at <= issued_at:
            raise SessionExpiredAbsolute("less than a second of the session is left")
        token_id = b64u_encode(self._entropy(_JTI_BYTES))
        payload = self._payload(grant, claims, token_id, issued_at, expires_at)
        text, algorithm = await self._signed(dump_json(payload))
        self._limit.check(text, payload)
        self._emitter.emit(
            TokenIssued(
                subject=grant.subject,
                session_id=grant.session_id,
                generation=grant.generation,
                token_id=token_id,
                algorithm=algorithm,
                size=len(text),
            )
        )
        return Minted(text, issued_at, expires_at)

    async def _signed(self, payload: bytes) -> tuple[str, str]:
        try:
            signer = await self._signer()
            return await self._jws.make(payload, signer), signer.alg
        except StoreUnavailable as error:
            self._emitter.emit(StoreFailed(operation="sign", detail=error.detail))
            raise

    def _payload(
        self, grant: Grant, claims: BaseModel, token_id: str, issued_at: int, expires_at: int
    ) -> dict[str, object]:
        audience = self._policy.audience
        payload: dict[str, object] = {
            "iss": self._policy.issuer,
            "sub": grant.subject,
            # RFC 7519 section 4.1.3: one audience is a string, several are a list.
            "aud": audience[0] if len(audience) == 1 else list(audience),
            "exp": expires_at,
            "iat": issued_at,
            "jti": token_id,
            "client_id": grant.client_id,
            "sid": grant.session_id,
            "gen": grant.generation,
            "ep": grant.epoch,
            "ver": self._version,
            "auth_time": int(grant.auth_time),
        }
        if grant.scope:
            payload["scope"] = grant.scope
        if grant.amr:
            payload["amr"] = grant.amr.split()
        return payload | self._claims.write(self._version, claims)

    def _check_subject(self, subject: str) -> None:
        if not 1 <= len(subject) <= _LONGEST_SUBJECT:
            raise ConfigurationError(f"A subject is 1 to {_LONGEST_SUBJECT} characters.")
        # RFC 9700 section 4.15: a client must not be able to pass as a resource owner, nor the reverse.
        if subject in self._policy.client_by_id:
            raise ConfigurationError("A subject must not equal a client id.")
