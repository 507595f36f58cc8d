"""Signing in: a wrong password and an unknown address look and cost the same, attempts are limited, races are lost."""

import asyncio
import threading
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from pwdlib.hashers.argon2 import Argon2Hasher

from tests.backend.stage import PASSWORD, Stage, stage
from tests.running import Visitor

pytestmark = pytest.mark.anyio

WRONG = "certainly not this one"


@dataclass
class Work:
    """What was asked of the hasher: the cost part of each hash that a password was compared with."""

    verified: list[str] = field(default_factory=list)


class RecordingHasher(Argon2Hasher):
    """Argon2id that tells what it was asked."""

    def __init__(self) -> None:
        super().__init__(time_cost=2, memory_cost=19_456, parallelism=1)
        self.work = Work()

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 - the protocol's name
        self.work.verified.append(str(hash).rsplit("$", 2)[0])
        return super().verify(password, hash)


class HeldHasher(Argon2Hasher):
    """Argon2id whose next comparison waits until it is let go."""

    def __init__(self) -> None:
        super().__init__(time_cost=2, memory_cost=19_456, parallelism=1)
        self.begun, self.go = threading.Event(), threading.Event()
        self.hold_next = False

    def verify(self, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002 - the protocol's name
        if self.hold_next:
            self.hold_next = False
            self.begun.set()
            assert self.go.wait(30)
        return super().verify(password, hash)


async def log_in(visitor: Visitor, email: str, password: str) -> httpx2.Response:
    """Try to sign in."""
    return await visitor.ask("POST", "/auth/login", {"email": email, "password": password})


def told(answer: httpx2.Response) -> object:
    """Return everything in an answer that does not differ between any two of them."""
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
    body = {name: value for name, value in answer.json().items() if name != "request_id"}
    return answer.status_code, headers, body


async def test_a_wrong_password_and_an_unknown_address_are_one_answer_and_one_amount_of_work(tmp_path: Path) -> None:
    hasher = RecordingHasher()
    async with stage(tmp_path, hasher) as todo:
        await todo.member("ada@example.org")

        hasher.work.verified.clear()
        wrong = await log_in(todo.visitor(), "ada@example.org", WRONG)
        work_for_wrong = list(hasher.work.verified)
        hasher.work.verified.clear()
        unknown = await log_in(todo.visitor(), "nobody@example.org", WRONG)
        work_for_unknown = list(hasher.work.verified)

    assert wrong.status_code == 401
    assert wrong.json()["code"] == "credentials_invalid"
    assert told(wrong) == told(unknown)
    assert work_for_wrong == work_for_unknown
    assert len(work_for_wrong) == 1, "exactly one comparison"


async def test_a_failed_login_leaves_no_cookie_and_does_not_touch_the_present_session(ada: Visitor) -> None:
    before = dict(ada.cookies)

    answer = await log_in(ada, "ada@example.org", WRONG)

    assert "set-cookie" not in answer.headers
    assert ada.cookies == before
    assert (await ada.ask("GET", "/auth/session")).status_code == 200


async def test_a_login_that_overtakes_a_password_change_is_refused(tmp_path: Path) -> None:
    """The old password was right when the login began; it must not open a session that the change could not end."""
    hasher = HeldHasher()
    async with stage(tmp_path, hasher) as todo:
        ada, thief = await todo.member("ada@example.org"), todo.visitor()

        hasher.hold_next = True
        login = asyncio.create_task(log_in(thief, "ada@example.org", PASSWORD))
        assert await asyncio.to_thread(hasher.begun.wait, 30)
        change = {"current_password": PASSWORD, "new_password": "another good passphrase"}
        assert (await ada.ask("POST", "/api/account/password", change)).status_code == 200
        hasher.go.set()
        answer = await login

    assert (answer.status_code, answer.json()["code"]) == (401, "login_superseded")
    assert thief.cookies == {}


async def test_two_password_changes_at_once_do_not_both_succeed(tmp_path: Path) -> None:
    hasher = HeldHasher()
    async with stage(tmp_path, hasher) as todo:
        ada = await todo.member("ada@example.org")

        def change(new: str) -> dict[str, str]:
            return {"current_password": PASSWORD, "new_password": new}

        hasher.hold_next = True
        slow = asyncio.create_task(ada.ask("POST", "/api/account/password", change("the slow new passphrase")))
        assert await asyncio.to_thread(hasher.begun.wait, 30)
        quick = await ada.ask("POST", "/api/account/password", change("the quick new passphrase"))
        hasher.go.set()
        late = await slow

        assert quick.status_code == 200
        assert (late.status_code, late.json()["code"]) == (401, "credentials_invalid")
        assert (await log_in(todo.visitor(), "ada@example.org", "the quick new passphrase")).status_code == 200


async def test_of_two_deletions_at_once_one_finds_nothing_left(tmp_path: Path) -> None:
    hasher = HeldHasher()
    async with stage(tmp_path, hasher) as todo:
        ada = await todo.member("ada@example.org")

        hasher.hold_next = True
        slow = asyncio.create_task(ada.ask("DELETE", "/api/account", {"password": PASSWORD}))
        assert await asyncio.to_thread(hasher.begun.wait, 30)
        assert (await ada.ask("DELETE", "/api/account", {"password": PASSWORD})).status_code == 204
        hasher.go.set()
        late = await slow

    assert (late.status_code, late.json()["code"]) == (401, "subject_inactive")


async def test_a_hash_of_another_cost_is_renewed_by_a_login_and_still_fits(tmp_path: Path) -> None:
    async with stage(tmp_path, Argon2Hasher(time_cost=3, memory_cost=19_456, parallelism=1)) as before:
        await before.member("ada@example.org")
    hasher = RecordingHasher()
    async with stage(tmp_path, hasher) as todo:
        assert (await log_in(todo.visitor(), "ada@example.org", PASSWORD)).status_code == 200
        assert (await log_in(todo.visitor(), "ada@example.org", PASSWORD)).status_code == 200

    assert [cost.split("$")[3] for cost in hasher.work.verified] == ["m=19456,t=3,p=1", "m=19456,t=2,p=1"]


async def test_remember_decides_whether_the_browser_keeps_the_session(todo: Stage, ada: Visitor) -> None:
    credentials = {"email": "ada@example.org", "password": PASSWORD}
    kept = await todo.visitor().ask("POST", "/auth/login", {**credentials, "remember": True})
    passing = await todo.visitor().ask("POST", "/auth/login", credentials)

    assert all("Max-Age" in line for line in kept.headers.get_list("set-cookie"))
    assert not any("Max-Age" in line for line in passing.headers.get_list("set-cookie"))


async def test_attempts_on_one_account_from_one_address_are_limited(tmp_path: Path) -> None:
    async with stage(tmp_path, login_limit="3/minute") as todo:
        await todo.member("ada@example.org")  # signs in, which counts
        for _ in range(2):
            assert (await log_in(todo.visitor(), "ada@example.org", WRONG)).status_code == 401

        refused = await log_in(todo.visitor(), "ada@example.org", PASSWORD)
        elsewhere = await log_in(todo.visitor("198.51.100.7"), "ada@example.org", PASSWORD)
        other_account = await log_in(todo.visitor(), "bob@example.org", WRONG)

    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert elsewhere.status_code == 200, "the owner is not locked out by somebody else's attempts"
    assert other_account.status_code == 401


async def test_an_unknown_account_is_limited_like_a_known_one(tmp_path: Path) -> None:
    async with stage(tmp_path, login_limit="2/minute") as todo:
        answers = [await log_in(todo.visitor(), "nobody@example.org", WRONG) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]


async def test_attempts_on_many_accounts_from_one_address_are_limited(tmp_path: Path) -> None:
    async with stage(tmp_path, login_address_limit="3/minute") as todo:
        answers = [await log_in(todo.visitor(), f"user{n}@example.org", WRONG) for n in range(4)]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


async def test_a_stolen_session_cannot_guess_the_password_without_limit(tmp_path: Path) -> None:
    async with stage(tmp_path, login_limit="3/minute") as todo:
        ada = await todo.member("ada@example.org")
        guess = {"current_password": WRONG, "new_password": "another good passphrase"}
        statuses = [(await ada.ask("POST", "/api/account/password", guess)).status_code for _ in range(2)]
        statuses += [(await ada.ask("DELETE", "/api/account", {"password": WRONG})).status_code for _ in range(2)]

    assert statuses == [401, 401, 401, 429]


async def test_registrations_from_one_address_are_limited(tmp_path: Path) -> None:
    async with stage(tmp_path, register_limit="2/hour") as todo:
        answers = [
            await todo.visitor().ask(
                "POST", "/api/account", {"email": f"user{n}@example.org", "password": PASSWORD, "name": "User"}
            )
            for n in range(3)
        ]

    assert [answer.status_code for answer in answers] == [201, 201, 429]


async def test_a_flood_of_logins_is_turned_away_instead_of_queueing_without_end(tmp_path: Path) -> None:
    hasher = HeldHasher()
    async with stage(tmp_path, hasher, password_workers=1, password_queue=1) as todo:
        hasher.hold_next = True
        first = asyncio.create_task(log_in(todo.visitor(), "a@example.org", WRONG))
        assert await asyncio.to_thread(hasher.begun.wait, 30)
        flood = [asyncio.create_task(log_in(todo.visitor(), f"b{n}@example.org", WRONG)) for n in range(6)]
        answered = asyncio.as_completed(flood, timeout=30)
        refused = [await next(answered) for _ in range(5)]
        hasher.go.set()
        served = [await first, await next(answered)]

    assert {answer.status_code for answer in refused} == {429}
    assert {answer.status_code for answer in served} == {401}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"email": "ada@example.org"}, id="no password"),
        pytest.param({"email": "ada@example.org", "password": ""}, id="empty password"),
        pytest.param({"email": "ada@example.org", "password": "x" * 1025}, id="endless password"),
        pytest.param({"email": "ada@example.org", "password": 123_456_789_012}, id="a number for a password"),
        pytest.param({"email": ["ada@example.org"], "password": PASSWORD}, id="a list for an address"),
        pytest.param({"email": {"$gt": ""}, "password": PASSWORD}, id="an operator for an address"),
        pytest.param({"email": "ada@example.org", "password": PASSWORD, "remember": "yes"}, id="text for a switch"),
        pytest.param({"email": "ada@example.org", "password": PASSWORD, "scope": "admin"}, id="a wish for scope"),
        pytest.param(["ada@example.org", PASSWORD], id="a list"),
        pytest.param(None, id="null"),
    ],
)
async def test_a_malformed_login_is_the_requests_fault(ada: Visitor, body: object) -> None:
    answer = await ada.ask("POST", "/auth/login", body)

    assert answer.status_code == 422
    assert PASSWORD not in answer.text
