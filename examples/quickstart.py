"""A FastAPI application with sessions: `sealring init --development`, then `uvicorn quickstart:app`."""

from fastapi import FastAPI
from pydantic import BaseModel

from sealring import Subject
from sealring.fastapi import LoginApproved, Token, auth_router, lifespan, protect
from sealring.settings import load_settings

USERS = {"ada": "correct horse battery staple"}  # yours: a database, and passwords hashed with argon2id


class Credentials(BaseModel):
    name: str
    password: str


async def load_subject(name: str) -> Subject | None:
    return Subject(name) if name in USERS else None  # asked at every refresh; None ends the session


async def authenticate(form: Credentials) -> LoginApproved | None:
    login = await ring.begin_login(form.name)  # first, so that a password change in the meantime wins
    known = USERS.get(form.name) == form.password
    return LoginApproved(login=login, subject=Subject(form.name)) if known else None


ring = load_settings().build(load_subject=load_subject)
app = FastAPI(lifespan=lifespan(ring))
protect(app, ring)
app.include_router(auth_router(ring, authenticate=authenticate))


@app.get("/me")
async def me(token: Token) -> dict[str, str]:
    return {"hello": token.subject}
