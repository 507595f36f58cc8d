"""What the pages for people point at is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.house.conftest import ROOT

LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)")
DECISIONS = ROOT / "docs" / "adr"
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("spec/*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("client/*.md")]
)


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_to_a_file(page: str) -> None:
    path = ROOT / page
    targets = LINK.findall(path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_the_decisions_are_numbered_without_gaps_and_all_are_listed() -> None:
    pages = sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert LINK.findall((DECISIONS / "README.md").read_text(encoding="utf-8")) == pages


@pytest.mark.parametrize("page", sorted(path.name for path in DECISIONS.glob("[0-9]*.md")))
def test_every_decision_has_the_same_parts(page: str) -> None:
    text = (DECISIONS / page).read_text(encoding="utf-8")
    assert text.startswith(f"# {page[:4]} ")
    assert re.search(r"^Status: (accepted|replaced by \[\d{4}\]\(\S+\)) · \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    for part in ("Context", "Decision", "Consequences"):
        assert f"\n## {part}\n" in text


def test_every_folder_that_the_map_of_the_readme_names_exists() -> None:
    rows = re.findall(r"^\| [^|]*\|", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    named = {folder for row in rows for folder in re.findall(r"`([\w/]+/)`", row)}
    assert {"src/sealring/", "client/", "backend/", "frontend/", "spec/", "tests/", "e2e/"} <= named
    assert {folder for folder in named if not (ROOT / folder).is_dir()} == set()


def test_make_alone_lists_every_target_that_the_readme_and_the_guide_name() -> None:
    result = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    listed = set(re.findall(r"^  make (\S+)", result.stdout, re.MULTILINE))
    pages: list[Path] = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    named = {target for page in pages for target in re.findall(r"\bmake ([a-z-]+)", page.read_text(encoding="utf-8"))}
    assert named <= listed
    assert {"run", "test", "check", "format", "help"} <= listed
