"""The application under test: everybody gets in who says who they are, and its clock is the lab's.

Everything but the clock comes from the usual settings. ``workers.py`` serves it: ``uvicorn tests.faults.lab.app:app``.
"""

import logging
import os
from pathlib import Path

from fastapi import FastAPI
from pydantic import BaseModel

from sealring import Subject
from sealring.fastapi import LoginApproved, SensitiveToken, Token, auth_router, lifespan, operations_router, protect
from sealring.observe.logs import LogSink
from sealring.settings import load_settings
from tests.faults.lab.clock import LabClock

logging.basicConfig(level=logging.WARNING, format="%(message)s")


class Credentials(BaseModel):
    name: str


async def load_subject(name: str) -> Subject | None:
    return Subject(name)


async def authenticate(form: Credentials) -> LoginApproved | None:
    login = await ring.begin_login(form.name)
    return LoginApproved(login=login, subject=Subject(form.name), persistent=True)


ring = load_settings().build(
    load_subject=load_subject,
    sinks=(LogSink(),),
    clock=LabClock(Path(os.environ["LAB_CLOCK"]), int(os.environ["LAB_PLACE"])),
)
app = FastAPI(lifespan=lifespan(ring), openapi_url=None)
protect(app, ring)
app.include_router(auth_router(ring, authenticate=authenticate))
app.include_router(operations_router(ring))


@app.get("/me")
async def me(token: Token) -> dict[str, object]:
    return {"subject": token.subject, "session_id": token.session_id, "generation": token.generation}


@app.get("/sensitive")
async def sensitive(token: SensitiveToken) -> dict[str, object]:
    return {"subject": token.subject}
