"""Attacks on a service without a store by way of its issuer's keys: P11 (floods), P12 (a hostile server), P13
(poisoned sets), P14 and S4 (addresses in tokens, DNS rebinding).

Every server is a real one on loopback; nothing stands between the verifier and the network.
"""

import asyncio
import gzip
import json
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from sealring import AccessPolicy, Policy
from sealring.errors import RefusedError, StoreUnavailable, TokenInvalid
from sealring.events import IssuerKeysRead
from sealring.jose import JWK, b64u_encode
from sealring.remote import FeedAccess, ForeignIssuer, ForeignVerifier, RemotePolicy, Verifier
from sealring.remote.connect import Resolver
from tests.access.forging import payload_of, signed, with_claims
from tests.refreshing import QUIET_FEED
from tests.remote.issuer import LOOPBACK, SECRET
from tests.remote.raw_server import Asked, RawServer, Route, never, says, sends
from tests.support import Bench, Claims, EventLog, bench

pytestmark = pytest.mark.anyio

METADATA, JWKS, FEED = "/.well-known/oauth-authorization-server", "/.well-known/jwks.json", "/auth/revocations"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/jwk-set+json\r\n"


async def no_news(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer as a feed in which nothing ever happens."""
    if not asked.path.endswith("wait=0"):
        await asyncio.sleep(0.2)
    await says({"cursor": "0", "at": 0.2})(asked, writer)


@dataclass
class Stage:
    """A real ring whose keys are served by a server that may lie, and a service that verifies its tokens."""

    it: Bench
    server: RawServer
    reports: Verifier[Claims]
    log: EventLog

    @property
    def fetches(self) -> int:
        return self.server.count(JWKS)

    def jwks(self) -> list[dict[str, object]]:
        return list(self.it.ring.keys.jwks()["keys"])

    def serve(self, answer: Route | Mapping[str, object]) -> None:
        self.server.routes[JWKS] = answer if callable(answer) else says(answer)

    async def token(self) -> str:
        return (await self.it.login()).access_token

    async def refusal(self, token: str) -> RefusedError | None:
        try:
            await self.reports.authenticate(token)
        except RefusedError as error:
            return error
        return None

    async def fetch(self) -> None:
        """Fetch the keys as if they were due, whatever comes of it."""
        with suppress(StoreUnavailable):
            await self.reports._keys.load()


@asynccontextmanager
async def stage(fetching: RemotePolicy = LOOPBACK) -> AsyncIterator[Stage]:
    async with RawServer() as server:
        policy = Policy(
            app="todo", issuer=server.url, access=AccessPolicy(audience=("todo", "reports")), revocation=QUIET_FEED
        )
        async with bench(policy=policy) as it:
            server.routes |= {
                METADATA: says({"issuer": server.url, "jwks_uri": server.url + JWKS}),
                JWKS: says(it.ring.keys.jwks()),
                FEED: no_news,
            }
            log = EventLog()
            reports = Verifier(
                issuer=server.url,
                audience="reports",
                app="todo",
                claims=Claims,
                feed=FeedAccess(name="reports", secret=SECRET),
                fetching=fetching,
                clock=it.clock,
                sinks=[log],
            )
            async with reports:
                yield Stage(it, server, reports, log)


def with_kid(it: Stage, token: str, kid: object) -> str:
    """Return a token whose header names another key."""
    header = {"alg": "ES256", "kid": kid, "typ": "at+jwt"}
    return f"{b64u_encode(json.dumps(header).encode())}.{token.partition('.')[2]}"


# P11: random key ids


async def test_p11_a_flood_of_unknown_keys_causes_one_fetch_in_a_minute_whatever_its_rate() -> None:
    async with stage() as it:
        token = await it.token()
        for minute in range(1, 4):
            flood = [with_kid(it, token, secrets.token_urlsafe(32)) for _ in range(300)]
            refusals = await asyncio.gather(*map(it.refusal, flood))
            assert {type(each) for each in refusals} == {TokenInvalid}
            for second in range(59):
                it.it.clock.advance(1)
                assert isinstance(await it.refusal(flood[second]), TokenInvalid)
            assert it.fetches == 1 + minute
            it.it.clock.advance(1)
            # Good tokens are not held up, and keys that are due are another matter.
            assert await it.refusal(token) is None


async def test_p11_the_flood_costs_no_more_while_the_issuer_is_down_and_nobody_is_signed_out_by_it() -> None:
    async with stage() as it:
        token = await it.token()
        it.serve(says({}, status="503 Busy"))
        flood = [with_kid(it, token, secrets.token_urlsafe(32)) for _ in range(300)]
        refusals = await asyncio.gather(*map(it.refusal, flood))
        # Nobody can say whether such keys exist: that is a matter for another try, not for signing in.
        assert {type(each) for each in refusals} == {StoreUnavailable}
        assert it.fetches == 2
        assert await it.refusal(token) is None


async def test_p11_what_is_no_key_id_causes_no_fetch_at_all() -> None:
    async with stage() as it:
        token = await it.token()
        odd: list[object] = ["", "x" * 129, "a b", "../../etc/passwd\n", "é", None, 7, ["a"], {"a": 1}, "\u0000"]
        for kid in odd:
            assert isinstance(await it.refusal(with_kid(it, token, kid)), TokenInvalid)
        for nonsense in ("", ".", "..", "a.b.c", "x" * 9_000, token + "x"):
            assert isinstance(await it.refusal(nonsense), TokenInvalid)
        assert it.fetches == 1


async def test_p11_after_a_flood_a_new_key_is_found_within_a_minute() -> None:
    async with stage() as it:
        await it.refusal(with_kid(it, await it.token(), "flood"))
        # Forced: nobody has heard of the key that signs from now on.
        for _ in range(2):
            await it.it.ring.keys.rotate_early(force=True)
        it.serve(it.it.ring.keys.jwks())
        token = await it.token()
        assert isinstance(await it.refusal(token), TokenInvalid)
        it.it.clock.advance(60)
        assert await it.refusal(token) is None
        assert it.fetches == 3


# P12: a server of keys that does what it likes

HASTY = RemotePolicy(
    private_networks=LOOPBACK.private_networks,
    insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True,
    fetch_within=timedelta(seconds=0.5),
)
CHUNK = b"10000\r\n" + b" " * 65_536 + b"\r\n"
HOSTILE: dict[str, Route] = {
    "a redirect to itself": says(b"", status="302 Found", Location=JWKS),
    "a redirect elsewhere": says(b"", status="307 Temporary", Location="http://169.254.169.254/latest/meta-data/"),
    "ten gigabytes": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK, for_ever=True),
    "ten gigabytes announced": sends(HEAD + b"Content-Length: 10000000000\r\n\r\n", b" " * 65_536, for_ever=True),
    "a slow drip": sends(HEAD + b"Content-Length: 9000\r\n\r\n", b" ", every=0.05, for_ever=True),
    "a slow drip of headers": sends(b"HTTP/1.1 200 OK\r\n", b"X-Drip: x\r\n", every=0.05, for_ever=True),
    "nothing": never,
    "a closed connection": sends(b""),
    "a page for people": says(b"<html>Welcome</html>", media_type="text/html"),
    "keys as a page for people": says({"keys": []}, media_type="text/html"),
    "a compressed bomb": says(gzip.compress(b" " * 10_000_000), Content_Encoding="gzip"),
    "half of a set": sends(HEAD + b'Content-Length: 500\r\n\r\n{"keys": ['),
    "no JSON": says(b"keys: []"),
    "a list": says(b"[]"),
    "no keys": says({}),
    "an empty set": says({"keys": []}),
    "keys that are none": says({"keys": [7, None, "x", {"kty": "?"}]}),
    "too many keys": says({"keys": [{}] * 129}),
    "JSON that nests without end": says(b'{"keys":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "an error": says({"error": "oops"}, status="500 Oops"),
}


@pytest.mark.parametrize("case", HOSTILE)
async def test_p12_the_last_good_set_stays_while_the_server_sends(case: str) -> None:
    async with stage(HASTY) as it:
        token = await it.token()
        it.serve(HOSTILE[case])
        # Much longer than a fetch may take.
        async with asyncio.timeout(60):
            await it.fetch()
        assert await it.refusal(token) is None
        assert len(it.log.of(IssuerKeysRead)) == 1
        it.serve({"keys": it.jwks()})
        await it.fetch()
        assert await it.refusal(token) is None
        assert it.reports.state().keys_age_seconds == 0


async def test_p12_without_any_answer_the_last_good_set_is_used_for_the_stated_time_only() -> None:
    async with stage(HASTY) as it:
        it.serve(HOSTILE["an error"])
        it.it.clock.advance(3_600)
        await it.fetch()
        token = await it.token()
        assert await it.refusal(token) is None
        it.it.clock.advance(1)
        assert isinstance(await it.refusal(token), StoreUnavailable)
        assert not it.reports.state().ready
        it.serve({"keys": it.jwks()})
        await it.fetch()
        assert await it.refusal(token) is None


BAD_KEYS: dict[str, dict[str, object]] = {
    "of an unknown type": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "x", "kid": "a"},
    "with a point off its curve": {**JWK.generate("ES256").to_dict(), "y": "A" * 43},
    "that is private": JWK.generate("ES256").to_dict(private=True),
    "with a broken member": {"kty": "EC", "crv": "P-256", "x": 7, "y": None, "kid": "b"},
    "for encryption": {**JWK.generate("ES256").to_dict(), "use": "enc"},
    "for signing only": {**JWK.generate("ES256").to_dict(), "use": None, "key_ops": ["sign"]},
    "with an algorithm that is none": {**JWK.generate("ES256").to_dict(), "alg": "none"},
    "with another algorithm than its kind": {**JWK.generate("ES256").to_dict(), "alg": "RS256"},
    "of RSA with 1024 bits": {"kty": "RSA", "n": b64u_encode(b"\xff" * 128), "e": "AQAB", "alg": "RS256", "kid": "c"},
    "with an id that is none": {**JWK.generate("ES256").to_dict(), "kid": "a\r\nb"},
}


@pytest.mark.parametrize("case", BAD_KEYS)
async def test_p12_one_bad_key_does_not_drop_the_others(case: str) -> None:
    async with stage() as it:
        bad = {name: value for name, value in BAD_KEYS[case].items() if value is not None}
        it.serve({"keys": [bad, *it.jwks()]})
        await it.fetch()
        assert await it.refusal(await it.token()) is None
        assert len(it.reports._keys.keys) == len(it.jwks())
        assert it.reports._keys.keys.skipped


# P13: keys that belong to somebody else, or to something else


async def test_p13_a_key_under_the_id_of_a_good_one_never_takes_its_place() -> None:
    async with stage() as it:
        token = await it.token()
        good = it.jwks()[0]
        mallory = JWK.generate("ES256")
        poisoned = {**mallory.public().to_dict(), "kid": good["kid"]}
        forged = _signed_by(mallory, str(good["kid"]), token)
        for keys in ([poisoned], [poisoned, *it.jwks()[1:]], [*it.jwks(), poisoned], [poisoned, *it.jwks()]):
            it.serve({"keys": keys})
            await it.fetch()
            assert await it.refusal(forged) is not None
        it.serve({"keys": it.jwks()})
        await it.fetch()
        assert await it.refusal(token) is None
        assert await it.refusal(forged) is not None


async def test_p13_the_keys_of_one_issuer_verify_no_token_of_another() -> None:
    async with stage() as one, stage() as other:
        tokens = await other.it.login()
        renamed = signed(other.it, with_claims(payload_of(tokens), iss=one.server.url))
        assert isinstance(await one.refusal(renamed), TokenInvalid)
        # Even where this one publishes the other's key, the other's tokens name another issuer.
        one.serve({"keys": [*one.jwks(), *other.jwks()]})
        await one.fetch()
        assert isinstance(await one.refusal(tokens.access_token), TokenInvalid)


async def test_p13_keys_are_kept_apart_for_each_issuer_even_under_one_id() -> None:
    """With ids that anybody may choose, as other issuers do."""
    alice, mallory = JWK.generate("RS256", kid="1"), JWK.generate("RS256", kid="1")
    async with RawServer() as good, RawServer() as evil:
        for server, key in ((good, alice), (evil, mallory)):
            server.routes["/keys"] = says({"keys": [key.public().to_dict()]})
        issuers = [
            ForeignIssuer(issuer=server.url, audience="api", jwks_uri=f"{server.url}/keys") for server in (good, evil)
        ]
        async with stage() as it, ForeignVerifier(issuers, fetching=LOOPBACK, clock=it.it.clock) as verifier:
            now = it.it.clock.now()
            claims = {"iss": good.url, "sub": "ada", "aud": "api", "iat": now, "exp": now + 60}
            assert (await verifier.authenticate_foreign(_token(alice, "1", claims))).identity == (good.url, "ada")
            with pytest.raises(TokenInvalid):
                await verifier.authenticate_foreign(_token(mallory, "1", claims))


@pytest.mark.parametrize("alg", ["HS256", "RS512", "ES384", "EdDSA", "none"])
async def test_p13_the_algorithm_of_a_key_is_pinned_and_only_those_of_access_tokens_are_taken(alg: str) -> None:
    async with stage() as it:
        token = await it.token()
        kid = it.jwks()[0]["kid"]
        it.serve({"keys": [{**it.jwks()[0], "alg": alg}, *it.jwks()[1:]]})
        await it.fetch()
        assert kid not in {key.kid for key in it.reports._keys.keys}
        # The key has left the set: its tokens are superseded, and forged ones with that algorithm are nothing.
        refused = await it.refusal(token)
        assert refused is not None
        assert refused.code == "token_superseded"
        header = {"alg": alg, "kid": kid, "typ": "at+jwt"}
        forged = f"{b64u_encode(json.dumps(header).encode())}.{token.partition('.')[2]}"
        assert isinstance(await it.refusal(forged), TokenInvalid)


async def test_p13_a_secret_in_the_set_does_not_make_a_public_key_one() -> None:
    async with stage() as it:
        token = await it.token()
        it.serve({"keys": [*it.jwks(), {"kty": "oct", "k": b64u_encode(secrets.token_bytes(32)), "alg": "HS256"}]})
        await it.fetch()
        # The set is ambiguous as a whole: it is refused, and the last good one stays.
        assert await it.refusal(token) is None


def _token(key: JWK, kid: str, claims: Mapping[str, object]) -> str:
    header = b64u_encode(json.dumps({"alg": key.alg, "kid": kid, "typ": "at+jwt"}).encode())
    signing_input = f"{header}.{b64u_encode(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"


def _signed_by(key: JWK, kid: str, token: str) -> str:
    header = b64u_encode(json.dumps({"alg": key.alg, "kid": kid, "typ": "at+jwt"}).encode())
    signing_input = f"{header}.{token.split('.')[1]}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"


# P14 and S4: addresses that a token names, and names that lead inside

NAMED = {
    "jku": "{url}/keys", "x5u": "{url}/chain", "jwk": {"kty": "EC"}, "x5c": ["MIIB"], "x5t": "{url}",
    "iss": "{url}", "uri": "{url}/status",
}  # fmt: skip


@pytest.mark.parametrize("member", NAMED)
async def test_p14_s4_nothing_that_a_token_names_is_fetched(member: str) -> None:
    async with stage() as it, RawServer({"/keys": says({"keys": []})}) as evil:
        value = json.loads(json.dumps(NAMED[member]).replace("{url}", evil.url))
        for url in (evil.url, "https://good@evil.example", "file:///etc/passwd", "data:,x", "http://169.254.169.254/"):
            named = url if isinstance(value, str) else value
            claims = payload_of(await it.it.login())
            fresh = {**claims, "status": {"status_list": {"idx": 0, "uri": named}}, "jwks_uri": named}
            for payload in (with_claims(claims), with_claims(fresh), with_claims(claims, iss=named)):
                await it.refusal(signed(it.it, payload, **{member: named}))
                await it.refusal(signed(it.it, payload, **{member: named, "kid": "unknown"}))
        assert evil.asked == []
        paths = {each.path.partition("?")[0] for each in it.server.asked}
        assert paths == {METADATA, JWKS, FEED}


async def test_p14_a_foreign_token_of_an_issuer_that_is_not_configured_is_looked_up_nowhere() -> None:
    async with RawServer() as evil:
        configured = ForeignIssuer(issuer="https://good.example", audience="api")
        async with stage() as it, ForeignVerifier([configured], fetching=RemotePolicy(), clock=it.it.clock) as verifier:
            for iss in (
                evil.url,
                evil.url + "/",
                "https://good.example/",
                "HTTPS://good.example",
                "https://good.example@x",
            ):
                token = _token(JWK.generate("RS256"), "1", {"iss": iss})
                with pytest.raises(TokenInvalid, match="not configured"):
                    await verifier.authenticate_foreign(token)
        assert evil.asked == []


INSIDE = {
    "loopback": "127.0.0.1", "loopback in IPv6": "::1", "loopback mapped": "::ffff:127.0.0.1",
    "a private network": "10.0.0.7", "a metadata service": "169.254.169.254", "NAT64 of loopback": "64:ff9b::7f00:1",
    "everywhere": "0.0.0.0", "link-local": "fe80::1%1",
}  # fmt: skip


def resolver(*answers: tuple[str, ...]) -> tuple[Resolver, list[str]]:
    """Return a name server that gives one answer after another, and what it was asked."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> tuple[str, ...]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


def inside(resolve: Resolver, port: int, fetching: RemotePolicy) -> Verifier[Any]:
    return Verifier(
        issuer=f"http://issuer.example:{port}",
        audience="reports",
        feed=FeedAccess(name="reports", secret=SECRET),
        fetching=fetching,
        resolve=resolve,
    )


NOT_NAMED = RemotePolicy(
    insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True, start_within=timedelta(seconds=0.3)
)


@pytest.mark.parametrize("case", INSIDE)
async def test_p14_an_issuer_s_name_that_leads_inside_is_not_connected_to(case: str) -> None:
    async with RawServer() as target:
        resolve, asked = resolver((INSIDE[case],))
        with pytest.raises(StoreUnavailable):
            async with inside(resolve, target.port, NOT_NAMED):
                raise AssertionError("it started")
        assert asked
        assert set(asked) == {"issuer.example"}
        assert target.asked == []


async def test_p14_dns_rebinding_gains_nothing_because_the_checked_address_is_the_one_that_is_dialled() -> None:
    # 127.0.0.2 stands for a public address at which nobody listens; the target listens at 127.0.0.1.
    named = RemotePolicy(
        private_networks=("127.0.0.2/32",),
        insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True,
        start_within=timedelta(seconds=1),
    )
    async with RawServer() as target:
        resolve, asked = resolver(*[("127.0.0.2",), ("127.0.0.1",)] * 50)
        with pytest.raises(StoreUnavailable):
            async with inside(resolve, target.port, named):
                raise AssertionError("it started")
        assert len(asked) >= 2
        assert target.asked == []


async def test_p14_of_several_addresses_only_the_allowed_ones_are_dialled() -> None:
    named = RemotePolicy(
        private_networks=("127.0.0.2/32",),
        insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True,
        start_within=timedelta(seconds=0.3),
    )
    async with RawServer() as target:  # It listens at 127.0.0.1, which is not named.
        resolve, _ = resolver(("127.0.0.1", "::1", "127.0.0.2"))
        with pytest.raises(StoreUnavailable):
            async with inside(resolve, target.port, named):
                raise AssertionError("it started")
        assert target.asked == []


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "//evil.example/keys", "/keys", "", None, 7,
        ["https://a.example"], "https://user@evil.example/", "javascript:1",
    ],
)  # fmt: skip
async def test_p14_metadata_that_send_somewhere_else_are_not_followed(uri: object) -> None:
    async with stage(HASTY) as it:
        token = await it.token()
        it.server.routes[METADATA] = says({"issuer": it.server.url, "jwks_uri": uri})
        it.serve(HOSTILE["an error"])
        await it.fetch()
        await it.fetch()
        assert it.server.count(METADATA) == 2
        assert await it.refusal(token) is None


@pytest.mark.parametrize("case", ["another", "a slash more", "upper case", "none", "a list", "a page"])
async def test_p14_metadata_of_another_issuer_are_not_used(case: str) -> None:
    async with stage(HASTY) as it, RawServer({"/keys": says({"keys": []})}) as evil:
        url = it.server.url
        said: dict[str, object] = {
            "another": "https://evil.example", "a slash more": f"{url}/", "upper case": url.upper(), "none": None,
            "a list": [url],
        }  # fmt: skip
        document = says(b"<html>", media_type="text/html")
        if case != "a page":
            document = says({"issuer": said[case], "jwks_uri": f"{evil.url}/keys"})
        it.server.routes[METADATA] = document
        it.serve(HOSTILE["an error"])
        await it.fetch()
        await it.fetch()
        assert evil.asked == []
        assert await it.refusal(await it.token()) is None
