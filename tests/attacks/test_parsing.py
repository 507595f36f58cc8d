"""Attacks on the parser.

P1 (spellings), P2 (around the token), P3 (names twice), P4 (text), P5 (numbers), P6 (size and depth), P8 (form).
"""

import json

import pytest

from sealring.errors import JoseError, KeyRefused
from sealring.jose import JWK, JWKSet, JwsVerifier, b64u_encode, parse_json_object, verify
from sealring.jose.jwks import MAX_KEYS
from tests.attacks.gate import both, general, strict
from tests.jose.making import CLAIMS, ES256, KEY, TYP, header_of, loosened, signed, token_of

pytestmark = pytest.mark.usefixtures("no_network")

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
        changed = respelled(token, segment, spelling, sign_again=sign_again)
        assert both(changed) == "malformed", repr(spelling)


def test_p1_the_token_itself_passes() -> None:
    assert claims_of(token_with_unused_bits())["sub"] == "user-1"


def test_p1_the_parts_of_a_key_have_one_spelling_too() -> None:
    jwk = KEY.public.to_jwk()
    for x in (jwk["x"] + "=", loosened(jwk["x"]), " " + jwk["x"], jwk["x"] + "\n", jwk["x"][:-1] + "+", jwk["x"] + "A"):
        with pytest.raises(KeyRefused):
            JWK.from_dict({**jwk, "x": x})


# P2, around the token

AROUND = [
    *(f"{space}%s" for space in (" ", "\t", "\r\n", "\0", "\ufeff", "\u00a0", "\u200b")),
    *(f"%s{space}" for space in (" ", "\t", "\r\n", "\n", "\0", "\ufeff", "\u00a0", "\u200b")),
    *("%s %s", "%s,%s", "%s, %s", "%s\n%s", "%s;", "Bearer %s", '"%s"', "<%s>", "%s.", ".%s", "%s#x", "%s?x"),
]


@pytest.mark.parametrize("form", AROUND, ids=ascii)
def test_p2_nothing_may_stand_around_a_token(form: str) -> None:
    assert both(form.replace("%s", token_of())) == "malformed"


@pytest.mark.parametrize("name", ["alg", "kid", "typ", "anything"])
def test_p3_a_name_twice_in_the_header_is_refused_whichever_comes_last(name: str) -> None:
    good = header_of(anything="x")
    members = [f"{json.dumps(key)}:{json.dumps(value)}" for key, value in good.items()]
    escaped = "".join(f"\\u{ord(character):04x}" for character in name)
    for spelled in (name, escaped):
        for value in (good[name], "none", None, {}):
            extra = f'"{spelled}":{json.dumps(value)}'
            for order in ([extra, *members], [*members, extra]):
                assert both(token_of(("{" + ",".join(order) + "}").encode())) == "json"


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


@pytest.mark.parametrize("member", ["kty", "kid", "alg", "x", "use"])
def test_p3_a_name_twice_in_a_key_or_a_set_is_refused(member: str) -> None:
    key = json.dumps(KEY.public.to_jwk())
    for name in (member, f"\\u{ord(member[0]):04x}{member[1:]}"):
        twice = f'{key[:-1]},"{name}":"AAAA"}}'
        with pytest.raises(KeyRefused):
            JWK.from_json(twice)
        with pytest.raises(KeyRefused):
            JWKSet.from_json(f'{{"keys":[{twice}]}}')
    with pytest.raises(KeyRefused):
        JWKSet.from_json(f'{{"keys":[],"keys":[{key}]}}')
    assert len(JWKSet.from_json(f'{{"keys":[{key}]}}')) == 1


# P4, text

TEXTS = {
    "invalid UTF-8": b'{"sub":"\xff"}',
    "a cut character": b'{"sub":"\xe2\x82"}',
    "an overlong slash": b'{"sub":"\xc0\xaf"}',
    "an overlong NUL": b'{"sub":"\xc0\x80"}',
    "a surrogate as bytes": b'{"sub":"\xed\xa0\x80"}',
    "a pair of surrogates as bytes": b'{"sub":"\xed\xa0\xbd\xed\xb8\x80"}',
    "beyond the last code point": b'{"sub":"\xf4\x90\x80\x80"}',
    "five bytes": b'{"sub":"\xf8\x88\x80\x80\x80"}',
    "a lone high surrogate": b'{"sub":"\\ud800"}',
    "a lone low surrogate": b'{"sub":"\\udfff"}',
    "surrogates the wrong way round": b'{"sub":"\\ude00\\ud83d"}',
    "a surrogate in a name": b'{"\\ud800":1}',
    "a raw NUL": b'{"sub":"\0"}',
    "a raw line feed": b'{"sub":"\n"}',
    "a byte order mark": b'\xef\xbb\xbf{"sub":"a"}',
    "UTF-16": '{"sub":"a"}'.encode("utf-16"),
    "UTF-16 without mark": '{"sub":"a"}'.encode("utf-16-le"),
    "UTF-32": '{"sub":"a"}'.encode("utf-32"),
    "UTF-32 without mark": '{"sub":"a"}'.encode("utf-32-be"),
    "UTF-7": b"+AHs-}",
    "Latin-1": '{"sub":"\u00e9"}'.encode("latin-1"),
    "an unknown escape": b'{"sub":"\\x41"}',
    "a short escape": b'{"sub":"\\u12"}',
}


@pytest.mark.parametrize("text", TEXTS.values(), ids=[*TEXTS])
def test_p4_what_is_no_strict_text_is_refused_in_header_and_payload(text: bytes) -> None:
    assert refusal(token_of(payload=text)) == "json"
    assert both(token_of(text)) == "json"
    with pytest.raises(KeyRefused):
        JWK.from_json(text)
    # The general profile gives payloads as octets: what they mean is the caller's to judge, with the same parser.
    assert verify(token_of(payload=text), KEY, algorithms=ES256).payload == text


def test_p4_odd_but_valid_text_is_kept_code_point_by_code_point() -> None:
    odd = ["\0", "a\u202eb", "a\u200bb", "\u00e9", "e\u0301", "\U0001f600", "\uffff", "\u2028", "K", "\u212a"]
    for value in odd:
        for payload in (json.dumps({"sub": value}), json.dumps({"sub": value}, ensure_ascii=value != "\0")):
            assert claims_of(token_of(payload=payload.encode()))["sub"] == value
    assert len({claims_of(token_of(payload=json.dumps({"sub": each}).encode()))["sub"] for each in odd}) == len(odd)


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
    assert both(token_of(header.encode())) == "json"


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


# P6, size and depth


def deep(opening: bytes, depth: int, closing: bytes = b"") -> bytes:
    return b'{"a":' + opening * depth + b"1" + closing * depth + b"}"


@pytest.mark.parametrize("depth", [17, 1_000, 100_000])
@pytest.mark.parametrize(
    ("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]"), (b"[", b""), (b'{"a":', b"")]
)
def test_p6_deep_nesting_is_refused_wherever_it_stands_and_never_recursed_into(
    opening: bytes, closing: bytes, depth: int
) -> None:
    text = deep(opening, depth, closing)
    token = token_of(payload=text)
    assert (strict(token) if len(token) > 8192 else refusal(token)) == ("size" if len(token) > 8192 else "json")
    # Behind the limit of size, the parser itself stands firm too.
    for max_depth in (4, 16):
        with pytest.raises(JoseError) as caught:
            parse_json_object(text, max_depth=max_depth, what="the text")
        assert caught.value.reason == "json"
    in_header = token_of(text)
    assert general(in_header) == ("size" if len(in_header) > 65_536 else "json")
    for read in (JWK.from_json, JWKSet.from_json):
        with pytest.raises(KeyRefused):
            read(text)


def test_p6_a_long_token_is_refused_before_anything_is_decoded() -> None:
    for length in (8_193, 65_537, 2_000_000):
        for text in ("a" * length, "." * length, "=" * length, "a." * (length // 2) + "a", token_of() + "A" * length):
            assert strict(text) == "size"
            assert general(text) in ({"size"} if len(text) > 65_536 else {"malformed", "signature"})
    assert general(token_of(payload=b"x" * 60_000)) == "size"
    assert verify(token_of(payload=b"x" * 40_000), KEY, algorithms=ES256).payload == b"x" * 40_000
    assert general(token_of(), algorithms=ES256 | {"RS256"}, key={"keys": []}) == "unknown_kid"


def test_p6_a_long_key_id_is_refused() -> None:
    assert general(token_of(header_of(kid="k" * 40_000))) == "kid"
    assert strict(token_of(header_of(kid="k" * 4_000))) == "kid"
    assert strict(token_of(header_of(kid="k" * 65_536))) == "size"


def test_p6_many_members_fit_into_no_token_and_a_parser_takes_linear_time() -> None:
    for text in (
        json.dumps({f"n{number}": number for number in range(100_000)}),
        json.dumps({"aud": [f"https://api-{number}.example" for number in range(100_000)]}),
    ):
        assert both(token_of(payload=text.encode())) == "size"
        assert both(token_of(text.encode())) == "size"
        assert parse_json_object(text.encode(), max_depth=4, what="the text")


def test_p6_a_set_of_keys_is_bounded() -> None:
    entry = KEY.public.to_jwk()
    for count in (MAX_KEYS + 1, 100_000):
        with pytest.raises(KeyRefused, match="at most"):
            JWKSet.from_dict({"keys": [entry] * count})
    with pytest.raises(KeyRefused, match="at most"):
        JWKSet.from_json(b" " * 300_000)
    with pytest.raises(KeyRefused, match="too long"):
        JWK.from_dict({**entry, "x": "A" * 5_000})
    with pytest.raises(KeyRefused):
        JWK.from_dict({"kty": "RSA", "alg": "RS256", "e": "AQAB", "n": "_" * 1_000_000})


# P8, form

FORMS = {
    "nothing": b"",
    "white space": b"  ",
    "null": b"null",
    "true": b"true",
    "a number": b"1",
    "a string": b'"text"',
    "an array": b"[]",
    "an array of objects": b'[{"alg":"ES256"}]',
    "trailing data": b"{} x",
    "two objects": b"{}{}",
    "a trailing comma": b'{"a":1,}',
    "a leading comma": b'{,"a":1}',
    "a comment": b'{"a":1/*x*/}',
    "a comment behind": b"{}//x",
    "a hash comment": b"{}#x",
    "single quotes": b"{'a':1}",
    "a bare name": b"{a:1}",
    "no colon": b'{"a" 1}',
    "a number as name": b"{1:1}",
    "an open object": b'{"a":1',
    "an open string": b'{"a":"1',
    "a form feed": b"\x0c{}",
    "a no-break space": "\u00a0{}".encode(),
    "a NUL behind": b"{}\0",
    "True": b'{"a":True}',
    "undefined": b'{"a":undefined}',
}


@pytest.mark.parametrize("form", FORMS.values(), ids=[*FORMS])
def test_p8_header_and_payload_are_one_json_object_and_nothing_else(form: bytes) -> None:
    good = header_of()
    if form:
        assert both(token_of(form)) == "json"
        assert refusal(token_of(payload=form)) == "json"
        # Also where a good object stands before or within it.
        text = json.dumps(good).encode()
        for odd in (b"[" + text + b"]", text + form, form + text, text[:-1]):
            assert odd.strip() == text or both(token_of(odd)) == "json"
    with pytest.raises(KeyRefused):
        JWK.from_json(form)
    with pytest.raises(KeyRefused):
        JWKSet.from_json(form)
