"""The description of the interface."""

import json
import re
import subprocess
import sys

import pytest

from backend import openapi
from backend.settings import REPOSITORY
from backend.utils.password_rules import MIN_LENGTH

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture(scope="module")
def document() -> str:
    """The description as a program without any setting writes it."""
    done = subprocess.run(
        [sys.executable, "-m", "backend.openapi"],
        cwd=REPOSITORY, env=ENVIRONMENT, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return done.stdout


def test_the_file_in_the_repository_is_what_the_application_says(document: str) -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == document, "run 'make generate'"


def test_it_is_deterministic(document: str) -> None:
    parsed = json.loads(document)

    assert document == json.dumps(parsed, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    assert openapi.document() == document


def test_every_operation_has_a_short_name_of_its_own(document: str) -> None:
    names = [operation["operationId"] for path in json.loads(document)["paths"].values() for operation in path.values()]

    assert len(set(names)) == len(names)
    assert all(name.isalpha() and len(name) <= 20 for name in names)
    assert {"createAccount", "listTodos", "createTodo", "updateTodo", "deleteTodo", "deleteDoneTodos"} <= set(names)


def test_every_error_has_the_one_shape(document: str) -> None:
    for path, item in json.loads(document)["paths"].items():
        for operation in item.values() if path.startswith(("/api", "/auth")) else ():
            for status in ("4XX", "5XX"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorBody"}
            assert "422" not in operation["responses"]


def test_check_tells_a_difference(capsys: pytest.CaptureFixture[str], tmp_path: object) -> None:
    assert openapi.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_the_pages_ask_for_as_long_a_password_as_the_server() -> None:
    """The hint before the typing and the rule after it are the same number."""
    told = re.search(r"PASSWORD_MIN = (\d+)", (REPOSITORY / "frontend/lib/password.ts").read_text())
    assert told is not None
    assert int(told[1]) == MIN_LENGTH
