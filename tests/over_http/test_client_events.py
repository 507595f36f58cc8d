"""What a browser reports stands on the metrics page of the running application, and nothing that it makes up."""

import re

import pytest

from tests.running import Visitor

pytestmark = pytest.mark.anyio


async def counted(visitor: Visitor) -> dict[str, float]:
    """Return the counters of what clients reported."""
    page = (await visitor.ask("GET", "/metrics")).text
    found = re.findall(r"^sealring_client_(\w+_total\{.*\}) (\S+)$", page, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_what_clients_report_is_counted_by_kind_and_code(visitor: Visitor) -> None:
    events = [
        {"type": "refreshed", "code": "rotated", "ms": 12.5},
        {"type": "refreshed", "code": "rotated", "ms": 13.5},
        {"type": "signed_out", "code": 'x"} 1\nforged'},
    ]
    refused = await visitor.ask("POST", "/auth/client-events", {"events": events})
    assert (refused.status_code, refused.json()["fields"][0]["field"]) == (422, "events.2.code")
    assert await counted(visitor) == {}

    events[2] = {"type": "alert", "code": "ends_soon", "ms": 120_000}
    taken = await visitor.ask("POST", "/auth/client-events", {"events": events})
    assert (taken.status_code, taken.content) == (204, b"")
    assert await counted(visitor) == {
        'reported_total{code="rotated",kind="refreshed"}': 2.0,
        'alerted_total{code="ends_soon"}': 1.0,
    }


async def test_another_site_cannot_report(visitor: Visitor) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    answer = await visitor.ask("POST", "/auth/client-events", {"events": [{"type": "wake"}]}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_refused")
