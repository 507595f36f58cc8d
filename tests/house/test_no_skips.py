"""With ``SEALRING_NO_SKIPS=1`` a skipped test fails the run; without it, a skip is a skip."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

CASES = {
    "a skip in a test": "import pytest\ndef test_it():\n    pytest.skip('no browser')\n",
    "a skip mark": "import pytest\n@pytest.mark.skip(reason='no browser')\ndef test_it(): pass\n",
    "a skip in a fixture": (
        "import pytest\n@pytest.fixture\ndef store():\n    pytest.skip('no browser')\ndef test_it(store): pass\n"
    ),
    "a skip of the whole module": "import pytest\npytest.skip('no browser', allow_module_level=True)\n",
}


def _run(tmp_path: Path, source: str, no_skips: str) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "test_case.py"
    file.write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "conftest", "-p", "no:cacheprovider", "-c", os.devnull]
    environment = {**os.environ, "SEALRING_NO_SKIPS": no_skips}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [*command, "--rootdir", str(tmp_path), str(file)],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_where_skips_are_forbidden_the_run_fails_on(case: str, tmp_path: Path) -> None:
    result = _run(tmp_path, CASES[case], "1")
    assert result.returncode != 0
    assert "nothing may be skipped here" in result.stdout
    assert "no browser" in result.stdout


def test_where_skips_are_allowed_a_skip_passes(tmp_path: Path) -> None:
    result = _run(tmp_path, CASES["a skip in a test"], "")
    assert result.returncode == 0
    assert "1 skipped" in result.stdout


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.xfail\ndef test_it():\n    assert False\n"
    assert _run(tmp_path, source, "1").returncode == 0
