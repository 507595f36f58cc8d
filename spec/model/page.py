"""The drawings of ``docs/protocol.md``: made by the model, so that they cannot say what it does not."""

from functools import cache
from pathlib import Path
from typing import Final

from spec.model.draw import as_diagram, as_text, filled, names_in
from spec.model.scenes import REFUTED, STORIES, refute, tell

PAGE: Final = Path(__file__).parents[2] / "docs" / "protocol.md"


@cache
def drawings() -> dict[str, str]:
    """Return every drawing, as the fenced block that stands in the page."""
    told = {story.name: f"```mermaid\n{as_diagram(tell(story))}\n```" for story in STORIES}
    return told | {f"without-{each.variant.__name__}": f"```text\n{as_text(refute(each))}\n```" for each in REFUTED}


def drawn_anew(page: str) -> str:
    """Return the page with every drawing made anew.

    Raises:
        LookupError: a drawing has no place in it, or a place no drawing.
    """
    drawn = drawings()
    if sorted(names_in(page)) != sorted(drawn):
        raise LookupError(f"the page has {names_in(page)}, the model draws {list(drawn)}")
    return filled(page, drawn)
