"""Counters: every event is counted under its name and labels, and the page never grows without bound."""

import re
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from sealring.events import Event, LoginRefused, SessionEnded, TokenIssued, all_event_types
from sealring.observe.metrics import PrometheusSink
from tests.test_events import example


def counted(sink: PrometheusSink) -> dict[str, float]:
    """Return the samples of the page by name and labels."""
    return {
        f"{sample.name}{dict(sorted(sample.labels.items())) or ''}": sample.value
        for family in text_string_to_metric_families(sink.expose().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in all_event_types()])
def test_every_event_is_counted_under_its_name_with_its_labels(kind: type[Event]) -> None:
    sink, event = PrometheusSink(), example(kind)
    labels = {name: str(event.as_fields()[name]) for name in sorted(kind.labels)}
    for _ in range(3):
        sink.emit(event)
    assert counted(sink)[f"sealring_{kind.name}_total{labels or ''}"] == 3


def test_other_labels_are_other_counters() -> None:
    sink = PrometheusSink()
    for code in ("credentials_invalid", "rate_limited", "credentials_invalid"):
        sink.emit(LoginRefused(code=code))
    assert counted(sink)["sealring_login_refused_total{'code': 'credentials_invalid'}"] == 2
    assert counted(sink)["sealring_login_refused_total{'code': 'rate_limited'}"] == 1


def test_what_is_not_a_label_does_not_split_a_counter() -> None:
    sink = PrometheusSink()
    for number in range(100):
        sink.emit(SessionEnded(subject=f"user-{number}", session_id=f"{number:032x}", reason="logout"))
    page = sink.expose().decode()
    assert "user-" not in page
    assert counted(sink)["sealring_session_ended_total{'reason': 'logout'}"] == 100


def test_a_label_is_cut_and_cannot_break_the_page() -> None:
    sink = PrometheusSink()
    sink.emit(SessionEnded(subject="a", session_id="b", reason='x"} 1\nsealring_forged_total 9' + "a" * 500))
    samples = counted(sink)
    assert not any(name.startswith("sealring_forged") for name in samples)
    (name,) = (name for name in samples if name.startswith("sealring_session_ended"))
    assert len(name) < 200


def test_the_sizes_of_access_tokens_are_a_histogram() -> None:
    sink = PrometheusSink()
    for size in (700, 900, 1_400):
        sink.emit(TokenIssued(subject="a", session_id="b", generation=1, token_id="c", algorithm="ES256", size=size))
    samples = counted(sink)
    assert samples["sealring_access_token_bytes_count"] == 3
    assert samples["sealring_access_token_bytes_sum"] == 3_000
    assert samples["sealring_access_token_bytes_bucket{'le': '1000.0'}"] == 2


def test_two_sinks_share_nothing_unless_they_are_told_to() -> None:
    one, other = PrometheusSink(), PrometheusSink()
    one.emit(LoginRefused(code="rate_limited"))
    assert "rate_limited" not in other.expose().decode()
    registry = CollectorRegistry()
    assert PrometheusSink(registry).registry is registry


def test_an_application_s_own_event_is_passed_over() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class TodoAdded(Event):
        """Somebody added a todo."""

        name = "todo_added"

    sink = PrometheusSink()
    before = counted(sink)
    sink.emit(TodoAdded())
    assert counted(sink) == before


def test_the_page_explains_each_counter_and_declares_its_type() -> None:
    sink = PrometheusSink()
    page = sink.expose().decode()
    for kind in all_event_types():
        assert re.search(rf"^# HELP sealring_{kind.name}_total \S.*\.$", page, re.MULTILINE)
        assert f"# TYPE sealring_{kind.name}_total counter" in page
    assert sink.content_type.startswith("text/plain")
