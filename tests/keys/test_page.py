"""``docs/keys.md`` says what is so: its commands run, its code signs, its numbers and tables are the library's."""

import asyncio
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sealring import NoClaims, Policy, Subject
from sealring.cli.keys import keys as commands
from sealring.clock import ManualClock, SystemClock
from sealring.errors import TokenInvalid
from sealring.events import Event, Severity
from sealring.keys import Cause, KeyState, Schedule
from sealring.keys.held import RELOAD_COOLDOWN
from sealring.keys.signer import SIGN_WITHIN
from sealring.policy import KeyPolicy
from sealring.settings import Environment, SealringSettings, load_settings, write_secrets
from sealring.stores.sqlite import SqliteStore
from tests.keys.signing_process import SigningProcess
from tests.refreshing import settled_login
from tests.support import ISSUER, WEB, bench

PAGE = (Path(__file__).parents[2] / "docs" / "keys.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def section(title: str) -> str:
    """Return the text under a heading that begins so."""
    return next(part for part in PAGE.split("\n## ") if part.startswith(title))


def blocks(kind: str, text: str = PAGE) -> list[str]:
    """Return the code blocks of a kind, without their indentation."""
    found = (match[2] for match in BLOCK.finditer(text) if match[1] == kind)
    return [re.sub(r"^   ", "", block, flags=re.MULTILINE) if block.startswith("   ") else block for block in found]


def rows(text: str) -> dict[str, list[str]]:
    """Return the cells of the tables of a text by the first one."""
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:1] == "|"]
    return {row[0].strip("|` "): row[1:] for row in cells if not set("".join(row)) <= set("-| :")}


# The drills


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with settings whose application ran an hour ago for the first time."""
    write_secrets(tmp_path / ".sealring.env", environment=Environment.DEVELOPMENT, issuer=ISSUER, app="todo")
    run_application(tmp_path, ago=3_600)
    return tmp_path


def run_application(folder: Path, *, ago: float = 0.0) -> None:
    """Start and stop the application, as of some time ago; fails when it cannot start."""

    async def nobody(_: str) -> Subject | None:
        return None

    async def run() -> None:
        settings = load_settings(folder / ".sealring.env").model_copy(
            update={"store": f"sqlite:///{folder / 'sealring.db'}"}
        )
        clock = ManualClock(SystemClock().now() - ago)
        async with settings.build(load_subject=nobody, claims=NoClaims, clock=clock):
            pass

    asyncio.run(run())


def shell(folder: Path, script: str) -> str:
    """Run a block of the page as somebody would, and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
    tools = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**environment, "PATH": tools, "COLUMNS": "200", "TERM": "dumb"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def states(table: str) -> list[str]:
    """Return the states of a printed table, row by row."""
    return re.findall(rf"[|\u2502] ({'|'.join(KeyState)}) +[|\u2502]", table)


def test_the_emergency_drill_runs_as_it_stands(folder: Path) -> None:
    (drill,) = blocks("sh", section("Drill: somebody else"))
    before, _, after = shell(folder, drill).partition("Distrusted.\n")
    assert states(before) == ["active", "announced"]
    assert states(after) == ["distrusted", "active", "announced"]


def test_the_rewrap_drill_runs_as_it_stands(folder: Path) -> None:
    make, rewrap = blocks("sh", section("Drill: another"))
    both, new_alone = blocks("ini", section("Drill: another"))
    path = folder / ".sealring.env"
    kept = [line for line in path.read_text().splitlines() if "KEY_ENCRYPTION_KEY" not in line]
    old = re.search(r"KEY_ENCRYPTION_KEYS=1:(\S+)", path.read_text())
    assert old is not None
    secrets = {"OLD": old[1], "NEW": shell(folder, make).strip()}

    def settle(*lines: str) -> None:
        text = re.sub("OLD|NEW", lambda match: secrets[match[0]], "\n".join(lines))
        path.write_text("\n".join([*kept, text, ""]))

    settle(both)
    run_application(folder)
    settle(both.splitlines()[0])
    said = shell(folder, rewrap)
    assert said.startswith("Changed 2 rows;")
    assert said.count("version 2") == 2
    settle(new_alone)
    run_application(folder)


@pytest.mark.anyio
async def test_a_ring_that_nothing_opens_is_made_anew_and_sessions_outlive_it(tmp_path: Path) -> None:
    path = tmp_path / "sealring.db"
    statement = re.search(r"`(DELETE FROM \w+)`", section("Drill: another"))
    assert statement is not None
    async with bench(store=SqliteStore(path)) as it:
        tokens = await settled_login(it)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement[1])
    async with bench(store=SqliteStore(path)) as it:
        with pytest.raises(TokenInvalid):
            await it.ring.authenticate(tokens.access_token)
        assert (await it.ring.refresh(str(tokens.refresh_token), sender=WEB)).view.row.subject == "ada"


# The example of a key service


class PipeService:
    """The key service of the example: another process, with keys of its own."""

    def __init__(self, process: SigningProcess) -> None:
        self._process = process

    async def create(self, alg: str) -> tuple[str, Mapping[str, object]]:
        made = await self._process.make(alg)
        return made.reference, made.public_jwk

    async def sign(self, reference: str, data: bytes) -> bytes:
        return await self._process.sign(reference, data)


@pytest.fixture
async def service() -> AsyncIterator[PipeService]:
    async with SigningProcess() as process:
        yield PipeService(process)


@pytest.mark.anyio
async def test_the_example_of_a_key_service_signs_what_the_ring_verifies(
    service: PipeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example, use = blocks("python")
    # A name that can be looked up, because dataclasses look their module up.
    defined: dict[str, Any] = {"__name__": __name__}
    exec(compile(example, "docs/keys.md", "exec"), defined)
    async with bench(external_keys=defined["ServiceKeys"](service)) as it:
        tokens = await it.login()
        assert (await it.ring.authenticate(tokens.access_token)).subject == "ada"

    async def nobody(_: str) -> Subject | None:
        return None

    write_secrets(tmp_path / ".sealring.env", environment=Environment.DEVELOPMENT, issuer=ISSUER, app="todo")
    monkeypatch.chdir(tmp_path)
    names = {"load_settings": load_settings, "load_subject": nobody, "Claims": NoClaims, "service": service}
    defined |= names
    exec(compile(use, "docs/keys.md", "exec"), defined)
    async with defined["ring"] as ring:
        assert ring.keys.find(ring.keys.signer.kid).external


# Tables and numbers


def test_the_table_of_states_is_the_table_of_the_code() -> None:
    table = rows(section("The states"))
    assert list(table)[1:] == [str(state) for state in KeyState]
    for state in KeyState:
        published, signs, tokens, _ = table[state]
        assert (published == "yes") == state.verifies
        assert (signs == "yes") == (state is KeyState.ACTIVE)
        assert ("token_superseded" in tokens) == (not state.verifies)


def seconds(text: str) -> float:
    number, unit = text.split(" ")
    return float(number.replace(",", "")) * {"seconds": 1, "hours": 3_600, "days": 86_400}[unit]


def test_the_times_of_the_page_are_the_defaults() -> None:
    table, policy = rows(section("The schedule")), Policy(app="todo", issuer=ISSUER)
    keys, schedule = KeyPolicy(), Schedule.of(policy)
    expected: list[timedelta | float] = [
        keys.period, keys.announce, keys.jwks_max_age, keys.follow_every, keys.known_after, schedule.overlap,
    ]  # fmt: skip
    told = [seconds(cells[0]) for name, cells in table.items() if name != "time"]
    assert told == [time.total_seconds() if isinstance(time, timedelta) else time for time in expected]
    settings = set(re.findall(r"`SEALRING_([A-Z_]+)`", section("The schedule")))
    assert {name.lower() for name in settings} <= set(SealringSettings.model_fields)
    assert f"at most every {RELOAD_COOLDOWN:g} seconds" in PAGE.replace("\n", " ")
    assert f"within {SIGN_WITHIN:g} seconds" in PAGE


def test_the_commands_and_exit_codes_of_the_page_are_those_of_the_program() -> None:
    text = section("The commands")
    named = re.findall(r"^\| `sealring keys ([\w-]+)", text, re.MULTILINE)
    registered = [each.name or each.callback.__name__ for each in commands.registered_commands if each.callback]
    assert named == registered
    codes = dict(re.findall(r"^\| (\d) \| ([^|]+) \|$", text, re.MULTILINE))
    help_ = str(commands.info.help)
    assert set(codes) == set(re.findall(r"\b(\d) [a-z(]", help_))


def test_the_events_of_the_page_are_those_about_keys() -> None:
    def every(kind: type[Event]) -> list[type[Event]]:
        return [kind, *(each for child in kind.__subclasses__() for each in every(child))]

    known = {each.name: each for each in every(Event) if getattr(each, "name", "").startswith("key_")}
    table = rows(section("What to watch"))
    assert set(table) - {"event"} == set(known)
    for name, kind in known.items():
        assert table[name][0] == Severity(kind.severity).name.lower()
    assert set(re.findall(r"`(\w+)`", table["key_state_changed"][1])) - {"cause"} == {str(cause) for cause in Cause}
