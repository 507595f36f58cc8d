"""What the server does with a refresh: it reads its clock, reads the row and decides, writes if the row is still so.

The hot write of the library does the last two at once, which is one of the interleavings here.
"""

from typing import Final

from sealring.sessions import Outcome
from spec.model.rule import Rule, Verdict
from spec.model.scene import BEHIND, KEEPS, NO_FORK, NO_REVIVAL, SHARED, Line, Move
from spec.model.world import Flight, History, Row, Token, World

Flights = tuple[Flight, ...]

_OWNER: Final = "owner"
_THIEF: Final = "thief"
# What a store compares before it writes (SessionStore.compare_and_swap), as far as it is part of the model.
_WATCHED: Final = ("generation", "attempt", "confirmed", "replay_generation")


def take(world: World, rest: Flights, flight: Flight, rule: Rule) -> Move:
    """Ask the denylist and read the clock."""
    if world.denied and rule.asks_denylist:
        return _refused(world, rest, flight, Outcome.REVOKED, "the denylist says that the session has ended")
    return Move("take", (), world._replace(flights=(*rest, flight._replace(phase="taken", clock=0))))


def read(world: World, rest: Flights, flight: Flight, rule: Rule) -> Move:
    """Read the row and decide."""
    verdict = rule.judge(world.row, flight.token, _OWNER, flight.clock)
    if verdict.after is None and not verdict.end:
        return _refused(world, rest, flight, verdict.outcome, f"the session is {verdict.outcome}")
    line = _because(world.row, verdict, rule, f"for {flight.tab}: ")
    if verdict.after is not None:
        read = flight._replace(phase="decided")
    else:
        read = flight._replace(phase="ending", clock=0, outcome=verdict.end)
    return Move("read", (line,), world._replace(flights=(*rest, read)))


def _refused(world: World, rest: Flights, flight: Flight, outcome: Outcome, why: str) -> Move:
    line = Line("notes", "S", "", f"for {flight.tab}: {why}")
    answered = flight._replace(phase="answered", clock=0, outcome=outcome.value)
    return Move("refuse", (line,), world._replace(flights=(*rest, answered)))


def write(world: World, rest: Flights, flight: Flight, rule: Rule) -> Move:
    """Write what was decided; it was decided on this very row, or the request would read again."""
    ended = world.row.revoked
    if ended and rule.swap_tests_revoked:
        line = Line("notes", "S", "", f"for {flight.tab}: the write finds that the session has ended and does nothing")
        return Move("miss", (line,), world._replace(flights=(*rest, flight._replace(phase="taken"))))
    row = world.row._replace(revoked=False)
    verdict = rule.judge(row, flight.token, _OWNER, flight.clock)
    assert verdict.after is not None, "what was decided on this row is decided again"
    after = written(world, rest, _made(row, verdict, _OWNER)._replace(revoked=ended))
    past, breaks = _answered(world, verdict.outcome, _OWNER)
    heard = after.denied and rule.asks_denylist
    answer = flight._replace(
        phase="answered",
        clock=0,
        outcome=(Outcome.REVOKED if heard else verdict.outcome).value,
        gives=None if heard else verdict.gives,
        access=0 if heard else verdict.after.generation,
    )
    text = f"for {flight.tab}: written, generation {{0}}"
    after = after._replace(past=past, flights=(*after.flights, answer))
    if heard:
        text, breaks = f"for {flight.tab}: written, but the session has ended meanwhile: no tokens", ""
    return Move("write", (Line("notes", "S", "", text, (verdict.after.generation,)),), after, breaks or _fork(after))


def written(world: World, rest: Flights, row: Row) -> World:
    """Put a row; whoever decided on the row before will find it changed and read again."""
    if any(getattr(row, name) != getattr(world.row, name) for name in _WATCHED):
        rest = tuple(each._replace(phase="taken") if each.phase == "decided" else each for each in rest)
    return world._replace(row=row, flights=rest)


def end(world: World, rest: Flights, flight: Flight) -> Move:
    """End a session that a decision condemned."""
    answered = flight._replace(phase="answered")
    after = over(world)._replace(flights=(*rest, answered))
    line = Line("notes", "S", "", f"for {flight.tab}: the session is ended")
    return Move("end", (line,), after, "" if world.past.has_cause else KEEPS)


def over(world: World) -> World:
    """Return the state in which the session is ended, and this process knows it."""
    return world._replace(row=world.row._replace(revoked=True), denied=True, past=world.past._replace(over=True))


def presents(world: World, token: Token, attempt: str | None, rule: Rule) -> Move:
    """The thief gets its answer at once; it may come between any two steps of the owner."""
    behind = token.generation <= world.row.generation - 2
    behind |= token.generation == world.row.generation - 1 and world.row.settled
    own = " and an attempt of its own" if attempt else ""
    asks = Line("says", "T", "S", f"refresh with token {{0}}{own}", (token.generation,))
    base = world._replace(past=world.past._replace(thief_acted=True))
    if world.denied and rule.asks_denylist:
        return Move("present", (asks, Line("answers", "S", "T", "refused: revoked")), base)
    verdict = rule.judge(world.row, token, attempt, 0)
    why = _because(world.row, verdict, rule)
    if verdict.after is None:
        after = over(base) if verdict.end else base
        breaks = BEHIND if behind and not (verdict.end or world.row.revoked) else ""
        refused = Line("answers", "S", "T", "refused, and the session is ended" if verdict.end else "refused")
        return Move("present", (asks, why, refused), after, breaks)
    past, breaks = _answered(base, verdict.outcome, _THIEF)
    after = written(base, base.flights, _made(world.row, verdict, _THIEF))
    after = after._replace(past=past, loot=max(world.loot, verdict.after.generation))
    if verdict.gives:
        after = after._replace(stolen=tuple(sorted({*world.stolen, verdict.gives})))
    got = Line("answers", "S", "T", f"{verdict.outcome}: access token {{0}}", (verdict.after.generation,))
    if behind and not world.row.revoked:
        breaks = BEHIND
    return Move("present", (asks, why, got), after, breaks or _fork(after))


# What has happened, and what must not


def _made(row: Row, verdict: Verdict, who: str) -> Row:
    """Return the row to write, with who made its generation."""
    assert verdict.after is not None, "an answer that gives tokens writes"
    known = {Outcome.ROTATED: who, Outcome.ADOPTED: ""}
    return verdict.after._replace(made_by=known.get(verdict.outcome, row.made_by))


def _answered(world: World, outcome: Outcome, who: str) -> tuple[History, str]:
    """Tell what the history is after an answer that gives tokens, and what that answer breaks."""
    past, row = world.past, world.row
    if past.over:
        return past, NO_REVIVAL
    if outcome is not Outcome.REPLAYED or not row.made_by or who == row.made_by or past.foreign == row.generation:
        return past, ""
    run = past.run + 1 if past.foreign == row.generation - 1 else 1
    return past._replace(foreign=row.generation, run=run), SHARED if run > 1 else ""


def _fork(world: World) -> str:
    live: dict[int, int] = {}
    for token in (world.jar, *world.stolen, *(each.gives for each in world.flights if each.gives)):
        if token.generation >= world.row.generation and live.setdefault(token.generation, token.twig) != token.twig:
            return NO_FORK
    return ""


def _because(row: Row, verdict: Verdict, rule: Rule, whose: str = "") -> Line:
    """Say what the row was when something was decided, and what."""
    if row.revoked:
        return Line("notes", "S", "", f"{whose}the session has ended, so {verdict.outcome}")
    state = "settled" if rule.is_settled(row) else "not settled"
    return Line(
        "notes", "S", "", f"{whose}generation {{0}}, {state}, so {verdict.end or verdict.outcome}", (row.generation,)
    )
