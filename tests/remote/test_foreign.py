"""Tokens of other issuers, as Better Auth, Auth0 and Keycloak make them: exceptions by name, and a type of its own."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI

from sealring import AccessToken
from sealring.clock import ManualClock
from sealring.errors import ConfigurationError, StoreUnavailable, TokenExpired, TokenInvalid
from sealring.events import JobFailed, TokenRefused
from sealring.fastapi import foreign_token, protect
from sealring.jose import JWK, b64u_encode
from sealring.remote import ForeignIssuer, ForeignToken, ForeignVerifier
from tests.remote.issuer import LOOPBACK, issuer
from tests.remote.raw_server import RawServer, says
from tests.support import EventLog

pytestmark = pytest.mark.anyio

RSA, EDWARDS = JWK.generate("RS256", kid="key-1"), JWK.generate("EdDSA", kid="ed")
PLAIN: dict[str, Any] = {
    "accept_tokens_without_typ_so_that_other_kinds_of_jwt_may_pass": False,
    "accept_typ_jwt_so_that_other_kinds_of_jwt_may_pass": False,
    "accept_the_deprecated_name_eddsa_which_names_no_curve": False,
}
WITHOUT_TYP, TYP_JWT, EDDSA = PLAIN


def exception(name: str) -> dict[str, Any]:
    """Return one exception, as an argument."""
    return {name: True}


def token(claims: Mapping[str, object], key: JWK = RSA, **header: object) -> str:
    members = {"alg": key.alg, "kid": key.kid, "typ": "at+jwt", **header}
    text = json.dumps({name: value for name, value in members.items() if value is not None})
    signing_input = f"{b64u_encode(text.encode())}.{b64u_encode(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"


@dataclass
class Stage:
    """One other issuer, and a service that takes its tokens."""

    server: RawServer
    verifier: ForeignVerifier
    clock: ManualClock
    log: EventLog
    iss: str

    def claims(self, **changes: object) -> dict[str, object]:
        now = int(self.clock.now())
        usual = {"iss": self.iss, "sub": "ada", "aud": ["api", "other"], "iat": now, "exp": now + 300}
        return {name: value for name, value in {**usual, **changes}.items() if value is not None}

    async def verify(self, text: str) -> ForeignToken:
        return await self.verifier.authenticate_foreign(text)


@asynccontextmanager
async def stage(
    *, slash: bool = False, algorithms: tuple[str, ...] = ("RS256",), **policy: Any
) -> AsyncIterator[Stage]:
    clock, log = ManualClock(), EventLog()
    async with RawServer() as server:
        iss = server.url + "/" * slash
        server.routes["/.well-known/openid-configuration"] = says({"issuer": iss, "jwks_uri": f"{server.url}/jwks"})
        server.routes["/jwks"] = says({"keys": [RSA.public().to_dict(), EDWARDS.public().to_dict()]})
        configured = ForeignIssuer(issuer=iss, audience="api", algorithms=algorithms, **policy)
        verifier = ForeignVerifier([configured], fetching=LOOPBACK, clock=clock, sinks=[log])
        async with verifier:
            yield Stage(server, verifier, clock, log, iss)


async def test_a_token_as_the_standard_has_it_needs_no_exception() -> None:
    async with stage() as it:
        verified = await it.verify(token(it.claims(scope="read write", roles=["a", {"b": [1]}])))
        assert verified.identity == (it.iss, "ada")
        assert (verified.audience, verified.scope) == (("api", "other"), ("read", "write"))
        assert verified.has_scope("read")
        assert verified.expires_at - verified.issued_at == 300
        assert not isinstance(verified, AccessToken)


async def test_what_it_says_can_be_read_and_by_nobody_be_changed() -> None:
    async with stage() as it:
        claims: Any = (await it.verify(token(it.claims(nested={"list": [{"a": 1}]})))).claims
        assert claims["nested"]["list"][0]["a"] == 1
        with pytest.raises(AttributeError):
            claims.update(sub="eve")
        with pytest.raises(AttributeError):
            claims["nested"]["list"].append(1)
        with pytest.raises(TypeError):
            claims["nested"]["a"] = 1
        with pytest.raises(TypeError):
            claims["sub"] = "eve"


async def test_an_issuer_in_the_style_of_auth0_signs_with_typ_jwt_and_a_slash_at_its_end() -> None:
    async with stage(slash=True, **exception(TYP_JWT)) as it:
        verified = await it.verify(token(it.claims(azp="client", gty="client-credentials"), typ="JWT"))
        assert verified.issuer == it.server.url + "/"
        with pytest.raises(TokenInvalid):
            await it.verify(token(it.claims(iss=it.server.url), typ="JWT"))


async def test_an_issuer_in_the_style_of_better_auth_signs_with_eddsa_and_without_typ() -> None:
    async with stage(algorithms=("Ed25519",), **exception(WITHOUT_TYP), **exception(EDDSA)) as it:
        verified = await it.verify(token(it.claims(aud="api", email="ada@todo.example"), EDWARDS, typ=None))
        assert verified.claims["email"] == "ada@todo.example"


async def test_an_issuer_in_the_style_of_keycloak_lives_under_a_path() -> None:
    clock = ManualClock()
    async with RawServer() as server:
        iss = f"{server.url}/realms/todo"
        server.routes["/realms/todo/.well-known/openid-configuration"] = says(
            {"issuer": iss, "jwks_uri": f"{iss}/protocol/openid-connect/certs"}
        )
        encryption = {**JWK.generate("RS256", kid="enc").public().to_dict(), "use": "enc", "alg": "RSA-OAEP"}
        server.routes["/realms/todo/protocol/openid-connect/certs"] = says(
            {"keys": [encryption, RSA.public().to_dict()]}
        )
        configured = ForeignIssuer(issuer=iss, audience="account", **exception(TYP_JWT))
        async with ForeignVerifier([configured], fetching=LOOPBACK, clock=clock) as verifier:
            now = int(clock.now())
            claims = {"iss": iss, "sub": "f:1:ada", "aud": "account", "iat": now, "exp": now + 60, "typ": "Bearer"}
            verified = await verifier.authenticate_foreign(token({**claims, "scope": "openid email"}, typ="JWT"))
            assert verified.subject == "f:1:ada"


EXCEPTIONS: dict[str, tuple[str, dict[str, Any], JWK]] = {
    "without typ": (WITHOUT_TYP, {"typ": None}, RSA),
    "with typ JWT": (TYP_JWT, {"typ": "JWT"}, RSA),
    "signed with EdDSA": (EDDSA, {}, EDWARDS),
}


@pytest.mark.parametrize("case", EXCEPTIONS)
async def test_each_exception_lets_in_exactly_its_own_case(case: str) -> None:
    for name in PLAIN:
        async with stage(algorithms=("RS256", "Ed25519"), **exception(name)) as it:
            own, header, key = EXCEPTIONS[case]
            text = token(it.claims(), key, **header)
            if own == name:
                await it.verify(text)
            else:
                with pytest.raises(TokenInvalid):
                    await it.verify(text)


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "another issuer that is not configured": ({"iss": "https://evil.example"}, {}),
    "no issuer": ({"iss": None}, {}),
    "an issuer that is a list": ({"iss": ["a"]}, {}),
    "another audience": ({"aud": "other"}, {}),
    "an audience that begins alike": ({"aud": "api.evil"}, {}),
    "no audience": ({"aud": None}, {}),
    "no subject": ({"sub": None}, {}),
    "an empty subject": ({"sub": ""}, {}),
    "no expiry": ({"exp": None}, {}),
    "an expiry that is text": ({"exp": "9999999999"}, {}),
    "an expiry that is true": ({"exp": True}, {}),
    "no time of issue": ({"iat": None}, {}),
    "a time of issue ahead": ({"iat": 4e9, "exp": 4e9 + 60}, {}),
    "a time before which it is not good": ({"nbf": 4e9}, {}),
    "too long a life": ({"exp": 1_767_225_600 + 86_401}, {}),
    "a life that ends before it begins": ({"exp": 1}, {}),
    "the nonce of an ID token": ({"nonce": "n"}, {}),
    "the access token hash of an ID token": ({"at_hash": "h"}, {}),
    "the events of a security event": ({"events": {}}, {}),
    "the type of a logout token": ({}, {"typ": "logout+jwt"}),
    "the type of an ID token": ({}, {"typ": "JWT"}),
    "no type": ({}, {"typ": None}),
    "a type that is no text": ({}, {"typ": 7}),
    "an unknown key": ({}, {"kid": "unknown"}),
    "a key of its own": ({}, {"jwk": RSA.public().to_dict()}),
    "an address of a key": ({}, {"jku": "https://evil.example/keys"}),
    "an extension": ({}, {"crit": ["x"], "x": 1}),
    "another algorithm in its header": ({}, {"alg": "RS512"}),
    "no algorithm": ({}, {"alg": "none"}),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_foreign_token_is_refused_with(case: str) -> None:
    claims, header = REFUSED[case]
    async with stage() as it:
        with pytest.raises(TokenInvalid):
            await it.verify(token(it.claims(**claims), **header))
        assert [event.code for event in it.log.of(TokenRefused)] == ["token_invalid"]


@pytest.mark.parametrize("text", ["", "a", "a.b", "a.b.c", "a.b.c.d", "..", "é.é.é", "x" * 20_000, "a.bnVsbA.c"])
async def test_what_is_no_token_is_refused_as_one(text: str) -> None:
    async with stage() as it:
        with pytest.raises(TokenInvalid):
            await it.verify(text)


async def test_an_expired_token_is_refused_from_its_second_on_with_the_leeway() -> None:
    async with stage(leeway=timedelta(seconds=5)) as it:
        text = token(it.claims())
        it.clock.advance(304.9)
        await it.verify(text)
        it.clock.advance(0.1)
        with pytest.raises(TokenExpired):
            await it.verify(text)


async def test_our_own_access_tokens_are_no_foreign_ones_and_the_reverse() -> None:
    async with issuer() as it, it.verifier() as reports, stage() as other:
        own = (await it.it.login()).access_token
        with pytest.raises(TokenInvalid):
            await other.verify(own)
        with pytest.raises(TokenInvalid):
            await reports.authenticate(token(other.claims(aud=["api", "reports"])))


async def test_an_issuer_that_is_down_keeps_nobody_from_starting_and_its_tokens_wait() -> None:
    clock, log = ManualClock(), EventLog()
    async with RawServer() as up:
        up.routes["/jwks"] = says({"keys": [RSA.public().to_dict()]})
        good = ForeignIssuer(issuer="http://up.example", audience="api", jwks_uri=f"{up.url}/jwks")
        down = ForeignIssuer(issuer="http://down.example", audience="api", jwks_uri=f"{up.url}/missing")
        async with ForeignVerifier([good, down], fetching=LOOPBACK, clock=clock, sinks=[log]) as verifier:
            now = int(clock.now())
            for iss, works in (("http://up.example", True), ("http://down.example", False)):
                text = token({"iss": iss, "sub": "ada", "aud": "api", "iat": now, "exp": now + 60})
                if works:
                    await verifier.authenticate_foreign(text)
                else:
                    with pytest.raises(StoreUnavailable):
                        await verifier.authenticate_foreign(text)
    assert [event.job for event in log.of(JobFailed)] == ["start"]


async def test_a_route_takes_the_one_or_the_other_and_never_whichever_comes() -> None:
    async with issuer() as it, it.verifier() as reports, stage() as other:
        app = FastAPI()
        protect(app, reports)
        partner = foreign_token(other.verifier.authenticate_foreign)

        @app.get("/partner")
        async def route(token: Annotated[ForeignToken, Depends(partner)]) -> dict[str, str]:
            return {"subject": token.subject}

        transport = httpx2.ASGITransport(app)
        async with httpx2.AsyncClient(transport=transport, base_url="https://reports.example") as http:

            async def ask(text: str | None) -> tuple[int, str]:
                headers = {} if text is None else {"Authorization": f"Bearer {text}"}
                answer = await http.get("/partner", headers=headers)
                return answer.status_code, answer.json().get("subject") or answer.json()["code"]

            assert await ask(token(other.claims())) == (200, "ada")
            assert await ask((await it.it.login()).access_token) == (401, "token_invalid")
            assert await ask(None) == (401, "not_authenticated")
        assert app.openapi()["paths"]["/partner"]["get"]["security"] == [{"ForeignToken": []}]


GOOD = ForeignIssuer(issuer="https://id.example", audience="api")
MISTAKES: dict[str, dict[str, Any]] = {
    "EdDSA by its own name": {"algorithms": ("EdDSA",)},
    "a MAC": {"algorithms": ("HS256",)},
    "no algorithm": {"algorithms": ()},
    "an unknown algorithm": {"algorithms": ("RS1",)},
    "none": {"algorithms": ("none",)},
    "no audience": {"audience": ""},
    "a negative leeway": {"leeway": timedelta(seconds=-1)},
    "too long a leeway": {"leeway": timedelta(seconds=61)},
    "no life": {"longest_life": timedelta(0)},
    "too long a life": {"longest_life": timedelta(days=31)},
}


@pytest.mark.parametrize("case", MISTAKES)
def test_another_issuer_is_not_configured_with(case: str) -> None:
    with pytest.raises(ConfigurationError):
        replace(GOOD, **MISTAKES[case])


@pytest.mark.parametrize(
    "issuers", [[GOOD, GOOD], [replace(GOOD, issuer="http://id.example")], [replace(GOOD, jwks_uri="file:///etc/keys")]]
)
def test_no_issuer_is_named_twice_or_fetched_without_tls(issuers: list[ForeignIssuer]) -> None:
    with pytest.raises(ConfigurationError):
        ForeignVerifier(issuers)
