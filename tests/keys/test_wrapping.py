"""Key-encryption keys: refused when weak, silent about themselves, and every field of a row is authenticated."""

from collections.abc import Callable
from dataclasses import fields, replace
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import ConfigurationError, KeyRingError
from sealring.jose import b64u_encode, generate
from sealring.keys import KeyEncryptionKeys, KeyRow, KeyState
from tests.keys.ring_store import NEW_KEK, OLD_KEK

KEKS = KeyEncryptionKeys({1: OLD_KEK}, 1)
SIGNING = generate("ES256")


def row_of(state: KeyState = KeyState.ACTIVE) -> KeyRow:
    return KeyRow("kid", "ES256", "{}", state, 0, b"", 1.5, 2.5, None, None, None)


def test_what_was_sealed_is_opened_under_the_version_that_sealed_it() -> None:
    old = KEKS.seal(row_of(), b"private")
    both = KeyEncryptionKeys({1: OLD_KEK, 2: NEW_KEK}, 2)
    new = both.seal(old, both.open(old))
    assert (old.kek_version, new.kek_version, both.current) == (1, 2, 2)
    assert both.open(new) == both.open(old) == b"private"
    assert b"private" not in new.wrapped


@given(
    st.binary(max_size=200), st.floats(allow_nan=False), st.none() | st.floats(allow_nan=False), st.text(max_size=20)
)
def test_any_row_that_text_can_say_is_sealed_and_opened(
    private: bytes, created: float, retired: float | None, kid: str
) -> None:
    row = replace(row_of(), kid=kid, created_at=created, retired_at=retired)
    assert KEKS.open(KEKS.seal(row, private)) == private


def test_the_nonce_comes_from_the_injected_entropy_and_is_new_for_every_row() -> None:
    counter = count(1)
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return next(counter).to_bytes(size, "big")

    keks = KeyEncryptionKeys({1: OLD_KEK}, 1, entropy=entropy)
    first, second = keks.seal(row_of(), b"p"), keks.seal(row_of(), b"p")
    assert asked == [12, 12]
    assert first.wrapped[1:13] == (1).to_bytes(12, "big")
    assert first.wrapped != second.wrapped
    assert KEKS.seal(row_of(), b"p").wrapped != KEKS.seal(row_of(), b"p").wrapped


ALTERED: dict[str, object] = {
    "kid": "another",
    "alg": "RS256",
    "public_jwk": '{"kty":"EC"}',
    "state": KeyState.ANNOUNCED,
    "kek_version": 2,
    "wrapped": b"\x01" + bytes(60),
    "created_at": 1.6,
    "activated_at": None,
    "retiring_at": 2.5,
    "retired_at": 2.5,
    "distrusted_at": 0.0,
}


def test_every_field_of_a_row_has_an_alteration_below() -> None:
    assert list(ALTERED) == [field.name for field in fields(KeyRow)]


@pytest.mark.parametrize("name", ALTERED)
def test_a_row_with_one_field_altered_is_not_authentic(name: str) -> None:
    # Both versions hold the same key here, so that the version itself is what fails to authenticate.
    keks = KeyEncryptionKeys({1: OLD_KEK, 2: OLD_KEK}, 1)
    altered = replace(keks.seal(row_of(), b"private"), **{name: ALTERED[name]})  # type: ignore[arg-type]
    with pytest.raises(KeyRingError, match="altered"):
        keks.open(altered)


@given(st.data())
def test_no_bit_of_the_sealed_part_can_be_changed_and_no_byte_is_missing(draws: st.DataObject) -> None:
    row = KEKS.seal(row_of(), b"private")
    bit = draws.draw(st.integers(0, len(row.wrapped) * 8 - 1))
    changed = bytearray(row.wrapped)
    changed[bit // 8] ^= 1 << bit % 8
    for wrapped in (bytes(changed), row.wrapped[: bit // 8], row.wrapped + b"\0"):
        with pytest.raises(KeyRingError):
            KEKS.open(replace(row, wrapped=wrapped))


def test_a_planted_row_that_no_text_can_say_is_refused_and_not_an_error_of_another_kind() -> None:
    with pytest.raises(KeyRingError):
        KEKS.open(replace(KEKS.seal(row_of(), b"private"), public_jwk="\ud800"))


def test_a_wrong_key_and_a_missing_one_are_told_in_a_sentence_that_says_what_to_do() -> None:
    row = KEKS.seal(row_of(), b"private")
    with pytest.raises(KeyRingError, match=r"version 1: either that key is not .*configure the original again"):
        KeyEncryptionKeys({1: NEW_KEK}, 1).open(row)
    with pytest.raises(KeyRingError, match=r"version 1, which is not configured: add that version beside .*2"):
        KeyEncryptionKeys({2: NEW_KEK}, 2).open(row)


@pytest.mark.parametrize(
    ("keys", "current", "sentence"),
    [
        ({}, 1, "not configured"),
        ({1: OLD_KEK}, 2, "version 2, which is not configured"),
        ({0: OLD_KEK}, 0, "count from 1"),
        ({1: b""}, 1, "has 0 bytes: it needs 32"),
        ({1: OLD_KEK[:16]}, 1, "has 16 bytes"),
        ({1: OLD_KEK + b"\0"}, 1, "has 33 bytes"),
        ({1: bytes(32)}, 1, "pattern"),
        ({1: b"\xaa\x55" * 16}, 1, "pattern"),
        ({1: OLD_KEK[:8] * 4}, 1, "pattern"),
        ({1: b"correct horse battery staple 123"}, 1, "text"),
        ({1: OLD_KEK.hex()[:32].encode()}, 1, "text"),
        ({1: OLD_KEK, 2: bytes(32)}, 1, "version 2"),
    ],
)
def test_weak_or_missing_keys_are_refused_at_configuration(keys: dict[int, bytes], current: int, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        KeyEncryptionKeys(keys, current)


@pytest.mark.parametrize("show", [repr, str])
def test_no_way_of_printing_shows_a_key(show: Callable[[object], str]) -> None:
    text = show(KeyEncryptionKeys({1: OLD_KEK, 2: NEW_KEK}, 2))
    assert text == "KeyEncryptionKeys(versions=[1, 2], current=2)"
    assert b64u_encode(OLD_KEK) not in text


def test_printing_a_row_shows_no_private_key() -> None:
    private = SIGNING.private_bytes()
    shown = repr(KEKS.seal(row_of(), private))
    assert repr(private)[2:-1] not in shown
    assert private.hex() not in shown
