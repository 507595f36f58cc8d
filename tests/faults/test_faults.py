"""Whatever happens to the installation: nobody is logged out without a cause, nothing forks, and thieves are caught."""

import pytest

from tests.faults.lab.faults import EVERYWHERE, WITH_A_SERVER, Fault, fall_far_back
from tests.faults.lab.play import play
from tests.faults.lab.world import World

pytestmark = pytest.mark.anyio

SERVERS = ["postgres", "valkey"]
ENGINES = ["sqlite", *SERVERS]


async def prove(installation: World, fault: Fault) -> None:
    verdict = await play(installation, [fault])
    assert verdict.wrongs == []
    assert verdict.outcomes["rotated"] >= 12, "hardly anything happened"
    assert verdict.outcomes["replayed"] >= 1


@pytest.mark.parametrize("fault", EVERYWHERE)
@pytest.mark.parametrize("installation", ENGINES, indirect=True)
async def test_nobody_is_wronged_by(installation: World, fault: str) -> None:
    await prove(installation, EVERYWHERE[fault])


@pytest.mark.parametrize("fault", WITH_A_SERVER)
@pytest.mark.parametrize("installation", SERVERS, indirect=True)
async def test_nobody_is_wronged_when_the_server_of_the_store_suffers(installation: World, fault: str) -> None:
    await prove(installation, WITH_A_SERVER[fault])


@pytest.mark.parametrize("installation", ["sqlite"], indirect=True)
async def test_sessions_that_a_store_has_lost_for_good_end_and_each_is_named(installation: World) -> None:
    verdict = await play(installation, [fall_far_back])
    assert verdict.wrongs == []
    assert len([what for what in verdict.lost if "more rotations than it may" in what]) >= 6
    assert verdict.felt["refresh_invalid"] >= 6
