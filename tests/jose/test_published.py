"""The compact JWS that RFCs print (``spec/vectors/published_jws.json``), and what else they print of keys."""

import json
from pathlib import Path
from typing import Any

import pytest

from sealring.errors import JoseError
from sealring.jose import JWK, sign, thumbprint, verify

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
