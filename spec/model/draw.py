"""Draws traces: as numbered lines for a terminal, as sequence diagrams for a page."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from spec.model.explore import Step
from spec.model.scene import Line
from spec.model.world import HERE

_NAMES: Final = {"A": "Tab A", "B": "Tab B", "S": "Server", "T": "Thief"}
_ARROWS: Final = {"says": "->>", "answers": "-->>", "loses": "-x"}
_BLOCK: Final = re.compile(r"(<!-- model: ([\w-]+) -->\n)```(?:mermaid|text)\n.*?^```$", re.MULTILINE | re.DOTALL)


def lines(trace: tuple[Step, ...]) -> list[Line]:
    """Return the lines of a trace with the generations in their texts; the login made generation 1."""
    return [
        line._replace(text=line.text.format(*(each - HERE + 1 + step.offset for each in line.generations)))
        for step in trace
        for line in step.move.lines
    ]


def as_text(trace: tuple[Step, ...]) -> str:
    """Return a trace as numbered lines."""
    return "\n".join(f"{number:3}. {_sentence(line)}" for number, line in enumerate(lines(trace), 1))


def _sentence(line: Line) -> str:
    source = _NAMES[line.source]
    if line.kind == "notes":
        return f"{source}: {line.text}"
    arrow = "--x" if line.kind == "loses" else "-->"
    return f"{source} {arrow} {_NAMES[line.target]}: {line.text}"


def as_diagram(trace: tuple[Step, ...]) -> str:
    """Return a trace as a Mermaid sequence diagram."""
    drawn = lines(trace)
    present = {line.source for line in drawn} | {line.target for line in drawn}
    head = [f"    participant {key} as {name}" for key, name in _NAMES.items() if key in present]
    return "\n".join(["sequenceDiagram", *head, *(f"    {each}" for each in _arrows(drawn))])


def _arrows(drawn: list[Line]) -> Iterator[str]:
    for line in drawn:
        if line.kind == "notes":
            yield f"Note over {line.source}: {line.text}"
        else:
            yield f"{line.source}{_ARROWS[line.kind]}{line.target}: {line.text}"


def names_in(page: str) -> list[str]:
    """Return the names of the drawings that a page has room for."""
    return [match[2] for match in _BLOCK.finditer(page)]


def filled(page: str, drawings: Mapping[str, str]) -> str:
    """Return a page with its drawings made anew.

    Args:
        page: has ``<!-- model: name -->`` above the fenced block of each drawing.
        drawings: the whole blocks by their names.
    """
    return _BLOCK.sub(lambda match: match[1] + drawings[match[2]], page)
