"""A small application at three moments of its life: it knows the first version of its claims, both, or the second.

``KNOWS`` says which; everything else comes from the usual settings. It is served by ``test_two_versions.py``.
"""

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from sealring import ClaimsSchema, Subject
from sealring.fastapi import LoginApproved, Token, auth_router, lifespan, protect
from sealring.settings import load_settings


class One(BaseModel):
    team: str


class Two(BaseModel):
    teams: tuple[str, ...]


FIRST = ClaimsSchema(One)
SCHEMAS: dict[str, ClaimsSchema[Any]] = {
    "1": FIRST,
    "1,2": FIRST.then(
        Two, upgrade=lambda one: Two(teams=(one.team,)), downgrade=lambda two: One(team=" and ".join(two.teams))
    ),
    "2": ClaimsSchema(Two, version=2),
}
SCHEMA = SCHEMAS[os.environ["KNOWS"]]


class Credentials(BaseModel):
    name: str


async def load_subject(name: str) -> Subject | None:
    team = f"team of {name}"
    return Subject(name, One(team=team) if SCHEMA.model is One else Two(teams=(team,)))


async def authenticate(form: Credentials) -> LoginApproved | None:
    login = await ring.begin_login(form.name)
    subject = await load_subject(form.name)
    return LoginApproved(login=login, subject=subject, persistent=True) if subject else None


ring = load_settings().build(load_subject=load_subject, claims=SCHEMA)
app = FastAPI(lifespan=lifespan(ring))
protect(app, ring)
app.include_router(auth_router(ring, authenticate=authenticate))


@app.get("/me")
async def me(token: Token) -> dict[str, object]:
    claims = token.claims
    teams = [claims.team] if isinstance(claims, One) else list(claims.teams)
    return {"subject": token.subject, "version": token.version, "teams": teams, "session": token.session_id}
