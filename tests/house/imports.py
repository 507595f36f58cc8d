"""Reads which modules a source tree imports: at the top, in functions, under TYPE_CHECKING, and by name at run time."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DYNAMIC = {"import_module", "__import__"}


@dataclass(frozen=True, slots=True)
class Module:
    """One source file of a package.

    Attributes:
        name: dotted name, for example ``sealring.jose.jws``.
        path: the file.
        is_package: True for an ``__init__.py``.
    """

    name: str
    path: Path
    is_package: bool

    @property
    def room(self) -> str:
        """The part below the package: ``jose`` for ``sealring.jose.jws``, empty for the package itself."""
        return room_of(self.name)


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who, whom, and on which line."""

    importer: Module
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer.path.name}:{self.line}: {self.importer.name} imports {self.target}"


def room_of(dotted: str) -> str:
    """Return the second part of a dotted name, or the empty string."""
    parts = dotted.split(".")
    return parts[1] if len(parts) > 1 else ""


def modules(package: Path) -> dict[str, Module]:
    """Return every module of the package in this folder, by dotted name."""
    found: dict[str, Module] = {}
    for path in sorted(package.rglob("*.py")):
        parts = [package.name, *path.relative_to(package).with_suffix("").parts]
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, path, is_package)
    return found


def imports(module: Module, known: dict[str, Module]) -> Iterator[Import]:
    """Yield every import of a module, each resolved to the most precise module that exists.

    Args:
        module: the module to read.
        known: the modules of the package, so that ``from sealring.jose import jws`` means ``sealring.jose.jws``.

    Raises:
        SyntaxError: a module is imported by a name that only running the code would tell.
    """
    for node in ast.walk(ast.parse(module.path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            for alias in node.names:
                submodule = f"{base}.{alias.name}"
                yield Import(module, submodule if submodule in known else base, node.lineno)
        elif isinstance(node, ast.Call) and _called(node) in _DYNAMIC and node.args:
            match node.args[0]:
                case ast.Constant(value=str(target)):
                    yield Import(module, target, node.lineno)
                case _:
                    raise SyntaxError(f"{module.path}:{node.lineno}: imports a module whose name cannot be read")


def is_standard(target: str) -> bool:
    """Return whether a dotted name belongs to the standard library."""
    return target.split(".")[0] in sys.stdlib_module_names


def cycle(edges: dict[str, set[str]]) -> list[str]:
    """Return one cycle of a directed graph as the names on it, or an empty list.

    Args:
        edges: for each name the names that it leads to.
    """
    done: set[str] = set()

    def walk(name: str, trail: list[str]) -> list[str]:
        if name in trail:
            return [*trail[trail.index(name) :], name]
        if name in done:
            return []
        for following in sorted(edges.get(name, ())):
            if found := walk(following, [*trail, name]):
                return found
        done.add(name)
        return []

    for start in sorted(edges):
        if found := walk(start, []):
            return found
    return []


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    parts = module.name.split(".")
    parts = parts[: len(parts) - node.level + (1 if module.is_package else 0)]
    return ".".join([*parts, node.module] if node.module else parts)


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Name):
        return node.func.id
    return node.func.attr if isinstance(node.func, ast.Attribute) else ""
