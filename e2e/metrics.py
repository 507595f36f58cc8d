"""What the server counted, as its operators see it."""

import re

import httpx2

from tests.running import RunningApp


def counted(app: RunningApp, event: str) -> float:
    """Return how often the server has seen an event, whatever its labels."""
    text = httpx2.get(f"{app.url}/metrics").text
    return sum(
        float(value) for value in re.findall(rf"^sealring_{event}_total(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
    )


def alarms(app: RunningApp) -> float:
    """Return how often the server took somebody for a thief."""
    return counted(app, "reuse_detected") + counted(app, "suspicious_replay")
