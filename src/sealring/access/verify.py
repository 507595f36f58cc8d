"""Verifies access tokens: signature, claims and denylist in one call; nothing half-verified can be reached."""

from collections.abc import Callable
from typing import Generic, Protocol

from pydantic import ValidationError

from sealring.access.claims import OWN_NAMES, TYP, AccessToken, ClaimsT, ClaimsT_co
from sealring.access.reading import PayloadReader
from sealring.errors import (
    JoseError,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    TokenSuperseded,
    UnknownKey,
    VersionUnknown,
)
from sealring.jose.encoding import parse_json_object
from sealring.jose.jws import JwsVerifier, KeyResolver
from sealring.policy import Policy
from sealring.revocation.denylist import Denylist
from sealring.revocation.record import ENDED

ALGORITHMS = frozenset({"ES256", "RS256"})
_MAX_CLAIMS_DEPTH = 16
_OWN = frozenset(OWN_NAMES)
# No policy allows a longer life, so a longer one was never ours.
_LONGEST_LIFE = 24 * 3600


class Authenticator(Protocol[ClaimsT_co]):
    """Turns the text of an access token into a verified value; the edges need nothing else."""

    async def authenticate(self, text: str) -> AccessToken[ClaimsT_co]:
        """Verify one token.

        Raises:
            RefusedError: with the code that says why, and what the client does about it.
        """
        ...


class AccessTokenVerifier(Generic[ClaimsT]):
    """Verifies tokens of one issuer for one audience.

    Args:
        policy: issuer, audience, leeway, clients and claims version.
        claims: the application's claim model.
        resolve_key: looks a ``kid`` up in the ring, whatever the state of the key.
        is_in_use: tells whether the tokens of a ``kid`` are still good.
        denylist: this process's own.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        claims: type[ClaimsT],
        resolve_key: KeyResolver,
        is_in_use: Callable[[str], bool],
        denylist: Denylist,
    ) -> None:
        self._policy = policy
        self._claims = claims
        self._resolve_key = resolve_key
        self._is_in_use = is_in_use
        self._denylist = denylist
        self._leeway = policy.access.leeway.total_seconds()
        self._clients = policy.client_by_id
        self._jws = JwsVerifier(algorithms=ALGORITHMS, typ=TYP)

    def verify(self, text: str, now: float) -> AccessToken[ClaimsT]:
        """Check everything about one token.

        Args:
            text: the compact JWS as it came, without white space around it.
            now: seconds since the epoch.

        Returns:
            What the token says, typed and frozen.

        Raises:
            UnknownKey: nobody in this process knows its key; the caller may reload the ring once.
            TokenInvalid: malformed, forged, of another kind, issuer or audience.
            TokenExpired: past its ``exp``.
            TokenSuperseded: its key, epoch or claims version is out of use.
            TokenRevoked: its session has ended, or it was denied by its id.
            VersionUnknown: its claims version is newer than this process knows.
        """
        try:
            jws = self._jws.verify(text, self._resolve_key)
            reader = PayloadReader(parse_json_object(jws.payload, max_depth=_MAX_CLAIMS_DEPTH, what="the payload"))
        except UnknownKey:
            raise
        except JoseError as error:
            raise TokenInvalid(error.detail) from error
        self._check_parties(reader)
        self._check_times(reader, now)
        if not self._is_in_use(jws.kid) or self._denylist.denies_key(jws.kid):
            raise TokenSuperseded("its key is out of use")
        self._check_version(reader.counter("ver"))
        token = self._token(reader)
        self._check_denied(token)
        return token

    def _check_parties(self, reader: PayloadReader) -> None:
        # RFC 9068 section 4: "The issuer identifier ... MUST exactly match the value of the iss claim."
        if reader.text("iss", longest=2048) != self._policy.issuer:
            raise TokenInvalid("claim iss is another issuer")
        # RFC 9068 section 4: the aud claim must contain the resource server's own identifier; equality, never a prefix.
        if self._policy.audience not in reader.audience():
            raise TokenInvalid("claim aud does not name this service")
        if reader.text("client_id") not in self._clients:
            raise TokenInvalid("claim client_id is not a registered client")
        # RFC 9700 section 4.15: a client must not pass as a resource owner.
        if reader.text("sub") in self._clients:
            raise TokenInvalid("claim sub is the id of a client")

    def _check_times(self, reader: PayloadReader, now: float) -> None:
        expires_at, issued_at, not_before = reader.date("exp"), reader.date("iat"), reader.optional_date("nbf")
        if issued_at > now + self._leeway:
            raise TokenInvalid("claim iat lies in the future")
        if not issued_at < expires_at <= issued_at + _LONGEST_LIFE:
            raise TokenInvalid("claim exp is not within a day after iat")
        if not_before is not None and not_before > now + self._leeway:
            raise TokenInvalid("claim nbf lies in the future")
        # RFC 7519 section 4.1.4: "the current date/time MUST be before the expiration date/time".
        if now >= expires_at + self._leeway:
            raise TokenExpired("claim exp has passed")

    def _check_version(self, version: int) -> None:
        ours = self._policy.access.version
        if version > ours:
            raise VersionUnknown(f"claims version {version}", version=version)
        if version < ours:
            raise TokenSuperseded(f"claims version {version} is out of use")

    def _check_denied(self, token: AccessToken[ClaimsT]) -> None:
        if self._denylist.denies_token(token.token_id):
            raise TokenRevoked("denied by its id")
        least = self._denylist.least_epoch(token.session_id)
        if token.epoch < least:
            if least >= ENDED:
                raise TokenRevoked("its session has ended")
            raise TokenSuperseded("its epoch is out of use")

    def _token(self, reader: PayloadReader) -> AccessToken[ClaimsT]:
        try:
            claims = self._claims.model_validate(reader.others(_OWN))
        except ValidationError as error:
            raise TokenInvalid(f"{error.error_count()} application claims are missing or of the wrong type") from error
        return AccessToken(
            issuer=reader.text("iss", longest=2048),
            subject=reader.text("sub"),
            audience=reader.audience(),
            expires_at=int(reader.date("exp")),
            issued_at=int(reader.date("iat")),
            token_id=reader.text("jti"),
            client_id=reader.text("client_id"),
            session_id=reader.session_id(),
            generation=reader.counter("gen"),
            epoch=reader.counter("ep"),
            version=reader.counter("ver"),
            scope=reader.scope(),
            auth_time=int(reader.date("auth_time")),
            amr=reader.amr(),
            claims=claims,
        )
