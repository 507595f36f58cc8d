"""Counts each event for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from sealring.events import Event, TokenIssued, all_event_types

# Label values come from few-valued fields; should one ever not be, it must not grow the page without bound.
_LONGEST_LABEL = 64
_TOKEN_SIZES = (400, 600, 800, 1_000, 1_250, 1_500, 2_000, 3_000, 3_800)


class PrometheusSink:
    """Counts events as ``sealring_<event name>_total``, with the event's labels.

    Args:
        registry: where the metrics are registered; default one of its own, so that nothing is global.
    """

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._counters = {
            kind.name: Counter(
                f"sealring_{kind.name}", _first_sentence(kind), labelnames=kind.labels, registry=self.registry
            )
            for kind in all_event_types()
        }
        self._gauges: dict[str, Gauge] = {}
        self._sizes = Histogram(
            "sealring_access_token_bytes", "Size of access tokens.", registry=self.registry, buckets=_TOKEN_SIZES
        )

    def emit(self, event: Event) -> None:
        """Count one event; an application's own is not ours to count."""
        counter = self._counters.get(event.name)
        if counter is None:
            return
        if event.labels:
            fields = event.as_fields()
            counter.labels(*(str(fields[name])[:_LONGEST_LABEL] for name in event.labels)).inc()
        else:
            counter.inc()
        if isinstance(event, TokenIssued):
            self._sizes.observe(event.size)

    def gauge(self, name: str, documentation: str, read: Callable[[], float]) -> None:
        """Show a value that is read whenever the metrics are; one that has the name already is replaced.

        Args:
            name: of the metric, with its unit.
            documentation: one sentence.
            read: returns the value.
        """
        if name not in self._gauges:
            self._gauges[name] = Gauge(name, documentation, registry=self.registry)
        self._gauges[name].set_function(read)

    def expose(self) -> bytes:
        """Return all metrics in the text format of Prometheus."""
        return generate_latest(self.registry)


def _first_sentence(kind: type[Event]) -> str:
    return (kind.__doc__ or kind.name).strip().splitlines()[0]
