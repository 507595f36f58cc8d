"""The form of the feed between services: what goes in comes out, and nothing is passed over."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import JoseError
from sealring.revocation.record import ENDED, Denial, DenialKind
from sealring.revocation.wire import (
    MAX_PAGE_BYTES,
    START,
    WirePage,
    cursor_number,
    decode_page,
    encode_page,
    make_cursor,
)

DATES = st.floats(min_value=1.7e9, max_value=1.9e9, allow_nan=False)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=255)
DENIALS = st.one_of(
    st.builds(
        lambda sid, least, date: Denial(DenialKind.SESSION, sid.hex(), least, date),
        st.binary(min_size=16, max_size=16),
        st.one_of(st.just(ENDED), st.integers(0, 2**53 - 1)),
        DATES,
    ),
    st.builds(lambda jti, date: Denial(DenialKind.TOKEN, jti, 0, date), TEXTS, DATES),
    st.builds(lambda kid, date: Denial(DenialKind.KEY, kid, 0, date), TEXTS, DATES),
)
PAGE = WirePage(cursor="7.mark", denials=(), at=0.0)
ONE = Denial(DenialKind.SESSION, "0f" * 16, ENDED, 1.8e9)


@given(st.lists(DENIALS, max_size=30), st.booleans(), st.booleans(), st.integers(-5_000, 100_000))
def test_a_page_reads_back_and_no_denial_is_forgotten_earlier(
    denials: list[Denial], more: bool, reset: bool, milliseconds: int
) -> None:
    page = WirePage(cursor="12.mark", denials=tuple(denials), at=milliseconds / 1_000, more=more, reset=reset)
    back = decode_page(encode_page(page))
    assert replace(back, denials=()) == replace(page, denials=())
    expected = [replace(denial, expires_at=float(math.ceil(denial.expires_at))) for denial in denials]
    assert sorted(back.denials, key=repr) == sorted(expected, key=repr)


def test_a_page_without_news_is_a_few_bytes_and_one_of_a_thousand_ends_fits_by_far() -> None:
    ends = [Denial(DenialKind.SESSION, f"{number:032x}", ENDED, 1.8e9 + number) for number in range(1_000)]
    assert len(encode_page(PAGE)) < 40
    assert len(encode_page(replace(PAGE, denials=tuple(ends)))) < 36_000
    long = [Denial(DenialKind.TOKEN, "j" * 255, 0, 1.8e9) for _ in range(1_000)]
    assert len(encode_page(replace(PAGE, denials=tuple(long)))) < MAX_PAGE_BYTES


MALFORMED = {
    "no JSON": b"<html>",
    "a list": b"[]",
    "no cursor": b'{"at": 0}',
    "a cursor that is a number": b'{"cursor": 7, "at": 0}',
    "an empty cursor": b'{"cursor": "", "at": 0}',
    "a cursor beyond ASCII": '{"cursor": "é", "at": 0}'.encode(),
    "a long cursor": json.dumps({"cursor": "7" * 65, "at": 0}).encode(),
    "no age": b'{"cursor": "7"}',
    "an age that is no number": b'{"cursor": "7", "at": "0"}',
    "a true age": b'{"cursor": "7", "at": true}',
    "NaN": b'{"cursor": "7", "at": NaN}',
    "a name twice": b'{"cursor": "7", "cursor": "8", "at": 0}',
    "no list of sessions": b'{"cursor": "7", "at": 0, "sessions": {}}',
    "too many entries": json.dumps({"cursor": "7", "at": 0, "keys": [["k", 1]] * 1_001}).encode(),
    "an entry that is text": b'{"cursor": "7", "at": 0, "sessions": ["x"]}',
    "an entry too short": b'{"cursor": "7", "at": 0, "keys": [["k"]]}',
    "an entry too long": b'{"cursor": "7", "at": 0, "keys": [["k", 1, 2]]}',
    "an expiry that is text": b'{"cursor": "7", "at": 0, "keys": [["k", "1"]]}',
    "an expiry that is true": b'{"cursor": "7", "at": 0, "keys": [["k", true]]}',
    "an expiry before the base": b'{"cursor": "7", "at": 0, "keys": [["k", -1]]}',
    "a base that is text": b'{"cursor": "7", "at": 0, "base": "1", "keys": [["k", 1]]}',
    "a session that is none": b'{"cursor": "7", "at": 0, "sessions": [["AAAA", 1]]}',
    "a session in hex": json.dumps({"cursor": "7", "at": 0, "sessions": [["0f" * 16, 1]]}).encode(),
    "a negative epoch": b'{"cursor": "7", "at": 0, "sessions": [["AAAAAAAAAAAAAAAAAAAAAA", 1, -1]]}',
    "nested too deep": b'{"cursor": "7", "at": 0, "keys": [[["k"], 1]]}',
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_page_is_refused_as_a_whole_for(case: str) -> None:
    with pytest.raises(JoseError):
        decode_page(MALFORMED[case])


def test_members_that_nobody_knows_are_for_later_versions() -> None:
    assert decode_page(b'{"cursor": "7.mark", "at": 0, "later": [1]}') == PAGE


def test_a_cursor_tells_its_number_and_two_denials_of_one_number_apart() -> None:
    cursor = make_cursor(7, ONE)
    assert cursor_number(cursor) == 7
    for other in (
        replace(ONE, ident="f0" * 16),
        replace(ONE, least_epoch=1),
        replace(ONE, expires_at=1.8e9 + 0.001),
        replace(ONE, kind=DenialKind.TOKEN),
    ):
        assert make_cursor(7, other) != cursor


@pytest.mark.parametrize(
    "text", [START, "", ".", "-1", "+1", "1e3", "\u0667", "x.y", "9" * 20, "9" * 5_000, "1_0", " 1"]
)
def test_what_is_no_cursor_has_the_number_of_the_start(text: str) -> None:
    assert cursor_number(text) == 0
