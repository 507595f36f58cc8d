"""The error codes are the same in spec/error-codes.json, in errors.py and in the tree of its docstring."""

import inspect
import json
import re
from pathlib import Path
from typing import cast

import pytest

from sealring import errors
from sealring.errors import Action, RefusedError, SealringError

SPEC = Path(__file__).parents[1] / "spec" / "error-codes.json"
CONTRACT = cast("dict[str, dict[str, dict[str, object]]]", json.loads(SPEC.read_text(encoding="utf-8")))
CODES = CONTRACT["codes"]

TREE_LINE = re.compile(
    r"^(?P<lead>[ │]*[├└]── )?(?P<name>[A-Z]\w+)(?:\s+(?P<code>[a-z_]+)\s+(?P<status>\d{3}))?(?:\s|$)"
)


def _classes() -> dict[str, type[SealringError]]:
    return {
        name: value
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, SealringError)
    }


def _refusals() -> dict[str, type[RefusedError]]:
    return {cls.code: cls for cls in _classes().values() if issubclass(cls, RefusedError) and cls is not RefusedError}


def _tree() -> dict[str, tuple[str | None, str | None, str | None]]:
    """Return name → (parent, code, status), as the docstring draws it."""
    drawn: dict[str, tuple[str | None, str | None, str | None]] = {}
    trail: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = TREE_LINE.match(line.removeprefix("    "))
        if not (line.startswith("    ") and match):
            continue
        depth = len(match["lead"] or "") // 4
        trail = [(level, name) for level, name in trail if level < depth]
        drawn[match["name"]] = (trail[-1][1] if trail else None, match["code"], match["status"])
        trail.append((depth, match["name"]))
    return drawn


def test_the_contract_and_the_error_tree_name_the_same_codes() -> None:
    assert set(_refusals()) == set(CODES)


def test_no_two_errors_share_a_code() -> None:
    concrete = [cls for cls in _classes().values() if issubclass(cls, RefusedError) and cls is not RefusedError]
    assert len(concrete) == len(_refusals())


@pytest.mark.parametrize("code", sorted(CODES))
def test_status_error_action_and_message_agree_for(code: str) -> None:
    cls = _refusals()[code]
    assert {
        "status": cls.status,
        "error": cls.error,
        "action": cls.action.value,
        "message": cls.message,
    } == CODES[code]


def test_the_contract_explains_every_action_and_no_other() -> None:
    assert set(CONTRACT["actions"]) == {action.value for action in Action}


def test_the_docstring_draws_every_class_under_its_parent_with_its_code_and_status() -> None:
    real: dict[str, tuple[str | None, str | None, str | None]] = {}
    for name, cls in _classes().items():
        parent = cls.__base__.__name__ if cls.__base__ and cls is not SealringError else None
        refusal = cls if issubclass(cls, RefusedError) and cls is not RefusedError else None
        real[name] = (parent, refusal.code, str(refusal.status)) if refusal else (parent, None, None)
    assert _tree() == real


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_action_fits_the_status_for(code: str) -> None:
    """A client that does not know a code goes by its status, so the two must not contradict each other."""
    status, action = CODES[code]["status"], CODES[code]["action"]
    assert isinstance(status, int)
    assert (action == "retry") == (status >= 500 or status == 429)
    if action in {"refresh", "sign_in"}:
        assert status == 401
