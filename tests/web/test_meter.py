"""Counting in windows: how many are allowed, for how long, and in how much memory."""

from sealring.web.meter import Meter


def test_so_many_are_allowed_and_then_none_until_the_next_window() -> None:
    meter = Meter(2, 60)
    assert [meter.count("a", now) for now in (0, 10, 20, 59.5)] == [0, 0, 40, 1]
    assert meter.count("b", 20) == 0
    assert meter.count("a", 60) == 0


def test_a_flood_of_names_takes_bounded_memory() -> None:
    meter = Meter(1, 60)
    for number in range(20_000):
        meter.count(str(number), number / 1_000)
    assert len(meter._windows) <= 4_096
