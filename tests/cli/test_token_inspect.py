"""``sealring token inspect`` as an operator uses it: what it draws, what it leaves open, what it keeps to itself."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel

from sealring import Sender, Subject
from sealring.clock import ManualClock, SystemClock
from sealring.jose import b64u_decode, b64u_encode
from sealring.settings import load_settings

NOT_VERIFIED = "NOT VERIFIED: anybody can have written what follows."


class Claims(BaseModel):
    """Of the application; one claim would steer a careless terminal, one would be markup to a careless table."""

    team: str = "blue"
    motto: str = "\x1b[2J[bold]we [/] are"


def inspect(
    folder: Path, text: str, *options: str, argument: bool = False, environment: Mapping[str, str] = {}
) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
    return subprocess.run(
        [sys.executable, "-m", "sealring.cli", "token", "inspect", text if argument else "-", *options],
        cwd=folder,
        env={**clean, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8", **environment},
        input=None if argument else f"{text}\n",
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of an installation that has its secrets."""
    command = [sys.executable, "-m", "sealring.cli", "init", "--development", "--app", "todo"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=60)
    return tmp_path


async def _nobody(_: str) -> Subject | None:
    return None


def issue(folder: Path, *, ago: float = 0.0, end: bool = False) -> str:
    """Run the application once and return a token of it."""

    async def run() -> str:
        settings = load_settings(folder / ".sealring.env")
        settings = settings.model_copy(update={"store": f"sqlite:///{folder}/sealring.db"})
        ring = settings.build(load_subject=_nobody, claims=Claims, clock=ManualClock(SystemClock().now() - ago))
        async with ring:
            tokens = await ring.open_session(
                await ring.begin_login("ada"),
                Subject("ada", Claims(), scope=("todos:read",)),
                sender=Sender("todo-web"),
            )
            if end:
                await ring.end_all_sessions("ada")
            return tokens.access_token

    return asyncio.run(run())


def test_token_is_drawn_and_the_first_line_says_that_nothing_was_verified(folder: Path) -> None:
    drawn = inspect(folder, issue(folder))
    assert (drawn.returncode, drawn.stderr) == (0, "")
    assert drawn.stdout.startswith(NOT_VERIFIED)
    for shown in ('"ES256"', '"at+jwt"', '"ada"', '"todos:read"', '"blue"', "Key: active"):
        assert shown in drawn.stdout


def test_times_are_dates_with_the_seconds_that_remain_or_have_passed(folder: Path) -> None:
    drawn = inspect(folder, issue(folder, ago=100)).stdout
    (remaining,) = re.findall(r"exp +│ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 \(in (\d+) s\)", drawn)
    (elapsed,) = re.findall(r"iat +│ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 \((\d+) s ago\)", drawn)
    assert int(remaining) + int(elapsed) in range(899, 902)
    assert int(elapsed) >= 100


def test_bars_are_as_long_as_the_claims_are_dear(folder: Path) -> None:
    drawn = inspect(folder, issue(folder)).stdout
    bars = {name: (int(cost), len(bar)) for name, cost, bar in re.findall(r"│ (\w+) +│.*│ +(\d+) │ (█+)", drawn)}
    assert {"iss", "sid", "team", "motto"} <= bars.keys()
    ordered = [length for _, length in sorted(bars.values())]
    assert ordered == sorted(ordered)
    assert ordered[-1] == 10


def test_bytes_of_all_parts_are_the_length_of_the_token(folder: Path) -> None:
    text = issue(folder)
    told = json.loads(inspect(folder, text, "--json").stdout)
    size = told["bytes"]
    parts = size["header"] + sum(size["claims"].values()) + size["other"] + size["signature"] + 2
    assert parts == size["total"] == len(text)
    assert size["claims"].keys() == told["claims"].keys()


def test_json_says_that_nothing_was_verified(folder: Path) -> None:
    told = json.loads(inspect(folder, issue(folder), "--json").stdout)
    assert told["verified"] is False
    assert told["refused"] is None
    assert told["note"].startswith(NOT_VERIFIED)
    assert told["header"]["alg"] == "ES256"
    assert told["claims"]["sub"] == "ada"
    assert told["key"] == "active"
    assert 800 < told["seconds_from_now"]["exp"] <= 900


@pytest.mark.parametrize("options", [(), ("--json",), ("--verify",), ("--verify", "--json")])
def test_neither_the_signature_nor_the_whole_token_is_ever_printed(folder: Path, options: tuple[str, ...]) -> None:
    text = issue(folder)
    drawn = inspect(folder, text, *options)
    assert drawn.returncode == 0
    for secret in (text, text.split(".")[2], text.split(".")[1]):
        assert secret not in drawn.stdout + drawn.stderr


def test_text_of_a_claim_steers_neither_the_terminal_nor_the_table(folder: Path) -> None:
    drawn = inspect(folder, issue(folder)).stdout
    assert "\x1b" not in drawn
    assert r'"\u001b[2J[bold]we [/] are"' in drawn


def test_verify_says_so_when_the_token_is_good(folder: Path) -> None:
    drawn = inspect(folder, issue(folder), "--verify")
    assert drawn.returncode == 0
    assert drawn.stdout.startswith("VERIFIED with the configured key ring: signature, issuer, audience,")
    assert "application's own claims were not checked" in drawn.stdout
    assert json.loads(inspect(folder, issue(folder), "--verify", "--json").stdout)["verified"] is True


def test_verify_refuses_an_expired_token_with_its_code_and_still_draws_it(folder: Path) -> None:
    text = issue(folder, ago=2_000)
    drawn = inspect(folder, text, "--verify")
    assert drawn.returncode == 1
    assert drawn.stdout.startswith("REFUSED by the configured key ring: token_expired,")
    assert '"ada"' in drawn.stdout
    told = json.loads(inspect(folder, text, "--verify", "--json").stdout)
    assert (told["verified"], told["refused"]["code"]) == (False, "token_expired")


def test_verify_refuses_the_token_of_a_session_that_has_ended(folder: Path) -> None:
    told = json.loads(inspect(folder, issue(folder, end=True), "--verify", "--json").stdout)
    assert told["refused"]["code"] == "token_revoked"


def test_verify_refuses_a_changed_payload(folder: Path) -> None:
    header, payload, signature = issue(folder).split(".")
    forged = b64u_encode(b64u_decode(payload, what="it").replace(b'"ada"', b'"eve"'))
    text = f"{header}.{forged}.{signature}"
    assert inspect(folder, text).returncode == 0
    refused = inspect(folder, text, "--verify")
    assert refused.returncode == 1
    assert refused.stdout.startswith("REFUSED by the configured key ring: token_invalid,")


def test_verify_refuses_the_token_of_another_ring(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    command = [sys.executable, "-m", "sealring.cli", "init", "--development", "--app", "todo"]
    subprocess.run(command, cwd=other, check=True, capture_output=True, timeout=60)
    text = issue(other)
    issue(folder)
    told = json.loads(inspect(folder, text, "--verify", "--json").stdout)
    assert (told["refused"]["code"], told["key"]) == ("token_invalid", "unknown to this key ring")


def test_without_settings_the_key_is_not_looked_up_and_the_token_is_drawn(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    drawn = inspect(elsewhere, issue(folder))
    assert drawn.returncode == 0
    assert "Key: not looked up: SEALRING_ISSUER is not set" in drawn.stdout
    refused = inspect(elsewhere, issue(folder), "--verify")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1


def test_looking_at_a_token_makes_no_store(folder: Path) -> None:
    text = issue(folder)
    for made in folder.glob("sealring.db*"):
        made.unlink()
    drawn = inspect(folder, text)
    assert drawn.returncode == 0
    assert "Key: not looked up: the store is not there yet" in drawn.stdout
    assert list(folder.glob("sealring.db*")) == []


def test_token_may_be_an_argument_too(folder: Path) -> None:
    drawn = inspect(folder, issue(folder), argument=True)
    assert drawn.returncode == 0
    assert '"ada"' in drawn.stdout


@pytest.mark.parametrize(
    "text",
    ["", "abc", "a.b.c", "e30.e30", "e30.W10.AA", "e30.e30.A=", "é.é.é", "e30.eyJhIjoxLCJhIjoyfQ.AA", "x" * 9_000],
)
def test_what_is_no_token_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    refused = inspect(tmp_path, text)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert re.fullmatch(r"This is not a token: [^\n]+\.\n", refused.stderr)


def test_terminal_without_unicode_gets_ascii(folder: Path) -> None:
    drawn = inspect(folder, issue(folder), environment={"PYTHONIOENCODING": "ascii"})
    assert drawn.returncode == 0
    assert drawn.stdout.isascii()
    assert "##########" in drawn.stdout


def test_unsigned_and_foreign_tokens_are_drawn_as_what_they_are(tmp_path: Path) -> None:
    header, payload = b'{"alg": "none"}', b'{ "sub" : "mallory", "exp": true }'
    text = f"{b64u_encode(header)}.{b64u_encode(payload)}."
    told = json.loads(inspect(tmp_path, text, "--json").stdout)
    assert told["header"] == {"alg": "none"}
    assert told["claims"] == {"sub": "mallory", "exp": True}
    assert told["seconds_from_now"] == {}
    assert told["bytes"]["other"] > 0, "white space is nobody's claim"
    assert told["bytes"]["total"] == len(text)
