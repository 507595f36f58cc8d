"""Base64url and JSON: one spelling per value, and nothing that two parsers read differently."""

import base64
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import JoseError
from sealring.jose import b64u_decode, b64u_encode, dump_json, parse_json_object
from sealring.jose.encoding import MAX_INTEGER

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def parse(text: bytes | str, max_depth: int = 16) -> dict[str, object]:
    return parse_json_object(text.encode() if isinstance(text, str) else text, max_depth=max_depth, what="the text")


@given(st.binary(max_size=200))
def test_base64url_gives_back_every_value_and_agrees_with_the_standard_library(data: bytes) -> None:
    text = b64u_encode(data)
    assert text == base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    assert b64u_decode(text, what="it") == data
    assert b64u_decode(text.encode(), what="it") == data


def decoded(text: str | bytes) -> bytes | None:
    """Return what the text decodes to, or None when it is refused."""
    try:
        return b64u_decode(text, what="it")
    except JoseError:
        return None


@given(st.text(st.sampled_from(ALPHABET + "+/=! \n\0\u00e9"), max_size=12))
def test_base64url_accepts_a_text_only_if_encoding_gives_it_back(text: str) -> None:
    data = decoded(text)
    assert data is None or b64u_encode(data) == text


@given(st.binary(max_size=40))
def test_base64url_accepts_bytes_only_if_encoding_gives_them_back(raw: bytes) -> None:
    data = decoded(raw)
    assert data is None or b64u_encode(data).encode() == raw


@given(st.binary(min_size=1, max_size=40), st.data())
def test_no_other_last_character_spells_the_same_bytes(data: bytes, draws: st.DataObject) -> None:
    text = b64u_encode(data)
    other = text[:-1] + draws.draw(st.sampled_from(ALPHABET.replace(text[-1], "")))
    assert decoded(other) != data


@pytest.mark.parametrize("text", ["A", "AAAAA", "AB", "AAB", "AA==", "AAA=", "A+AA", "A/AA", "A AA", "AA\n", "\u00e9A"])
def test_another_spelling_is_refused_by_name(text: str) -> None:
    with pytest.raises(JoseError, match="the header is not") as caught:
        b64u_decode(text, what="the header")
    assert caught.value.reason == "malformed"


json_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-MAX_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
json_values = st.recursive(
    json_scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=20,
)


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), json_values, max_size=5))
def test_json_gives_back_every_object(value: dict[str, object]) -> None:
    assert parse(dump_json(value), max_depth=100) == value
    # Escapes and white space are other spellings of the same object, and fine.
    assert parse(json.dumps(value, indent=1), max_depth=100) == value


@given(json_values, st.integers(1, 6))
def test_the_depth_limit_is_exact_whatever_brackets_stand_in_strings(value: object, limit: int) -> None:
    nested = {'brackets in a "string\\': '[{[{"\\[[', "value": value}
    text = dump_json(nested)
    if depth_of(nested) <= limit:
        assert parse(text, max_depth=limit) == nested
    else:
        with pytest.raises(JoseError):
            parse(text, max_depth=limit)


@given(st.binary(max_size=60) | st.text('[]{}":,\\u0eE-+.1dNaIn \n', max_size=60).map(str.encode))
def test_no_bytes_whatever_make_the_parser_raise_anything_else(data: bytes) -> None:
    try:
        value = parse(data)
    except JoseError:
        return
    assert value == json.loads(data)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="an array"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{} {}", id="two objects"),
        pytest.param(b"{}x", id="trailing data"),
        pytest.param(b'{"a":1,}', id="a trailing comma"),
        pytest.param(b"{'a':1}", id="single quotes"),
        pytest.param(b'{"a":1}//', id="a comment"),
        pytest.param(b'{"a":"\x01"}', id="a control character in a string"),
        pytest.param(b'\xef\xbb\xbf{"a":1}', id="a byte order mark"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param('{"a":1}'.encode("utf-32-le"), id="UTF-32"),
        pytest.param(b'{"a":"\xc0\xaf"}', id="overlong UTF-8"),
        pytest.param(b'{"a":"\xed\xa0\x80"}', id="a surrogate in UTF-8"),
        pytest.param(b'{"a":"\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"a":"\\ud800"}', id="a lone high surrogate"),
        pytest.param(b'{"a":"\\udc00\\ud800"}', id="surrogates in the wrong order"),
        pytest.param(b'{"a":{"\\ud800":1}}', id="a lone surrogate in a name"),
        pytest.param(b'{"a":1,"a":1}', id="a name twice"),
        pytest.param(b'{"a":{"b":1,"b":2}}', id="a name twice further in"),
        pytest.param(b'{"a":1,"\\u0061":2}', id="a name twice, once escaped"),
        pytest.param(b'{"a":NaN}', id="NaN"),
        pytest.param(b'{"a":-Infinity}', id="minus infinity"),
        pytest.param(b'{"a":1e400}', id="a float beyond range"),
        pytest.param(b'{"a":0.%s}' % (b"1" * 40), id="a float of 40 digits"),
        pytest.param(b'{"a":%d}' % (MAX_INTEGER + 1), id="an integer beyond 2**53 - 1"),
        pytest.param(b'{"a":-%d}' % (MAX_INTEGER + 1), id="an integer below -(2**53 - 1)"),
        pytest.param(b'{"a":%s}' % (b"9" * 5000), id="an integer of 5000 digits"),
        pytest.param(b'{"a":01}', id="a leading zero"),
        pytest.param(b'{"a":"\xd9\xa1"', id="no end"),
        pytest.param('{"a":\u0661}'.encode(), id="an Arabic digit"),
    ],
)
def test_json_that_is_not_strict_is_refused(text: bytes) -> None:
    with pytest.raises(JoseError) as caught:
        parse(text)
    assert caught.value.reason == "json"


def test_a_surrogate_pair_and_names_that_differ_in_normal_form_or_case_are_accepted() -> None:
    assert parse('{"a":"\\ud83d\\ude00"}') == {"a": "\N{GRINNING FACE}"}
    assert len(parse('{"\u00e9":1,"e\u0301":2,"A":3,"a":4}')) == 4


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"a":', '"\\"[', '\\"', '"'])
def test_nesting_of_any_depth_is_refused_without_recursion_in_linear_time(opening: str) -> None:
    text = '{"a":' + opening * 100_000
    started = time.process_time()
    with pytest.raises(JoseError):
        parse(text)
    # A quadratic scan of this text takes minutes of processor time, a linear one milliseconds.
    assert time.process_time() - started < 5


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": "\ud800"}, {"a": object()}, {"a": b"bytes"}])
def test_what_json_cannot_say_is_not_written(value: dict[str, object]) -> None:
    with pytest.raises(JoseError) as caught:
        dump_json(value)
    assert caught.value.reason == "json"


def test_an_error_names_what_was_refused_and_never_its_content() -> None:
    with pytest.raises(JoseError) as caught:
        parse('{"secret":"value","secret":"value"}')
    assert caught.value.detail == "the text is refused: a name occurs twice in one object"
