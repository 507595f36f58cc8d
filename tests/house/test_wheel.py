"""What the wheel contains is what ``src/`` contains, and it works where ``src/`` cannot be seen."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.house.conftest import ROOT, Installed


def _files(folder: Path) -> set[str]:
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_library_and_nothing_else(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == _files(ROOT / "src")
    assert "sealring/py.typed" in packed


def test_the_wheel_brings_its_licence_and_its_command(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        names = {name.split(".dist-info/")[1]: name for name in archive.namelist() if ".dist-info/" in name}
        assert archive.read(names["licenses/LICENSE"]) == (ROOT / "LICENSE").read_bytes()
        assert "sealring = sealring.cli:main" in archive.read(names["entry_points.txt"]).decode()


def test_the_installed_library_is_imported_instead_of_the_tree(installed: Installed, tmp_path: Path) -> None:
    source = "import sealring, sealring.jose as jose; print(sealring.__file__); print(jose.__file__)"
    result = subprocess.run(
        [sys.executable, "-c", source],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed.site)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [Path(line).is_relative_to(installed.site) for line in result.stdout.splitlines()] == [True, True]
