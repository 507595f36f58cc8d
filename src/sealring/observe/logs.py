"""Writes each event as one structured log line."""

import json
import logging

from sealring.events import Event

_LOGGER = "sealring.events"
_LINE_LIMIT = 4_096


class LogSink:
    """Writes events to the logger ``sealring.events``, one JSON object a line.

    Values are escaped by the JSON encoder, so that nothing in a field can break out of its line (CWE-117). The fields
    also stand in ``record.sealring`` for a formatter of the application's own.

    Args:
        logger: where to write; default ``logging.getLogger("sealring.events")``.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger(_LOGGER)

    def emit(self, event: Event) -> None:
        """Write one event."""
        if not self._logger.isEnabledFor(event.severity):
            return
        fields = event.as_fields()
        line = json.dumps({"event": event.name, **fields}, ensure_ascii=True, default=str)
        self._logger.log(event.severity, "%s", line[:_LINE_LIMIT], extra={"sealring": {"event": event.name, **fields}})
