"""Reading and writing our cookies, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.access.size import MAX_COOKIE_BYTES
from sealring.errors import InternalError, TokenTooLarge
from sealring.policy import Policy, WebPolicy
from sealring.web.cookies import (
    MAX_COOKIE_AGE,
    CookieNames,
    CookieState,
    delete_cookie,
    read_cookie,
    set_cookie,
)

NAME = "__Host-Http-todo-at"
VALUES = st.text(alphabet="ABCXYZabcxyz0189._~-", min_size=1, max_size=60)
FOREIGN_NAMES = st.text(alphabet="abc_-HosttpH", min_size=1, max_size=24).filter(lambda name: name != NAME)


def test_names_carry_the_prefix_and_the_application() -> None:
    names = CookieNames.from_policy(Policy(app="todo", issuer="https://todo.example"))
    assert (names.access, names.refresh) == ("__Host-Http-todo-at", "__Host-Http-todo-rt")


def test_names_have_no_prefix_on_plain_http() -> None:
    policy = Policy(app="todo", issuer="http://localhost:8000", web=WebPolicy(secure_cookies=False))
    names = CookieNames.from_policy(policy)
    assert (names.access, names.refresh) == ("todo-at", "todo-rt")


@given(VALUES, st.lists(st.tuples(FOREIGN_NAMES, VALUES)), st.lists(st.tuples(FOREIGN_NAMES, VALUES)))
def test_our_cookie_is_found_among_any_others(
    value: str, before: list[tuple[str, str]], after: list[tuple[str, str]]
) -> None:
    pairs = [*before, (NAME, value), *after]
    line = "; ".join(f"{name}={text}" for name, text in pairs).encode()
    reading = read_cookie([line], NAME)
    assert (reading.state, reading.value) == (CookieState.READ, value)


@given(VALUES, st.integers(0, 3))
def test_our_cookie_is_found_in_any_of_several_lines(value: str, position: int) -> None:
    lines = [b"a=1", b"b=2; c=3", b"d=4"]
    lines.insert(position, f"{NAME}={value}".encode())
    assert read_cookie(lines, NAME).value == value


@given(VALUES, VALUES, st.sampled_from([b"; ", b";", b"\n-next-line-"]))
def test_two_cookies_of_one_name_are_none_even_with_equal_values(first: str, second: str, between: bytes) -> None:
    joined = between.join(f"{NAME}={value}".encode() for value in (first, second))
    reading = read_cookie(joined.split(b"\n-next-line-"), NAME)
    assert reading.ambiguous
    assert reading.present
    assert reading.value is None


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_no_bytes_whatever_make_reading_fail_or_let_a_strange_value_through(lines: list[bytes]) -> None:
    reading = read_cookie([*lines, b"x; " + NAME.encode() + b"=" + b"".join(lines)], NAME)
    if reading.value is not None:
        assert reading.state is CookieState.READ
        assert all(c.isascii() and (c.isalnum() or c in "._~-") for c in reading.value)
    else:
        assert reading.state is not CookieState.READ


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b'"abc"',
        b"a b",
        b"a,b",
        b"a%41",
        b"a\\b",
        b"a\xe9",
        b"a\x00b",
        b"a=",
        b"\xc2\x85abc",
        b"abc\xa0",
        b"a\tb",
        b"\x0babc",
        b"abc\x0c",
    ],
)
def test_a_value_outside_our_alphabet_is_no_value(value: bytes) -> None:
    reading = read_cookie([NAME.encode() + b"=" + value], NAME)
    assert reading.state is CookieState.MALFORMED
    assert reading.present
    assert reading.value is None


def test_spaces_and_tabs_around_name_and_value_do_not_count() -> None:
    assert read_cookie([b"a=1;\t " + NAME.encode() + b" \t=\t abc \t; b=2"], NAME).value == "abc"


def test_without_the_cookie_nothing_is_present() -> None:
    for lines in ([], [b""], [b"a=1; b=2"], [NAME.encode()], [b"x" + NAME.encode() + b"=1"]):
        reading = read_cookie(lines, NAME)
        assert reading.state is CookieState.ABSENT
        assert not reading.present


def test_a_reading_does_not_show_its_value() -> None:
    reading = read_cookie([f"{NAME}=secret".encode()], NAME)
    assert "secret" not in repr(reading) + str(reading)


@given(VALUES, st.none() | st.integers(-10, 10**10), st.booleans())
def test_what_is_set_is_read_back(value: str, max_age: int | None, secure: bool) -> None:
    pair, *attributes = set_cookie(NAME, value, max_age=max_age, secure=secure).split(b"; ")
    assert read_cookie([pair], NAME).value == value
    assert {b"Path=/", b"HttpOnly", b"SameSite=Strict"} <= set(attributes)
    assert (b"Secure" in attributes) is secure
    ages = [int(each.removeprefix(b"Max-Age=")) for each in attributes if each.startswith(b"Max-Age=")]
    assert len(ages) == (max_age is not None)
    assert all(0 <= age <= MAX_COOKIE_AGE for age in ages)


def test_a_cookie_is_never_given_a_domain() -> None:
    for line in (set_cookie(NAME, "a", max_age=5, secure=True), delete_cookie(NAME, secure=True)):
        assert b"domain" not in line.lower()


@given(st.booleans())
def test_deleting_uses_the_attributes_of_setting(secure: bool) -> None:
    def attributes(line: bytes) -> set[bytes]:
        ages = (b"Max-Age", b"Expires")
        return {each for each in line.split(b"; ")[1:] if not each.startswith(ages)}

    deleting = delete_cookie(NAME, secure=secure)
    assert attributes(deleting) == attributes(set_cookie(NAME, "a", max_age=5, secure=secure))
    assert deleting.startswith(NAME.encode() + b"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT")


def test_the_largest_cookie_that_browsers_keep_is_the_largest_that_is_set() -> None:
    fits = "a" * (MAX_COOKIE_BYTES - len(NAME))
    assert fits.encode() in set_cookie(NAME, fits, max_age=None, secure=True)
    with pytest.raises(TokenTooLarge, match="4097 bytes"):
        set_cookie(NAME, fits + "a", max_age=None, secure=True)


@pytest.mark.parametrize("value", ["", "a b", "a;b", "a\r\nSet-Cookie: x=y", "é", "a=b", "a,b", 'a"', "a\n"])
def test_a_value_that_could_change_the_line_is_never_set(value: str) -> None:
    with pytest.raises(InternalError) as caught:
        set_cookie(NAME, value, max_age=None, secure=True)
    assert not value or value not in caught.value.detail
