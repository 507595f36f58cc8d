"""The pages about the standards name what is there."""

import re

import pytest

from tests.house.conftest import ROOT

FOLDER = ROOT / "docs" / "rfc"
INDEX = (FOLDER / "README.md").read_text(encoding="utf-8")
PAGES = sorted(path.name for path in FOLDER.glob("rfc*.md"))
PATH = re.compile(r"`((?:src|tests|spec|benchmarks)/[\w./-]+)`")


def test_the_index_lists_every_page_once_and_no_other() -> None:
    assert sorted(re.findall(r"\((rfc\w+\.md)\)", INDEX)) == PAGES
    assert len(PAGES) >= 13


@pytest.mark.parametrize("page", PAGES)
def test_every_module_and_test_that_a_page_names_exists(page: str) -> None:
    named = PATH.findall((FOLDER / page).read_text(encoding="utf-8"))
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_what_is_implemented_where_and_what_is_not(page: str) -> None:
    text = (FOLDER / page).read_text(encoding="utf-8")
    number = page.removeprefix("rfc").removesuffix(".md")
    assert text.startswith(f"# RFC {number}")
    assert "\n## Implemented\n" in text
    assert "\n## Deliberately not\n\n* **" in text
    implemented = text.split("\n## Implemented\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (?!rule|---)(.+) \|$", implemented, re.MULTILINE)
    assert rows
    for row in rows:
        _, _, where, tests = (cell.strip() for cell in row.split(" | "))
        assert where.startswith("`src/"), row
        assert tests.startswith("`tests/"), row


def test_every_module_of_the_gate_is_told_of_by_some_page() -> None:
    told = {path for page in PAGES for path in PATH.findall((FOLDER / page).read_text(encoding="utf-8"))}
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src/sealring/jose").glob("[!_]*.py")}
    # What two algorithms share is told of with them.
    assert modules - told == {"src/sealring/jose/primitives.py", "src/sealring/jose/rsa_weakness.py"}
