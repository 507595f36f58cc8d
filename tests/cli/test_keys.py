"""``sealring keys`` as an operator uses it: processes, their output and their exit codes."""

import asyncio
import hashlib
import json
import os
import pty
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sealring import NoClaims, Subject
from sealring.clock import ManualClock, SystemClock
from sealring.jose import b64u_encode, import_public_jwk
from sealring.revocation import DenialKind
from sealring.settings import load_settings
from sealring.stores import open_store

NOT_CONFIRMED, ROWS_REFUSED = 3, 4
SECOND_KEK = f"2:{b64u_encode(hashlib.sha256(b'key-encryption key 2').digest())}"


@dataclass
class Installation:
    """A folder with settings, whose application has run once."""

    folder: Path

    def run(self, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run ``sealring keys`` without a terminal."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
        return subprocess.run(
            [sys.executable, "-m", "sealring.cli", "keys", *arguments],
            cwd=self.folder,
            env={**environment, "COLUMNS": "200", "TERM": "dumb"},
            **({"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60} | more),
        )

    def json(self, *arguments: str) -> dict[str, Any]:
        """Run a command that succeeds, and return what it says as JSON."""
        done = self.run(*arguments, "--json")
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    def kid(self, state: str) -> str:
        """Return the id of the first key in a state."""
        return next(str(key["kid"]) for key in self.json("list")["keys"] if key["state"] == state)

    def states(self) -> list[str]:
        return [key["state"] for key in self.json("list")["keys"]]

    def start(self, *, ago: float = 0.0) -> None:
        """Run the application once, at some time in the past."""
        asyncio.run(self._start(ago))

    async def _start(self, ago: float) -> None:
        async def nobody(_: str) -> Subject | None:
            return None

        clock = ManualClock(SystemClock().now() - ago)
        settings = load_settings(self.folder / ".sealring.env").model_copy(
            update={"store": f"sqlite:///{self.folder / 'sealring.db'}"}
        )
        async with settings.build(load_subject=nobody, claims=NoClaims, clock=clock):
            pass

    def change_settings(self, name: str, value: str) -> None:
        path = self.folder / ".sealring.env"
        kept = [line for line in path.read_text().splitlines() if not line.startswith(f"SEALRING_{name}=")]
        path.write_text("\n".join([*kept, f"SEALRING_{name}={value}\n"]))

    def setting(self, name: str) -> str:
        lines = (self.folder / ".sealring.env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"SEALRING_{name}="))

    def sql(self, statement: str, *values: object) -> None:
        """Write to the database as somebody who has got hold of it."""
        with closing(sqlite3.connect(self.folder / "sealring.db")) as connection, connection:
            connection.execute(statement, values)


@pytest.fixture
def it(tmp_path: Path) -> Installation:
    made = subprocess.run(
        [sys.executable, "-m", "sealring.cli", "init", "--development"], cwd=tmp_path, check=False, capture_output=True
    )
    assert made.returncode == 0
    installation = Installation(tmp_path)
    installation.start(ago=3_600)
    return installation


def test_list_tells_the_state_the_times_and_the_next_rotation(it: Installation) -> None:
    listed = it.json("list")
    assert listed["revision"] == 1
    assert [key["state"] for key in listed["keys"]] == ["active", "announced"]
    assert "activated_at" in listed["keys"][0]
    assert "activated_at" not in listed["keys"][1]
    assert listed["refused"] == []
    table = it.run("list")
    assert f"The next rotation is due {listed['next_rotation']}." in table.stdout


def test_rotate_does_nothing_before_it_is_due_and_says_so(it: Installation) -> None:
    done = it.run("rotate")
    assert done.returncode == 0
    assert done.stdout.startswith("Nothing is due.\n")
    assert it.json("rotate")["changed"] is False


def test_rotate_does_what_is_due(tmp_path: Path, it: Installation) -> None:
    (tmp_path / "sealring.db").unlink()
    it.start(ago=31 * 86_400)
    waiting = it.kid("announced")
    done = it.json("rotate")
    assert (done["changed"], done["revision"]) == (True, 2)
    assert it.states() == ["retiring", "active", "announced"]
    assert it.kid("active") == waiting


def test_an_early_rotation_is_fine_an_hour_after_the_next_key_was_announced(it: Installation) -> None:
    waiting = it.kid("announced")
    done = it.run("rotate", "--now")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Rotated.\n{waiting} is active.\n" in done.stdout


def test_an_early_rotation_that_verifiers_cannot_follow_is_refused_and_forced_only_with_a_warning(
    it: Installation,
) -> None:
    it.run("rotate", "--now")
    before = it.json("list")
    refused = it.run("rotate", "--now")
    assert refused.returncode == 1
    assert "only after 480 does every verifier know it. Nothing was changed; wait, or add --force." in refused.stderr
    assert it.run("rotate", "--now", "--force").returncode == NOT_CONFIRMED
    assert it.json("list") == before
    forced = it.run("rotate", "--now", "--force", "--yes")
    assert forced.returncode == 0
    assert forced.stderr.startswith("Warning: verifiers with an older JWKS refuse new tokens")
    assert it.json("list")["revision"] == before["revision"] + 1


def test_force_alone_is_a_wrong_command_line(it: Installation) -> None:
    assert it.run("rotate", "--force").returncode == 2


@pytest.mark.parametrize("command", ["retire", "distrust"])
def test_what_destroys_is_not_done_without_a_yes(it: Installation, command: str) -> None:
    before = it.json("list")
    refused = it.run(command, it.kid("announced"))
    assert refused.returncode == NOT_CONFIRMED
    assert refused.stderr == "Nothing was changed: there is no terminal to ask at. Add --yes to do it.\n"
    assert it.json("list") == before


@pytest.mark.parametrize(("answer", "code", "changed"), [("y\n", 0, True), ("n\n", NOT_CONFIRMED, False)])
def test_at_a_terminal_the_question_is_asked(it: Installation, answer: str, code: int, changed: bool) -> None:
    kid = it.kid("announced")
    terminal, end = pty.openpty()
    try:
        os.write(terminal, answer.encode())
        done = it.run("retire", kid, stdin=end)
    finally:
        os.close(terminal)
        os.close(end)
    assert done.returncode == code
    assert f"Tokens of the key {kid} will be refused from now on" in done.stderr
    assert ("retired" in it.states()) is changed


def test_retire_takes_a_key_that_does_not_sign_out_of_use(it: Installation) -> None:
    kid = it.kid("announced")
    done = it.json("retire", kid, "--yes")
    assert done["changed"] is True
    assert it.states() == ["active", "retired", "announced"]
    assert it.json("retire", kid, "--yes")["changed"] is False
    refused = it.run("retire", it.kid("active"), "--yes")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "the active key cannot be retired: rotate first, or distrust it\n"


def test_distrust_denies_the_key_in_the_feed_and_the_waiting_one_signs(it: Installation) -> None:
    bad, waiting = it.kid("active"), it.kid("announced")
    done = it.run("distrust", bad, "--yes")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Distrusted.\n{waiting} is active.\n")
    assert it.states() == ["distrusted", "active", "announced"]

    async def denied() -> list[tuple[str, str]]:
        async with open_store(f"sqlite:///{it.folder / 'sealring.db'}") as store:
            return [(denial.kind, denial.ident) for denial in (await store.read_feed(0, 10)).denials]

    assert asyncio.run(denied()) == [(DenialKind.KEY, bad)]
    assert it.json("distrust", bad, "--yes")["changed"] is False
    again = it.run("distrust", bad, "--yes")
    assert (again.returncode, again.stdout.splitlines()[0]) == (0, "The key was distrusted already.")


@pytest.mark.parametrize("kid", ["nobody", "-begins-with-a-hyphen", "--begins-with-two", "-y"])
@pytest.mark.parametrize("command", ["retire", "distrust"])
def test_a_key_that_is_not_there_is_one_sentence(it: Installation, command: str, kid: str) -> None:
    refused = it.run(command, kid, "--yes")
    assert (refused.returncode, refused.stderr) == (1, "the ring has no authentic key with this id\n")


def test_rewrap_moves_the_ring_so_that_the_old_key_encryption_key_can_go(it: Installation) -> None:
    assert it.json("rewrap")["changed"] is False
    old = it.setting("KEY_ENCRYPTION_KEYS")
    it.change_settings("KEY_ENCRYPTION_KEYS", SECOND_KEK)
    missing = it.run("rewrap")
    assert missing.returncode == 1
    assert "key-encryption key version 1, which is not configured: add that version" in missing.stderr
    it.change_settings("KEY_ENCRYPTION_KEYS", f"{old},{SECOND_KEK}")
    active = it.kid("active")
    done = it.run("rewrap")
    assert done.stdout.startswith("Changed 2 rows;")
    it.change_settings("KEY_ENCRYPTION_KEYS", SECOND_KEK)
    assert {key["key_encryption_key"] for key in it.json("list")["keys"]} == {2}
    it.start()
    assert it.kid("active") == active


def test_a_row_that_somebody_altered_is_shown_with_its_own_exit_code_and_can_be_dropped(it: Installation) -> None:
    kid = it.kid("announced")
    it.sql("UPDATE sealring_ring_key SET state = 'active', activated_at = 9e9 WHERE kid = ?", kid)
    listed = it.run("list", "--json")
    assert listed.returncode == ROWS_REFUSED
    assert f"Refused {kid}: " in listed.stderr
    assert [refused["kid"] for refused in json.loads(listed.stdout)["refused"]] == [kid]
    assert it.run("rewrap").returncode == 1
    assert it.run("rewrap", "--drop-refused").returncode == NOT_CONFIRMED
    assert it.run("rewrap", "--drop-refused", "--yes").returncode == 0
    assert it.json("list")["refused"] == []
    assert it.json("rotate")["changed"] is True, "another key is announced in its place"


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_export_public_prints_the_set_that_verifies_and_nothing_private(
    it: Installation, options: tuple[str, ...]
) -> None:
    exported = it.run("export-public", *options)
    assert exported.returncode == 0
    published = json.loads(exported.stdout)["keys"]
    assert [import_public_jwk(key).kid for key in published] == [it.kid("active"), it.kid("announced")]
    assert all(set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"} for key in published)


COMMANDS = [
    ("list",),
    ("rotate",),
    ("rotate", "--now"),
    ("retire", "kid", "--yes"),
    ("distrust", "kid", "--yes"),
    ("rewrap",),
    ("export-public",),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_before_the_first_start_every_command_is_one_sentence_and_makes_no_ring(
    it: Installation, command: tuple[str, ...]
) -> None:
    (it.folder / "sealring.db").unlink()
    refused = it.run(*command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "There is no key ring yet: it is made when the application first starts.\n"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_wrong_key_encryption_key_is_one_sentence_and_changes_nothing(
    it: Installation, command: tuple[str, ...]
) -> None:
    right = it.setting("KEY_ENCRYPTION_KEYS")
    it.change_settings("KEY_ENCRYPTION_KEYS", SECOND_KEK.replace("2:", "1:"))
    refused = it.run(*command)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("No row of the ring can be used: a key of the ring is not authentic under")
    assert refused.stderr.count("\n") == 1
    it.change_settings("KEY_ENCRYPTION_KEYS", right)
    assert it.json("list")["revision"] == 1


def test_the_exit_codes_are_in_the_help(it: Installation) -> None:
    help_ = " ".join(it.run("--help").stdout.split())
    for code in ("0 done", "1 refused or failed", "2 the command line is wrong", "3 not confirmed", "4 (list)"):
        assert code in help_
