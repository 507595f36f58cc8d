"""Explores every state that can be reached, breadth first, so that a trace is never longer than it must be."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from spec.model.moves import matters, moves
from spec.model.rule import Rule
from spec.model.scene import Move, Scene
from spec.model.world import World, mirrored, moved_to_origin


class Step(NamedTuple):
    """One move of a trace, the state after it, and how far the generations of both are from the origin."""

    move: Move
    offset: int
    after: World
    next_offset: int


Goal = Callable[[World, Move], bool]
"""Tells whether a move, made in a state, is what a drawing is about."""


@dataclass
class Found:
    """What an exploration found.

    Attributes:
        scene: that was explored.
        rule: of the server.
        states: different ones.
        moves: tried in them.
        broken: property → the shortest trace that breaks it; empty when all hold.
        complete: whether no state was left out.
    """

    scene: Scene
    rule: Rule
    states: int = 0
    moves: int = 0
    broken: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    reached: tuple[Step, ...] = ()
    complete: bool = False


class _Node(NamedTuple):
    world: World
    parent: "_Node | None"
    move: Move | None
    shift: int


def explore(
    scene: Scene, rule: Rule, *, start: World | None = None, goal: Goal | None = None, until_broken: bool = False
) -> Found:
    """Visit every state of a scene.

    Args:
        scene: what may happen.
        rule: of the server.
        start: where it begins; default right after the login.
        goal: stop at the first move of which this is true.
        until_broken: stop at the first property that is broken.
    """
    found = Found(scene, rule)
    root = _Node(start or rule.after_login, None, None, 0)
    symmetric = len(scene.tabs) == 2
    visited = {root.world}
    queue = deque([root])
    while queue:
        node = queue.popleft()
        found.states += 1
        for move in moves(node.world, scene, rule):
            found.moves += 1
            after, shift = moved_to_origin(move.after)
            if after.seen and not matters(after, after.seen[0], rule):
                after = after._replace(seen=None)
            if move.breaks:
                found.broken.setdefault(move.breaks, _trace(_Node(after, node, move, shift)))
                if until_broken:
                    return found
                continue
            if goal is not None and goal(node.world, move):
                found.reached = _trace(_Node(after, node, move, shift))
                return found
            if after in visited or (symmetric and mirrored(after) in visited):
                continue
            visited.add(after)
            queue.append(_Node(after, node, move, shift))
    found.complete = True
    return found


def _trace(node: _Node) -> tuple[Step, ...]:
    path: list[_Node] = []
    here: _Node | None = node
    while here is not None and here.move is not None:
        path.append(here)
        here = here.parent
    steps: list[Step] = []
    offset = 0
    for each in reversed(path):
        assert each.move is not None
        steps.append(Step(each.move, offset, each.world, offset + each.shift))
        offset += each.shift
    return tuple(steps)
