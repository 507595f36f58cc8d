"""The real application in this process, on database files of its own, with a clock that stands still."""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from pwdlib.hashers import HasherProtocol

from backend.auth.config import APP
from backend.main import create_app
from backend.settings import TodoSettings
from sealring.clock import ManualClock
from sealring.settings import Environment, SealringSettings
from tests.running import OWN_PAGE, Visitor

ORIGIN = "http://localhost:8000"
PASSWORD = "a long enough passphrase"

_KEYS = [base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for _ in range(2)]


def todo_settings(folder: Path, **changes: Any) -> TodoSettings:
    """Return settings with hashes as cheap as allowed and limits out of the way."""
    plain: dict[str, Any] = {
        "data_dir": folder / "data",
        "frontend_dir": folder / "dist",
        "password_memory": 19_456,
        "password_passes": 2,
        "password_lanes": 1,
        "login_limit": "10000/minute",
        "login_address_limit": "10000/minute",
        "register_limit": "10000/minute",
    }
    return TodoSettings(**{**plain, **changes})


def token_settings(folder: Path) -> SealringSettings:
    """Return Sealring's settings, with secrets that last as long as the tests."""
    return SealringSettings.model_validate(
        {
            "environment": Environment.DEVELOPMENT,
            "app": APP,
            "issuer": ORIGIN,
            "store": f"sqlite:///{folder / 'data' / 'sealring.db'}",
            "key_encryption_keys": f"1:{_KEYS[0]}",
            "refresh_keys": f"1:{_KEYS[1]}",
        }
    )


@dataclass
class Stage:
    """The application, and ways to reach it."""

    app: FastAPI
    settings: TodoSettings
    clock: ManualClock
    connections: list[httpx2.AsyncClient]

    def visitor(self, address: str = "192.0.2.1") -> Visitor:
        """Return a new browser without cookies, at an address."""
        http = httpx2.AsyncClient(transport=httpx2.ASGITransport(self.app, client=(address, 50_000)))
        self.connections.append(http)
        return Visitor(http, ORIGIN)

    async def member(self, email: str = "ada@example.org") -> Visitor:
        """Return a browser that is signed in to a new account."""
        visitor = self.visitor()
        await visitor.sign_up(email)
        return visitor


@asynccontextmanager
async def stage(folder: Path, hasher: HasherProtocol | None = None, **changes: Any) -> AsyncIterator[Stage]:
    """Run the application for the length of a block."""
    settings, clock = todo_settings(folder, **changes), ManualClock()
    app = create_app(settings, tokens=token_settings(folder), clock=clock, hasher=hasher)
    running = Stage(app, settings, clock, [])
    async with app.router.lifespan_context(app):
        try:
            yield running
        finally:
            for http in running.connections:
                await http.aclose()


async def send_text(visitor: Visitor, method: str, path: str, text: str) -> httpx2.Response:
    """Send a body as it is written, where the client would refuse to write it."""
    headers = {**OWN_PAGE, "Content-Type": "application/json"}
    if visitor.cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    return await visitor.http.request(method, ORIGIN + path, content=text.encode("ascii"), headers=headers)


async def add(visitor: Visitor, title: str, **fields: object) -> dict[str, Any]:
    """Create a todo and return it as the application answers."""
    answer = await visitor.ask("POST", "/api/todos", {"title": title, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


async def titles(visitor: Visitor, query: str = "") -> list[str]:
    """Return the titles of a list, in its order."""
    answer = await visitor.ask("GET", f"/api/todos{query}")
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]
