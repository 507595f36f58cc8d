# uvicorn examples.second_service.service:create_app --factory --port 8100
import os
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from sealring import AccessToken, RevocationPolicy
from sealring.fastapi import SensitiveToken, Token, lifespan, protect, requires
from sealring.observe.logs import LogSink
from sealring.remote import FeedAccess, Follow, RemotePolicy, Verifier


class TodoClaims(BaseModel):
    max_todos: int


def make_verifier() -> Verifier[TodoClaims]:
    return Verifier(
        issuer=os.environ["REPORTS_ISSUER"],
        audience="reports",
        app="todo",
        feed=FeedAccess(
            name="reports",
            secret=os.environ["REPORTS_SECRET"],
            follow=Follow(os.environ.get("REPORTS_FOLLOW", "poll")),
        ),
        claims=TodoClaims,
        revocation=RevocationPolicy(
            max_staleness=timedelta(seconds=float(os.environ.get("REPORTS_STALENESS", "5"))),
            accept_stale_for=timedelta(seconds=float(os.environ.get("REPORTS_ACCEPT_STALE", "0"))),
        ),
        # For a Todo application on this machine. Leave both out where the issuer has https and a public address.
        fetching=RemotePolicy(
            private_networks=("127.0.0.0/8", "::1/128"),
            insecure_plain_http_which_lets_anybody_on_the_network_forge_tokens=True,
        ),
        sinks=[LogSink()],
    )


def create_app() -> FastAPI:
    verifier = make_verifier()
    app = FastAPI(title="Reports", lifespan=lifespan(verifier))
    protect(app, verifier)

    @app.get("/report")
    async def report(token: Token) -> dict[str, object]:
        return {"subject": token.subject, "session_id": token.session_id}

    @app.get("/limits")
    async def limits(
        token: Annotated[AccessToken[TodoClaims], Depends(requires("todos"))],
    ) -> dict[str, int]:
        return {"max_todos": token.claims.max_todos}

    @app.get("/balance")
    async def balance(token: SensitiveToken) -> dict[str, object]:
        return {"subject": token.subject, "balance": 0}

    @app.get("/readyz")
    async def readyz() -> JSONResponse:
        state = verifier.state()
        return JSONResponse({"feed_age_seconds": state.feed_age_seconds}, status_code=200 if state.ready else 503)

    return app
