"""Writes each event as one structured log line."""

import json
import logging

from sealring.events import Event

_LOGGER = "sealring.events"
_LONGEST_LINE = 4_096
_CUT_TO = 32


class LogSink:
    """Writes events to the logger ``sealring.events``, one JSON object a line.

    Values are escaped by the JSON encoder, so that nothing in a field can break out of its line (CWE-117). A line has
    at most 4,096 bytes: where it would have more, each text in it is cut to 32 characters, and ``"cut": true`` says so.
    The fields also stand in ``record.sealring`` for a formatter of the application's own.

    Args:
        logger: where to write; default ``logging.getLogger("sealring.events")``.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger(_LOGGER)

    def emit(self, event: Event) -> None:
        """Write one event."""
        if not self._logger.isEnabledFor(event.severity):
            return
        fields = {"event": event.name, **event.as_fields()}
        line = _line(fields)
        if len(line) > _LONGEST_LINE:
            fields = {name: _shortened(value) for name, value in fields.items()} | {"cut": True}
            line = _line(fields)
        self._logger.log(event.severity, "%s", line, extra={"sealring": fields})


def _line(fields: dict[str, object]) -> str:
    # DEL is the one control character that JSON leaves as it is.
    return json.dumps(fields, ensure_ascii=True, default=str).replace("\x7f", "\\u007f")


def _shortened(value: object) -> object:
    return value if isinstance(value, bool | int | float | None) else str(value)[:_CUT_TO]
