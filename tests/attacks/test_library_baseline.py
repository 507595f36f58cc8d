"""Every strict case of which we know a widely used Python JOSE library that accepts it or fails on it.

Each row is asked of the gate and of the verifier of access tokens, with a token that the right key has really signed.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from sealring.access import ClaimsSchema, NoClaims
from sealring.errors import JoseError, RefusedError, UnknownKey
from sealring.jose import JWK, JwsVerifier, SigningKey, b64u_decode, b64u_encode, parse_json_object, verify
from sealring.revocation.record import Denial, DenialKind
from tests.access.issuing import ISSUER, KEY, NOW, Desk, policy
from tests.jose.making import ORDER, TYP, fixed_key, loosened, signed, with_signature

pytestmark = pytest.mark.usefixtures("no_network")

OTHER = fixed_key("a key that the verifier does not know")
DESK = Desk(policy(), ClaimsSchema(NoClaims), KEY)


@dataclass
class Row:
    """One case.

    Attributes:
        token: what the attacker, or a careless maker, sends.
        by_gate: whether the strict profile of the gate refuses it already; otherwise the claims do.
        by_general: whether the general profile, which leaves payloads alone, refuses it too.
        code: of the refusal of an access token.
    """

    token: str
    by_gate: bool = True
    by_general: bool = True
    code: str = "token_invalid"


def claims(**changes: object) -> dict[str, object]:
    """Return the claims of a good token with changes; ``...`` leaves one out."""
    good = parse_json_object(b64u_decode(DESK.issue().text.split(".")[1], what="it"), max_depth=16, what="it")
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def made(payload: bytes | None = None, header: str | None = None, *, key: SigningKey = KEY, **changes: object) -> str:
    """Return a token that the key has signed over these bytes."""
    members = json.dumps({"alg": "ES256", "kid": KEY.kid, "typ": TYP}) if header is None else header
    body = json.dumps(claims(**changes)).encode() if payload is None else payload
    return signed(f"{b64u_encode(members.encode())}.{b64u_encode(body)}", key=key)


def head(**changes: object) -> str:
    return json.dumps({"alg": "ES256", "kid": KEY.kid, "typ": TYP, **changes})


def raw_claim(text: str, **changes: object) -> bytes:
    """Return a payload with one more member, as text."""
    return f"{json.dumps(claims(**changes))[:-1]},{text}}}".encode()


def respelled(change: Callable[[str], str]) -> str:
    first, _, last = made().rpartition(".")
    return f"{first}.{change(last)}"


def other_s() -> str:
    signature = b64u_decode(made().rpartition(".")[2], what="it")
    s = ORDER - int.from_bytes(signature[32:], "big")
    return with_signature(made(), signature[:32] + s.to_bytes(32, "big"))


def in_standard_alphabet(segment: str) -> str:
    return segment.replace("-", "+").replace("_", "/")


def with_both_signs() -> str:
    """Return a good token whose signature holds a character outside of the standard alphabet."""
    return next(token for number in range(1000) if set("-_") & set((token := made(note=number)).rpartition(".")[2]))


def rows() -> Iterator[tuple[str, Row]]:
    """Every row of the table that must be refused."""
    yield "the right number of = after the signature", Row(respelled(lambda last: last + "=="))
    yield "non-zero unused bits in the signature", Row(respelled(loosened))
    token = with_both_signs()
    first, _, last = token.rpartition(".")
    yield "the standard alphabet in the signature", Row(f"{first}.{in_standard_alphabet(last)}")
    yield "a payload key twice", Row(made(raw_claim('"sub":"eve"')), by_gate=False, by_general=False)
    yield "a header alg twice", Row(made(header=head()[:-1] + ',"alg":"ES256"}'))
    yield "crit with an unknown name", Row(made(header=head(crit=["x"], x=1)))
    yield "crit empty", Row(made(header=head(crit=[])))
    yield "crit with b64 and b64 true", Row(made(header=head(crit=["b64"], b64=True)))
    yield "a kid unknown to a single key", Row(made(header=head(kid="another")))
    embedded = JWK.of(OTHER.public).to_dict()
    yield "an embedded key, signed with the right one", Row(made(header=head(jwk=embedded)))
    yield "an embedded key, signed with it", Row(made(header=head(jwk=embedded), key=OTHER))
    yield "a kid that is an integer", Row(made(header=head(kid=7)))
    for name, value in (("as text", str(int(NOW) + 600)), ("missing", ...), ("10**30", 10**30)):
        yield f"exp {name}", Row(made(exp=value), by_gate=False, by_general=False)
    yield "exp 1e400", Row(made(raw_claim('"exp":1e400', exp=...)), by_gate=False, by_general=False)
    yield "NaN in another claim", Row(made(raw_claim('"note":NaN')), by_gate=False, by_general=False)
    yield "a lone surrogate", Row(made(raw_claim('"note":"\\ud800"')), by_gate=False, by_general=False)
    # Rightly signed, so one of our own clocks is wrong: refused all the same, and no reason to end a session.
    for name, ahead in (
        ("nbf ten minutes ahead", made(nbf=int(NOW) + 600)),
        ("iat an hour ahead", made(iat=int(NOW) + 3600, exp=int(NOW) + 3700)),
    ):
        yield name, Row(ahead, by_gate=False, by_general=False, code="token_superseded")
    yield "aud missing", Row(made(aud=...), by_gate=False, by_general=False)
    for name, encoding in (("UTF-16", "utf-16"), ("UTF-16 without mark", "utf-16-le"), ("with a mark", "utf-8-sig")):
        payload = json.dumps(claims()).encode(encoding)
        yield f"the payload {name}", Row(made(payload), by_gate=False, by_general=False)
    yield (
        "invalid UTF-8 in the payload",
        Row(made(json.dumps(claims(note="x")).encode().replace(b'"x"', b'"\xff"')), by_gate=False, by_general=False),
    )
    nested = '"note":' + "[" * 100_000 + "]" * 100_000
    yield "100,000 nested arrays", Row(made(raw_claim(nested)))
    yield (
        "3,000 nested arrays",
        Row(made(raw_claim('"note":' + "[" * 2_000 + "]" * 2_000)), by_gate=False, by_general=False),
    )
    yield "a claim of 2 MB", Row(made(note="x" * 2_000_000))


ROWS = dict(rows())


@pytest.fixture(params=list(ROWS.values()), ids=list(ROWS))
def row(request: pytest.FixtureRequest) -> Row:
    each: Row = request.param
    return each


def test_the_strict_gate_refuses_the_row_or_leaves_it_to_the_claims(row: Row) -> None:
    verifier = JwsVerifier(algorithms=frozenset({"ES256"}), typ=TYP)
    if row.by_gate:
        with pytest.raises(JoseError):
            verifier.verify(row.token, {KEY.kid: KEY.public}.get)
    else:
        assert verifier.verify(row.token, {KEY.kid: KEY.public}.get).kid == KEY.kid


def test_the_general_gate_refuses_the_row_where_it_is_not_about_claims(row: Row) -> None:
    def ask() -> Any:
        return verify(row.token, KEY.public, algorithms=["ES256"])

    if row.by_general:
        with pytest.raises(JoseError):
            ask()
    else:
        assert ask().payload


def test_an_access_token_of_the_row_is_refused_with_one_coded_error(row: Row) -> None:
    with pytest.raises((RefusedError, UnknownKey)) as caught:
        DESK.verifier.verify(row.token, NOW)
    if isinstance(caught.value, RefusedError):
        # A key that nobody knows is the ring's to answer; it reloads once and then says token_invalid too.
        assert (caught.value.code, caught.value.status) == (row.code, 401)


def test_s_and_n_minus_s_are_both_signatures_and_no_state_depends_on_which() -> None:
    """ES256 s -> n-s: every library accepts it, and so do we; denial goes by jti, session and key, never by bytes."""
    desk = Desk(policy(), ClaimsSchema(NoClaims), KEY)
    twin = desk.verifier.verify(other_s(), NOW)
    assert twin == desk.verifier.verify(made(), NOW)
    desk.denylist.add(Denial(DenialKind.TOKEN, twin.token_id, 0, NOW + 900))
    for token in (made(), other_s()):
        with pytest.raises(RefusedError) as caught:
            desk.verifier.verify(token, NOW)
        assert caught.value.code == "token_revoked"


def test_the_token_that_every_row_spoils_is_good() -> None:
    desk = Desk(policy(), ClaimsSchema(NoClaims), KEY)
    assert desk.verifier.verify(made(), NOW).issuer == ISSUER
    assert verify(made(), KEY.public, algorithms=["ES256"]).key.kid == KEY.kid
