"""The program: what it prints, how it stops, and the one sentence when it cannot start."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from backend.__main__ import main
from backend.serve import bind
from backend.settings import REPOSITORY
from sealring.errors import ConfigurationError

WITHIN = 60.0


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """Return the environment of a development server with its own folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SEALRING_", "TODO_", "PORT"))}
    return {
        **kept,
        "SEALRING_ENVIRONMENT": "development",
        "SEALRING_ENV_FILE": str(folder / "sealring.env"),
        "TODO_DATA_DIR": str(folder / "data"),
        "TODO_PASSWORD_MEMORY": "19456",
        **changes,
    }


@contextmanager
def started(folder: Path, *arguments: str, **changes: str) -> Iterator[subprocess.Popen[str]]:
    """Start the program for the length of a block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "backend", *arguments],
        cwd=REPOSITORY,
        env=environment(folder, **changes),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def refusal(folder: Path, *arguments: str, **changes: str) -> str:
    """Start the program, which must fail, and return what it says."""
    with started(folder, *arguments, **changes) as process:
        out, err = process.communicate(timeout=WITHIN)
    assert process.returncode == 1
    assert out == ""
    assert "Traceback" not in err
    assert err.count("\n") == 1, err
    assert err.startswith("Todo cannot start. ")
    return err.removeprefix("Todo cannot start. ").strip()


def address_of(process: subprocess.Popen[str]) -> str:
    """Wait for the line that says where it is."""
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"Todo is running at (http://localhost:\d+)\n", line)
    assert found is not None, line + (process.stderr.read() if process.stderr is not None else "")
    return found[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_when_it_says_so_and_stops_cleanly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with started(tmp_path, "--port", "0") as process:
        assert httpx2.get(f"{address_of(process)}/readyz").status_code == 200
        process.send_signal(number)
        out, err = process.communicate(timeout=WITHIN)

    assert process.returncode == 0
    assert out == ""
    assert "Traceback" not in err
    assert not list((tmp_path / "data").glob("*-wal")), "the databases were closed"


def test_a_request_that_is_under_way_is_answered_before_it_stops(tmp_path: Path) -> None:
    with started(tmp_path, "--port", "0") as process:
        address = address_of(process)
        port = int(address.rpartition(":")[2])
        body = b'{"email": "ada@example.org", "password": "a long enough passphrase", "name": "Ada"}'
        head = (
            f"POST /api/account HTTP/1.1\r\nHost: localhost:{port}\r\nSec-Fetch-Site: same-origin\r\n"
            f"Sealring-Client: 1\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", port), timeout=WITHIN) as connection:
            connection.sendall(head + body[:10])
            # Another request's answer shows that the first one's beginning has arrived.
            assert httpx2.get(f"{address}/healthz").status_code == 200
            process.send_signal(signal.SIGTERM)
            _wait_until_refused(port)
            connection.sendall(body[10:])
            answer = connection.recv(65_536)
        process.communicate(timeout=WITHIN)

    assert answer.startswith(b"HTTP/1.1 201 ")
    assert process.returncode == 0


def _wait_until_refused(port: int) -> None:
    deadline = time.monotonic() + WITHIN
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            return
        time.sleep(0.02)
    raise AssertionError("it still takes new connections")


def test_a_restart_keeps_accounts_and_sessions(tmp_path: Path) -> None:
    own_page = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
    credentials = {"email": "ada@example.org", "password": "a long enough passphrase"}
    with started(tmp_path, "--port", "0") as process:
        address = address_of(process)
        httpx2.post(f"{address}/api/account", json={**credentials, "name": "Ada"}, headers=own_page)
        answer = httpx2.post(f"{address}/auth/login", json=credentials, headers=own_page)
        cookies = "; ".join(line.partition(";")[0] for line in answer.headers.get_list("set-cookie"))
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=WITHIN)

    with started(tmp_path, "--port", address.rpartition(":")[2]) as process:
        answer = httpx2.get(f"{address_of(process)}/api/account", headers={"Cookie": cookies})

    assert (answer.status_code, answer.json()["email"]) == (200, "ada@example.org")


def test_the_log_and_the_output_hold_no_secret(tmp_path: Path) -> None:
    own_page = {"Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
    credentials = {"email": "ada@example.org", "password": "a long enough passphrase"}
    with started(tmp_path, "--port", "0", TODO_LOG_LEVEL="debug") as process:
        address = address_of(process)
        httpx2.post(f"{address}/api/account", json={**credentials, "name": "Ada"}, headers=own_page)
        answer = httpx2.post(f"{address}/auth/login", json=credentials, headers=own_page)
        values = [line.partition(";")[0].partition("=")[2] for line in answer.headers.get_list("set-cookie")]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=WITHIN)

    assert "session_opened" in err
    assert len(values) == 2
    for secret in (*values, credentials["password"], "argon2id"):
        assert secret not in out + err


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        sentence = refusal(tmp_path, "--port", str(port))

    assert sentence == (f"Port {port} is in use. Stop the program that uses it, or choose another: PORT={port + 1}.")
    assert not (tmp_path / "data").exists(), "nothing was opened"


def test_a_locked_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "todo.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        sentence = refusal(tmp_path, "--port", "0", TODO_LOCK_TIMEOUT="0.1")

    assert "todo.db is locked by another process." in sentence


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the program in this process, which must fail, and return what it says."""

    def start(**changes: str) -> str:
        for name in [name for name in os.environ if name.startswith(("SEALRING_", "TODO_"))]:
            monkeypatch.delenv(name)
        for name, value in environment(tmp_path, **changes).items():
            monkeypatch.setenv(name, value)
        assert main(["--port", "0"]) == 1
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.count("\n") == 1, told.err
        assert told.err.startswith("Todo cannot start. ")
        return told.err.removeprefix("Todo cannot start. ").strip()

    return start


def test_a_locked_session_store_is_one_sentence(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "data").mkdir()
    with closing(sqlite3.connect(tmp_path / "data" / "sealring.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert "sealring.db" in refused()


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "data").touch()

    assert "TODO_DATA_DIR" in refused()


def test_a_wrong_setting_is_one_sentence(refused: Callable[..., str]) -> None:
    assert refused(TODO_MAX_TODOS="many").startswith("TODO_MAX_TODOS: ")
    assert refused(SEALRING_GRACE="1").startswith("The grace must exceed")


def test_missing_secrets_outside_development_are_one_sentence(refused: Callable[..., str]) -> None:
    sentence = refused(SEALRING_ENVIRONMENT="production", SEALRING_ISSUER="https://todo.example.org")

    assert "SEALRING_REFRESH_KEYS is not set" in sentence
    assert "sealring init" in sentence


def test_secrets_that_others_may_read_are_one_sentence(tmp_path: Path, refused: Callable[..., str]) -> None:
    (tmp_path / "sealring.env").touch(mode=0o644)

    assert "chmod 600" in refused()


@pytest.mark.parametrize("port", ["-1", "65536", "http", "8000.5", "٨٠٠٠"])
def test_a_port_that_is_none_is_told_by_the_command_line(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([f"--port={port}"])

    assert ended.value.code == 2
    assert "is not a port" in capsys.readouterr().err


def test_a_host_that_is_not_here_is_one_sentence() -> None:
    with pytest.raises(ConfigurationError, match=r"It cannot listen on 192\.0\.2\.1:"):
        bind("192.0.2.1", 0)
