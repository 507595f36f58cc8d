"""What is explored, which variants are refuted where, and which stories are drawn."""

from typing import Final, NamedTuple

from spec.model import rule as rules
from spec.model.explore import Goal, Step, explore
from spec.model.rule import Rule
from spec.model.scene import BEHIND, KEEPS, NO_FORK, NO_REVIVAL, SHARED, Move, Scene
from spec.model.world import World

TABS: Final = Scene("two tabs, lost and late answers, sleep", requests=4)
LOGOUT: Final = Scene("two tabs, a logout in another process", requests=2, logout=True)
THIEF: Final = Scene("one tab and a thief", requests=2, tabs=("A",), thief=True)
FAILOVER: Final = Scene("one tab, the store fails over", requests=2, tabs=("A",), failover=True)
LOST_LOGOUT: Final = Scene(
    "one tab, a logout, the store fails over", requests=1, tabs=("A",), failover=True, logout=True
)
TABS_FAILOVER: Final = Scene("two tabs, the store fails over", requests=2, failover=True, batches=False)

SCENES: Final = (TABS, LOGOUT, THIEF, FAILOVER, LOST_LOGOUT, TABS_FAILOVER)
"""Explored to the last state at every test."""

DEEP: Final = (
    Scene("two tabs, the store fails over, sightings wait and are lost", requests=2, failover=True),
    Scene("two tabs and a thief", requests=2, thief=True),
    Scene("one tab, a thief and a logout", requests=2, tabs=("A",), thief=True, logout=True),
)
"""Some minutes more, for whoever changes the rule."""


class Refuted(NamedTuple):
    """A variant, where it fails, and the property that it breaks."""

    variant: type[Rule]
    scene: Scene
    breaks: str


_PAIR: Final = Scene("two tabs", requests=2)

REFUTED: Final = (
    Refuted(rules.SingleUse, _PAIR, KEEPS),
    Refuted(rules.GraceFromRotation, _PAIR, KEEPS),
    Refuted(rules.ConfirmedFlag, _PAIR, KEEPS),
    Refuted(rules.LateRequests, _PAIR, KEEPS),
    Refuted(rules.NewSuccessors, _PAIR, NO_FORK),
    Refuted(rules.BlindSwap, LOGOUT, NO_REVIVAL),
    Refuted(rules.NextAfterFailover, TABS_FAILOVER, KEEPS),
    Refuted(rules.NoDenylist, LOST_LOGOUT, NO_REVIVAL),
    Refuted(rules.EndlessReplay, THIEF, BEHIND),
    Refuted(rules.NoAttempts, THIEF, SHARED),
)


class Story(NamedTuple):
    """A drawing: what has to happen, one after the other; the model finds the shortest way from each to the next."""

    name: str
    scene: Scene
    ways: tuple[Goal, ...]


def _happens(name: str, *words: str) -> Goal:
    """Return what recognises a move by its name and by words in what is drawn of it."""

    def recognised(world: World, move: Move) -> bool:
        text = " ".join(line.text for line in move.lines)
        return move.name == name and all(word in text for word in words)

    return recognised


_ROTATES: Final = (_happens("confirm"), _happens("sleep"), _happens("deliver", "rotated"))
_ONE: Final = Scene("one tab", requests=1, tabs=("A",))
_SETTLED: Final = (_happens("confirm"), _happens("sleep"))
_EXCESS: Final = Scene("one tab", requests=1, tabs=("A",), failover=True, excess=True)

STORIES: Final = (
    Story("rotation", _ONE, (*_SETTLED, _happens("deliver", "rotated"))),
    Story(
        "lost-answer",
        _ONE,
        (*_SETTLED, _happens("write"), _happens("lose", "answer"), _happens("sleep"), _happens("deliver", "replayed")),
    ),
    Story(
        "two-tabs",
        TABS,
        (
            *_SETTLED,
            _happens("read", "for A"),
            _happens("read", "for B"),
            _happens("write", "for B"),
            _happens("deliver", "rotated"),
            _happens("deliver", "replayed"),
        ),
    ),
    Story(
        "logout", LOGOUT, (*_SETTLED, _happens("read", "rotated"), _happens("logout"), _happens("deliver", "refused"))
    ),
    Story(
        "thief-behind",
        THIEF,
        (
            _happens("steal"),
            *_SETTLED,
            _happens("deliver", "rotated"),
            *_SETTLED,
            _happens("present", "reused"),
        ),
    ),
    Story(
        "thief-within-the-grace",
        THIEF,
        (
            *_SETTLED,
            _happens("steal"),
            _happens("deliver", "rotated"),
            _happens("present", "replayed"),
            *_SETTLED,
            _happens("deliver", "rotated"),
            _happens("present", "suspicious_replay"),
        ),
    ),
    Story(
        "failover",
        FAILOVER,
        (
            _happens("confirm"),
            _happens("replicate"),
            _happens("sleep"),
            _happens("deliver", "rotated"),
            _happens("fail over"),
            _happens("deliver", "adopted"),
        ),
    ),
    Story(
        "failover-too-far",
        _EXCESS,
        (
            _happens("replicate"),
            *_ROTATES * 4,
            _happens("fail over"),
            _happens("deliver", "refused"),
        ),
    ),
)


def tell(story: Story) -> tuple[Step, ...]:
    """Return the trace of a story.

    Raises:
        LookupError: it cannot happen.
    """
    rule = Rule()
    world, offset = rule.after_login, 0
    trace: list[Step] = []
    for number, goal in enumerate(story.ways):
        found = explore(story.scene, rule, start=world, goal=goal)
        if not found.reached:
            raise LookupError(f"{story.name}: point {number + 1} cannot be reached")
        trace += [
            each._replace(offset=each.offset + offset, next_offset=each.next_offset + offset) for each in found.reached
        ]
        world, offset = trace[-1].after, trace[-1].next_offset
    return tuple(trace)


def refute(refuted: Refuted) -> tuple[Step, ...]:
    """Return the shortest trace in which a variant breaks a property.

    Raises:
        LookupError: none does.
    """
    found = explore(refuted.scene, refuted.variant(), until_broken=True)
    if refuted.breaks not in found.broken:
        raise LookupError(f"{refuted.variant.name} breaks {list(found.broken) or 'nothing'}, not: {refuted.breaks}")
    return found.broken[refuted.breaks]
