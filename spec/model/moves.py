"""What may happen next: every step that anybody can take in a state."""

from collections.abc import Iterator

from spec.model.rule import Rule
from spec.model.scene import KEEPS, Line, Move, Scene
from spec.model.server import end, over, presents, read, take, write, written
from spec.model.world import OLD, POLICY, SLOWEST, TIMEOUT, Flight, World, aged


def moves(world: World, scene: Scene, rule: Rule) -> Iterator[Move]:
    """Yield every move, in a fixed order."""
    yield from _tabs(world, scene)
    for index, flight in enumerate(world.flights):
        yield from _flight(world, index, flight, rule)
    yield from _sightings(world, scene, rule)
    if scene.logout and not world.past.logged_out:
        yield _logout(world, scene)
    if world.past.over and not world.denied:
        line = Line("notes", "S", "", "the process hears that the session has ended")
        yield Move("hear", (line,), world._replace(denied=True))
    if scene.failover:
        yield from _failover(world, scene, rule)
    if scene.thief:
        yield from _thief(world, scene, rule)
    yield from _time(world, scene, rule)


# The owner


def _tabs(world: World, scene: Scene) -> Iterator[Move]:
    if world.past.logged_out or len(world.flights) >= scene.requests:
        return
    for tab in scene.tabs:
        if any(each.tab == tab and each.age <= TIMEOUT for each in world.flights):
            continue
        line = Line("says", tab, "S", "refresh with token {0}", (world.jar.generation,))
        yield Move("send", (line,), world._replace(flights=(*world.flights, Flight(tab, world.jar))))


def _flight(world: World, index: int, flight: Flight, rule: Rule) -> Iterator[Move]:
    rest = world.flights[:index] + world.flights[index + 1 :]
    if flight.phase == "sent":
        if flight.age <= TIMEOUT or not rule.drops_late_requests:
            yield take(world, rest, flight, rule)
    elif flight.phase == "taken":
        if flight.clock <= SLOWEST:
            yield read(world, rest, flight, rule)
    elif flight.phase == "decided":
        if flight.clock <= SLOWEST:
            yield write(world, rest, flight, rule)
    elif flight.phase == "ending":
        yield end(world, rest, flight)
    elif flight.age <= TIMEOUT:
        yield _deliver(world, rest, flight)
    lost = "the answer is lost" if flight.phase == "answered" else "the request is lost"
    ends = ("S", flight.tab) if flight.phase == "answered" else (flight.tab, "S")
    yield Move("lose", (Line("loses", *ends, lost),), world._replace(flights=rest))


def _deliver(world: World, rest: tuple[Flight, ...], flight: Flight) -> Move:
    after = world._replace(flights=rest)
    if not flight.access:
        line = Line("answers", "S", flight.tab, f"refused: {flight.outcome}")
        return Move("deliver", (line,), after, "" if world.past.has_cause else KEEPS)
    after = after._replace(jar=flight.gives or world.jar, access=flight.access)
    gives = " and refresh token {0}" if flight.gives else ""
    line = Line("answers", "S", flight.tab, f"{flight.outcome}: access token {{0}}{gives}", (flight.access,))
    return Move("deliver", (line,), after)


def _uses(world: World, who: str, generation: int, scene: Scene, rule: Rule) -> Iterator[Move]:
    """An access token is used: the process notes the newest generation that it saw, and when it saw it first."""
    newer = world.seen is None or generation > world.seen[0]
    if generation and newer and not world.past.over and matters(world, generation, rule):
        line = Line("says", who, "S", "a request with access token {0}", (generation,))
        after = world._replace(seen=(generation, 0))
        yield Move("use", (line,), after if scene.batches else _confirmed(after, rule))


def _confirmed(world: World, rule: Rule) -> World:
    assert world.seen is not None
    row = world.row if world.row.revoked else rule.confirmed(world.row, *world.seen)
    return written(world, world.flights, row)._replace(seen=None)


def matters(world: World, generation: int, rule: Rule) -> bool:
    """Tell whether writing that a generation was seen would change anything."""
    rows = (world.row, world.replica or world.row)
    return any(rule.confirmed(row, generation, 0) != row for row in rows)


def _sightings(world: World, scene: Scene, rule: Rule) -> Iterator[Move]:
    yield from _uses(world, "A", world.access, scene, rule)
    if world.seen is not None:
        line = Line("notes", "S", "", "it is written that {0} was seen", (world.seen[0],))
        yield Move("confirm", (line,), _confirmed(world, rule))
        line = Line("notes", "S", "", "the process dies with what it has seen")
        yield Move("forget", (line,), world._replace(seen=None))


def _logout(world: World, scene: Scene) -> Move:
    """The owner logs out, in another process; where the store may forget that, in this one, which remembers it."""
    after = over(world)
    after = after._replace(denied=scene.failover, past=after.past._replace(logged_out=True))
    return Move("logout", (Line("says", "A", "S", "log out"), Line("notes", "S", "", "the session is ended")), after)


# The store


def _failover(world: World, scene: Scene, rule: Rule) -> Iterator[Move]:
    if world.replica != world.row:
        line = Line("notes", "S", "", "the replica has generation {0}", (world.row.generation,))
        yield Move("replicate", (line,), world._replace(replica=world.row))
    if world.denied and not world.row.revoked:
        line = Line("notes", "S", "", "the process writes back that the session has ended")
        yield Move("write back", (line,), world._replace(row=world.row._replace(revoked=True)))
    if world.replica is None:
        return
    known = [world.jar, *world.stolen, *(each.gives or each.token for each in world.flights)]
    lost = max(each.generation for each in known) - world.replica.generation
    if lost > POLICY.rollback_tolerance and not scene.excess:
        return
    # Whatever the store was doing is cut off with it.
    flights = tuple(each for each in world.flights if each.phase in {"sent", "answered"})
    past = world.past._replace(lost_too_much=world.past.lost_too_much or lost > POLICY.rollback_tolerance)
    after = world._replace(row=world.replica, flights=flights, past=past)
    line = Line("notes", "S", "", "failover: the store is back in generation {0}", (world.replica.generation,))
    yield Move("fail over", (line,), after)


# The thief


def _thief(world: World, scene: Scene, rule: Rule) -> Iterator[Move]:
    if not world.past.thief_acted and not world.stolen:
        line = Line("notes", "T", "", "copies the cookie jar with token {0}", (world.jar.generation,))
        yield Move("steal", (line,), world._replace(stolen=(world.jar,)))
    for token in world.stolen:
        for attempt in ("thief", None):
            yield presents(world, token, attempt, rule)
    yield from _uses(world, "T", world.loot, scene, rule)


# Time


def _time(world: World, scene: Scene, rule: Rule) -> Iterator[Move]:
    yield Move("tick", (Line("notes", "A", "", "10 seconds pass"),), _without_dead(aged(world, 1), rule))
    if scene.sleep:
        yield Move("sleep", (Line("notes", "A", "", "8 hours of sleep"),), _without_dead(aged(world, OLD), rule))


def _without_dead(world: World, rule: Rule) -> World:
    """Drop what nobody waits for any more and nobody will do any more."""
    return world._replace(flights=tuple(each for each in world.flights if not _dead(each, rule)))


def _dead(flight: Flight, rule: Rule) -> bool:
    if flight.phase in {"taken", "decided"}:
        return flight.clock > SLOWEST
    if flight.phase == "ending":
        return False
    return flight.age > TIMEOUT and (flight.phase == "answered" or rule.drops_late_requests)
