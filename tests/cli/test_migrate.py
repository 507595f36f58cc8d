"""``sealring migrate``: repeated, in several processes at once, looked at only, and too late."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sealring.stores.sqlite_schema import MIGRATIONS
from tests.running import ROOT
from tests.stores.servers import PASSWORD, PostgresServer, postgres_server
from tests.stores.valkey_server import valkey_server

NEWEST = len(MIGRATIONS)
EVERY = list(range(1, NEWEST + 1))


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'sessions.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


def start(folder: Path, store: str, *arguments: str) -> subprocess.Popen[str]:
    key = "1:" + "A" * 42
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")},
        "SEALRING_STORE": store,
        "SEALRING_ENVIRONMENT": "development",
        "SEALRING_ISSUER": "http://localhost:8000",
        "SEALRING_KEY_ENCRYPTION_KEYS": key + "E",
        "SEALRING_REFRESH_KEYS": key + "I",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "sealring.cli", "migrate", *arguments], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def run(folder: Path, store: str, *arguments: str) -> tuple[int, str, str]:
    process = start(folder, store, *arguments)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def test_it_says_what_it_did_and_then_that_there_is_nothing_to_do(tmp_path: Path, store: str) -> None:
    said = f"The schema is version 0; the newest is {NEWEST}.\n"
    assert run(tmp_path, store, "--check") == (4, said, "")
    made = " and ".join(f"version {version}" for version in EVERY)
    assert run(tmp_path, store) == (0, f"Made {made} of the schema.\n", "")
    assert run(tmp_path, store) == (0, f"Nothing to do: the schema is version {NEWEST}.\n", "")
    code, out, _ = run(tmp_path, store, "--check", "--json")
    told = {"version": NEWEST, "newest": NEWEST, "made": [], "carried": False}
    assert (code, json.loads(out)) == (0, told)


def test_the_documentation_shows_what_it_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "stores" / "migrations.md").read_text(encoding="utf-8")
    shown = re.findall(r"^sealring migrate( --\w+)? +# (.+)$", page, re.MULTILINE)
    store = f"sqlite:///{tmp_path / 'sessions.db'}"
    said = [run(tmp_path, store, *option.split())[1].strip() for option, _ in shown if option != " --check"]
    assert said == [sentence for option, sentence in shown if option != " --check"]
    assert [option for option, _ in shown] == ["", "", " --check", " --json"]


def test_eight_processes_at_once_make_each_version_once(tmp_path: Path, store: str) -> None:
    processes = [start(tmp_path, store, "--json") for _ in range(8)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, said
    told = [json.loads(out) for out, _ in said]
    assert [each["version"] for each in told] == [NEWEST] * 8
    assert sorted(version for each in told for version in each["made"]) == EVERY


def test_a_schema_of_a_newer_version_is_refused_with_a_sentence(
    tmp_path: Path, store: str, request: pytest.FixtureRequest
) -> None:
    run(tmp_path, store)
    if store.startswith("sqlite"):
        with closing(sqlite3.connect(tmp_path / "sessions.db")) as file:
            file.execute(f"PRAGMA user_version = {NEWEST + 1}")
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        server.sql("UPDATE sealring_schema SET version = version + 1", store.rpartition("/")[2])
    for arguments in ((), ("--check",)):
        code, out, err = run(tmp_path, store, *arguments)
        assert (code, out) == (1, "")
        assert re.search(rf"its schema is version {NEWEST + 1}, this one knows versions up to {NEWEST}\)", err)
        assert err.count("\n") == 1
        assert PASSWORD not in err


def test_looking_makes_no_file(tmp_path: Path) -> None:
    run(tmp_path, f"sqlite:///{tmp_path / 'sessions.db'}", "--check")
    assert list(tmp_path.iterdir()) == []


def test_valkey_has_one_layout_which_is_noted_once(tmp_path: Path) -> None:
    with valkey_server() as server:
        assert run(tmp_path, server.url(), "--check")[:2] == (4, "The schema is version 0; the newest is 1.\n")
        assert run(tmp_path, server.url())[:2] == (0, "Made version 1 of the schema.\n")
        assert run(tmp_path, server.url())[:2] == (0, "Nothing to do: the schema is version 1.\n")


def test_a_store_without_a_schema_says_so(tmp_path: Path) -> None:
    assert run(tmp_path, "memory:") == (0, "This store has no schema.\n", "")
