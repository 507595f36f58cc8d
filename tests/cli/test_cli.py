"""The command line as an operator uses it: a process, its output and its exit code."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from sealring import NoClaims, Sender, Subject
from sealring.clock import ManualClock, SystemClock
from sealring.oauth.callers import basic_credentials
from sealring.settings import SealringSettings, load_settings
from sealring.stores import open_store
from sealring.testing import make_row


def sealring(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
    return subprocess.run(
        [sys.executable, "-m", "sealring.cli", *arguments],
        cwd=folder,
        env={**environment, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealringSettings:
    """An installation whose application has run once."""
    assert sealring(tmp_path, "init", "--development", "--app", "todo").returncode == 0
    monkeypatch.chdir(tmp_path)
    return load_settings(tmp_path / ".sealring.env")


async def _nobody(_: str) -> Subject | None:
    return None


def _run_once(settings: SealringSettings, *, logins: int = 0, ago: float = 0.0) -> list[str]:
    async def run() -> list[str]:
        clock = ManualClock(SystemClock().now() - ago)
        ring = settings.build(load_subject=_nobody, claims=NoClaims, clock=clock)
        async with ring:
            opened = [
                await ring.open_session(
                    await ring.begin_login("ada"), Subject("ada"), sender=Sender("todo-web"), device="Firefox on Linux"
                )
                for _ in range(logins)
            ]
            return [tokens.view.row.session_id for tokens in opened]

    return asyncio.run(run())


def test_init_makes_secrets_that_only_the_owner_reads_and_keeps_existing_ones(tmp_path: Path) -> None:
    made = sealring(tmp_path, "init", "--issuer", "https://todo.example")
    assert (made.returncode, made.stdout) == (0, "Made .sealring.env.\n")
    path = tmp_path / ".sealring.env"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.read_text()
    kept = sealring(tmp_path, "init", "--issuer", "https://todo.example")
    assert (kept.returncode, kept.stdout) == (0, "Kept .sealring.env.\n")
    assert path.read_text() == before


def test_init_outside_development_wants_the_https_origin(tmp_path: Path) -> None:
    refused = sealring(tmp_path, "init")
    assert refused.returncode == 1
    assert refused.stderr == "Name the https origin with --issuer, or pass --development.\n"
    assert not (tmp_path / ".sealring.env").exists()


@pytest.mark.parametrize("command", [("keys", "list"), ("sessions", "list", "ada"), ("purge",)])
def test_without_settings_every_command_says_what_to_do(tmp_path: Path, command: tuple[str, ...]) -> None:
    refused = sealring(tmp_path, *command)
    assert refused.returncode == 1
    assert "run 'sealring init'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_keys_before_the_first_start_are_one_sentence(tmp_path: Path, settings: SealringSettings) -> None:
    refused = sealring(tmp_path, "keys", "list")
    assert refused.returncode == 1
    assert refused.stderr == "There is no key ring yet: it is made when the application first starts.\n"


def test_keys_list_shows_the_active_and_the_waiting_key_and_nothing_private(
    tmp_path: Path, settings: SealringSettings
) -> None:
    _run_once(settings)
    listed = json.loads(sealring(tmp_path, "keys", "list", "--json").stdout)["keys"]
    assert [key["state"] for key in listed] == ["active", "announced"]
    public = {"kid", "alg", "state", "key_encryption_key", "created_at", "activated_at"}
    assert all(set(key) <= public for key in listed)
    table = sealring(tmp_path, "keys", "list")
    assert table.returncode == 0
    assert listed[0]["kid"] in table.stdout


def test_keys_sealed_under_another_key_are_one_sentence(
    tmp_path: Path, settings: SealringSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    _run_once(settings)
    path = tmp_path / ".sealring.env"
    lines = path.read_text().splitlines()
    other = "SEALRING_KEY_ENCRYPTION_KEYS=1:QEFCQ0RFRkdISUpLTE1OT1BRUlNUVVZXWFlaW1xdXl8"
    path.write_text("\n".join(other if "KEY_ENCRYPTION" in line else line for line in lines))
    refused = sealring(tmp_path, "keys", "list")
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert "key-encryption" in refused.stderr


def test_sessions_list_shows_live_sessions_only(tmp_path: Path, settings: SealringSettings) -> None:
    ids = _run_once(settings, logins=1, ago=60) + _run_once(settings, logins=1)
    listed = json.loads(sealring(tmp_path, "sessions", "list", "ada", "--json").stdout)
    assert [item["session_id"] for item in listed] == ids
    assert listed[0]["device"] == "Firefox on Linux"
    assert ids[0] in sealring(tmp_path, "sessions", "list", "ada").stdout
    assert json.loads(sealring(tmp_path, "sessions", "list", "bob", "--json").stdout) == []


def test_purge_deletes_what_is_long_over_and_keeps_what_lives(tmp_path: Path, settings: SealringSettings) -> None:
    _run_once(settings, logins=3, ago=60 * 86_400)
    alive = _run_once(settings, logins=1)
    dry = sealring(tmp_path, "purge", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "A purge would delete 3 sessions, 0 denials and 0 subjects.\n")
    counts = {"sessions": 3, "denials": 0, "subjects": 0}
    assert json.loads(sealring(tmp_path, "purge", "--dry-run", "--json").stdout) == counts | {"dry_run": True}
    purged = sealring(tmp_path, "purge", "--json")
    assert json.loads(purged.stdout) == counts | {"dry_run": False}
    listed = json.loads(sealring(tmp_path, "sessions", "list", "ada", "--json").stdout)
    assert [item["session_id"] for item in listed] == alive
    assert sealring(tmp_path, "purge").stdout == "Purged 0 sessions, 0 denials and 0 subjects.\n"


def test_a_purge_while_another_process_purges_is_exit_code_4(tmp_path: Path, settings: SealringSettings) -> None:
    _run_once(settings, logins=1, ago=60 * 86_400)

    async def hold() -> None:
        async with open_store(settings.store) as store:
            assert await store.take_lease("purge", "another", SystemClock().now(), 60)

    asyncio.run(hold())
    refused = sealring(tmp_path, "purge")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert refused.stderr.startswith("Another process is purging.")
    assert "would delete 1 sessions" in sealring(tmp_path, "purge", "--dry-run").stdout


def test_a_long_purge_shows_at_a_terminal_how_far_it_is(tmp_path: Path, settings: SealringSettings) -> None:
    async def fill() -> None:
        async with open_store(settings.store) as store:
            for _ in range(20):
                rows = [make_row(idle_end=1.0, created_at=0.0) for _ in range(100)]
                await asyncio.gather(*map(store.open_session, rows))

    asyncio.run(fill())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "sealring.cli", "purge"]
    environment = {**os.environ, "COLUMNS": "100", "TERM": "xterm-256color"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=theirs) as process:
        os.close(theirs)
        assert process.stdout is not None
        assert process.stdout.read() == b"Purged 2,000 sessions, 0 denials and 0 subjects.\n"
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = terminal.read(65_536).decode(errors="replace")
    assert "2000/2000" in shown


def test_nonsense_on_the_command_line_is_exit_code_2(tmp_path: Path) -> None:
    assert sealring(tmp_path, "nonsense").returncode == 2


def test_a_service_is_let_in_by_what_the_caller_command_prints(tmp_path: Path, settings: SealringSettings) -> None:
    said = sealring(tmp_path, "caller", "reports")
    assert said.returncode == 0, said.stderr
    first, second = (line.partition(": ")[2] for line in said.stdout.splitlines())
    callers = settings.model_copy(update={"callers": f"billing:{second.partition(':')[2]}, {second}"}).known_callers()
    assert len(callers) == 2
    assert callers.authenticate((basic_credentials("reports", first).encode(),)) == "reports"
    assert sealring(tmp_path, "caller", "reports").stdout != said.stdout


def test_a_name_that_no_service_can_have_is_refused_by_one_sentence(tmp_path: Path) -> None:
    said = sealring(tmp_path, "caller", "a b")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.startswith("The name of a service is")
