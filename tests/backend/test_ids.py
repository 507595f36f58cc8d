"""Ids are UUIDs of version 7."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from backend.ids import new_id

MOMENTS = st.floats(0, 2**40, allow_nan=False)
NOISE = st.binary(min_size=10, max_size=10)


@given(MOMENTS, NOISE)
def test_an_id_is_a_uuid_of_version_7_that_tells_its_millisecond(now: float, noise: bytes) -> None:
    made = uuid.UUID(hex=new_id(now, lambda _: noise))

    assert made.variant == uuid.RFC_4122
    assert made.version == 7
    assert made.int >> 80 == int(now * 1_000) & (2**48 - 1)


@given(st.integers(0, 2**40), NOISE, NOISE)
def test_later_ids_sort_behind_earlier_ones(now: int, one: bytes, two: bytes) -> None:
    assert new_id(now, lambda _: one) < new_id(now + 1, lambda _: two)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id(1.0) for _ in range(1_000)}) == 1_000
