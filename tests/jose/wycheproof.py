"""Runs Wycheproof's files of JSON Web Signatures and Keys against the general gate; they are not part of this tree.

Take ``json_web_signature_test.json``, ``json_web_key_test.json`` and ``json_web_crypto_test.json`` from the folder
``testvectors_v1`` of the project C2SP/wycheproof and run::

    python -m tests.jose.wycheproof FILE …

It prints every case that the gate answers otherwise than the file says, with the reason why where the file contradicts
RFC 8725bis, and exits with 1 if there is one without such a reason.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sealring.errors import SealringError
from sealring.jose import ALGORITHMS, verify


@dataclass(frozen=True)
class Difference:
    """A case that the gate answers otherwise than its file."""

    case: int
    comment: str
    expected: str
    refusal: str
    why: str


def algorithms_of(key: Mapping[str, Any]) -> list[str]:
    """Return the allow list that a caller would write for a key or set: what its keys are for."""
    entries = key.get("keys", [key])
    named = sorted({entry["alg"] for entry in entries if entry.get("alg") in ALGORITHMS})
    # Where no key says what it is for, or says something else, the caller expects the common ones.
    return named or ["ES256", "RS256"]


def explanation(key: Mapping[str, Any], token: str) -> str:
    """Return why the gate differs, or nothing."""
    alg, secret = key.get("alg"), key.get("k")
    if set(token) & set("?#= "):
        return "the token holds a character outside of A-Z a-z 0-9 - _ . (RFC 8725bis: MUST reject)"
    if isinstance(secret, str) and not set(secret) - {"A"}:
        return "the secret is all zero (RFC 8725 section 3.5: sufficient entropy)"
    if isinstance(alg, str) and alg not in ALGORITHMS:
        return f"the key is for {alg}, which is not registered (RFC 8725bis: a key has one algorithm)"
    if isinstance(alg, str) and alg.startswith("PS"):
        return "the header names another algorithm than the key (RFC 8725bis: they MUST be equal)"
    return ""


def differences(document: Mapping[str, Any]) -> Iterator[Difference | None]:
    """Yield None for every case that is answered as the file says, otherwise the difference."""
    for group in document["testGroups"]:
        key = group.get("public") or group["private"]
        for test in group["tests"]:
            if "jws" not in test:
                continue  # the file of mixed cases also holds encrypted tokens
            token, refusal = test["jws"], ""
            try:
                verify(token, key, algorithms=algorithms_of(key))
            except SealringError as error:
                refusal = error.detail
            if (test["result"] == "valid") == (not refusal):
                yield None
            else:
                why = explanation(key, str(token))
                yield Difference(test["tcId"], test["comment"], test["result"], refusal or "accepted", why)


def main() -> int:
    """Print the differences of each file.

    Returns:
        1 when one of them is not explained, otherwise 0.
    """
    unexplained = 0
    for name in sys.argv[1:]:
        answers = list(differences(json.loads(Path(name).read_text(encoding="utf-8"))))
        found = [answer for answer in answers if answer]
        print(f"{Path(name).name}: {len(answers)} compact JWS, {len(found)} answered otherwise")
        for each in found:
            print(f"  {each.case} {each.comment} ({each.expected}): {each.refusal}: {each.why or 'NOT EXPLAINED'}")
        unexplained += sum(not each.why for each in found)
    return 1 if unexplained or not sys.argv[1:] else 0


if __name__ == "__main__":
    sys.exit(main())
