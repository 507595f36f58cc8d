"""The page for authors of stores: its example is a store, and its commands do what it says."""

import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from examples.document_store import DocumentStore
from sealring.stores import Store
from sealring.testing import StoreContract
from tests.running import ROOT

PAGE = (ROOT / "docs" / "stores" / "authors.md").read_text(encoding="utf-8")
EXAMPLE = ROOT / "examples" / "document_store.py"


class TestDocumentStore(StoreContract):
    @asynccontextmanager
    async def open_store(self) -> AsyncIterator[Store]:
        async with DocumentStore(":memory:") as store:
            yield store


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def test_the_page_shows_the_example_as_it_is() -> None:
    test, method = blocks("python")
    assert test.startswith('"""test_document_store.py"""')
    assert method in EXAMPLE.read_text(encoding="utf-8")


def test_the_test_of_the_page_runs_the_contract_on_the_example(tmp_path: Path) -> None:
    (command,) = re.findall(r"^```\n(pytest .*?)\n```$", PAGE, re.MULTILINE)
    shutil.copy(EXAMPLE, tmp_path)
    (tmp_path / "test_document_store.py").write_text(blocks("python")[0], encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n", encoding="utf-8")
    # Some of the rules on a real file; all of them run above.
    some = [sys.executable, "-m", *command.split(), "-q", "-k", "ring or epoch", "-p", "no:cacheprovider"]
    done = subprocess.run(some, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"(\d+) passed", done.stdout)[0]) > 10


def test_every_file_and_name_that_the_page_mentions_is_there() -> None:
    for path in re.findall(r"`(sealring/[\w/]+\.py)`", PAGE):
        assert (ROOT / "src" / path).is_file(), path
    for name in re.findall(r"`(\w+_(?:sessions|scripts)\.py)`", PAGE):
        assert (ROOT / "src" / "sealring" / "stores" / name).is_file(), name
