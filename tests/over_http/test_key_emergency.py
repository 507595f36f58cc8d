"""Keys of a running application: an emergency from the command line, a database writer, a wrong secret."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import astuple, fields
from pathlib import Path

import httpx2
import pytest

from sealring.clock import SystemClock
from sealring.jose import SigningKey, b64u_decode, b64u_encode, generate
from sealring.keys import KeyEncryptionKeys, KeyRow, KeyState
from sealring.keys.change import NewKey, new_row
from sealring.stores.sqlite import SqliteStore
from tests.running import ACCESS, RunningApp, Visitor, running_app

pytestmark = pytest.mark.anyio

CLIENTS = 5
KEK_SETTING = "SEALRING_KEY_ENCRYPTION_KEYS"
# The feed is read every second; what takes this long is broken, in seconds.
PATIENCE = 30.0


@pytest.fixture
def own_app(tmp_path: Path) -> Iterator[RunningApp]:
    """An application that this test may stop and damage; it is started already."""
    with running_app(tmp_path) as app:
        yield app


def database(app: RunningApp) -> Path:
    return app.folder / "data" / "sealring.db"


def keys(app: RunningApp, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``sealring keys`` beside the application."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
    return subprocess.run(
        [sys.executable, "-m", "sealring.cli", "keys", *arguments],
        env={
            **environment,
            "SEALRING_ENV_FILE": str(app.folder / "sealring.env"),
            "SEALRING_STORE": f"sqlite:///{database(app)}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


async def ring(app: RunningApp) -> dict[str, KeyRow]:
    """Return the rows of the application's ring by their state."""
    async with SqliteStore(database(app)) as store:
        return {row.state: row for row in (await store.load_ring()).rows}


async def test_distrust_from_the_command_line_costs_every_client_one_refresh_and_nobody_the_session(
    own_app: RunningApp, http: httpx2.AsyncClient
) -> None:
    clients = [Visitor(http, own_app.url) for _ in range(CLIENTS)]
    opened = [await client.sign_up(f"client{number}@example.org") for number, client in enumerate(clients)]
    before = await ring(own_app)
    bad, waiting = before["active"].kid, before["announced"].kid
    assert {_kid(client) for client in clients} == {bad}

    done = await asyncio.to_thread(keys, own_app, "distrust", bad, "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    await _until_refused(clients[0])
    for client, session in zip(clients, opened, strict=True):
        refused = await client.ask("GET", "/api/todos")
        assert (refused.status_code, refused.json()["code"]) == (401, "token_superseded")
        assert refused.json()["action"] == "refresh"
        refreshed = await client.ask("POST", "/auth/refresh", {"attempt": "after-the-emergency"})
        assert (refreshed.status_code, refreshed.json()["session_id"]) == (200, session["session_id"])
        assert _kid(client) == waiting
        assert (await client.ask("GET", "/api/todos")).status_code == 200
    newcomer = Visitor(http, own_app.url)
    await newcomer.sign_up("newcomer@example.org")
    assert _kid(newcomer) == waiting
    published = [key["kid"] for key in (await http.get(f"{own_app.url}/.well-known/jwks.json")).json()["keys"]]
    assert published[0] == waiting
    assert bad not in published
    assert '"event": "key_distrusted"' in own_app.log
    assert '"event": "session_ended"' not in own_app.log


async def _until_refused(client: Visitor) -> None:
    deadline = time.monotonic() + PATIENCE
    while (await client.ask("GET", "/api/todos")).status_code == 200:
        assert time.monotonic() < deadline, "the application did not hear of the denial"
        await asyncio.sleep(0.05)


def _kid(client: Visitor) -> str:
    header = b64u_decode(client.cookies[ACCESS].split(".")[0], what="a header")
    return str(json.loads(header)["kid"])


def write(app: RunningApp, statement: str, *rows: tuple[object, ...]) -> None:
    """Write to the database of the application, as whoever has got hold of the file can, and have the ring read."""
    with closing(sqlite3.connect(database(app), timeout=30)) as connection, connection:
        connection.executemany(statement, rows)
        connection.execute("UPDATE sealring_key_ring SET revision = revision + 1")


def forged(client: Visitor, kid: str, key: SigningKey) -> str:
    """Return the client's own token, signed by another key under some key id."""
    header = b64u_encode(f'{{"alg":"ES256","kid":"{kid}","typ":"at+jwt"}}'.encode())
    signing_input = f"{header}.{client.cookies[ACCESS].split('.')[1]}"
    return f"{signing_input}.{b64u_encode(key.sign(signing_input.encode()))}"


async def assert_refused(client: Visitor, token: str) -> None:
    """See a token refused as one that nobody signed, and the client's own taken as before."""
    own = client.cookies[ACCESS]
    refused = await Visitor(client.http, client.origin, cookies={ACCESS: token}).ask("GET", "/api/todos")
    assert (refused.status_code, refused.json()["code"]) == (401, "token_invalid")
    assert (await client.ask("GET", "/api/todos")).status_code == 200
    assert client.cookies[ACCESS] == own


def alarms(app: RunningApp, kid: str) -> int:
    """Return how often the application raised the alarm about a row."""
    return app.log.count(f'"event": "key_row_refused", "key_id": "{kid}"')


async def test_a_key_that_a_database_writer_plants_signs_nothing_that_is_accepted_and_raises_the_alarm(
    own_app: RunningApp, http: httpx2.AsyncClient
) -> None:
    ada = Visitor(http, own_app.url)
    await ada.sign_up("ada@example.org")
    key = generate("ES256")
    # Sealed under a key-encryption key of the writer's own, and said to be newer than any other.
    writers = KeyEncryptionKeys({1: bytes(range(100, 132))}, 1)
    row = new_row(NewKey.local(key), KeyState.ACTIVE, SystemClock().now() + 1e6, writers)
    names = [each.name for each in fields(KeyRow)]
    marks = ", ".join("?" for _ in names)
    write(own_app, f"INSERT INTO sealring_ring_key ({', '.join(names)}) VALUES ({marks})", astuple(row))

    # The unknown key makes the process read the ring again, and find the row.
    await assert_refused(ada, forged(ada, row.kid, key))
    assert alarms(own_app, row.kid) == 1
    published = (await http.get(f"{own_app.url}/.well-known/jwks.json")).json()["keys"]
    assert row.kid not in {each["kid"] for each in published}

    own_app.stop()
    own_app.start()
    await assert_refused(ada, forged(ada, row.kid, key))
    await ada.sign_in("ada@example.org")
    assert _kid(ada) != row.kid
    assert alarms(own_app, row.kid) == 2, "told again by the process that started"


async def test_a_row_whose_key_a_database_writer_exchanges_is_refused_after_a_restart_too(
    own_app: RunningApp, http: httpx2.AsyncClient
) -> None:
    ada = Visitor(http, own_app.url)
    await ada.sign_up("ada@example.org")
    key, waiting = generate("ES256"), (await ring(own_app))["announced"]
    exchanged = json.dumps({**key.public.to_jwk(), "kid": waiting.kid})
    write(own_app, "UPDATE sealring_ring_key SET public_jwk = ? WHERE kid = ?", (exchanged, waiting.kid))

    await assert_refused(ada, forged(ada, waiting.kid, key))
    own_app.stop()
    own_app.start()
    assert alarms(own_app, waiting.kid) == 1, "the process that started had never known the row otherwise"
    await assert_refused(ada, forged(ada, waiting.kid, key))


@pytest.mark.parametrize(
    ("version", "sentence"),
    [(1, "configure the original again"), (2, "version 1, which is not configured: add that version")],
    ids=["another key", "a missing key"],
)
def test_a_wrong_or_missing_key_encryption_key_stops_the_start_with_one_sentence(
    own_app: RunningApp, version: int, sentence: str
) -> None:
    own_app.stop()
    path = own_app.folder / "sealring.env"
    right = path.read_text()
    path.write_text(right.replace(_setting(right), f"{KEK_SETTING}={version}:{b64u_encode(os.urandom(32))}"))
    (own_app.folder / "log").unlink()
    with pytest.raises(AssertionError, match="did not start"):
        own_app.start()
    assert own_app.process is not None
    assert own_app.process.wait(30) != 0
    said = [line for line in own_app.log.splitlines() if "sealring.events" not in line]
    assert len(said) == 1, own_app.log
    assert said[0].startswith("Todo cannot start. no active key can be used (2 rows refused)")
    assert sentence in said[0]
    path.write_text(right)
    own_app.start()


async def test_the_ring_is_sealed_under_another_key_encryption_key_while_the_application_runs(
    own_app: RunningApp, http: httpx2.AsyncClient
) -> None:
    """The whole procedure: both keys everywhere, rewrap, the old key away; nobody is logged out."""
    ada = Visitor(http, own_app.url)
    session = (await ada.sign_up("ada@example.org"))["session_id"]
    path = own_app.folder / "sealring.env"
    settings = path.read_text()
    old = _setting(settings)
    new = f"2:{b64u_encode(os.urandom(32))}"

    path.write_text(settings.replace(old, f"{old},{new}"))
    own_app.stop()
    own_app.start()
    done = await asyncio.to_thread(keys, own_app, "rewrap")
    assert done.stdout.startswith("Changed 2 rows;")
    # The process that runs goes on reading, signing and publishing.
    assert (await ada.ask("GET", "/api/todos")).status_code == 200
    await _refresh(ada, "while-it-runs", session)

    path.write_text(settings.replace(old, f"{KEK_SETTING}={new}"))
    own_app.stop()
    own_app.start()
    assert {row.kek_version for row in (await ring(own_app)).values()} == {2}
    assert (await ada.ask("GET", "/api/todos")).status_code == 200
    await _refresh(ada, "after-it-all", session)
    assert "key_row_refused" not in own_app.log


async def _refresh(client: Visitor, attempt: str, session: object) -> None:
    answer = await client.ask("POST", "/auth/refresh", {"attempt": attempt})
    assert (answer.status_code, answer.json()["session_id"]) == (200, session)


def _setting(text: str) -> str:
    return next(line for line in text.splitlines() if line.startswith(f"{KEK_SETTING}="))
