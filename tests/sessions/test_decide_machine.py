"""The decision in a hostile world: lost and late answers, two tabs, sleep, logout, a thief, a store that forgets.

``TheWorld`` plays an honest browser and a thief against ``decide``. Beside the session's row it keeps a model of its
own (``Truth``: which generation, when it was first shown, in which generations somebody foreign was answered) from
which every outcome is foretold.
"""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sealring.policy import SessionPolicy
from sealring.sessions import Decision, EndReason, Outcome, Sender, SessionRow, decide
from tests.sessions.making import DAY, GRACE, NOW, OTHER_AGENT, POLICY, WEB, a_row, presented

TIMEOUT = POLICY.client_timeout.total_seconds()
SLOWEST_WRITE = 5.0
SELDOM = st.sampled_from([0] * 9 + [8])
WATCHED = ("generation", "confirmed_generation", "attempt", "replay_generation", "ep", "revoked_at")


@dataclass
class Truth:
    """What is so, told without the row."""

    generation: int = 1
    shown_at: float | None = None
    made_by: str | None = None
    anybody_made_it: bool = False
    foreign: frozenset[int] = frozenset()
    over: bool = False

    def settled(self, now: float) -> bool:
        return self.shown_at is not None and now - self.shown_at > GRACE

    def foretell(self, p: int, attempt: str | None, hint: str, made_under: str, now: float) -> Outcome:
        """Tell what must come of a token, for a session that is neither over nor expired."""
        behind = self.generation - p
        if behind == 0:
            return Outcome.ROTATED if self.settled(now) else Outcome.UNCHANGED
        if behind == 1 and not self.settled(now) and hint == made_under:
            is_foreign = self.anybody_made_it and attempt != self.made_by
            again = is_foreign and self.generation not in self.foreign and self.generation - 1 in self.foreign
            return Outcome.REVOKED if again else Outcome.REPLAYED
        if behind > 0:
            return Outcome.REUSED
        return Outcome.ADOPTED if -behind <= POLICY.rollback_tolerance else Outcome.IMPOSSIBLE


@dataclass
class Request:
    """A refresh of the honest browser on its way."""

    p: int
    attempt: str
    sent_at: float
    active_at: float | None
    read: SessionRow | None = None
    decision: Decision | None = None
    rounds: int = 0
    answer: tuple[Outcome, int] | None = None


@dataclass
class Browser:
    """One cookie jar, however many tabs."""

    generation: int = 1
    access_generation: int = 1
    storage: int = 0
    requests: list[Request] = field(default_factory=list)


class TheWorld(RuleBasedStateMachine):
    """The rules are what may happen; the invariants are what must hold whatever happens."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        self.key_version = 1
        self._log_in()

    def _log_in(self) -> None:
        self.row = a_row(
            generation=1,
            key_version=self.key_version,
            attempt=None,
            confirmed_generation=0,
            confirmed_at=self.now,
            rotated_at=self.now,
            idle_seconds=2 * DAY,
            idle_end=self.now + 2 * DAY,
            absolute_end=self.now + 2.5 * DAY,
            last_seen=self.now,
        )
        self.absolute_end = self.row.absolute_end
        self.truth = Truth()
        self.browser = Browser()
        self.sightings: list[tuple[int, float]] = []
        self.backups: list[tuple[SessionRow, Truth]] = [(self.row, self.truth)]
        self.successors: dict[int, int] = {}
        self.stolen: set[int] = set()
        self.thief_acted = False
        self.logged_out = False

    # Time

    @rule(seconds=st.sampled_from([0.1, 1.0, 4.0, 9.0, GRACE, GRACE + 1]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(hours=st.sampled_from([1, 8]))
    def the_laptop_sleeps(self, hours: int) -> None:
        self.now += hours * 3600

    @rule(days=SELDOM)
    def the_owner_is_on_holiday(self, days: int) -> None:
        self.now += days * DAY

    # The honest browser

    @precondition(lambda self: len(self.browser.requests) < 4)
    @rule(idle=st.sampled_from([None, 0.0, 600.0]))
    def a_tab_sends_a_refresh(self, idle: float | None) -> None:
        self._send(idle)

    def _send(self, idle: float | None) -> Request:
        p = self.browser.generation
        attempt = f"owner {p} {self.browser.storage}"
        request = Request(p, attempt, self.now, None if idle is None else self.now - idle)
        self.browser.requests.append(request)
        return request

    @precondition(lambda self: self.browser.requests)
    @rule(which=st.integers(0, 3))
    def the_server_reads(self, which: int) -> None:
        request = self.browser.requests[which % len(self.browser.requests)]
        if request.decision is None and request.answer is None and self.now - request.sent_at <= TIMEOUT:
            self._read(request)

    @precondition(lambda self: self.browser.requests)
    @rule(which=st.integers(0, 3))
    def the_server_writes(self, which: int) -> None:
        request = self.browser.requests[which % len(self.browser.requests)]
        if request.decision is not None and self.now - request.sent_at <= TIMEOUT + SLOWEST_WRITE:
            self._write(request, request.decision)

    @precondition(lambda self: self.browser.requests)
    @rule(which=st.integers(0, 3))
    def the_answer_arrives(self, which: int) -> None:
        request = self.browser.requests[which % len(self.browser.requests)]
        if request.answer is not None:
            self._deliver(request, *request.answer)

    def _deliver(self, request: Request, outcome: Outcome, generation: int) -> None:
        self.browser.requests.remove(request)
        if self.now - request.sent_at > TIMEOUT:
            return  # The browser has given up; nobody reads this answer's cookies.
        # A jar takes whatever comes, in whatever order it comes.
        self.browser.access_generation = generation
        if outcome.gives_refresh_token:
            self.browser.generation = generation

    @precondition(lambda self: self.browser.requests)
    @rule(which=st.integers(0, 3))
    def a_request_or_its_answer_is_lost(self, which: int) -> None:
        del self.browser.requests[which % len(self.browser.requests)]

    @rule(idle=st.sampled_from([None, 0.0]))
    def a_refresh_goes_through_at_once(self, idle: float | None) -> None:
        if len(self.browser.requests) < 4:
            request = self._send(idle)
            decision = self._read(request)
            self._write(request, decision)
            if request.answer is not None:
                self._deliver(request, *request.answer)

    @precondition(lambda self: self.row.is_live(self.now))
    @rule(generations=st.integers(1, 3))
    def all_goes_well(self, generations: int) -> None:
        for _ in range(generations):
            self._settle()
            self.a_refresh_goes_through_at_once(0.0)

    @precondition(lambda self: self.row.is_live(self.now))
    @rule()
    def an_answer_is_lost(self) -> None:
        self._settle()
        request = self._send(None)
        self._write(request, self._read(request))
        if request in self.browser.requests:
            self.browser.requests.remove(request)

    @precondition(lambda self: self.row.is_live(self.now))
    @rule(first=st.integers(0, 1))
    def two_tabs_wake_together(self, first: int) -> None:
        self._settle()
        tabs = [self._send(0.0), self._send(0.0)]
        for request, decision in [(request, self._read(request)) for request in tabs]:
            self._write(request, decision)
        for request in (tabs[first], tabs[1 - first]):
            while request in self.browser.requests and request.answer is None:
                self._write(request, self._read(request))
            if request.answer is not None:
                self._deliver(request, *request.answer)

    def _settle(self) -> None:
        self.sightings.append((self.browser.access_generation, self.now))
        self.what_was_seen_is_written()
        self.now += GRACE + 1

    @precondition(lambda self: self.row.is_live(self.now))
    @rule()
    def the_access_token_is_used(self) -> None:
        self.sightings.append((self.browser.access_generation, self.now))

    @rule()
    def what_was_seen_is_written(self) -> None:
        for generation, seen_at in self.sightings:
            self._confirm(generation, seen_at)
        self.sightings.clear()

    @precondition(lambda self: self.sightings)
    @rule()
    def a_process_dies_with_what_it_saw(self) -> None:
        self.sightings.clear()

    @precondition(lambda self: self.browser.storage == 0)
    @rule()
    def the_browser_loses_its_storage_once(self) -> None:
        self.browser.storage = 1

    @rule(really=SELDOM)
    def the_owner_logs_out(self, really: int) -> None:
        if really:
            self._end(EndReason.LOGOUT)
            self.logged_out = True

    @precondition(lambda self: not self.row.is_live(self.now))
    @rule()
    def the_owner_logs_in_again(self) -> None:
        self._log_in()

    # The house

    @rule()
    def the_key_version_rises(self) -> None:
        self.key_version += 1

    @rule()
    def a_backup_is_made(self) -> None:
        self.backups.append((self.row, self.truth))

    @precondition(lambda self: not self.truth.over)
    @rule(which=st.integers(0, 9))
    def the_store_forgets(self, which: int) -> None:
        row, truth = self.backups[which % len(self.backups)]
        answered = [request.answer[1] for request in self.browser.requests if request.answer]
        newest = max([self.browser.generation, *self.stolen, *answered])
        if newest - row.generation <= POLICY.rollback_tolerance:
            self.row, self.truth = row, truth
            self.successors = {p: version for p, version in self.successors.items() if p <= row.generation}
            for request in self.browser.requests:
                request.read = request.decision = None  # What was under way is cut off with the store.

    # The thief

    @rule()
    def a_thief_copies_the_jar(self) -> None:
        self.stolen.add(self.browser.generation)

    @precondition(lambda self: self.stolen)
    @rule(which=st.integers(0, 3), attempt=st.sampled_from([None, "thief"]), sender=st.sampled_from([WEB, OTHER_AGENT]))
    def the_thief_presents_a_copy(self, which: int, attempt: str | None, sender: Sender) -> None:
        self._steal_with(sorted(self.stolen, reverse=True)[which % len(self.stolen)], attempt, sender)

    @precondition(lambda self: self.row.is_live(self.now))
    @rule(attempt=st.sampled_from([None, "thief"]))
    def the_thief_goes_first(self, attempt: str | None) -> None:
        self._settle()
        self.stolen.add(self.browser.generation)
        self._steal_with(self.browser.generation, attempt, WEB)
        self.a_refresh_goes_through_at_once(0.0)

    def _steal_with(self, p: int, attempt: str | None, sender: Sender) -> None:
        live = self.row.is_live(self.now)
        hopeless = p <= self.truth.generation - 2 or (p == self.truth.generation - 1 and self.truth.settled(self.now))
        decision = self._decide(p, attempt, sender, self.now if attempt else None)
        self.thief_acted = True
        if decision.after is not None:
            self._apply(decision.after)
        if decision.end is not None:
            self._end(decision.end)
        self._learn(decision, p, attempt, self.now)
        if decision.outcome.gives_refresh_token:
            self.stolen.add(self.row.generation)
        if live and hopeless:
            assert (decision.outcome, self.row.revoked_reason) == (Outcome.REUSED, EndReason.REUSED)

    # How the server works

    def _decide(self, p: int, attempt: str | None, sender: Sender, active_at: float | None) -> Decision:
        token = presented(p, attempt=attempt, sender=sender, active_at=active_at, key_version=self.key_version)
        decision = decide(self.row, token, self.now, POLICY)
        if self.truth.over:
            assert decision.outcome is Outcome.REVOKED
        elif not self.row.is_live(self.now):
            assert decision.outcome in {Outcome.EXPIRED_IDLE, Outcome.EXPIRED_ABSOLUTE}
        else:
            foretold = self.truth.foretell(p, attempt, sender.hint, self.row.sender_hint, self.now)
            assert decision.outcome is foretold
        return decision

    def _read(self, request: Request) -> Decision:
        request.read = self.row
        request.decision = self._decide(request.p, request.attempt, WEB, request.active_at)
        return request.decision

    def _write(self, request: Request, decision: Decision) -> None:
        assert request.read is not None
        if decision.after is None:
            self._refuse_the_owner(decision)
            self.browser.requests.remove(request)
            return
        changed = any(getattr(self.row, name) != getattr(request.read, name) for name in WATCHED)
        request.read = request.decision = None
        if changed:
            request.rounds += 1
            if request.rounds == 3:
                self.browser.requests.remove(request)  # 503: the browser keeps its session and tries again.
            return
        assert not self.truth.over, "no tokens after a revoke"
        self._apply(decision.after)
        self._learn(decision, request.p, request.attempt, decision.after.last_seen)
        request.answer = (decision.outcome, self.row.generation)

    def _refuse_the_owner(self, decision: Decision) -> None:
        if decision.end is not None:
            self._end(decision.end)
        expired = decision.outcome in {Outcome.EXPIRED_IDLE, Outcome.EXPIRED_ABSOLUTE}
        assert expired or self.logged_out or self.thief_acted, f"the owner is logged out: {decision}"

    def _apply(self, after: SessionRow) -> None:
        """Write as a store does: ends and "last seen" only ever move forward."""
        before = self.row
        self.row = replace(
            after, idle_end=max(before.idle_end, after.idle_end), last_seen=max(before.last_seen, after.last_seen)
        )
        assert before.idle_end <= self.row.idle_end <= self.absolute_end

    def _confirm(self, generation: int, seen_at: float) -> None:
        seen = min(generation, self.row.generation)
        if seen > self.row.confirmed_generation and not self.truth.over:
            self.row = replace(self.row, confirmed_generation=seen, confirmed_at=seen_at)
        if generation >= self.truth.generation and self.truth.shown_at is None and not self.truth.over:
            self.truth = replace(self.truth, shown_at=seen_at)

    def _learn(self, decision: Decision, p: int, attempt: str | None, now: float) -> None:
        truth = self.truth
        match decision.outcome:
            case Outcome.ROTATED:
                self.truth = replace(truth, generation=p + 1, shown_at=None, made_by=attempt, anybody_made_it=True)
            case Outcome.UNCHANGED:
                self.truth = replace(truth, shown_at=now if truth.shown_at is None else truth.shown_at)
            case Outcome.ADOPTED:
                self.truth = replace(truth, generation=p, shown_at=now, anybody_made_it=False)
            case Outcome.REPLAYED if truth.anybody_made_it and attempt != truth.made_by:
                self.truth = replace(truth, foreign=truth.foreign | {truth.generation})
        if decision.outcome.gives_refresh_token:
            assert self.row.generation == p + 1, "the token given is the successor of the one presented"
            version = self.successors.setdefault(self.row.generation, self.row.key_version)
            assert version == self.row.key_version, "one generation has one spelling"

    def _end(self, reason: EndReason) -> None:
        if self.row.revoked_at is None:
            self.row = replace(self.row, revoked_at=self.now, revoked_reason=reason)
        self.truth = replace(self.truth, over=True)

    # What always holds

    @invariant()
    def the_row_says_what_is_so(self) -> None:
        assert self.row.generation == self.truth.generation
        assert self.row.confirmed_generation <= self.row.generation
        shown = self.row.confirmed_generation == self.row.generation
        assert shown == (self.truth.shown_at is not None)
        assert not shown or self.row.confirmed_at == self.truth.shown_at

    @invariant()
    def the_absolute_end_never_moves(self) -> None:
        assert self.row.absolute_end == self.absolute_end
        assert self.row.idle_end <= self.absolute_end

    @invariant()
    def the_owner_is_never_further_behind_than_one_generation_while_nobody_steals(self) -> None:
        if not self.thief_acted:
            assert self.browser.generation >= self.row.generation - 1


TestTheWorld = pytest.mark.filterwarnings("error")(TheWorld.TestCase)
TestTheWorld.settings = settings(max_examples=250, stateful_step_count=50, deadline=None)


# A thief who never lets itself be overtaken


def settled(row: SessionRow, now: float) -> SessionRow:
    return replace(row, confirmed_generation=row.generation, confirmed_at=now - GRACE - 1)


@pytest.mark.parametrize("thief", [None, "thief"], ids=["without an attempt", "with an attempt"])
@pytest.mark.parametrize("first", ["thief", "owner"])
def test_a_thief_who_moves_within_every_grace_is_ended_in_the_second_generation(first: str, thief: str | None) -> None:
    """Whoever goes first rotates, and the other one is answered with the same successor: once, not twice running."""
    row = a_row()
    outcomes: list[Outcome] = []
    for turn in range(2):
        p = row.generation
        attempts = (thief, f"owner {turn}") if first == "thief" else (f"owner {turn}", thief)
        rotated = decide(row, presented(p, attempt=attempts[0]), NOW, POLICY)
        assert rotated.outcome is Outcome.ROTATED
        assert rotated.after is not None
        replayed = decide(rotated.after, presented(p, attempt=attempts[1]), NOW + 1, POLICY)
        outcomes.append(replayed.outcome)
        if replayed.after is not None:
            row = settled(replayed.after, NOW)
    assert outcomes == [Outcome.REPLAYED, Outcome.REVOKED]
    assert replayed.end is EndReason.SUSPICIOUS_REPLAY


def test_two_tabs_that_wake_together_every_day_are_never_taken_for_a_thief() -> None:
    """Both send the attempt that they share."""
    row, policy = a_row(), SessionPolicy()
    for day in range(20):
        p, attempt = row.generation, f"owner {day}"
        for tab in range(2):
            decision = decide(row, presented(p, attempt=attempt), NOW, policy)
            assert decision.outcome is (Outcome.REPLAYED if tab else Outcome.ROTATED)
            assert decision.after is not None
            assert not decision.suspicious
            row = decision.after
        row = settled(row, NOW)
