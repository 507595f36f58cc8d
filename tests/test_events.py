"""Events: one name each, labels that are fields, and sinks that can never hurt what they watch."""

import gc
import inspect
import re
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any

import pytest

from sealring import events
from sealring.events import Emitter, Event, KeyRingLoaded, SessionEnded, Severity, all_event_types
from tests.support import EventLog

KINDS = [pytest.param(kind, id=kind.__name__) for kind in all_event_types()]
# What a metric may be split by: few values, whatever users and attackers do.
FEW_VALUED = {
    "adopted", "algorithm", "cause", "client_id", "code", "cookie", "ended", "job", "kind", "operation", "outcome",
    "persistent", "reason", "state", "version",
}  # fmt: skip
ANY = SessionEnded(subject="ada", session_id="0" * 32, reason="logout")


def example(kind: type[Event], text: str = "a text") -> Event:
    """Return an event with something in every field."""
    made: dict[str, Any] = {"str": text, "int": 7, "bool": True, "float": 1.5}
    return kind(**{item.name: made[str(getattr(item.type, "__name__", item.type))] for item in fields(kind)})


def test_every_event_of_the_module_is_listed_once_and_no_other() -> None:
    gc.collect()
    named = [
        value
        for value in vars(events).values()
        if inspect.isclass(value) and issubclass(value, Event) and value is not Event
    ]
    assert list(all_event_types()) == named
    assert len(named) > 15


def test_an_application_s_own_events_are_not_listed() -> None:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class SessionEnded(Event):
        """The application's own, with a name that is taken."""

        name = "session_ended"

    assert SessionEnded not in all_event_types()
    assert len({kind.name for kind in all_event_types()}) == len(all_event_types())


@pytest.mark.parametrize("kind", KINDS)
def test_the_name_is_the_class_in_snake_case(kind: type[Event]) -> None:
    assert kind.name == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


@pytest.mark.parametrize("kind", KINDS)
def test_labels_are_fields_with_few_values(kind: type[Event]) -> None:
    assert set(kind.labels) <= {item.name for item in fields(kind)}
    assert set(kind.labels) <= FEW_VALUED


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_tells_in_one_sentence_what_happened_and_has_a_severity_of_logging(kind: type[Event]) -> None:
    assert (kind.__doc__ or "").splitlines()[0].endswith(".")
    assert kind.severity in Severity


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_never_changes_and_gives_its_fields_in_order(kind: type[Event]) -> None:
    event = example(kind)
    names = [item.name for item in fields(kind)]
    assert list(event.as_fields()) == names
    for name in names:
        with pytest.raises(FrozenInstanceError):
            setattr(event, name, None)


@pytest.mark.parametrize("kind", KINDS)
def test_no_field_is_made_for_a_credential(kind: type[Event]) -> None:
    names = {item.name for item in fields(kind)}
    assert names.isdisjoint({"token", "access_token", "refresh_token", "secret", "password", "value", "authorization"})


def test_every_sink_gets_every_event_in_order() -> None:
    one, other = EventLog(), EventLog()
    emitter = Emitter([one, other])
    emitter.emit(ANY)
    emitter.emit(KeyRingLoaded(revision=1, active="kid", created=True))
    assert one.names() == other.names() == ["session_ended", "key_ring_loaded"]


def test_a_sink_that_fails_hurts_neither_the_operation_nor_the_other_sinks() -> None:
    class Broken:
        def emit(self, event: Event) -> None:
            raise RuntimeError("the disk is full")

    log, heard = EventLog(), list[Exception]()
    Emitter([Broken(), log], on_failure=heard.append).emit(ANY)
    Emitter([Broken(), log]).emit(ANY)
    assert log.events == [ANY, ANY]
    assert [str(error) for error in heard] == ["the disk is full"]
