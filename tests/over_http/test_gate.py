"""Every family of attacks on the gate, over real HTTP against the running application: a coded refusal, never a 5xx.

The tokens are signed with the application's own key wherever the attack is not the signature, so that each is refused
for the one thing that is wrong with it.
"""

import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass

import httpx2
import pytest

from sealring.clock import SystemClock
from sealring.events import Emitter
from sealring.jose import SigningKey, b64u_decode, b64u_encode, generate
from sealring.keys import KeyRing
from sealring.keys.signer import LocalSigner
from sealring.settings import load_settings
from sealring.stores.sqlite import SqliteStore
from tests.access.forging import MISSING, with_claims
from tests.attacks import test_claims as claims
from tests.attacks import test_header_members as members
from tests.attacks import test_parsing as parsing
from tests.attacks.test_signature_and_algorithm import SPELLINGS
from tests.jose.making import ORDER, loosened, with_signature
from tests.running import ACCESS, RunningApp, Visitor

pytestmark = pytest.mark.anyio


@dataclass
class Forger:
    """Makes tokens of the running application with one thing wrong.

    Attributes:
        token: an honest one.
        key: the application's own, as whoever runs it can read it.
    """

    token: str
    key: SigningKey

    @property
    def payload(self) -> bytes:
        return b64u_decode(self.token.split(".")[1], what="a payload")

    def signed(
        self, changes: Mapping[str, object] = {}, *, header: bytes | None = None, payload: bytes | None = None
    ) -> str:
        """Return a token that the application's key has signed, over any header and payload."""
        good = {"alg": self.key.alg, "kid": self.key.kid, "typ": "at+jwt", **changes}
        text = json.dumps({name: value for name, value in good.items() if value is not MISSING}).encode()
        first = b64u_encode(text if header is None else header)
        signing_input = f"{first}.{b64u_encode(self.payload if payload is None else payload)}"
        return f"{signing_input}.{b64u_encode(self.key.sign(signing_input.encode()))}"

    def claiming(self, **changes: object) -> str:
        """Return a token with some claims changed."""
        return self.signed(payload=with_claims(json.loads(self.payload), **changes))


def algorithms(it: Forger) -> Iterator[str]:
    """S1, S3, S11."""
    head, body, last = it.token.split(".")
    for alg in SPELLINGS:
        none = b64u_encode(json.dumps({"alg": alg, "kid": it.key.kid, "typ": "at+jwt"}).encode())
        yield from (f"{none}.{body}.", f"{none}.{body}", f"{none}.{body}.{last}", it.signed({"alg": alg}))
    yield from (it.signed({"alg": alg}) for alg in ("RS256", "PS256", "ES384", "EdDSA", "Ed25519", "HS256", MISSING, 7))
    yield from (head, f"{head}.{body}", f"{it.token}.{last}", f"{head}.{body}.AA.AA.AA", f"{head}..{last}", "..")


def signatures(it: Forger) -> Iterator[str]:
    """S5, and whoever else has signed (S2, S6 is good)."""
    good = b64u_decode(it.token.rpartition(".")[2], what="a signature")
    edges = [number.to_bytes(32, "big") for number in (0, 1, ORDER - 1, ORDER, 2**256 - 1)]
    yield from (with_signature(it.token, r + s) for r in edges for s in edges)
    yield from (with_signature(it.token, each) for each in (good[:-1], good + b"\0", good[32:] + good[:32], b"\0" * 64))
    stranger = Forger(it.token, generate("ES256"))
    yield stranger.signed()
    yield stranger.signed({"kid": it.key.kid})
    yield stranger.signed({"kid": it.key.kid, "jwk": stranger.key.public.to_jwk()})


def headers(it: Forger) -> Iterator[str]:
    """S4, S13, P3, P4, P8, P9, P10."""
    yield from (it.signed({name: address}) for name in ("jku", "x5u") for address in members.ADDRESSES)
    yield from (it.signed(each) for each in members.CRITICAL.values())
    yield from (
        it.signed({"kid": kid}) for kid in (*members.ODD_KIDS[:-6], *members.LOOK_UP_KIDS, 7, True, ["k"], {"k": 1})
    )
    yield from (it.signed({"cty": cty}) for cty in ("JWT", "application/jwt", 7))
    yield from (it.signed(header=text) for text in (*parsing.TEXTS.values(), *parsing.FORMS.values()) if text)
    twice = json.dumps({"alg": it.key.alg, "kid": it.key.kid, "typ": "at+jwt"})[:-1]
    yield from (it.signed(header=f'{twice},"{name}":"x"}}'.encode()) for name in ("alg", "kid", "\\u0061lg"))


def encrypted(it: Forger) -> Iterator[str]:
    """P7."""
    for header in members.JWE_HEADERS:
        segment = b64u_encode(json.dumps({**header, "kid": it.key.kid, "typ": "at+jwt"}).encode())
        yield from (f"{segment}.AAAA.AAAA.AAAA.AAAA", f"{segment}..AAAA.AAAA.AAAA", f"{segment}.AAAA.AAAA")


def spellings(it: Forger) -> Iterator[str]:
    """P1, and P2 within a token."""
    long = it.signed(header=json.dumps({"alg": it.key.alg, "kid": it.key.kid, "typ": "at+jwt"}).encode() + b" " * 3)
    for token in (it.token, long):
        parts = token.split(".")
        for index, part in enumerate(parts):
            odd = [part + "=", part[:9] + "+" + part[9:], part[:9] + "/" + part[9:], part[:9] + "%41" + part[9:]]
            odd += [loosened(part)] if len(part) % 4 else [part + "A"]
            yield from (".".join([*parts[:index], each, *parts[index + 1 :]]) for each in odd)


def payloads(it: Forger) -> Iterator[str]:
    """P3 to P6, P8, S12."""
    yield from (it.signed(payload=text) for text in (*parsing.TEXTS.values(), *parsing.FORMS.values()))
    yield it.signed(payload=it.payload[:-1] + b',"sub":"eve"}')
    yield from (
        it.signed(payload=it.payload[:-1] + b',"x":' + text + b"}")
        for text in (b"NaN", b"1e400", b"9" * 4_000, b"[" * 2_000 + b"]" * 2_000, b'{"a":' * 900 + b"1" + b"}" * 900)
    )
    yield it.signed(payload=it.payload[:-1] + b',"x":"' + b"x" * 9_000 + b'"}')
    yield from (form for form in members.json_forms().values())


def wrong_claims(it: Forger) -> Iterator[str]:
    """C1 to C7."""
    for name in ("exp", "iat", "auth_time"):
        yield from (it.claiming(**{name: value}) for value in claims.NO_DATES.values())
    now = SystemClock().now()
    yield from (it.claiming(exp=now - 60), it.claiming(nbf=now + 600), it.claiming(iat=now + 600, exp=now + 900))
    yield it.claiming(exp=now + 10 * 365 * 86_400)
    yield from (it.claiming(aud=value) for value in claims.AUDIENCES.values())
    yield from (it.claiming(iss=value) for value in claims.ISSUERS.values())
    yield from (it.signed({"typ": typ}) for typ in (MISSING, None, "", 5, "JWT", "at+jwt ", *claims.KINDS[1:]))
    for name in ("sub", "client_id", "jti"):
        yield from (it.claiming(**{name: value}) for value in claims.TEXTS.values())
    yield it.claiming(sub="todo-web")
    yield from (it.claiming(scope=value) for value in claims.SCOPES.values())


FAMILIES = (algorithms, signatures, headers, encrypted, spellings, payloads, wrong_claims)


CODES = {
    "token_invalid", "token_expired", "token_superseded", "token_missing", "request_invalid", "not_authenticated",
}  # fmt: skip


async def forger(app: RunningApp, visitor: Visitor) -> Forger:
    """Sign somebody in, and take the key that signed out of the application's own ring."""
    await visitor.sign_up(f"visitor-{secrets.token_hex(8)}@example.org")
    settings = load_settings(app.folder / "sealring.env")
    async with SqliteStore(app.folder / "data" / "sealring.db") as store:
        ring = KeyRing(store, settings.key_encryption(), clock=SystemClock(), events=Emitter())
        await ring.read()
        assert isinstance(ring.signer, LocalSigner)
        return Forger(visitor.cookies[ACCESS], ring.signer.key)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__)
async def test_no_attack_of_the_family_gets_more_than_a_coded_refusal(
    app: RunningApp, http: httpx2.AsyncClient, visitor: Visitor, family: Callable[[Forger], Iterator[str]]
) -> None:
    it = await forger(app, visitor)
    said, asked = len(app.log), 0
    for token in family(it):
        for header in (f"Bearer {token}".encode(), f"{ACCESS}={token}".encode()):
            if any(byte in header for byte in b"\r\n\0"):
                continue  # no client library sends it
            name = b"authorization" if header.startswith(b"Bearer") else b"cookie"
            answer = await http.get(f"{app.url}/api/todos", headers=[(name, header)])
            assert answer.status_code in {400, 401}, (token, answer.text)
            assert answer.json()["code"] in CODES, token
            asked += 1
    assert asked > 20
    assert "Traceback" not in app.log[said:]
    # None of it has changed anything for the one who is signed in.
    assert (await http.get(f"{app.url}/api/todos", headers={"Authorization": f"Bearer {it.token}"})).status_code == 200
    assert (await visitor.ask("GET", "/api/todos")).status_code == 200


@pytest.mark.parametrize("size", [70_000, 2_000_000])
async def test_a_token_longer_than_any_header_is_no_failure_of_the_server(
    app: RunningApp, http: httpx2.AsyncClient, size: int
) -> None:
    # It may hang up before everything was sent; what counts is that it goes on.
    with suppress(httpx2.HTTPError):
        answer = await http.get(f"{app.url}/api/todos", headers={"Authorization": "Bearer " + "a" * size})
        assert 400 <= answer.status_code < 500
    assert (await http.get(f"{app.url}/healthz")).status_code == 200
