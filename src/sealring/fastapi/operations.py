"""The endpoints for whoever runs the application: alive, ready, metrics."""

import asyncio
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from sealring.errors import StoreUnavailable
from sealring.observe.metrics import PrometheusSink
from sealring.service import Sealring

# A probe must not wait for a store that hangs.
_STORE_WITHIN = 1.0


def operations_router(ring: Sealring[Any], metrics: PrometheusSink | None = None) -> APIRouter:
    """Return ``/healthz``, ``/readyz`` and, with a sink, ``/metrics``.

    Args:
        ring: whose store and feed decide about readiness.
        metrics: the sink that the ring's events go to.
    """
    router = APIRouter(tags=["operations"], include_in_schema=False)

    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    async def readyz() -> JSONResponse:
        state = await _state(ring)
        return JSONResponse(state, status_code=200 if state["status"] == "ready" else 503)

    router.add_api_route("/healthz", healthz, methods=["GET"])
    router.add_api_route("/readyz", readyz, methods=["GET"])
    if metrics is not None:
        sink = metrics

        async def exposed() -> Response:
            return Response(sink.expose(), media_type=sink.content_type)

        router.add_api_route("/metrics", exposed, methods=["GET"])
    return router


async def _state(ring: Sealring[Any]) -> dict[str, object]:
    store = "answers"
    try:
        await asyncio.wait_for(ring.store.ping(), _STORE_WITHIN)
    except (StoreUnavailable, TimeoutError):
        store = "unavailable"
    age = ring.follower.age(ring.clock.now())
    fresh = age is not None and age <= ring.policy.revocation.max_staleness.total_seconds()
    return {
        "status": "ready" if store == "answers" and fresh else "not_ready",
        "store": store,
        "feed_age_seconds": None if age is None else round(age, 3),
    }
