"""The refresh token: one spelling, and forgeries are refused before any store is asked (R8)."""

import hashlib
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring.errors import ConfigurationError, RefreshInvalid, VersionUnknown
from sealring.jose.encoding import b64u_decode, b64u_encode
from sealring.sessions.record import MAX_GENERATION
from sealring.sessions.token import PREFIX, RefreshKeys, RefreshToken, decode, encode
from tests.support import refresh_keys

ONE = refresh_keys({1: 1})
TWO = refresh_keys({1: 1, 2: 2}, current=2)
TOKEN = RefreshToken(1, bytes(range(16)), 7, bytes(range(100, 116)))
TEXT = encode(TOKEN, ONE)
ALPHABET = string.ascii_letters + string.digits + "-_"

tokens = st.builds(
    RefreshToken,
    st.sampled_from([1, 2]),
    st.binary(min_size=16, max_size=16),
    st.integers(1, MAX_GENERATION),
    st.binary(min_size=16, max_size=16),
)


def refused(text: str, keys: RefreshKeys = ONE) -> str:
    """Return why a text is no refresh token; fail if it is one."""
    with pytest.raises(RefreshInvalid) as caught:
        decode(text, keys)
    return caught.value.detail


def resealed(body: bytes, keys: RefreshKeys = ONE) -> str:
    """Return a body with the MAC that belongs to it, as only a holder of the key can make it."""
    return PREFIX + b64u_encode(body + (keys.mac(body[0], body) or bytes(32)))


def body_of(text: str) -> bytes:
    return b64u_decode(text.removeprefix(PREFIX), what="a token")[:-32]


# What is written is read


@given(tokens)
def test_what_was_encoded_is_decoded(token: RefreshToken) -> None:
    text = encode(token, TWO)
    assert decode(text, TWO) == token
    assert encode(decode(text, TWO), TWO) == text
    assert len(text) == 96
    assert set(text.removeprefix(PREFIX)) <= set(ALPHABET)


@given(tokens, tokens)
def test_two_tokens_share_a_text_only_when_they_are_the_same(one: RefreshToken, other: RefreshToken) -> None:
    assert (encode(one, TWO) == encode(other, TWO)) == (one == other)


def test_the_layout_is_version_session_generation_secret_and_mac() -> None:
    body = bytes([1]) + TOKEN.sid + (7).to_bytes(4, "big") + TOKEN.secret
    assert body_of(TEXT) == body
    assert resealed(body) == TEXT
    assert TEXT.startswith("sr1_")


def test_the_store_gets_a_digest_of_the_secret_and_a_repr_shows_neither_secret_nor_key() -> None:
    assert TOKEN.secret_hash == hashlib.sha256(TOKEN.secret).digest()
    assert repr(TOKEN.secret) not in repr(TOKEN)
    assert repr(ONE) == "RefreshKeys(versions=[1], current=1)"


# What is not written by us is refused


@given(st.integers(0, 95), st.sampled_from(ALPHABET + "=+/. \n\0"))
def test_any_other_character_anywhere_makes_a_token_invalid(place: int, character: str) -> None:
    if TEXT[place] != character:
        changed = TEXT[:place] + character + TEXT[place + 1 :]
        try:
            decode(changed, ONE)
        except (RefreshInvalid, VersionUnknown):
            return
        raise AssertionError(changed)


def test_every_single_flipped_bit_makes_a_token_invalid() -> None:
    raw = b64u_decode(TEXT.removeprefix(PREFIX), what="a token")
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((RefreshInvalid, VersionUnknown)):
            decode(PREFIX + b64u_encode(bytes(flipped)), ONE)


@pytest.mark.parametrize("length", [0, 1, 3, 4, 5, 48, 94, 95])
def test_a_truncated_token_is_invalid(length: int) -> None:
    assert refused(TEXT[:length]) == "not in the form of a refresh token"


@pytest.mark.parametrize("more", ["A", "=", "AAAA", "\n", " ", TEXT, "A" * 1_048_576])
def test_a_prolonged_token_is_invalid(more: str) -> None:
    assert refused(TEXT + more) == "not in the form of a refresh token"
    assert refused(more + TEXT) == "not in the form of a refresh token"


@pytest.mark.parametrize("prefix", ["sr2_", "SR1_", "Sr1_", "sr1-", "srl_", "    ", "\u0455r1_", "sr\u00b9_"])
def test_another_prefix_is_invalid(prefix: str) -> None:
    assert refused(prefix + TEXT[4:]) == "not in the form of a refresh token"


@pytest.mark.parametrize("look_alike", ["\u0410", "\uff21", "\u0391", "\ud835\udc00", "\ud800", "\u0661", "\u200b"])
def test_a_unicode_look_alike_is_invalid(look_alike: str) -> None:
    text = TEXT[:10] + look_alike + TEXT[10 + len(look_alike) :]
    assert len(text) == 96
    assert refused(text) == "not canonical base64url"


@pytest.mark.parametrize("text", ["%" * 96, "_" * 96, "sr1_" + "%" * 92, "sr1_" + "'" * 92, "sr1_" + "A" * 92])
def test_wildcards_quotes_and_guesses_are_invalid(text: str) -> None:
    refused(text)


def test_no_session_has_generation_nought_even_under_a_right_mac() -> None:
    body = body_of(TEXT)
    assert refused(resealed(body[:17] + bytes(4) + body[21:])) == "no such generation"


def test_a_mac_of_another_purpose_under_the_same_key_is_wrong() -> None:
    key = bytes((7 + i) % 256 for i in range(32))
    body = body_of(TEXT)
    unlabelled = hashlib.sha256(key + body).digest()
    assert refused(PREFIX + b64u_encode(body + unlabelled)) == "the MAC is wrong"


# Versions


def test_a_token_of_a_newer_key_is_for_a_newer_server_and_names_the_version() -> None:
    newer = encode(RefreshToken(2, TOKEN.sid, 7, TOKEN.secret), TWO)
    with pytest.raises(VersionUnknown) as caught:
        decode(newer, ONE)
    assert (caught.value.version, caught.value.action.value, caught.value.retry_after) == (2, "retry", 1)


def test_a_token_of_a_withdrawn_key_is_invalid() -> None:
    assert refused(TEXT, refresh_keys({2: 2}, current=2)) == "made with a key that is no longer known"


def test_a_version_that_is_missing_between_known_ones_is_no_newer_one() -> None:
    two = encode(RefreshToken(2, TOKEN.sid, 7, TOKEN.secret), TWO)
    assert refused(two, refresh_keys({1: 1, 3: 3}, current=1)) == "made with a key that is no longer known"


def test_a_key_needs_thirty_two_bytes_with_sixteen_different_values() -> None:
    assert RefreshKeys({1: bytes(range(16)) * 2}, 1).current == 1
    with pytest.raises(ConfigurationError):
        RefreshKeys({1: bytes(range(15)) * 3}, 1)


def test_a_known_old_version_is_accepted_beside_the_current_one() -> None:
    assert decode(TEXT, TWO) == TOKEN
    assert decode(TEXT, TWO).key_version == 1


def test_the_same_version_of_another_house_is_invalid() -> None:
    assert refused(TEXT, refresh_keys({1: 9})) == "the MAC is wrong"


def test_version_nought_is_no_version() -> None:
    assert refused(PREFIX + b64u_encode(bytes(69))) == "made with a key that is no longer known"


def test_a_token_cannot_be_made_under_a_version_without_a_key() -> None:
    with pytest.raises(ConfigurationError, match="version 2"):
        encode(RefreshToken(2, TOKEN.sid, 7, TOKEN.secret), ONE)


@pytest.mark.parametrize(
    ("keys", "current"),
    [
        ({}, 1),
        ({1: bytes(range(32))}, 2),
        ({0: bytes(range(32))}, 0),
        ({256: bytes(range(32))}, 256),
        ({1: bytes(range(31))}, 1),
        ({1: b""}, 1),
        ({1: bytes(32)}, 1),
        ({1: b"secret" * 6}, 1),
        ({1: bytes(range(32)), 2: b"short"}, 1),
    ],
    ids=["none", "no current", "zero", "256", "31 bytes", "empty", "all zero", "repeated words", "a weak old one"],
)
def test_weak_or_missing_keys_are_refused_when_they_are_set_up(keys: dict[int, bytes], current: int) -> None:
    with pytest.raises(ConfigurationError):
        RefreshKeys(keys, current)
