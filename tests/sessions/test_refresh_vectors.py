"""Every case of ``spec/vectors/refresh_decisions.json``."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sealring.policy import SessionPolicy
from sealring.sessions import Outcome, Presented, Sender, SessionRow, decide
from tests.sessions.making import a_row

FILE = Path(__file__).parents[2] / "spec" / "vectors" / "refresh_decisions.json"
DOCUMENT = json.loads(FILE.read_text(encoding="utf-8"))
CASES = [pytest.param(case, id=case["name"]) for case in DOCUMENT["cases"]]
MEMBERS = {"name", "row", "presented", "policy", "outcome", "gives", "ends", "changed"}


def hashed(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"secret_hash": hashlib.sha256(values["secret_hash"].encode()).digest()}


def row_of(case: dict[str, Any]) -> SessionRow | None:
    overrides = case.get("row", {})
    return None if overrides is None else replace(a_row(), **hashed(DOCUMENT["row"] | overrides))


def presented_of(case: dict[str, Any]) -> Presented:
    overrides = case.get("presented", {})
    sender = Sender(**(DOCUMENT["presented"]["sender"] | overrides.get("sender", {})))
    return Presented(**(hashed(DOCUMENT["presented"] | overrides) | {"sender": sender}))


def policy_of(case: dict[str, Any]) -> SessionPolicy:
    values = DOCUMENT["policy"] | case.get("policy", {})
    return SessionPolicy(**(values | {"grace": timedelta(seconds=values["grace"])}))


@pytest.mark.parametrize("case", CASES)
def test_the_decision_is_what_the_contract_says(case: dict[str, Any]) -> None:
    row = row_of(case)
    decision = decide(row, presented_of(case), DOCUMENT["now"], policy_of(case))
    assert decision.outcome == case["outcome"]
    assert decision.end == case["ends"]
    gives = {"access": decision.outcome.gives_tokens, "refresh": decision.outcome.gives_refresh_token}
    assert [what for what, given in gives.items() if given] == case["gives"]
    after = decision.after or row
    written = {
        item.name: getattr(after, item.name)
        for item in fields(SessionRow)
        if row is not None and getattr(after, item.name) != getattr(row, item.name)
    }
    assert written == case["changed"]
    assert (decision.after is not None) == bool(case["gives"])


def test_every_outcome_has_a_case_and_every_case_a_name_of_its_own() -> None:
    assert {case["outcome"] for case in DOCUMENT["cases"]} == {outcome.value for outcome in Outcome}
    names = [case["name"] for case in DOCUMENT["cases"]]
    assert len(set(names)) == len(names)


def test_a_case_says_nothing_that_the_defaults_do_not_know() -> None:
    for case in DOCUMENT["cases"]:
        assert set(case) <= MEMBERS
        for part in ("row", "presented", "policy"):
            assert set(case.get(part) or {}) <= set(DOCUMENT[part]), case["name"]
        assert set(case["changed"]) <= set(DOCUMENT["row"]), case["name"]
