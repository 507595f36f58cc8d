"""Accounts over the application's interface: signing up, looking, changing the password, deleting."""

import json
import sqlite3

import pytest

from tests.backend.stage import PASSWORD, Stage, add, send_text, titles
from tests.running import Visitor

pytestmark = pytest.mark.anyio

NEW_PASSWORD = "another good passphrase"


def draft(**changes: object) -> dict[str, object]:
    """Return what a new user sends."""
    return {"email": "ada@example.org", "password": PASSWORD, "name": "Ada", **changes}


async def test_a_new_account_is_told_without_its_password(todo: Stage) -> None:
    answer = await todo.visitor().ask("POST", "/api/account", draft())

    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "email", "name"}
    assert PASSWORD not in answer.text


async def test_signing_up_does_not_sign_in(todo: Stage) -> None:
    visitor = todo.visitor()
    answer = await visitor.ask("POST", "/api/account", draft())

    assert "set-cookie" not in answer.headers
    assert (await visitor.ask("GET", "/api/account")).json()["code"] == "not_authenticated"


async def test_one_address_has_one_account_however_it_is_spelt(todo: Stage) -> None:
    await todo.visitor().ask("POST", "/api/account", draft(email="Ada@Example.org"))

    again = await todo.visitor().ask("POST", "/api/account", draft(email=" ADA@example.ORG "))

    assert (again.status_code, again.json()["code"]) == (409, "conflict")


async def test_the_address_signs_in_however_it_is_spelt(todo: Stage, ada: Visitor) -> None:
    answer = await todo.visitor().ask("POST", "/auth/login", {"email": "ADA@Example.ORG", "password": PASSWORD})

    assert answer.status_code == 200
    assert answer.json()["user"]["email"] == "ada@example.org"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        pytest.param({"email": "ada"}, "email", id="no address"),
        pytest.param({"email": "ada@exa mple.org"}, "email", id="space in the domain"),
        pytest.param({"email": "ada@-example.org"}, "email", id="label begins with a hyphen"),
        pytest.param({"email": "åda@example.org"}, "email", id="letters that look like others"),
        pytest.param({"email": "a@" + "x" * 253}, "email", id="address too long"),
        pytest.param({"email": "ada@example.org\r\nBcc: all@example.org"}, "email", id="line break in the address"),
        pytest.param({"password": "short"}, "password", id="password too short"),
        pytest.param({"password": "x" * 129}, "password", id="password too long"),
        pytest.param({"password": "Password1234!"}, "password", id="password that everybody tries"),
        pytest.param({"password": "ada@example.org"}, "password", id="password is the address"),
        pytest.param({"password": "nul\x00character in it"}, "password", id="control character in the password"),
        pytest.param({"name": ""}, "name", id="no name"),
        pytest.param({"name": "\u202e\x07 \t"}, "name", id="a name of nothing visible"),
        pytest.param({"name": "x" * 101}, "name", id="name too long"),
        pytest.param({"is_admin": True}, "is_admin", id="a field that nobody may set"),
        pytest.param({"id": "0" * 32}, "id", id="an id of one's own choice"),
    ],
)
async def test_a_wrong_field_is_named_and_never_repeated(todo: Stage, changes: dict[str, object], field: str) -> None:
    answer = await todo.visitor().ask("POST", "/api/account", draft(**changes))

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert [fault["field"] for fault in answer.json()["fields"]] == [field]
    assert "Password1234!" not in answer.text


@pytest.mark.parametrize("field", ["email", "password", "name"])
async def test_half_a_surrogate_pair_is_never_an_error_of_ours(todo: Stage, field: str) -> None:
    """JSON may write one (RFC 8259 section 8.2), but no UTF-8 text can hold it."""
    answer = await send_text(todo.visitor(), "POST", "/api/account", json.dumps(draft(**{field: "half \ud800 a pair"})))

    assert answer.status_code == 201 if field == "name" else answer.status_code == 422


async def test_a_long_password_of_any_characters_is_welcome(todo: Stage) -> None:
    visitor = todo.visitor()
    password = "ünïcödé 🔑 with spaces, no digits " + "x" * 90
    made = await visitor.ask("POST", "/api/account", draft(password=password))
    assert made.status_code == 201, made.text

    signed_in = await visitor.ask("POST", "/auth/login", {"email": "ada@example.org", "password": password})

    assert signed_in.status_code == 200


async def test_a_password_fits_whichever_way_its_characters_were_composed(todo: Stage) -> None:
    visitor = todo.visitor()
    await visitor.ask("POST", "/api/account", draft(password="ein schönes Passwort"))

    answer = await visitor.ask(
        "POST", "/auth/login", {"email": "ada@example.org", "password": "ein scho\u0308nes\u00a0Passwort"}
    )

    assert answer.status_code == 200


async def test_a_name_is_cleaned_of_what_could_disguise_it(todo: Stage) -> None:
    answer = await todo.visitor().ask("POST", "/api/account", draft(name=" Ada\u202e\x00  Love\tlace "))

    assert answer.json()["name"] == "Ada Love lace"


async def test_the_password_change_ends_every_other_session_and_keeps_this_one(todo: Stage, ada: Visitor) -> None:
    phone, laptop = todo.visitor(), todo.visitor()
    await phone.sign_in("ada@example.org")
    await laptop.sign_in("ada@example.org")

    answer = await ada.ask(
        "POST", "/api/account/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    )

    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    assert (await ada.ask("GET", "/api/todos")).status_code == 200
    for other in (phone, laptop):
        assert (await other.ask("GET", "/api/todos")).json()["code"] == "token_revoked"
        assert (await other.ask("POST", "/auth/refresh", {})).json()["code"] == "session_revoked"


async def test_after_the_change_only_the_new_password_signs_in(todo: Stage, ada: Visitor) -> None:
    change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    assert (await ada.ask("POST", "/api/account/password", change)).status_code == 200

    async def sign_in(password: str) -> int:
        body = {"email": "ada@example.org", "password": password}
        return (await todo.visitor().ask("POST", "/auth/login", body)).status_code

    assert await sign_in(PASSWORD) == 401
    assert await sign_in(NEW_PASSWORD) == 200


async def test_a_wrong_present_password_changes_nothing(todo: Stage, ada: Visitor) -> None:
    answer = await ada.ask(
        "POST", "/api/account/password", {"current_password": "not the right one", "new_password": NEW_PASSWORD}
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "credentials_invalid")
    await todo.visitor().sign_in("ada@example.org")


async def test_a_weak_new_password_is_refused_by_its_field(ada: Visitor) -> None:
    answer = await ada.ask(
        "POST", "/api/account/password", {"current_password": PASSWORD, "new_password": "letmeinletmein1"}
    )

    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["fields"]] == ["new_password"]


async def test_a_deleted_account_is_refused_at_once_everywhere(todo: Stage, ada: Visitor) -> None:
    phone = todo.visitor()
    await phone.sign_in("ada@example.org")

    assert (await ada.ask("DELETE", "/api/account", {"password": PASSWORD})).status_code == 204

    for browser in (ada, phone):
        answer = await browser.ask("GET", "/api/todos")
        assert (answer.status_code, answer.json()["action"]) == (401, "sign_in")
        assert (await browser.ask("POST", "/auth/refresh", {})).json()["code"] == "session_revoked"
    again = await todo.visitor().ask("POST", "/auth/login", {"email": "ada@example.org", "password": PASSWORD})
    assert again.json()["code"] == "credentials_invalid"


async def test_a_deleted_account_leaves_nothing_to_whoever_takes_its_address(todo: Stage, ada: Visitor) -> None:
    await add(ada, "A secret plan")
    await ada.ask("DELETE", "/api/account", {"password": PASSWORD})

    successor = await todo.member("ada@example.org")

    assert await titles(successor) == []


async def test_a_wrong_password_deletes_nothing(todo: Stage, ada: Visitor) -> None:
    answer = await ada.ask("DELETE", "/api/account", {"password": "not the right one"})

    assert answer.json()["code"] == "credentials_invalid"
    assert (await ada.ask("GET", "/api/account")).status_code == 200


async def test_an_account_that_vanishes_behind_a_live_session_is_inactive(todo: Stage, ada: Visitor) -> None:
    """Its sessions may not have been ended yet: the account itself decides."""
    await _run_sql(todo, "DELETE FROM users")

    answer = await ada.ask("GET", "/api/account")

    assert (answer.status_code, answer.json()["code"]) == (401, "subject_inactive")
    assert (await ada.ask("POST", "/auth/refresh", {})).status_code == 401


async def test_a_disabled_account_can_do_nothing_and_looks_like_none(todo: Stage, ada: Visitor) -> None:
    await _run_sql(todo, "UPDATE users SET disabled_at = 1")

    assert (await ada.ask("GET", "/api/account")).json()["code"] == "subject_inactive"
    login = await todo.visitor().ask("POST", "/auth/login", {"email": "ada@example.org", "password": PASSWORD})
    assert login.json()["code"] == "credentials_invalid"


async def _run_sql(todo: Stage, statement: str) -> None:
    # As an administrator would, from outside the application.
    with sqlite3.connect(todo.settings.data_dir / "todo.db") as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(statement)
    connection.close()
