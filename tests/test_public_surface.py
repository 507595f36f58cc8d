"""What a package of the library exports is said once, in ``__all__``, and can be imported. (Ruff checks the order.)"""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.imports import imports, modules
from tests.test_layers import OUTSIDE

SRC = Path(__file__).parents[1] / "src"
MODULES = modules(SRC / "sealring")
EXPORTING = sorted(name for name, module in MODULES.items() if module.is_package)

# What the extras of pyproject.toml bring; the library has to do without them where nobody asked for them.
EXTRAS = frozenset(
    {
        "fastapi",
        "starlette",
        "prometheus_client",
        "typer",
        "rich",
        "pytest",
        "hypothesis",
        "asyncpg",
        "hiredis",
        "httpcore2",
        "redis",
    }
)


def _own(name: str) -> set[str]:
    """Return the public names that a package defines or takes from its own modules."""
    names: set[str] = set()
    for node in ast.parse(MODULES[name].path.read_text(encoding="utf-8")).body:
        match node:
            case ast.ImportFrom(module=str(source), names=aliases) if source.startswith(f"{name}."):
                names |= {alias.asname or alias.name for alias in aliases}
            case ast.ClassDef(name=defined) | ast.FunctionDef(name=defined) | ast.AsyncFunctionDef(name=defined):
                names.add(defined)
            case ast.Assign(targets=targets):
                names |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.AnnAssign(target=ast.Name(id=defined)):
                names.add(defined)
            case _:
                pass
    return {each for each in names if not each.startswith("_")}


@pytest.mark.parametrize("name", EXPORTING)
def test_all_lists_every_public_name_of_the_package_once(name: str) -> None:
    exported: list[str] = getattr(importlib.import_module(name), "__all__", [])
    assert len(exported) == len(set(exported))
    assert _own(name) - set(exported) == set()


def test_every_name_in_all_can_be_imported() -> None:
    """In a process of its own: pytest has loaded parts of ``sealring.testing`` already."""
    source = f"for name in {EXPORTING!r}:\n    exec(f'from {{name}} import *')"
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr


def test_the_package_itself_exports_something() -> None:
    assert importlib.import_module("sealring").__all__


def test_every_module_that_needs_no_extra_is_importable_without_any() -> None:
    """A module that imports an extra by itself may fail; everything else has to work where no extra is installed."""
    needs = {
        name
        for name, module in MODULES.items()
        if any(each.target.split(".")[0] in EXTRAS for each in imports(module, MODULES))
    }
    allowed = {name for name in needs if OUTSIDE[MODULES[name].room] & EXTRAS}
    blocked = "\n".join(f"sys.modules[{name!r}] = None" for name in sorted(EXTRAS))
    wanted = sorted(set(MODULES) - _with_dependants(allowed))
    source = f"import sys\n{blocked}\nimport importlib\nfor name in {wanted!r}:\n    importlib.import_module(name)\n"
    result = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=False, timeout=60)
    assert result.returncode == 0, result.stderr
    assert {"sealring", "sealring.errors", "sealring.jose"} <= set(wanted)


def _with_dependants(names: set[str]) -> set[str]:
    """Return these modules, those of the edges that import them, and the other modules of an engine's store.

    A room may never depend on an extra, so its package imports such modules only where they are asked for. Whoever
    imports a module imports the packages that it is in as well.
    """
    edges = {"remote", "starlette", "fastapi", "cli", "testing"}
    found = set(names)
    while True:
        more = {
            name
            for name, module in MODULES.items()
            if (module.room in edges or (module.room == "stores" and not module.is_package))
            and (name.rpartition(".")[0] in found or any(each.target in found for each in imports(module, MODULES)))
        }
        if more <= found:
            return found
        found |= more
