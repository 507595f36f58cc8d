"""The wheel, built once for the tests that look at it."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Installed:
    """A wheel and the folder that it was installed into, away from ``src/``."""

    wheel: Path
    site: Path


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build the wheel in the locked environment and install it, without its dependencies, into a folder of its own."""
    dist, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    _run("hatchling", "build", "--target", "wheel", "--directory", str(dist))
    (wheel,) = dist.glob("*.whl")
    _run("pip", "--quiet", "install", "--no-index", "--no-deps", "--no-compile", "--target", str(site), str(wheel))
    return Installed(wheel, site)


def _run(*command: str) -> None:
    subprocess.run([sys.executable, "-m", *command], cwd=ROOT, check=True, timeout=120, stdout=subprocess.DEVNULL)
