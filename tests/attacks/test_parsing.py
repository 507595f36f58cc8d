"""Attacks on the parser: P1 (spellings of base64url), P3 (names twice), P5 (numbers that are none)."""

import json

import pytest

from sealring.errors import JoseError
from sealring.jose import JwsVerifier, b64u_encode, parse_json_object
from tests.jose.making import CLAIMS, ES256, KEY, TYP, header_of, loosened, signed, token_of

SEGMENTS = {"header": 0, "payload": 1, "signature": 2}


def claims_of(token: str) -> dict[str, object]:
    """Return the payload of a token that passes the gate."""
    jws = JwsVerifier(algorithms=ES256, typ=TYP).verify(token, {KEY.kid: KEY.public}.get)
    return parse_json_object(jws.payload, max_depth=16, what="the payload")


def refusal(token: str) -> str:
    """Return the reason for which the gate refuses the token or its payload; fail if it does not."""
    with pytest.raises(JoseError) as caught:
        claims_of(token)
    return caught.value.reason


def respelled(token: str, segment: str, spelling: str, *, sign_again: bool) -> str:
    """Return the token with one segment spelled otherwise, signed over that spelling where asked."""
    parts = token.split(".")
    parts[SEGMENTS[segment]] = spelling
    return signed(".".join(parts[:2])) if sign_again and segment != "signature" else ".".join(parts)


def token_with_unused_bits() -> str:
    """Return a good token in which no segment is a multiple of four characters long."""
    header = json.dumps(header_of()).encode()
    return token_of(header + b" " * (1 - len(header) % 3), CLAIMS + b" " * (1 - len(CLAIMS) % 3))


@pytest.mark.parametrize("sign_again", [False, True], ids=["as it was signed", "signed anew"])
@pytest.mark.parametrize("segment", SEGMENTS)
def test_p1_a_token_has_one_spelling(segment: str, sign_again: bool) -> None:
    token = token_with_unused_bits()
    part = token.split(".")[SEGMENTS[segment]]
    spellings = [
        part + "=" * (-len(part) % 4),
        part + "=",
        part + "====",
        loosened(part),
        part + "A" * ((1 - len(part)) % 4),
        *(
            part[:10] + inserted + part[10:]
            for inserted in (" ", "\n", "\r\n", "\t", "\0", "!", "%41", "+", "/", "=", "~")
        ),
        *(part[:10] + inserted + part[11:] for inserted in ("+", "/", "=", " ", "\u0391", "\uff21")),
        " " + part,
        part + "\n",
    ]
    for spelling in spellings:
        assert refusal(respelled(token, segment, spelling, sign_again=sign_again)) == "malformed", repr(spelling)


def test_p1_the_token_itself_passes() -> None:
    assert claims_of(token_with_unused_bits())["sub"] == "user-1"


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "anything"])
def test_p3_a_name_twice_in_the_header_is_refused_whichever_comes_last(name: str) -> None:
    good = header_of(anything="x")
    members = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in good.items()]
    escaped = "".join(f"\\u{ord(character):04x}" for character in name)
    for spelled in (name, escaped):
        for value in (good[name], "none", None, {}):
            extra = f'"{spelled}":{json.dumps(value)}'
            for order in ([extra, *members], [*members, extra]):
                assert refusal(token_of(("{" + ",".join(order) + "}").encode())) == "json"


@pytest.mark.parametrize("name", ["sub", "exp", "aud", "iss", "custom"])
def test_p3_a_name_twice_in_the_payload_is_refused_even_when_signed(name: str) -> None:
    escaped = f"\\u{ord(name[0]):04x}{name[1:]}"
    for first, second in ((name, name), (name, escaped), (escaped, name), (escaped, escaped)):
        assert refusal(token_of(payload=f'{{"{first}":1,"x":2,"{second}":1}}'.encode())) == "json"
        assert refusal(token_of(payload=f'{{"x":[{{"{first}":1,"{second}":2}}]}}'.encode())) == "json"


def test_p3_names_that_differ_by_case_or_normal_form_are_different_names() -> None:
    payload = '{"sub":"a","Sub":"b","\u00e9":1,"e\u0301":2,"\\u0065\u0301 ":3}'.encode()
    assert claims_of(token_of(payload=payload)) == {
        "sub": "a",
        "Sub": "b",
        "\u00e9": 1,
        "e\u0301": 2,
        "e\u0301 ": 3,
    }


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat", "auth_time", "custom"])
@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-1e400",
        str(10**30),
        str(2**53),
        str(-(2**53)),
        "1" * 5000,
        "-" + "9" * 5000,
        "0." + "3" * 5000,
        "1e" + "9" * 5000,
        "0x10",
        "01",
        "+1",
        ".5",
        "1.",
        "1_000",
        "\u0661",
    ],
    ids=lambda number: number[:12],
)
def test_p5_what_is_no_finite_number_of_sane_size_is_refused_wherever_it_stands(claim: str, number: str) -> None:
    for payload in (f'{{"{claim}":{number}}}', f'{{"a":[{{"{claim}":[{number}]}}]}}'):
        assert refusal(token_of(payload=payload.encode())) == "json"
    header = json.dumps(header_of())[:-1] + f',"{claim}":{number}}}'
    assert refusal(token_of(header.encode())) == "json"


def test_p5_numbers_keep_their_json_type_so_that_claims_can_tell_them_apart() -> None:
    payload = b'{"zero":-0,"float":1.5e3,"true":true,"null":null,"text":"1"}'
    assert [type(value) for value in claims_of(token_of(payload=payload)).values()] == [
        int,
        float,
        bool,
        type(None),
        str,
    ]


def test_p5_a_header_number_where_text_belongs_is_refused() -> None:
    for header, reason in ((header_of(alg=1), "alg"), (header_of(kid=1), "kid"), (header_of(typ=1), "typ")):
        assert refusal(token_of(header)) == reason
    assert refusal(token_of(b64u_encode(b"{}").encode())) == "json"
