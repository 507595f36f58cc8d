"""The WebSocket of the Todo app, over real HTTP: news from every process, an end with the session, none by rotation."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.running import PASSWORD, RunningApp, Visitor, running_app

pytestmark = pytest.mark.anyio

# What takes this long is broken, in seconds.
PATIENCE = 30.0


@asynccontextmanager
async def live(
    visitor: Visitor, *, url: str | None = None, origin: str | None = None
) -> AsyncIterator[ClientConnection]:
    """Open the WebSocket as a page of the visitor's browser does."""
    address = visitor.origin.replace("http://", "ws://") + "/api/todos/live"
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())
    headers = {"Cookie": cookies} if cookies else {}
    async with connect(
        address, origin=Origin(origin or visitor.origin), additional_headers=headers, open_timeout=PATIENCE, proxy=None
    ) as socket:
        yield socket


async def news(socket: ClientConnection) -> int:
    """Return the next version that the WebSocket tells."""
    return int(json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))["list_version"])


async def end(socket: ClientConnection) -> tuple[int, str]:
    """Return the code and reason with which the server closes, whatever it tells before."""
    await asyncio.wait_for(socket.wait_closed(), PATIENCE)
    assert socket.close_code is not None
    return socket.close_code, socket.close_reason or ""


async def add(visitor: Visitor, title: str) -> None:
    assert (await visitor.ask("POST", "/api/todos", {"title": title})).status_code == 201


async def test_a_change_on_one_device_is_told_to_the_others(visitor: Visitor) -> None:
    await visitor.sign_up("ada.news@example.org")
    phone = Visitor(visitor.http, visitor.origin)
    await phone.sign_in("ada.news@example.org")
    async with live(visitor) as one, live(phone) as two:
        before = await news(one)
        assert await news(two) == before
        await add(phone, "buy milk")
        assert await news(one) == before + 1
        assert await news(two) == before + 1


async def test_nobody_hears_of_another_accounts_list(visitor: Visitor) -> None:
    await visitor.sign_up("ada.alone@example.org")
    bob = Visitor(visitor.http, visitor.origin)
    await bob.sign_up("bob.alone@example.org")
    async with live(visitor) as socket:
        before = await news(socket)
        await add(bob, "not for ada")
        await add(visitor, "for ada")
        assert await news(socket) == before + 1


async def test_a_refresh_does_not_close_it(visitor: Visitor) -> None:
    await visitor.sign_up("ada.refresh@example.org")
    async with live(visitor) as socket:
        before = await news(socket)
        assert (await visitor.ask("POST", "/auth/refresh", {"attempt": "one"})).status_code == 200
        await add(visitor, "after the refresh")
        assert await news(socket) == before + 1


async def test_a_logout_closes_every_tab_of_the_session_and_no_other_device(visitor: Visitor) -> None:
    await visitor.sign_up("ada.logout@example.org")
    phone = Visitor(visitor.http, visitor.origin)
    await phone.sign_in("ada.logout@example.org")
    async with live(visitor) as one, live(visitor) as two, live(phone) as other:
        before = await news(other)
        assert (await visitor.ask("POST", "/auth/logout")).status_code == 200
        assert await end(one) == (4401, "token_revoked")
        assert await end(two) == (4401, "token_revoked")
        await add(phone, "still here")
        assert await news(other) == before + 1


async def test_a_password_change_closes_the_other_devices(visitor: Visitor) -> None:
    await visitor.sign_up("ada.password@example.org")
    thief = Visitor(visitor.http, visitor.origin)
    await thief.sign_in("ada.password@example.org")
    async with live(thief) as stolen, live(visitor) as own:
        change = {"current_password": PASSWORD, "new_password": "an even longer passphrase"}
        assert (await visitor.ask("POST", "/api/account/password", change)).status_code == 200
        assert await end(stolen) == (4401, "token_revoked")
        await news(own)


async def test_news_and_ends_come_from_another_process_too(tmp_path: Path, http: httpx2.AsyncClient) -> None:
    with running_app(tmp_path) as first:
        other_folder = tmp_path / "other"
        other_folder.mkdir()
        shared = {
            "TODO_DATA_DIR": str(first.folder / "data"),
            "SEALRING_ENV_FILE": str(first.folder / "sealring.env"),
            "SEALRING_ALLOWED_ORIGINS": first.url,
        }
        with running_app(other_folder, shared) as second:
            here = Visitor(http, first.url)
            await here.sign_up("ada@example.org")
            there = Visitor(http, second.url)
            await there.sign_in("ada@example.org")
            async with live(here) as socket:
                before = await news(socket)
                await add(there, "from the other process")
                assert await news(socket) == before + 1
                assert (await there.ask("POST", "/auth/logout-all")).json()["ended"] == 2
                assert await end(socket) == (4401, "token_revoked")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1"])
async def test_r26_a_page_of_another_site_gets_no_handshake(visitor: Visitor, origin: str) -> None:
    await visitor.sign_up(f"ada.r26.{len(origin)}@example.org")
    with pytest.raises(InvalidStatus) as refused:
        async with live(visitor, origin=origin):
            pytest.fail("a foreign page was let in")
    assert refused.value.response.status_code == 403


async def test_r26_a_token_in_the_address_is_no_credential(visitor: Visitor, app: RunningApp) -> None:
    await visitor.sign_up("ada.query@example.org")
    token = next(value for name, value in visitor.cookies.items() if name.endswith("-at"))
    stranger = Visitor(visitor.http, visitor.origin)
    address = f"{app.url.replace('http://', 'ws://')}/api/todos/live?access_token={token}"
    async with connect(address, origin=Origin(stranger.origin), proxy=None) as socket:
        assert await end(socket) == (4401, "not_authenticated")


async def test_what_a_page_sends_is_ignored_and_a_flood_closes_only_its_own_connection(visitor: Visitor) -> None:
    await visitor.sign_up("ada.flood@example.org")
    async with live(visitor) as quiet, live(visitor) as loud:
        before = await news(quiet)
        await loud.send("hello")
        await loud.send(b"\x00\xff")
        await loud.send("x" * 100_000)
        assert (await end(loud))[0] == 1009
        await add(visitor, "unmoved")
        assert await news(quiet) == before + 1


async def test_open_connections_do_not_keep_the_application_from_stopping(
    tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    app = RunningApp(tmp_path)
    app.start()
    try:
        ada = Visitor(http, app.url)
        await ada.sign_up("ada@example.org")
        async with live(ada) as socket:
            await news(socket)
            await asyncio.to_thread(app.stop)
            assert (await end(socket))[0] in {1001, 1012}
            assert app.process is not None
            assert app.process.returncode == 0
    finally:
        app.stop()
