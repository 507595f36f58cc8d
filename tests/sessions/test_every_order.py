"""Revocation wins every race: logins, refreshes and everything that ends sessions, in every order, on every store."""

import math
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest

from sealring import Sealring, SessionTokens, Subject
from sealring.errors import LoginSuperseded, SealringError, SessionRevoked, SubjectInactive
from sealring.sessions import SessionRow
from tests.gated import Place
from tests.interleaving import NEVER, Run, StagedStore, every_order, stop
from tests.refreshing import another_ring, quiet, refresh_token
from tests.support import WEB, Bench, Claims, bench

pytestmark = pytest.mark.anyio

PATIENT = quiet(store_patience=timedelta(seconds=60))


@dataclass
class Stage:
    """One account of an application with two processes, and a session of it.

    Attributes:
        here: one process.
        there: another one.
        session: as it was opened.
        password: that the account has now; logins come with "old".
        active: whether the account is.
        rings: in which process each operation of a run is.
    """

    bench: Bench
    here: Sealring[Claims]
    there: Sealring[Claims]
    names: "count[int]" = field(default_factory=count)
    subject: str = ""
    password: str = "old"
    active: bool = True
    rings: dict[str, Sealring[Claims]] = field(default_factory=dict)
    session: SessionTokens = field(init=False)

    async def set(self, *, settled: bool = True, behind: bool = False) -> None:
        """Make a new account with a new session, settled or not, or one generation behind."""
        self.subject, self.password, self.active = f"user {next(self.names)}", "old", True
        self.session = await self._logged_in()
        if settled or behind:
            await self._settle()
        if behind:
            await self.here.refresh(refresh_token(self.session), sender=WEB, attempt="a")

    async def _logged_in(self) -> SessionTokens:
        login = await self.here.begin_login(self.subject)
        return await self.here.open_session(login, Subject(self.subject, Claims()), sender=WEB)

    async def _settle(self) -> None:
        self.here.confirm(await self.here.authenticate(self.session.access_token))
        await self.here.flush_confirmations()
        self.bench.clock.advance(21)

    async def load(self, subject_id: str) -> Subject | None:
        """Tell about the account, as the application does at every refresh."""
        await stop("load")
        return Subject(subject_id, Claims()) if self.active else None

    # Operations

    async def refresh(self, ring: Sealring[Claims]) -> SessionTokens:
        return await ring.refresh(refresh_token(self.session), sender=WEB, attempt="a")

    async def login(self, ring: Sealring[Claims]) -> SessionTokens | None:
        """Sign in with the old password; the application looks at it between the two halves."""
        login = await ring.begin_login(self.subject)
        await stop("credential")
        if self.password != "old" or not self.active:
            return None
        return await ring.open_session(login, Subject(self.subject, Claims()), sender=WEB)

    async def logout(self, ring: Sealring[Claims]) -> None:
        await ring.logout(refresh_token=self.session.refresh_token)

    async def logout_all(self, ring: Sealring[Claims]) -> None:
        await ring.end_all_sessions(self.subject)

    async def change_password(self, ring: Sealring[Claims]) -> None:
        """Change it, and end every other session, as the Todo application does."""
        await stop("password")
        self.password = "new"
        await ring.end_other_sessions(self.subject, keep=self.session.view.row.session_id, reason="password_changed")

    async def disable(self, ring: Sealring[Claims]) -> None:
        await stop("account")
        self.active = False
        await ring.end_all_sessions(self.subject, "administrator")

    async def revoke_access(self, ring: Sealring[Claims]) -> None:
        await ring.revoke_access(self.session.view.row.session_id)

    # What must be so when all is over

    async def judge(self, run: Run) -> None:
        """Compare everything that anybody holds with what the order of the calls allows."""
        for ring in (self.here, self.there):
            await ring.follower.catch_up()
        rows = {row.sid: row for row in await self.here.store.list_sessions(self.subject)}
        names = {name for name, _ in run.order}
        session_dies = bool(names & {"logout", "logout_all", "disable"})
        assert (self.session.view.row.sid in rows) is not session_dies, run
        await self._judge_tokens(self.session, rows, run)
        for name in sorted(names):
            result = run.results[name]
            assert not isinstance(result, SealringError) or name.startswith(("refresh", "login")), run
            if isinstance(result, SessionTokens):
                await self._judge_tokens(result, rows, run)
            if name.startswith("refresh"):
                self._judge_refresh(name, result, run, dies=session_dies)
            elif name.startswith("login"):
                self._judge_login(name, result, rows, run)

    def _judge_refresh(self, name: str, result: Any, run: Run, *, dies: bool) -> None:
        if not isinstance(result, SessionTokens):
            assert dies, run
            assert isinstance(result, SessionRevoked | SubjectInactive), run
            return
        # Every write that gives tokens tests that the session has not ended.
        written = max(at for at, call in enumerate(run.order) if call in {(name, "rotate"), (name, "compare_and_swap")})
        assert written < min(run.at(other, "end_session") for other in run.results), run
        assert written < min(run.at(other, "end_subject") for other in ("logout_all", "disable")), run
        # And what has ended in this process before the answer is not answered, not even with dead tokens.
        own = [each for each in ("logout", "logout_all", "disable") if self.rings.get(each) is self.rings[name]]
        assert run.at(name, "load") < min((run.at(each, "end") for each in own), default=NEVER), run

    def _judge_login(self, name: str, result: Any, rows: dict[bytes, SessionRow], run: Run) -> None:
        assert result is None or isinstance(result, SessionTokens | LoginSuperseded), run
        ended = [run.at(other, "end_subject") for other in ("logout_all", "change_password", "disable")]
        must_die = any(run.at(name, "subject_epoch") < each < NEVER for each in ended)
        if run.at(name, "credential") > min(run.at("change_password", "password"), run.at("disable", "account")):
            assert result is None, f"a wrong password was accepted: {run}"
            must_die = True
        alive = isinstance(result, SessionTokens) and result.view.row.sid in rows
        assert alive is not must_die, run

    async def _judge_tokens(self, tokens: SessionTokens, rows: dict[bytes, SessionRow], run: Run) -> None:
        row = rows.get(tokens.view.row.sid)
        usable = row is not None and tokens.view.row.ep == row.ep
        for ring in (self.here, self.there):
            assert await _accepted(ring.authenticate(tokens.access_token)) is usable, run
        if tokens.refresh_token is not None:
            # Whatever comes of it, a session that has ended gives nothing, and one that lives goes on.
            expected = row is not None and self.active
            assert await _accepted(self.there.refresh(tokens.refresh_token, sender=WEB, attempt="a")) is expected, run


async def _accepted(asking: Awaitable[object]) -> bool:
    try:
        await asking
    except SealringError:
        return False
    return True


@asynccontextmanager
async def staged(place: Place) -> AsyncIterator[Stage]:
    """Run two processes of one application on a store."""
    async with bench(policy=PATIENT, store=place.open()) as it:
        stage: Stage

        async def load(subject_id: str) -> Subject | None:
            return await stage.load(subject_id)

        rings = [another_ring(place, it, load, policy=PATIENT, store=StagedStore(place.open()).port) for _ in range(2)]
        async with rings[0] as here, rings[1] as there:
            stage = Stage(it, here, there)
            yield stage


Prepare = Callable[[Stage], Awaitable[None]]

SETTLED: Prepare = Stage.set
FRESH: Prepare = partial(Stage.set, settled=False)
BEHIND: Prepare = partial(Stage.set, behind=True)

ENDERS = ("logout", "logout_all", "change_password", "disable", "revoke_access")
PLAYS = [
    *(("a settled session", SETTLED, ("refresh", ender)) for ender in ENDERS),
    *(("a session not yet shown", FRESH, ("refresh", ender)) for ender in ENDERS),
    *(("a session whose answer was lost", BEHIND, ("refresh", ender)) for ender in ENDERS),
    *(("a settled session", SETTLED, ("login", ender)) for ender in ENDERS),
    ("a settled session", SETTLED, ("refresh", "refresh 2")),
    ("a settled session", SETTLED, ("login", "login 2")),
    ("a settled session", SETTLED, ("logout", "logout_all")),
    ("a settled session", SETTLED, ("logout", "revoke_access")),
    ("a settled session", SETTLED, ("change_password", "logout_all")),
    ("a settled session", SETTLED, ("refresh", "login", "logout_all")),
    ("a settled session", SETTLED, ("refresh", "login", "change_password")),
    ("a settled session", SETTLED, ("refresh", "refresh 2", "logout")),
    ("a settled session", SETTLED, ("refresh", "revoke_access", "logout")),
    ("a settled session", SETTLED, ("login", "login 2", "logout_all")),
]


WHERE = ("in one process", "in two processes")


@pytest.mark.parametrize(
    ("prepare", "cast", "where"),
    [
        pytest.param(prepare, cast, where, id=f"{' x '.join(cast)}, {name}, {where}")
        for name, prepare, cast in PLAYS
        for where in (WHERE if len(cast) == 2 else WHERE[1:])
    ],
)
async def test_in_every_order(place: Place, prepare: Prepare, cast: tuple[str, ...], where: str) -> None:
    async with staged(place) as stage:

        async def prepared() -> list[tuple[str, Callable[[], Awaitable[Any]]]]:
            await prepare(stage)
            processes = [stage.here, stage.here if where == "in one process" else stage.there, stage.there]
            stage.rings = dict(zip(cast, processes, strict=False))
            return [(each, partial(getattr(stage, each.split()[0]), ring)) for each, ring in stage.rings.items()]

        orders = [run.order async for run in _judged(stage, prepared)]
        assert len({tuple(order) for order in orders}) == len(orders)
        # At least as many as there are ways to mix the calls of the shortest run.
        calls = Counter(who for who, what in orders[0] if what != "end")
        assert len(orders) >= math.comb(sum(calls.values()), max(calls.values())) // 2


async def _judged(stage: Stage, prepared: Callable[[], Awaitable[Any]]) -> AsyncIterator[Run]:
    async for run in every_order(prepared):
        await stage.judge(run)
        yield run
