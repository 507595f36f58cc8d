"""The compact JWS that RFCs print (``spec/vectors/published_jws.json``), and what else they print of keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from sealring.errors import JoseError
from sealring.jose import JWK, sign, thumbprint, verify
from tests.jose import wycheproof
from tests.jose.making import CLAIMS, key_of

DOCUMENT = json.loads((Path(__file__).parents[2] / "spec" / "vectors" / "published_jws.json").read_text("utf-8"))
CASES = {case["source"]: case for case in DOCUMENT["cases"]}


@pytest.mark.parametrize("source", CASES)
def test_the_general_gate_answers_every_published_token_as_the_file_says(source: str) -> None:
    case: dict[str, Any] = CASES[source]
    if case["reason"] is None:
        verified = verify(case["token"], case["key"], algorithms=case["algorithms"])
        assert verified.payload.decode("utf-8") == case["payload"]
        assert [verified.key.alg] == case["algorithms"]
        in_set = {"keys": [case["key"]]}
        assert verify(case["token"], in_set, algorithms=case["algorithms"]).payload == verified.payload
    else:
        with pytest.raises(JoseError) as caught:
            verify(case["token"], case["key"], algorithms=case["algorithms"])
        assert caught.value.reason == case["reason"]


@pytest.mark.parametrize("source", [source for source, case in CASES.items() if case["reason"] is None])
def test_no_published_token_is_good_under_the_key_of_another(source: str) -> None:
    case: dict[str, Any] = CASES[source]
    for other in CASES.values():
        if other["key"].get("x", other["key"].get("n")) != case["key"].get("x", case["key"].get("n")):
            with pytest.raises(JoseError):
                verify(case["token"], other["key"], algorithms=case["algorithms"])


def test_the_ed25519_example_of_rfc_8037_is_what_signing_gives() -> None:
    """RFC 8037 appendices A.1 to A.4; Ed25519 signatures are deterministic."""
    seed = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
    case = CASES["RFC 8037 A.4, where EdDSA is allowed by name"]
    key = JWK.from_dict({**case["key"], "d": seed}, alg="EdDSA")
    assert sign(b"Example of Ed25519 signing", key) == case["token"]
    assert key.thumbprint() == thumbprint(case["key"]) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert key.to_dict(private=True)["d"] == seed


def test_the_runner_of_foreign_vectors_tells_every_difference_and_whether_it_is_explained() -> None:
    def group(key: object, jws: str, result: str) -> dict[str, object]:
        return {"public": key, "tests": [{"tcId": 1, "comment": "a case", "jws": jws, "result": result}]}

    key, other = key_of("ES256"), key_of("PS384")
    token = sign(CLAIMS, key)
    groups = [
        group(key.to_dict(), token, "valid"),
        group(key.to_dict(), token + "A", "invalid"),
        group(key.to_dict(), token, "invalid"),
        group(key.to_dict(), token + "A", "valid"),
        group(key.to_dict(), token + "=", "valid"),
        group({**other.to_dict(), "alg": "PS256"}, sign(CLAIMS, other), "valid"),
        {"public": key.to_dict(), "tests": [{"tcId": 2, "comment": "encrypted", "jwe": "", "result": "valid"}]},
    ]
    told = [each and bool(each.why) for each in wycheproof.differences({"testGroups": groups})]
    assert told == [None, None, False, False, True, True]
