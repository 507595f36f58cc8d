"""What the world is made of: plain values that can be compared, so that a state that was seen before is known.

Time is counted in ticks of five seconds. Only differences of times and of generations matter to the protocol, so every
state is moved to the same origin: the session is always in generation ``HERE``, and ages beyond the grace are all the
same. That makes the number of states finite although a session may rotate for ever.
"""

import math
from functools import cache
from typing import NamedTuple

from sealring.policy import SessionPolicy

TICK = 10.0
"""Seconds."""

POLICY = SessionPolicy()
TIMEOUT = int(POLICY.client_timeout.total_seconds() / TICK)
SLOWEST = math.ceil(5 / TICK)
"""Ticks that a request may wait for the store before it is dropped."""
OLD = int(POLICY.grace.total_seconds() / TICK) + 1
"""The least age, in ticks, that is beyond the grace; older is the same."""

UNKNOWN = -1
"""The age of the last rotation where the rule does not ask for it."""

HERE = 10
"""The generation of the session in every state."""


class Token(NamedTuple):
    """A refresh token: its generation, and which of several different successors it is (always 0 by the real rule)."""

    generation: int
    twig: int = 0


class Row(NamedTuple):
    """What of the session's row the rule reads, ages in ticks; and who made its generation, which no rule reads."""

    generation: int = HERE
    attempt: str | None = None
    confirmed: int = HERE - 1
    confirmed_age: int = 0
    replay_generation: int = 0
    replay_streak: int = 0
    revoked: bool = False
    rotated_age: int = UNKNOWN
    made_by: str = ""

    @property
    def settled(self) -> bool:
        """Whether somebody showed this generation longer than the grace ago."""
        return self.confirmed >= self.generation and self.confirmed_age >= OLD


class Flight(NamedTuple):
    """A refresh of the owner on its way: who sent it, where it is, how old it is.

    Attributes:
        phase: ``sent``, ``taken`` (the server has read its clock), ``decided`` (the server has read the row),
            ``ending`` (the decision condemns the session) or ``answered``.
        clock: ticks since the server read its clock.
        outcome: of the answer.
        gives: the refresh token in the answer, or None.
        access: the generation of the access token in the answer.
    """

    tab: str
    token: Token
    phase: str = "sent"
    age: int = 0
    clock: int = 0
    outcome: str = ""
    gives: Token | None = None
    access: int = 0


class History(NamedTuple):
    """What has happened, told without the row; the properties are about this.

    Attributes:
        logged_out: the owner ended the session.
        thief_acted: somebody else presented a token.
        lost_too_much: the store lost more generations than it may.
        over: the session was ended, whatever the store remembers of it.
        foreign: the newest generation in which two parties with different attempts were answered; 0 for none.
        run: in how many generations running that happened.
    """

    logged_out: bool = False
    thief_acted: bool = False
    lost_too_much: bool = False
    over: bool = False
    foreign: int = 0
    run: int = 0

    @property
    def has_cause(self) -> bool:
        """Whether there is a reason by name for which the owner may be logged out."""
        return self.logged_out or self.thief_acted or self.lost_too_much


class World(NamedTuple):
    """One state of everything.

    Attributes:
        row: the session in the store.
        replica: the state that the store would fall back to, or None where it cannot.
        jar: the refresh token in the owner's cookie jar, which all tabs share.
        access: the generation of the access token in the jar.
        flights: what is on its way.
        seen: the generation of an access token that a process has seen and not yet written, and when; or None.
        denied: whether the process knows that the session has ended.
        stolen: refresh tokens that the thief has.
        loot: the generation of the thief's newest access token; 0 for none.
        past: what has happened.
    """

    row: Row = Row()
    replica: Row | None = None
    jar: Token = Token(HERE)
    access: int = HERE
    flights: tuple[Flight, ...] = ()
    seen: tuple[int, int] | None = None
    denied: bool = False
    stolen: tuple[Token, ...] = ()
    loot: int = 0
    past: History = History()


def moved_to_origin(world: World) -> tuple[World, int]:
    """Return the same state with its session in generation ``HERE``, and by how much it was moved."""
    shift = world.row.generation - HERE
    replica = world.replica and _moved_row(world.replica, shift)
    if replica and replica.generation < HERE - POLICY.rollback_tolerance - 2:
        replica = None  # so far behind that nobody would make it the store
    # Whatever is two generations behind both rows is equally dead.
    least = min(HERE, replica.generation if replica else HERE) - 2
    past = world.past
    if past.foreign:
        counts = past.foreign - shift >= HERE - 1
        past = past._replace(foreign=past.foreign - shift if counts else 0, run=past.run if counts else 0)
    stolen = world.stolen and tuple(sorted({_moved_token(each, shift, least) for each in world.stolen}))
    flights = [_moved_flight(each, shift, least) for each in world.flights]
    flights.sort(key=_order)
    moved = World(
        row=_moved_row(world.row, shift),
        replica=replica,
        jar=_moved_token(world.jar, shift, least),
        access=max(least, world.access - shift),
        flights=tuple(flights),
        seen=world.seen and (max(least, world.seen[0] - shift), world.seen[1]),
        denied=world.denied,
        stolen=stolen,
        loot=world.loot and max(least, world.loot - shift),
        past=past,
    )
    return moved, shift


@cache
def _moved_token(token: Token, shift: int, least: int) -> Token:
    return Token(max(least, token.generation - shift), token.twig)


@cache
def _moved_flight(flight: Flight, shift: int, least: int) -> Flight:
    return flight._replace(
        token=_moved_token(flight.token, shift, least),
        gives=flight.gives and _moved_token(flight.gives, shift, least),
        access=flight.access and max(least, flight.access - shift),
    )


@cache
def _moved_row(row: Row, shift: int) -> Row:
    generation = row.generation - shift
    # How far behind the last sighting is makes no difference, only whether it is behind.
    confirmed = max(generation - 1, row.confirmed - shift)
    replayed = row.replay_generation - shift if row.replay_generation else 0
    # A foreign replay counts on from the generation before; without a streak only the present one is remembered.
    counts = replayed == generation or (replayed == generation - 1 and row.replay_streak > 0)
    return row._replace(
        generation=generation,
        confirmed=confirmed,
        confirmed_age=row.confirmed_age if confirmed >= generation else 0,
        replay_generation=replayed if counts else 0,
        replay_streak=row.replay_streak if counts else 0,
    )


@cache
def _order(flight: Flight) -> tuple[object, ...]:
    return (*flight[:6], flight.gives or (), flight.access)


def mirrored(world: World) -> World:
    """Return the state with the names of the two tabs exchanged, which is the same state to everybody else."""
    other = {"A": "B", "B": "A"}
    flights = (each._replace(tab=other[each.tab]) for each in world.flights)
    return world._replace(flights=tuple(sorted(flights, key=_order)))


def aged(world: World, ticks: int) -> World:
    """Return the state some ticks later; requests whose time is over are gone."""
    return world._replace(
        row=_aged_row(world.row, ticks),
        replica=world.replica and _aged_row(world.replica, ticks),
        seen=world.seen and (world.seen[0], min(OLD, world.seen[1] + ticks)),
        flights=tuple(
            each._replace(age=min(TIMEOUT + 1, each.age + ticks), clock=each.clock + ticks * (each.phase in _AT_SERVER))
            for each in world.flights
        ),
    )


_AT_SERVER = ("taken", "decided")


@cache
def _aged_row(row: Row, ticks: int) -> Row:
    rotated_age = row.rotated_age if row.rotated_age == UNKNOWN else min(OLD, row.rotated_age + ticks)
    return row._replace(confirmed_age=min(OLD, row.confirmed_age + ticks), rotated_age=rotated_age)
