"""The comparison of strategies: the page shows what the command prints, and our rule wrongs nobody in worse weather."""

import random
import subprocess
import sys

import pytest

from tests.faults.lab.faults import EVERYWHERE, WITH_A_SERVER
from tests.faults.rivals.life import EVERY, Thief, Weather, Week
from tests.faults.rivals.strategies import STRATEGIES, Sealring
from tests.faults.rivals.table import compare, lines
from tests.running import ROOT

PAGE = (ROOT / "docs" / "fault-lab.md").read_text(encoding="utf-8")
STORM = Weather(two_tabs=0.3, lost=0.1, slow=0.3, nap=0.3)


def rows_under(heading: str) -> list[str]:
    """Return the rows of the first table of the page whose heading begins so."""
    page = PAGE.splitlines()
    begin = next(index for index, line in enumerate(page) if line.startswith(f"| {heading} |"))
    end = next(index for index in range(begin, len(page)) if not page[index].startswith("|"))
    return page[begin:end]


def test_the_page_shows_the_table_that_the_command_prints() -> None:
    command = [sys.executable, "-m", "benchmarks.fault_lab"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300).stdout
    assert printed.splitlines() == rows_under("strategy")


def test_the_page_tells_of_every_fault() -> None:
    told = {row.split("`")[1] for row in rows_under("fault")[2:]}
    assert told == {*EVERYWHERE, *WITH_A_SERVER}


def test_the_table_is_the_same_in_every_run_and_another_with_another_seed() -> None:
    few = {"honest": 20, "robbed": 3}
    assert list(lines(compare(**few))) == list(lines(compare(**few)))
    assert list(lines(compare(**few))) != list(lines(compare(**few, seed=1)))


def test_nobody_is_logged_out_by_our_rule_in_a_storm_that_others_do_not_survive() -> None:
    def spurious(name: str) -> int:
        weeks = (Week(STRATEGIES[name](), random.Random(seed), STORM).live() for seed in range(40))
        return sum(week.is_spurious for week in weeks)

    assert spurious("Sealring") == 0
    assert spurious("strict single use") == 40
    assert spurious("last replay wins, 30 s") > 20


@pytest.mark.parametrize("thief", Thief)
def test_our_rule_frees_the_session_of_any_thief_within_two_refreshes_on_a_quiet_day(thief: Thief) -> None:
    weeks = [Week(Sealring(), random.Random(seed), Weather(0, 0, 0, 0), thief).live() for seed in range(40)]
    assert all(week.stolen and week.session.ended and week.logged_out for week in weeks)
    assert max(week.dwell for week in weeks) <= 2 * EVERY
    assert not any(week.is_spurious for week in weeks)
