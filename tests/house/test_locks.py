"""The lock files hold what pyproject.toml and package.json ask for, with hashes, and name no download address."""

import json
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]

RUN = [*PROJECT["project"]["dependencies"], *EXTRAS["fastapi"], *EXTRAS["metrics"], *EXTRAS["cli"]]
RUN += [*GROUPS["app"], *GROUPS["build"]]
TRY = [*RUN, *EXTRAS["postgres"], *EXTRAS["redis"], *GROUPS["servers"]]
DEV = [
    *RUN,
    *(each for extra in EXTRAS.values() for each in extra),
    *(each for group in GROUPS.values() for each in group),
]
ASKED = {"run": RUN, "try": TRY, "dev": DEV}

ENTRY = re.compile(
    r"^(?P<name>[a-z0-9][a-z0-9._-]*)(?P<extras>\[[a-z0-9,._-]+\])?==(?P<version>[^ \\]+)(?P<marker> ; [^\\]+)? \\$"
)
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")
ADDRESS = re.compile(r"\w+://|^-|/[a-z]+/", re.MULTILINE)


def _lines(name: str) -> list[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if not line.strip().startswith("#")]


def _pins(name: str) -> dict[str, set[str]]:
    pins: dict[str, set[str]] = {}
    for line in _lines(name):
        if match := ENTRY.match(line):
            pins.setdefault(match["name"], set()).add(match["version"])
    return pins


@pytest.mark.parametrize("name", ASKED)
def test_every_line_of_the_lock_is_a_pin_with_hashes(name: str) -> None:
    lines = _lines(name)
    assert [line for line in lines if not (ENTRY.match(line) or HASH.match(line))] == []
    assert all(HASH.match(after) for line, after in pairwise(lines) if ENTRY.match(line))


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_pins_a_version_that_the_project_asks_for(name: str) -> None:
    pins = _pins(name)
    for text in ASKED[name]:
        requirement = Requirement(text)
        versions = pins.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in requirements/{name}.txt: run make lock"
        assert all(requirement.specifier.contains(version) for version in versions)


@pytest.mark.parametrize("name", ASKED)
def test_the_lock_keeps_the_extras_that_are_asked_for(name: str) -> None:
    """An older pip looks for ``package[extra]`` beyond a lock without them, and fails at a newer release."""
    kept = {match["name"]: match["extras"] or "" for line in _lines(name) if (match := ENTRY.match(line))}
    for text in ASKED[name]:
        requirement = Requirement(text)
        assert requirement.extras <= set(kept[canonicalize_name(requirement.name)].strip("[]").split(",")), text


@pytest.mark.parametrize("name", ["run", "try"])
def test_what_runs_is_what_was_developed_with(name: str) -> None:
    dev = _pins("dev")
    assert _pins(name) == {package: dev[package] for package in _pins(name)}


def test_what_is_needed_to_try_a_server_holds_what_is_needed_to_run() -> None:
    assert _pins("run").items() <= _pins("try").items()


@pytest.mark.parametrize("name", ["cryptography", "uvloop", "pydantic-core"])
def test_a_compiled_package_is_locked_for_every_platform(name: str) -> None:
    lines = _lines("run")
    start = next(index for index, line in enumerate(lines) if line.startswith(f"{name}=="))
    hashes = 0
    while start + 1 + hashes < len(lines) and HASH.match(lines[start + 1 + hashes]):
        hashes += 1
    assert hashes > 20


@pytest.mark.parametrize("name", ASKED)
def test_the_python_lock_names_no_address(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    assert ADDRESS.search(text) is None


def _packages() -> Iterator[tuple[str, dict[str, object]]]:
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    yield from lock["packages"].items()


def test_the_npm_lock_names_no_download_address() -> None:
    addresses = [path for path, entry in _packages() if ":" in str(entry.get("resolved", ""))]
    assert addresses == []


def test_every_npm_package_is_locked_by_its_digest() -> None:
    fetched = {path: entry for path, entry in _packages() if path.startswith("node_modules/") and not entry.get("link")}
    assert len(fetched) > 100
    assert [path for path, entry in fetched.items() if not str(entry.get("integrity")).startswith("sha512-")] == []


@pytest.mark.parametrize("folder", [".", "client", "frontend"])
def test_every_npm_tool_is_pinned_to_one_version(folder: str) -> None:
    manifest = json.loads((ROOT / folder / "package.json").read_text(encoding="utf-8"))
    asked: dict[str, str] = {**manifest.get("dependencies", {}), **manifest.get("devDependencies", {})}
    loose = {
        name: version
        for name, version in asked.items()
        if not re.fullmatch(r"(npm:\w+@)?\d+\.\d+\.\d+", version) and name != "sealring"
    }
    assert loose == {}
