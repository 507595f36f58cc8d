"""Tokens of other issuers: verified under a policy of their own, and never mistaken for an access token of ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sealring.access.claims import TYP
from sealring.access.reading import PayloadReader
from sealring.errors import ConfigurationError, JoseError, TokenExpired, TokenInvalid
from sealring.jose import JWKSet, parse_json_object, verify
from sealring.jose.algorithms import signature_allow_list
from sealring.jose.encoding import b64u_decode
from sealring.jose.header import normal_type, read_only
from sealring.remote.discovery import Discovery

MAX_FOREIGN_BYTES: Final = 16 * 1024
"""The longest token of another issuer that is looked at."""

_DEPTH: Final = 16
# OpenID Connect Core sections 2 and 3.3.2.11, RFC 8417 section 2.2: what only an ID token or a security event has.
_OTHER_KINDS: Final = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events", "toe"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignIssuer:
    """What is accepted from one other issuer (Better Auth, Auth0, Keycloak and the like).

    Attributes:
        issuer: the exact ``iss`` of its tokens, with a slash at its end where it has one.
        audience: this service as that issuer knows it; every token must name it.
        algorithms: what it signs with; default ``RS256``.
        jwks_uri: where its keys are; default what its metadata says.
        discovery: where its metadata is; default as OpenID Connect has it.
        leeway: accepted clock difference; default 10 seconds, at most 60 seconds.
        longest_life: of one token; a longer one is refused; default 24 hours, at most 30 days.
        accept_tokens_without_typ_so_that_other_kinds_of_jwt_may_pass: many issuers leave ``typ`` out. RFC 9068 section
            4 demands ``at+jwt``, because an ID token or another JWT of the same issuer can otherwise pass for an access
            token; default False.
        accept_typ_jwt_so_that_other_kinds_of_jwt_may_pass: the same for ``typ: JWT``, which says nothing; default
            False.
        accept_the_deprecated_name_eddsa_which_names_no_curve: also takes keys and tokens whose algorithm is ``EdDSA``
            (RFC 9864 section 2.2), with Ed25519; default False.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_uri: str | None = None
    discovery: Discovery = Discovery.OPENID
    leeway: timedelta = timedelta(seconds=10)
    longest_life: timedelta = timedelta(hours=24)
    accept_tokens_without_typ_so_that_other_kinds_of_jwt_may_pass: bool = False
    accept_typ_jwt_so_that_other_kinds_of_jwt_may_pass: bool = False
    accept_the_deprecated_name_eddsa_which_names_no_curve: bool = False

    def __post_init__(self) -> None:
        if "EdDSA" in self.algorithms:
            raise ConfigurationError(
                "EdDSA is deprecated (RFC 9864): say Ed25519, and accept the old name by its exception."
            )
        if not self.audience:
            raise ConfigurationError("Tokens of another issuer must name this service: say how it is called there.")
        if not timedelta(0) <= self.leeway <= timedelta(seconds=60):
            raise ConfigurationError("The leeway of an issuer is 0 to 60 seconds.")
        if not timedelta(0) < self.longest_life <= timedelta(days=30):
            raise ConfigurationError("The longest life of a token is more than 0 and at most 30 days.")
        signature_allow_list(self.algorithms)

    @property
    def allowed(self) -> frozenset[str]:
        """The algorithms that are accepted, the excepted one included."""
        excepted = {"EdDSA"} if self.accept_the_deprecated_name_eddsa_which_names_no_curve else set()
        return frozenset(self.algorithms) | excepted


@dataclass(frozen=True, slots=True)
class ForeignToken:
    """A verified token of another issuer. It is no access token: nobody here has given it its meaning.

    Attributes:
        issuer: ``iss``.
        subject: ``sub``, which means something only together with the issuer.
        audience: ``aud``.
        expires_at: ``exp``, seconds since the epoch.
        issued_at: ``iat``, seconds since the epoch.
        scope: the scope tokens; empty when the token names none.
        claims: everything that it says, read-only to its depth.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    expires_at: int
    issued_at: int
    scope: tuple[str, ...]
    claims: Mapping[str, object]

    @property
    def identity(self) -> tuple[str, str]:
        """Issuer and subject: two issuers may use one subject for two people (ASVS 5.0, 10.3.3)."""
        return self.issuer, self.subject

    def has_scope(self, *required: str) -> bool:
        """Tell whether every one of some scope tokens is there."""
        return set(required) <= set(self.scope)


def unverified_issuer(text: str) -> str:
    """Return the ``iss`` of a token that nobody has verified: good for finding its policy, and for nothing else.

    Raises:
        TokenInvalid: it is no compact JWS with a JSON object in it.
    """
    segments = text.split(".", 3)
    if len(segments) != 3 or len(text) > MAX_FOREIGN_BYTES:
        raise TokenInvalid("this is no compact JWS of a size that is looked at")
    try:
        payload = parse_json_object(b64u_decode(segments[1], what="the payload"), max_depth=_DEPTH, what="the payload")
    except JoseError as error:
        raise TokenInvalid(error.detail) from error
    return PayloadReader(payload).text("iss", longest=2048)


def verify_foreign(text: str, policy: ForeignIssuer, keys: JWKSet, now: float) -> ForeignToken:
    """Check everything about one token of another issuer.

    Args:
        text: the compact JWS as it came.
        policy: what is accepted from its issuer.
        keys: that issuer's and nobody else's.
        now: seconds since the epoch.

    Raises:
        UnknownKey: the issuer's set lacks its key; the caller may fetch it once.
        TokenInvalid: malformed, forged, of another kind, issuer or audience.
        TokenExpired: past its ``exp``.
        JoseError: it did not pass the gate.
    """
    verified = verify(text, keys, algorithms=policy.allowed, max_bytes=MAX_FOREIGN_BYTES)
    _check_type(verified.header, policy)
    payload = parse_json_object(verified.payload, max_depth=_DEPTH, what="the payload")
    reader = PayloadReader(payload)
    # RFC 8725 section 3.8: the keys belong to the issuer.
    if reader.text("iss", longest=2048) != policy.issuer:
        raise TokenInvalid("claim iss is another issuer")
    # RFC 8725 section 3.9: the audience is present and checked.
    if policy.audience not in reader.audience():
        raise TokenInvalid("claim aud does not name this service")
    if not _OTHER_KINDS.isdisjoint(payload):
        raise TokenInvalid("this is an ID token or a security event")
    _check_times(reader, policy, now)
    return ForeignToken(
        issuer=policy.issuer,
        subject=reader.text("sub"),
        audience=reader.audience(),
        expires_at=int(reader.date("exp")),
        issued_at=int(reader.date("iat")),
        scope=reader.scope(),
        claims=read_only(payload),
    )


def _check_type(header: Mapping[str, object], policy: ForeignIssuer) -> None:
    if "typ" not in header:
        good = policy.accept_tokens_without_typ_so_that_other_kinds_of_jwt_may_pass
    else:
        typ = normal_type(header["typ"])
        good = typ == TYP or (typ == "jwt" and policy.accept_typ_jwt_so_that_other_kinds_of_jwt_may_pass)
    if not good:
        raise TokenInvalid("the header does not declare an access token")


def _check_times(reader: PayloadReader, policy: ForeignIssuer, now: float) -> None:
    leeway = policy.leeway.total_seconds()
    issued_at, expires_at, not_before = reader.date("iat"), reader.date("exp"), reader.optional_date("nbf")
    if issued_at > now + leeway or (not_before is not None and not_before > now + leeway):
        raise TokenInvalid("claim iat or nbf lies in the future")
    if not issued_at < expires_at <= issued_at + policy.longest_life.total_seconds():
        raise TokenInvalid("claim exp is not within the longest life of a token after iat")
    # RFC 7519 section 4.1.4: "the current date/time MUST be before the expiration date/time".
    if now >= expires_at + leeway:
        raise TokenExpired("claim exp has passed")
