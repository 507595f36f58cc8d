"""``make run STORE=…``: the Todo app beside a server of a wheel, as a newcomer starts it, stops it and kills it."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

import httpx2
import pytest

from tests.running import ROOT, STOP_WITHIN, RunningApp, Visitor

pytestmark = pytest.mark.anyio

# What is installed and built stays as it is: other tests use it at this moment.
_MAKE = ["make", "-o", ".venv/.run", "-o", ".venv/.try", "-o", "frontend/dist/.built"]


class MadeApp(RunningApp):
    """The application, started by make in a session of its own, as a terminal does."""

    @staticmethod
    def _spawn(environment: Mapping[str, str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*_MAKE, "run"], cwd=ROOT, env=dict(environment), stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip

    def press_control_c(self) -> None:
        """Do what a terminal does: every process of the group gets SIGINT."""
        self._signal(signal.SIGINT)

    def kill(self) -> None:
        """Kill everything but the server, which is not of the group."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)
        self.process.wait(2 * STOP_WITHIN)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that the account which runs PostgreSQL for root may enter; those of pytest it may not."""
    path = Path(tempfile.mkdtemp(prefix="sealring-make-run-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def _lives(server: Path) -> bool:
    try:
        os.kill(int(server.read_text()), 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(("store", "own_files"), [("postgres", set()), ("valkey", {"todo.db"})])
async def test_who_signed_in_stays_in_through_stops_and_kills(
    folder: Path, http: httpx2.AsyncClient, store: str, own_files: set[str]
) -> None:
    app = MadeApp(folder, {"STORE": store})
    server = folder / "data" / store / "server"
    try:
        app.start()
        ada = Visitor(http, app.url)
        await ada.sign_up("ada@example.org")
        assert (await ada.ask("POST", "/api/todos", {"title": "Buy milk"})).status_code == 201
        assert _lives(server)
        app.press_control_c()
        assert not _lives(server)

        app.start()
        assert await _titles(ada) == ["Buy milk"]
        app.kill()
        assert _lives(server)

        app.start()
        assert await _titles(ada) == ["Buy milk"]
        assert (await ada.ask("POST", "/auth/refresh", {"attempt": "after"})).status_code == 200
    finally:
        app.stop()
    assert not _lives(server)
    # The data is in the server.
    assert {path.name for path in (folder / "data").glob("*.db")} == own_files


async def _titles(visitor: Visitor) -> list[str]:
    answer = await visitor.ask("GET", "/api/todos")
    assert answer.status_code == 200, answer.text
    return [item["title"] for item in answer.json()["items"]]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"STORE": "oracle"}, "STORE is postgres or valkey; without it sessions are in an SQLite file."),
        ({"STORE": "valkey", "SEALRING_STORE": "memory:"}, "SEALRING_STORE names another one: set one of them."),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(folder: Path, settings: dict[str, str], sentence: str) -> None:
    environment = {**os.environ, "TODO_DATA_DIR": str(folder / "data"), **settings}
    refused = subprocess.run(
        ["scripts/run.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.endswith(f"{sentence}\n")
    assert refused.stderr.count("\n") == 1


def test_two_starts_on_the_same_data_are_one_too_many(folder: Path) -> None:
    app = MadeApp(folder, {"STORE": "valkey"})
    app.start()
    try:
        second = MadeApp(folder, {"STORE": "valkey"})
        with pytest.raises(AssertionError, match="another start of the application uses"):
            second.start()
    finally:
        app.stop()
