"""The endpoints for whoever runs the application: alive, ready, metrics."""

import asyncio
import math
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from sealring.errors import StoreUnavailable
from sealring.observe.metrics import PrometheusSink
from sealring.revocation.freshness import FeedState
from sealring.service import Sealring

# A probe must not wait for a store that hangs.
_STORE_WITHIN = 1.0


def operations_router(ring: Sealring[Any], metrics: PrometheusSink | None = None) -> APIRouter:
    """Return ``/healthz``, ``/readyz`` and, with a sink, ``/metrics``.

    ``/readyz`` is 503 while the store does not answer or the news of revocations are stale. Where the policy accepts
    stale news, it is 200 with the status ``degraded`` for as long as it does.

    Args:
        ring: whose store and feed decide about readiness.
        metrics: the sink that the ring's events go to.
    """
    router = APIRouter(tags=["operations"], include_in_schema=False)

    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    async def readyz() -> JSONResponse:
        state = await _state(ring)
        return JSONResponse(state, status_code=503 if state["status"] == "not_ready" else 200)

    router.add_api_route("/healthz", healthz, methods=["GET"])
    router.add_api_route("/readyz", readyz, methods=["GET"])
    if metrics is not None:
        sink = metrics
        sink.gauge("sealring_feed_age_seconds", "Age of the news of revocations.", lambda: _age(ring))
        sink.gauge("sealring_denylist_entries", "Denials that this process knows.", lambda: len(ring.denylist))

        async def exposed() -> Response:
            return Response(sink.expose(), media_type=sink.content_type)

        router.add_api_route("/metrics", exposed, methods=["GET"])
    return router


def _age(ring: Sealring[Any]) -> float:
    age = ring.follower.age(ring.clock.now())
    return math.inf if age is None else age


async def _state(ring: Sealring[Any]) -> dict[str, object]:
    store = "answers"
    try:
        await asyncio.wait_for(ring.store.ping(), _STORE_WITHIN)
    except (StoreUnavailable, TimeoutError):
        store = "unavailable"
    feed = ring.freshness.status()
    return {
        "status": _readiness(store, feed.state, accepting=bool(ring.policy.revocation.accept_stale_for)),
        "store": store,
        "feed": str(feed.state),
        "feed_age_seconds": None if feed.age is None else round(feed.age, 3),
        "denials": len(ring.denylist),
    }


def _readiness(store: str, feed: FeedState, *, accepting: bool) -> str:
    if store == "answers" and feed is FeedState.FRESH:
        return "ready"
    # Whoever chose to go on without the store would lose every server at once if none of them were ready.
    return "degraded" if accepting and feed is not FeedState.STALE else "not_ready"
