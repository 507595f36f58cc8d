"""The example of a second service as a process beside the Todo application: sign-out, outage, restart."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest

from sealring.oauth.callers import Callers, basic_credentials
from tests.remote.services import RunningService, Secret, running_service, token_of
from tests.running import ROOT, RunningApp, Visitor, running_app

pytestmark = pytest.mark.anyio

# The published bound of a service that follows the feed, and the machine's own slowness in a test.
STALENESS, PATIENCE = 5.0, 60.0
README = (ROOT / "examples" / "second_service" / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def secret() -> Secret:
    return Secret()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, secret: Secret) -> Iterator[RunningApp]:
    with running_app(tmp_path_factory.mktemp("todo"), secret.issuer_settings) as running:
        yield running


@pytest.fixture(scope="module", params=["poll", "stream"])
def service(
    app: RunningApp, secret: Secret, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("service")
    with running_service(app, secret, folder, REPORTS_FOLLOW=request.param) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=PATIENCE) as client:
        yield client


async def signed_in(http: httpx2.AsyncClient, app: RunningApp, name: str) -> Visitor:
    visitor = Visitor(http, app.url)
    await visitor.sign_up(f"{name}@example.com")
    return visitor


async def until(http: httpx2.AsyncClient, service: RunningService, token: str, status: int) -> httpx2.Response:
    """Ask again and again until the answer has a status."""
    async with asyncio.timeout(PATIENCE):
        while (answer := await service.report(http, token)).status_code != status:
            await asyncio.sleep(0.02)
    return answer


async def ready(http: httpx2.AsyncClient, service: RunningService, status: int) -> dict[str, object]:
    async with asyncio.timeout(PATIENCE):
        while (answer := await http.get(f"{service.url}/readyz")).status_code != status:
            await asyncio.sleep(0.02)
    return dict(answer.json())


async def test_a_sign_out_in_the_todo_application_stops_its_tokens_there(
    app: RunningApp, service: RunningService, http: httpx2.AsyncClient, request: pytest.FixtureRequest
) -> None:
    follow = request.node.callspec.params["service"]
    leaving, staying = [await signed_in(http, app, f"{name}.{follow}") for name in ("leaving", "staying")]
    leaver, stayer = token_of(leaving), token_of(staying)
    first = await service.report(http, leaver)
    assert first.status_code == 200, first.text
    assert (await leaving.ask("POST", "/auth/logout")).status_code == 200
    loop = asyncio.get_running_loop()
    ended_at = loop.time()
    refused = await until(http, service, leaver, 401)
    assert refused.json()["code"] == "token_revoked"
    # The bound is the staleness: had no news come within it, the answer would have been 503 by then.
    assert loop.time() - ended_at < STALENESS + PATIENCE
    assert (await service.report(http, stayer)).status_code == 200


async def test_on_a_sensitive_route_a_sign_out_counts_at_once(
    app: RunningApp, service: RunningService, http: httpx2.AsyncClient, request: pytest.FixtureRequest
) -> None:
    visitor = await signed_in(http, app, f"sensitive.{request.node.callspec.params['service']}")
    bearer = {"Authorization": f"Bearer {token_of(visitor)}"}
    assert (await http.get(f"{service.url}/balance", headers=bearer)).status_code == 200
    assert (await visitor.ask("POST", "/auth/logout")).status_code == 200
    assert (await http.get(f"{service.url}/balance", headers=bearer)).json()["code"] == "token_revoked"


async def test_signing_out_everywhere_stops_every_device_there(
    app: RunningApp, service: RunningService, http: httpx2.AsyncClient, request: pytest.FixtureRequest
) -> None:
    follow = request.node.callspec.params["service"]
    one = await signed_in(http, app, f"everywhere.{follow}")
    other = Visitor(http, app.url)
    await other.sign_in(f"everywhere.{follow}@example.com")
    tokens = [token_of(one), token_of(other)]
    assert [(await service.report(http, token)).status_code for token in tokens] == [200, 200]
    assert (await one.ask("POST", "/auth/logout-all")).status_code == 200
    for token in tokens:
        assert (await until(http, service, token, 401)).json()["code"] == "token_revoked"


async def test_the_same_cookie_works_there_because_cookies_ignore_ports_and_pages_of_others_stay_out(
    app: RunningApp, service: RunningService, http: httpx2.AsyncClient, request: pytest.FixtureRequest
) -> None:
    visitor = await signed_in(http, app, f"cookie.{request.node.callspec.params['service']}")
    cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.cookies.items())}
    assert (await http.get(f"{service.url}/report", headers=cookie)).status_code == 200
    assert (await http.get(f"{service.url}/limits", headers=cookie)).json() == {"max_todos": 10_000}
    foreign = {**cookie, "Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    assert (await http.post(f"{service.url}/report", headers=foreign)).status_code == 403


async def test_without_a_token_it_says_what_the_todo_application_says(
    app: RunningApp, service: RunningService, http: httpx2.AsyncClient
) -> None:
    answer = await http.get(f"{service.url}/report")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="todo"'


@pytest.mark.parametrize("follow", ["poll", "stream"])
async def test_an_outage_of_the_issuer_is_survived_for_the_stated_time_and_a_restart_without_one_of_the_service(
    tmp_path: Path, http: httpx2.AsyncClient, follow: str
) -> None:
    secret = Secret()
    with (
        running_app(tmp_path, secret.issuer_settings) as todo,
        running_service(todo, secret, tmp_path, REPORTS_FOLLOW=follow, REPORTS_STALENESS="3") as reports,
    ):
        visitor = await signed_in(http, todo, "outage")
        token = token_of(visitor)
        assert (await reports.report(http, token)).status_code == 200
        todo.kill()
        # The process has just died: what is known is fresh, and good for the stated time.
        at_first = await reports.report(http, token)
        state = await ready(http, reports, 503)
        assert isinstance(state["feed_age_seconds"], float)
        assert state["feed_age_seconds"] > 3
        assert at_first.status_code == 200
        refused = await until(http, reports, token, 503)
        assert (refused.json()["code"], refused.json()["action"]) == ("store_unavailable", "retry")
        assert refused.headers["retry-after"] == "1"

        todo.start()
        await ready(http, reports, 200)
        assert (await until(http, reports, token, 200)).json()["session_id"]
        assert (await visitor.ask("POST", "/auth/logout")).status_code == 200
        assert (await until(http, reports, token, 401)).json()["code"] == "token_revoked"
        assert reports.process.poll() is None
        assert "scs_" not in reports.log + todo.log
        assert token not in reports.log


async def test_by_a_policy_of_its_own_a_service_goes_on_without_news_for_longer(
    tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    secret = Secret()
    settings = {"REPORTS_STALENESS": "1", "REPORTS_ACCEPT_STALE": "600"}
    with (
        running_app(tmp_path, secret.issuer_settings) as todo,
        running_service(todo, secret, tmp_path, **settings) as reports,
    ):
        token = token_of(await signed_in(http, todo, "stale"))
        todo.kill()
        async with asyncio.timeout(PATIENCE):
            while '"feed_stale"' not in reports.log:
                assert (await reports.report(http, token)).status_code == 200
                await asyncio.sleep(0.1)
        assert (await reports.report(http, token)).status_code == 200
        assert (await ready(http, reports, 200))["feed_age_seconds"] > 1  # type: ignore[operator]


def test_the_readme_of_the_example_says_how_to_run_it(tmp_path: Path, secret: Secret) -> None:
    commands = re.findall(r"^ +\$ (.+)$", README, re.MULTILINE)
    assert commands == [
        ".venv/bin/sealring caller reports",
        'export SEALRING_CALLERS="reports:…" SEALRING_AUDIENCE="todo, reports"',
        "make run",
        "export REPORTS_ISSUER=http://localhost:8000 REPORTS_SECRET=scs_…",
        ".venv/bin/python -m uvicorn examples.second_service.service:create_app --factory --port 8100",
    ]
    said = subprocess.run(
        [sys.executable, "-m", "sealring.cli", *commands[0].split()[1:]],
        capture_output=True, text=True, check=True, timeout=60, cwd=tmp_path,
    ).stdout  # fmt: skip
    made = re.fullmatch(r"secret of reports: (scs_\S{43})\nadd to SEALRING_CALLERS here: reports:(\S{43})\n", said)
    assert made, said
    callers = Callers([("reports", made[2])])
    assert callers.authenticate((basic_credentials("reports", made[1]).encode(),)) == "reports"
    # What the tests above start is what the page says: the same settings, the same module, the same factory.
    assert set(secret.issuer_settings) == set(re.findall(r"SEALRING_\w+(?==)", commands[1]))
    settings = re.findall(r"^\| `(REPORTS_\w+)` ", README, re.MULTILINE)
    source = (ROOT / "examples" / "second_service" / "service.py").read_text(encoding="utf-8")
    assert sorted(settings) == sorted(set(re.findall(r'"(REPORTS_\w+)"', source)))
