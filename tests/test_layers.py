"""The rooms of the library stand in one order, and imports only point up it: lazy and typing-only ones too."""

from pathlib import Path

import pytest

from tests.house.imports import Import, cycle, imports, is_standard, modules, room_of

PACKAGE = Path(__file__).parents[1] / "src" / "sealring"

# A room imports only from rooms that stand before it, or from itself.
ORDER = (
    "errors", "clock", "events", "jose", "policy", "keys", "revocation", "access", "sessions", "binding", "oauth",
    "signals", "audit", "stores", "observe", "web", "runtime", "wiring", "service",
    "settings",
)  # fmt: skip

# The edges import any room; nothing imports them, apart from these.
EDGES: dict[str, frozenset[str]] = {
    "remote": frozenset(),
    "starlette": frozenset(),
    "fastapi": frozenset({"starlette"}),
    "cli": frozenset(),
    "testing": frozenset(),
}

# The only packages from outside that a room may know; a room that is not named here gets the standard library.
OUTSIDE: dict[str, frozenset[str]] = {
    "jose": frozenset({"cryptography", "nacl"}),
    "keys": frozenset({"cryptography", "pydantic"}),
    "policy": frozenset({"pydantic"}),
    "revocation": frozenset({"pydantic"}),
    "access": frozenset({"pydantic"}),
    "sessions": frozenset({"pydantic"}),
    "stores": frozenset({"asyncpg", "hiredis", "redis", "sqlalchemy"}),
    "observe": frozenset({"prometheus_client"}),
    "service": frozenset({"pydantic"}),
    "web": frozenset({"pydantic"}),
    "remote": frozenset({"anyio", "httpcore2", "pydantic"}),
    "settings": frozenset({"pydantic", "pydantic_settings"}),
    "starlette": frozenset({"starlette"}),
    "fastapi": frozenset({"fastapi", "pydantic", "starlette"}),
    "cli": frozenset({"rich", "typer"}),
    "testing": frozenset({"anyio", "hypothesis", "pytest"}),
}

# Typing only: the backports of the standard library's, and the stubs that type checkers know.
EVERYWHERE = frozenset({"typing_extensions", "_typeshed"})


def violations(package: Path) -> list[str]:
    """Return one sentence for each import of the package in this folder that breaks a rule of this page."""
    known = modules(package)
    found: list[str] = []
    for module in known.values():
        if module.room and module.room not in ORDER and module.room not in EDGES:
            found.append(f"{module.name} belongs to no room of this page")
            continue
        for each in imports(module, known):
            inside = each.target.split(".")[0] == package.name
            if complaint := _inside(each) if inside else _outside(each):
                found.append(f"{each}: {complaint}")
    return found


def _inside(each: Import) -> str | None:
    importer, target = each.importer.room, room_of(each.target)
    if importer == target:
        return "the package imports itself" if not target else None
    if target in EDGES:
        return None if target in EDGES.get(importer, ()) else "nothing imports an edge"
    if target and target not in ORDER:
        return "there is no such room"
    if importer in EDGES or not importer:
        return None
    if not target:
        return "a room does not import the package, which imports the rooms"
    return None if ORDER.index(target) < ORDER.index(importer) else f"{target} stands below {importer}"


def _outside(each: Import) -> str | None:
    allowed = OUTSIDE.get(each.importer.room, frozenset())
    if is_standard(each.target) or each.target.split(".")[0] in allowed | EVERYWHERE:
        return None
    return f"this room may use only {', '.join(sorted(allowed)) or 'the standard library'}"


def edges_of(package: Path) -> dict[str, set[str]]:
    """Return which module of the package imports which."""
    known = modules(package)
    return {name: {each.target for each in imports(module, known)} & set(known) for name, module in known.items()}


def test_every_import_of_the_library_follows_the_order_of_the_rooms() -> None:
    assert len(modules(PACKAGE)) > 10, "the tree was not found"
    assert violations(PACKAGE) == []


def test_no_module_of_the_library_is_part_of_an_import_cycle() -> None:
    assert cycle(edges_of(PACKAGE)) == []


def test_every_room_that_the_rules_name_outside_packages_for_is_a_room() -> None:
    assert set(OUTSIDE) <= set(ORDER) | set(EDGES)
    assert not set(ORDER) & set(EDGES)


VIOLATIONS = {
    "a room that stands higher imports a lower one": ("jose/jws.py", "from sealring.keys import ring"),
    "a lower room hides in a function": ("jose/jws.py", "def f():\n    from sealring.sessions import decide"),
    "a lower room is imported for typing only": (
        "errors.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sealring.service",
    ),
    "a relative import climbs to a lower room": ("jose/jws.py", "from ..keys.ring import KeyRing"),
    "a relative import names the room itself": ("jose/__init__.py", "from .. import keys"),
    "a lower room is imported by its name at run time": (
        "clock.py",
        "import importlib\nimportlib.import_module('sealring.stores')",
    ),
    "a room imports an edge": ("service.py", "from sealring.fastapi import router"),
    "an edge imports another edge": ("cli/__init__.py", "import sealring.testing"),
    "a room imports the package itself": ("web/csrf.py", "import sealring"),
    "a room imports the application": ("service.py", "from backend.auth import config"),
    "a room imports a package that it may not know": ("sessions/decide.py", "from starlette.requests import Request"),
    "a package of another room's list": ("jose/jws.py", "import pydantic"),
    "a room imports a room that is not on this page": ("service.py", "from sealring.helpers import helper"),
    "a file that belongs to no room": ("helpers.py", ""),
}

ALLOWED = {
    "a lower room imports a higher one": ("keys/ring.py", "from sealring.jose import jws"),
    "a room imports from its own folder": ("jose/jws.py", "from sealring.jose import encoding\nfrom .jwk import Jwk"),
    "the service imports the runtime": ("service.py", "from sealring.runtime import Runtime"),
    "fastapi builds on starlette": ("fastapi.py", "from sealring.starlette import Middleware\nimport fastapi"),
    "an edge imports the package": ("cli/__init__.py", "from sealring import Sealring\nimport typer"),
    "the package imports its rooms": ("__init__.py", "from sealring.service import Sealring"),
    "anybody imports the standard library": ("errors.py", "import enum\nfrom collections.abc import Callable"),
}


def _tree(root: Path, file: str, source: str) -> Path:
    package = root / "sealring"
    for name in ("__init__.py", "jose/__init__.py", "keys/__init__.py", "keys/ring.py", file):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    (package / file).write_text(source, encoding="utf-8")
    return package


@pytest.mark.parametrize("case", VIOLATIONS)
def test_the_check_finds(case: str, tmp_path: Path) -> None:
    assert len(violations(_tree(tmp_path, *VIOLATIONS[case]))) == 1


@pytest.mark.parametrize("case", ALLOWED)
def test_the_check_lets_pass(case: str, tmp_path: Path) -> None:
    assert violations(_tree(tmp_path, *ALLOWED[case])) == []


def test_the_check_refuses_an_import_whose_name_it_cannot_read(tmp_path: Path) -> None:
    tree = _tree(tmp_path, "clock.py", "import importlib\nname = 'x'\nimportlib.import_module(name)")
    with pytest.raises(SyntaxError, match="cannot be read"):
        violations(tree)


def test_the_check_finds_a_cycle_inside_a_room(tmp_path: Path) -> None:
    tree = _tree(tmp_path, "keys/ring.py", "def f():\n    from sealring.keys import wrap")
    (tree / "keys/wrap.py").write_text("from .ring import KeyRing", encoding="utf-8")
    assert cycle(edges_of(tree)) == ["sealring.keys.ring", "sealring.keys.wrap", "sealring.keys.ring"]
