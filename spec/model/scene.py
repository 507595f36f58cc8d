"""What a scene is made of, what a move is, and the properties that no move may break."""

from dataclasses import dataclass
from typing import Final, NamedTuple

from spec.model.world import World


@dataclass(frozen=True)
class Scene:
    """What is part of the world that is explored.

    Attributes:
        name: of the scene.
        requests: of the owner that may be on their way at the same time.
        tabs: of the owner.
        sleep: whether the laptop may sleep for hours.
        logout: whether the owner may log out.
        thief: whether somebody steals the cookie jar.
        failover: whether the store may fall back to an older state.
        batches: whether what a process has seen is written later, or lost with it; otherwise it is written at once.
        excess: whether it may fall back further than it should.
    """

    name: str
    requests: int = 3
    tabs: tuple[str, ...] = ("A", "B")
    sleep: bool = True
    logout: bool = False
    thief: bool = False
    failover: bool = False
    batches: bool = True
    excess: bool = False


class Line(NamedTuple):
    """One line of a drawing.

    Attributes:
        kind: ``says``, ``answers``, ``loses`` (from one to another) or ``notes`` (over one).
        source: who.
        target: whom; empty for a note.
        text: with the generations as ``{0}``, ``{1}`` …
        generations: that stand in the text, counted from the origin of the state before.
    """

    kind: str
    source: str
    target: str
    text: str
    generations: tuple[int, ...] = ()


class Move(NamedTuple):
    """One step: what it is called, how it is drawn, the state after it, and the property that it breaks."""

    name: str
    lines: tuple[Line, ...]
    after: World
    breaks: str = ""


KEEPS: Final = "the honest owner is never logged out"
NO_FORK: Final = "no generation has two successors"
NO_REVIVAL: Final = "no token is given after the session has ended"
BEHIND: Final = "a thief who is behind is caught at the first use"
SHARED: Final = "a thief within the grace is caught in the second generation"

PROPERTIES: Final = (KEEPS, NO_FORK, NO_REVIVAL, BEHIND, SHARED)
