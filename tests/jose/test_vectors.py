"""Every case of ``spec/vectors/jws.json``."""

import json

import pytest

from sealring.errors import JoseError
from sealring.jose import JwsVerifier, import_public_jwk, parse_json_object
from tests.jose import vector_source

DOCUMENT = json.loads(vector_source.FILE.read_text(encoding="utf-8"))
KEY = import_public_jwk(DOCUMENT["key"])
CASES = [pytest.param(case, id=case["name"]) for case in DOCUMENT["cases"]]


def outcome(verifier: JwsVerifier, token: str) -> str | None:
    """Return the reason of a refusal, or None for an accepted token."""
    try:
        jws = verifier.verify(token, {KEY.kid: KEY}.get)
        parse_json_object(jws.payload, max_depth=DOCUMENT["max_payload_depth"], what="the payload")
    except JoseError as error:
        return error.reason
    return None


@pytest.mark.parametrize("case", CASES)
def test_the_gate_answers_every_case_as_the_contract_says(case: dict[str, object]) -> None:
    verifier = JwsVerifier(algorithms=frozenset(DOCUMENT["algorithms"]), typ=DOCUMENT["typ"])
    assert outcome(verifier, str(case["token"])) == case["reason"]
    assert case["accept"] == (case["reason"] is None)


def test_what_a_verifier_remembers_changes_no_answer() -> None:
    verifier = JwsVerifier(algorithms=frozenset(DOCUMENT["algorithms"]), typ=DOCUMENT["typ"])
    for _ in range(2):
        assert [outcome(verifier, case["token"]) for case in DOCUMENT["cases"]] == [
            case["reason"] for case in DOCUMENT["cases"]
        ]


def test_the_file_is_what_its_source_makes() -> None:
    assert json.loads(json.dumps(vector_source.document())) == DOCUMENT


def test_case_names_and_tokens_are_unique() -> None:
    for member in ("name", "token"):
        values = [case[member] for case in DOCUMENT["cases"]]
        assert len(set(values)) == len(values)
