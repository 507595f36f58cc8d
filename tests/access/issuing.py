"""An issuer and a verifier that share one key, without sessions and stores."""

import asyncio
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from sealring.access import AccessToken, AccessTokenIssuer, AccessTokenVerifier, ClaimsSchema, Grant, Minted, NoClaims
from sealring.access.claims import TYP
from sealring.events import Emitter
from sealring.jose import SigningKey, b64u_decode, dump_json, generate, parse_json_object, sign
from sealring.keys.signer import LocalSigner, Signer
from sealring.policy import AccessPolicy, Policy
from sealring.revocation.denylist import Denylist

ISSUER = "https://todo.example"
NOW = 1_767_225_600.0
KEY = generate("ES256")
GRANT = Grant(
    subject="ada",
    client_id="todo-web",
    session_id="0123456789abcdef" * 2,
    generation=3,
    epoch=1,
    scope="todos:read todos:write",
    auth_time=NOW - 60,
    amr="pwd otp",
    absolute_end=NOW + 86_400,
)


def policy(*, issuer: str = ISSUER, former_issuers: tuple[str, ...] = (), **access: Any) -> Policy:
    """Return a policy with some settings of access tokens."""
    return Policy(app="todo", issuer=issuer, former_issuers=former_issuers, access=AccessPolicy(**access))


@dataclass
class Desk:
    """Issues and verifies under one policy and one schema."""

    policy: Policy
    schema: ClaimsSchema[Any]
    key: SigningKey
    cookie: str | None = None

    def __post_init__(self) -> None:
        self.denylist = Denylist()
        self.issuer = AccessTokenIssuer(
            policy=self.policy,
            claims=self.schema,
            signer=self._signer,
            entropy=bytes,
            emitter=Emitter(),
            cookie=self.cookie,
        )
        self.verifier = AccessTokenVerifier(
            policy=self.policy,
            claims=self.schema,
            resolve_key=lambda kid: self.key.public if kid == self.key.kid else None,
            is_in_use=lambda kid: kid == self.key.kid,
            denylist=self.denylist,
        )

    def issue(self, claims: BaseModel | None = None, **changes: Any) -> Minted:
        return asyncio.run(self.issuer.issue(replace(GRANT, **changes), claims or self.schema.model(), NOW))

    async def _signer(self) -> Signer:
        return LocalSigner(self.key)

    def verify(self, text: str) -> AccessToken[Any]:
        return self.verifier.verify(text, NOW)

    def altered(self, **claims: Any) -> str:
        """Return a good token of this key with some claims changed; None leaves one out."""
        values = {**payload(self.issue().text), **claims}
        return sign(dump_json({name: value for name, value in values.items() if value is not None}), self.key, typ=TYP)


def desk(
    schema: ClaimsSchema[Any] | None = None, *, cookie: str | None = None, key: SigningKey = KEY, **settings: Any
) -> Desk:
    """Return a desk for a schema, default without claims."""
    return Desk(policy(**settings), schema or ClaimsSchema(NoClaims), key, cookie)


def payload(text: str) -> dict[str, Any]:
    """Return the claims of a token."""
    return parse_json_object(b64u_decode(text.split(".")[1], what="it"), max_depth=16, what="it")
