"""The size of a request body."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import BodyTooLarge, MediaTypeRefused, RefusedError, RequestInvalid
from sealring.web.body import BodyMeter, announced_length
from sealring.web.request_headers import RequestHeaders

LIMIT = 1_000


def lengths(*values: bytes) -> RequestHeaders:
    return RequestHeaders([(b"content-length", value) for value in values])


@given(st.integers(0, LIMIT), st.integers(0, 30))
def test_a_size_within_the_limit_is_taken(size: int, zeros: int) -> None:
    assert announced_length(lengths(b"0" * zeros + str(size).encode()), LIMIT) == size


@given(st.integers(LIMIT + 1, 10**30))
def test_a_size_over_the_limit_is_refused(size: int) -> None:
    with pytest.raises(BodyTooLarge):
        announced_length(lengths(str(size).encode()), LIMIT)


def test_thousands_of_digits_are_refused_without_being_counted() -> None:
    with pytest.raises(BodyTooLarge):
        announced_length(lengths(b"9" * 100_000), LIMIT)


def test_no_header_announces_nothing() -> None:
    assert announced_length(lengths(), LIMIT) is None


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b"1.0", b"0x10", b"1,1", b"1 1", b"1e3", b"\xb2", b"1\n", b"1_0"])
def test_anything_but_digits_is_malformed(value: bytes) -> None:
    with pytest.raises(RequestInvalid):
        announced_length(lengths(value), LIMIT)


def test_two_lengths_that_differ_are_malformed() -> None:
    assert announced_length(lengths(b"5", b"5"), LIMIT) == 5
    with pytest.raises(RequestInvalid):
        announced_length(lengths(b"5", b"6"), LIMIT)


PARTS = st.lists(st.integers(0, 400), min_size=1, max_size=6)


def measure(meter: BodyMeter, parts: list[int]) -> RefusedError | None:
    try:
        for position, size in enumerate(parts, 1):
            meter.add(size, last=position == len(parts))
    except RefusedError as error:
        return error
    return None


@given(PARTS)
def test_a_body_of_unknown_size_is_stopped_at_the_limit(parts: list[int]) -> None:
    error = measure(BodyMeter(LIMIT, None), parts)
    assert isinstance(error, BodyTooLarge) == (sum(parts) > LIMIT)
    assert error is None or isinstance(error, BodyTooLarge)


@given(PARTS, st.integers(0, LIMIT))
def test_a_body_of_another_size_than_announced_is_refused(parts: list[int], announced: int) -> None:
    error = measure(BodyMeter(LIMIT, announced), parts)
    assert (error is None) == (sum(parts) == announced)


def test_a_body_that_was_announced_as_longer_is_refused_only_at_its_end() -> None:
    meter = BodyMeter(LIMIT, 10)
    meter.add(4, last=False)
    with pytest.raises(RequestInvalid):
        meter.add(5, last=True)


def test_where_no_body_may_come_one_byte_is_refused() -> None:
    meter = BodyMeter(LIMIT, None, refuse_any=True)
    meter.add(0, last=False)
    with pytest.raises(MediaTypeRefused):
        meter.add(1, last=False)
