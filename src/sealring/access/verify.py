"""Verifies access tokens: signature, claims and denylist in one call; nothing half-verified can be reached."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Protocol

from sealring.access.cache import CACHED_TOKENS, CachedToken, Times, TokenCache, digest_of, is_constant
from sealring.access.claims import TYP, AccessToken, ClaimsT, ClaimsT_co
from sealring.access.model import MAX_DEPTH
from sealring.access.reading import PayloadReader
from sealring.access.registry import OWN_NAMES
from sealring.access.versions import ClaimsReader
from sealring.errors import (
    JoseError,
    TokenExpired,
    TokenInvalid,
    TokenRevoked,
    TokenSuperseded,
    UnknownKey,
)
from sealring.jose.encoding import parse_json_object
from sealring.jose.jws import JwsVerifier, KeyResolver
from sealring.policy import TOKEN_ALGORITHMS, Policy
from sealring.revocation.denylist import Denylist
from sealring.revocation.record import ENDED

_OWN = frozenset(OWN_NAMES)
# No policy allows a longer life, so a longer one was never ours.
_LONGEST_LIFE = 24 * 3600


class Authenticator(Protocol[ClaimsT_co]):
    """Turns the text of an access token into a verified value; the edges need nothing else."""

    async def authenticate(self, text: str, *, sensitive: bool = False) -> AccessToken[ClaimsT_co]:
        """Verify one token.

        Args:
            text: the compact JWS as it came.
            sensitive: whether whoever knows the session is asked about it at this moment, too; default False.

        Raises:
            RefusedError: with the code that says why, and what the client does about it.
        """
        ...


class AccessTokenVerifier(Generic[ClaimsT]):
    """Verifies tokens of one key ring for one audience.

    A token that was found good is recognised by its digest: its signature and its claims are not read again. Its times,
    its key's state and the denylist are asked every time.

    Args:
        policy: issuers, audience, leeway and clients.
        claims: reads every version of the application's claims that is known.
        resolve_key: looks a ``kid`` up in the ring, whatever the state of the key.
        is_in_use: tells whether the tokens of a ``kid`` are still good.
        denylist: this process's own.
        cache: verified tokens that are recognised when they come again; default 8,192, 0 for none.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        claims: ClaimsReader[ClaimsT],
        resolve_key: KeyResolver,
        is_in_use: Callable[[str], bool],
        denylist: Denylist,
        cache: int = CACHED_TOKENS,
    ) -> None:
        # By issuer, this service's own identifier: the policy never changes, and this is asked for every token.
        self._identifiers = {issuer: policy.identifier(issuer) for issuer in policy.issuers}
        self._claims = claims
        self._resolve_key = resolve_key
        self._is_in_use = is_in_use
        self._denylist = denylist
        self._leeway = policy.access.leeway.total_seconds()
        self._clients = policy.client_by_id
        self._jws = JwsVerifier(algorithms=TOKEN_ALGORITHMS, typ=TYP)
        self._cache: TokenCache[ClaimsT] = TokenCache(cache)

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
            TokenSuperseded: its key, its epoch, or the version or form of its claims is out of use, or it is from the
                future.
            TokenRevoked: its session has ended, or it was denied by its id.
            VersionUnknown: its claims version is newer than this process knows.
        """
        digest = digest_of(text)
        cached = self._cache.get(digest)
        if cached is not None and self._keeps_its_key(cached):
            return self._again(cached, now)
        try:
            jws = self._jws.verify(text, self._resolve_key)
            reader = PayloadReader(parse_json_object(jws.payload, max_depth=MAX_DEPTH, what="the payload"))
        except UnknownKey:
            raise
        except JoseError as error:
            raise TokenInvalid(error.detail) from error
        token, times = self._checked(reader, jws.kid, now)
        key = self._resolve_key(jws.kid)
        if digest and key is not None:
            values = None if is_constant(token.claims) else reader.others(_OWN)
            self._cache.add(digest, CachedToken(key, times, token, values))
        return token

    def check_denied(self, token: AccessToken[Any]) -> None:
        """Ask again whether a token that was verified is denied, whatever its ``exp``.

        Raises:
            TokenRevoked: its session has ended, or it was denied by its id.
            TokenSuperseded: its epoch is out of use.
        """
        self._check_denied(token.token_id, token.session_id, token.epoch)

    def _checked(self, reader: PayloadReader, key_id: str, now: float) -> tuple[AccessToken[ClaimsT], Times]:
        """Check every claim of a token whose signature is good, and return what it says."""
        # RFC 9068 section 2.2: every one of these is required.
        issuer, audience = reader.text("iss", longest=2048), reader.audience()
        client_id, subject = reader.text("client_id"), reader.text("sub")
        self._check_parties(issuer, audience, client_id, subject)
        times = Times(reader.date("iat"), reader.date("exp"), reader.optional_date("nbf"))
        self._check_times(times, now)
        if not self._is_good(key_id):
            raise TokenSuperseded("its key is out of use")
        token_id, session_id, epoch = reader.text("jti"), reader.session_id(), reader.counter("ep")
        # Before the application's claims: what has ended is over, whatever version it carries.
        self._check_denied(token_id, session_id, epoch)
        version = reader.counter("ver")
        token = AccessToken(
            issuer=issuer,
            subject=subject,
            audience=audience,
            expires_at=int(times.expires_at),
            issued_at=int(times.issued_at),
            token_id=token_id,
            client_id=client_id,
            session_id=session_id,
            generation=reader.counter("gen"),
            epoch=epoch,
            version=version,
            scope=reader.scope(),
            auth_time=int(reader.date("auth_time")),
            amr=reader.amr(),
            claims=self._claims.read(version, reader.others(_OWN)),
        )
        return token, times

    def _keeps_its_key(self, cached: CachedToken[ClaimsT]) -> bool:
        """Tell whether the key that verified a token is what it was; otherwise empty the cache."""
        key = self._resolve_key(cached.key.kid)
        if (key is cached.key or key == cached.key) and self._is_good(cached.key.kid):
            return True
        # Tokens of this key do not get into the cache again, so nobody can make this happen at will.
        self._cache.clear()
        return False

    def _again(self, cached: CachedToken[ClaimsT], now: float) -> AccessToken[ClaimsT]:
        """Ask about a token of the cache what may have changed since it was verified."""
        token = cached.token
        self._check_times(cached.times, now)
        self._check_denied(token.token_id, token.session_id, token.epoch)
        if cached.values is None:
            return token
        return replace(token, claims=self._claims.read(token.version, cached.values))

    def _is_good(self, kid: str) -> bool:
        return self._is_in_use(kid) and not self._denylist.denies_key(kid)

    def _check_parties(self, issuer: str, audience: tuple[str, ...], client_id: str, subject: str) -> None:
        # RFC 9068 section 4: "The issuer identifier ... MUST exactly match the value of the iss claim."
        identifier = self._identifiers.get(issuer)
        if identifier is None:
            raise TokenInvalid("claim iss is another issuer")
        # RFC 9068 section 4: the aud claim must contain the resource server's own identifier; equality, never a prefix.
        # Whoever else it names is not our business.
        if identifier not in audience:
            raise TokenInvalid("claim aud does not name this service")
        if client_id not in self._clients:
            raise TokenInvalid("claim client_id is not a registered client")
        # RFC 9700 section 4.15: a client must not pass as a resource owner.
        if subject in self._clients:
            raise TokenInvalid("claim sub is the id of a client")

    def _check_times(self, times: Times, now: float) -> None:
        # Its signature is right, so what is wrong is one of our clocks. That is no reason to end anybody's session.
        if max(times.issued_at, times.not_before or 0) > now + self._leeway:
            raise TokenSuperseded("it is from the future: the clock of its maker is fast, or that of this process slow")
        if not times.issued_at < times.expires_at <= times.issued_at + _LONGEST_LIFE:
            raise TokenInvalid("claim exp is not within a day after iat")
        # RFC 7519 section 4.1.4: "the current date/time MUST be before the expiration date/time".
        if now >= times.expires_at + self._leeway:
            raise TokenExpired("claim exp has passed")

    def _check_denied(self, token_id: str, session_id: str, epoch: int) -> None:
        if self._denylist.denies_token(token_id):
            raise TokenRevoked("denied by its id")
        least = self._denylist.least_epoch(session_id)
        if epoch < least:
            if least >= ENDED:
                raise TokenRevoked("its session has ended")
            raise TokenSuperseded("its epoch is out of use")
