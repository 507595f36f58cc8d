"""The rules of the ring as functions of its rows."""

import json
from dataclasses import replace

from sealring.jose import generate
from sealring.keys import KeyEncryptionKeys, KeyRow, KeyState
from sealring.keys.rules import jwks, public_jwk, signing_row
from tests.keys.ring_store import NEW_KEK, bootstrap

KEKS = KeyEncryptionKeys({3: NEW_KEK}, 3)
NOW = 1_767_225_600.0


def first_ring() -> tuple[KeyRow, KeyRow]:
    return bootstrap(generate("ES256"), generate("ES256"), now=NOW, keks=KEKS)


def test_the_first_ring_has_one_key_that_signs_and_one_that_waits() -> None:
    active, announced = first_ring()
    assert (active.state, active.created_at, active.activated_at) == (KeyState.ACTIVE, NOW, NOW)
    assert (announced.state, announced.created_at, announced.activated_at) == (KeyState.ANNOUNCED, NOW, None)
    assert active.kek_version == announced.kek_version == 3
    assert active.kid != announced.kid
    assert KEKS.open(active) != KEKS.open(announced)


def test_a_row_holds_the_public_key_in_the_clear_and_the_private_one_sealed() -> None:
    key = generate("ES256")
    row, _ = bootstrap(key, generate("ES256"), now=NOW, keks=KEKS)
    assert json.loads(row.public_jwk) == public_jwk(row) == key.public.to_jwk()
    assert KEKS.open(row) == key.private_bytes()
    assert key.private_bytes() not in row.wrapped


def test_the_published_set_has_the_active_the_announced_and_the_retiring_keys_in_that_order() -> None:
    row, _ = first_ring()
    rows = [replace(row, state=state, public_jwk=json.dumps({"kid": str(state)})) for state in reversed(KeyState)]
    assert jwks(rows) == {"keys": [{"kid": "active"}, {"kid": "announced"}, {"kid": "retiring"}]}
    assert jwks([]) == {"keys": []}


def test_states_in_which_a_key_verifies_are_those_that_are_published() -> None:
    assert [state for state in KeyState if state.verifies] == ["announced", "active", "retiring"]


def test_the_active_key_signs_and_the_latest_activated_of_several() -> None:
    row, announced = first_ring()
    later = replace(row, kid="later", created_at=NOW - 1, activated_at=NOW + 1)
    assert signing_row([announced, row]) is row
    assert signing_row([later, row, announced]) is signing_row([row, announced, later]) is later
    assert signing_row([announced]) is None
    assert signing_row([]) is None
