"""The lab itself: what it does to connections and clocks happens, and whatever may not be is seen."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sealring.sessions import EndReason, SessionRow
from sealring.testing.build import NOW, make_row
from tests.faults.lab.clock import LabClock
from tests.faults.lab.journal import AFTER_THE_END, Life
from tests.faults.lab.judge import Evidence, judge, weigh
from tests.faults.lab.proxy import Proxy
from tests.faults.lab.stage import stage
from tests.faults.lab.thief import Strategy
from tests.faults.lab.watch import Watch
from tests.faults.lab.world import World

pytestmark = pytest.mark.anyio


# The clock


def test_a_clock_moves_for_everybody_or_for_one(tmp_path: Path) -> None:
    lab, first, second = (LabClock(tmp_path / "clock", place) for place in range(3))
    begin = lab.now()
    lab.advance(100.0)
    lab.shift(2, -30.0)
    assert [clock.now() - begin for clock in (lab, first, second)] == [100.0, 100.0, 70.0]
    lab.shift(2, 0.0)
    assert second.now() == lab.now()


# The proxy


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    HEARD.append(await reader.read(100))
    writer.write(b"answer")
    writer.close()


HEARD: list[bytes] = []


async def answered(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        return await reader.read(100)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_proxy_cuts_the_answer_to_a_marked_request_when_the_server_has_done_it() -> None:
    HEARD.clear()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, Proxy([server.sockets[0].getsockname()[1]], [b"marked"]) as proxy:
        proxy.cut_answers(1, every=2)
        answers = [await answered(proxy.port, request) for request in (b"other", b"marked 1", b"marked 2", b"marked 3")]
        assert answers == [b"answer", b"answer", b"", b"answer"]
        assert HEARD == [b"other", b"marked 1", b"marked 2", b"marked 3"]
        assert (proxy.cut, proxy.left_to_cut, proxy.waiting) == (1, 0, 0)


async def test_a_proxy_passes_over_a_target_that_refuses() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    gone = await asyncio.start_server(echo, "127.0.0.1", 0)
    ports = [each.sockets[0].getsockname()[1] for each in (gone, server)]
    gone.close()
    async with server, Proxy(ports) as proxy:
        assert [await answered(proxy.port, b"x") for _ in range(4)] == [b"answer"] * 4
        proxy.targets = ports[:1]
        assert await answered(proxy.port, b"x") == b""


# The rows


def test_a_row_that_goes_on_as_it_should_breaks_no_rule() -> None:
    watch, row = Watch(), make_row()
    watch.see("alice", [row], NOW)
    later = replace(row, generation=2, idle_end=row.idle_end + 1, last_seen=NOW)
    for state in (row, later, replace(later, revoked_at=NOW, revoked_reason=EndReason.LOGOUT)):
        watch.look(row.sid, state)
    assert (watch.faults, watch.looks) == ([], 3)


BROKEN: dict[str, Callable[[SessionRow], SessionRow | None]] = {
    "is gone": lambda row: None,
    "generation went back": lambda row: replace(row, generation=1, confirmed_generation=1),
    "ep went back": lambda row: replace(row, ep=0),
    "idle_end went back": lambda row: replace(row, idle_end=NOW),
    "absolute_end changed": lambda row: replace(row, absolute_end=NOW + 1e6),
    "secret_hash changed": lambda row: replace(row, secret_hash=bytes(32)),
    "nothing is confirmed that was never made": lambda row: replace(row, confirmed_generation=4),
    "no replay is counted in a generation that was never made": lambda row: replace(row, replay_generation=4),
    "a streak has a generation": lambda row: replace(row, replay_streak=1),
    "the idle end is not past the absolute one": lambda row: replace(row, idle_end=NOW + 1e6),
    "it has a reason if and only if it was ended": lambda row: replace(row, revoked_at=NOW),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_row_that_may_not_be_is_seen(rule: str) -> None:
    row = make_row(generation=3, confirmed_generation=2, ep=1)
    watch = Watch({row.sid: row})
    watch.look(row.sid, BROKEN[rule](row))
    assert [fault for fault in watch.faults if rule in fault]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [({"revoked_at": None, "revoked_reason": None}, "lives again"), ({"generation": 4}, "changed after its end")],
)
def test_a_row_that_does_not_stay_ended_is_seen(changes: dict[str, Any], fault: str) -> None:
    row = make_row(generation=3, revoked_at=NOW, revoked_reason=EndReason.LOGOUT)
    watch = Watch({row.sid: row})
    watch.look(row.sid, replace(row, **changes))
    assert fault in watch.faults[0]


def test_a_second_live_row_of_one_login_is_seen() -> None:
    watch = Watch()
    watch.see("alice", [make_row(), make_row()], NOW)
    assert watch.faults == ["alice has 2 live sessions"]


# The judge


def owner(**changes: Any) -> Life:
    return replace(Life("alice", "alice", "s", 3), **changes)


ENDED: dict[str, Any] = {"revoked_at": NOW, "revoked_reason": EndReason.REUSED}
ROW = make_row(generation=3)


def test_an_owner_whose_row_is_where_it_should_be_was_not_wronged() -> None:
    assert weigh(Evidence(owners=[owner()], rows={"alice": ROW})).wrongs == []


@pytest.mark.parametrize(
    ("life", "row", "wrong"),
    [
        (owner(over="token_invalid"), ROW, "alice was logged out by token_invalid"),
        (owner(), None, "its row does not say so"),
        (owner(), replace(ROW, **ENDED), "its row does not say so"),
        (owner(generation=2), ROW, "holds generation 2, its row is at 3"),
        (owner(over="signed_out"), ROW, "signed out, and its row does not say so"),
        (owner(over="signed_out", told=Counter({AFTER_THE_END: 1})), ROW, "tokens after the end"),
        (owner(told=Counter({"internal_error": 1})), ROW, "failed by itself"),
        (owner(tokens={2: {"one", "other"}}), ROW, "session s was forked"),
    ],
)
def test_an_owner_who_was_wronged_is_seen(life: Life, row: SessionRow | None, wrong: str) -> None:
    rows = {} if row is None else {"alice": row}
    assert [each for each in weigh(Evidence(owners=[life], rows=rows)).wrongs if wrong in each]


def test_what_the_store_has_lost_is_named_and_wrongs_nobody() -> None:
    life = owner(over="refresh_invalid")
    verdict = weigh(Evidence(owners=[life], rows={}, lost={"alice": "its session"}, fell_back=True))
    assert (verdict.wrongs, verdict.lost) == ([], ["alice has lost its session"])


@pytest.mark.parametrize(
    ("life", "row", "wrong"),
    [
        (owner(), ROW, "goes on"),
        (owner(over="session_revoked"), ROW, "caught as None"),
        (owner(over="session_revoked"), replace(ROW, revoked_at=NOW, revoked_reason=EndReason.LOGOUT), "as logout"),
        (owner(over="session_reused", tokens={4: {"one"}}), replace(ROW, **ENDED), "got 1 generations"),
    ],
)
def test_a_thief_who_was_not_caught_is_seen(life: Life, row: SessionRow, wrong: str) -> None:
    verdict = weigh(Evidence(owners=[], thieves=[(Strategy.LATER, life)], rows={"alice": row}))
    assert len(verdict.uncaught) == 1
    assert wrong in verdict.uncaught[0]


def test_a_thief_who_was_caught_wrongs_nobody() -> None:
    life = owner(name="thief", over="session_reused")
    evidence = Evidence(
        owners=[owner(over="session_revoked")], thieves=[(Strategy.LATER, life)], rows={"alice": replace(ROW, **ENDED)}
    )
    assert weigh(evidence).wrongs == []


# All of it


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
async def test_whoever_tampers_with_rows_of_a_running_installation_is_found_out(installation: World) -> None:
    async with stage(installation) as it:
        await it.join(3, tabs=2)
        await it.round(2)
        victims = [bytes(row.sid) for row in it.watch.known.values()][:2]
        with closing(sqlite3.connect(installation.engine.url().removeprefix("sqlite:///"), timeout=60)) as file, file:
            file.execute("DELETE FROM sealring_session WHERE sid = ?", victims[:1])
            file.execute("UPDATE sealring_session SET ep = -1 WHERE sid = ?", victims[1:])
        await it.round(2)
        verdict = await judge(it)
    # Without its row nobody knows the session; and a token whose epoch is negative is none of ours.
    assert {sentence.rpartition(" ")[2] for sentence in verdict.spurious} == {"refresh_invalid", "token_invalid"}
    assert [wrong for wrong in verdict.broken if "ep went back" in wrong]
