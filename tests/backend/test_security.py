"""Cleaning of text, the client's address, hashing, limits, and which passwords are refused."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.utils.password_rules import PasswordRules
from backend.utils.security import (
    AttemptLimits,
    Passwords,
    clean_line,
    clean_password,
    clean_text,
    fold,
    network_of,
    page_headers,
)
from sealring.errors import RateLimited
from tests.backend.stage import todo_settings

FORBIDDEN = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.text(st.characters(exclude_categories=())))
def test_clean_text_holds_no_control_character_no_override_and_is_nfc(text: str) -> None:
    cleaned = clean_text(text)

    assert not FORBIDDEN & set(cleaned)
    assert all(unicodedata.category(char) not in {"Cc", "Cs"} or char in "\n\t" for char in cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    cleaned.encode("utf-8")


@given(st.text(st.characters(exclude_categories=())))
def test_clean_line_is_one_line_without_needless_space(text: str) -> None:
    cleaned = clean_line(text)

    assert cleaned.splitlines() in ([], [cleaned])
    assert cleaned == " ".join(cleaned.split())


@given(st.text())
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    assert clean_text(clean_text(text)) == clean_text(text)
    assert clean_line(clean_line(text)) == clean_line(text)
    assert clean_password(clean_password(text)) == clean_password(text)


@given(st.text(st.characters(categories=["L", "N", "P"])))
def test_folding_makes_upper_and_lower_case_equal(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert fold(text.swapcase().casefold()) == fold(text.casefold().swapcase().casefold())


def test_folding_joins_what_people_take_for_the_same() -> None:
    assert fold("STRASSE") == fold("Straße")
    assert fold("ﬁn") == fold("FIN")
    assert fold("e\u0301") == fold("É")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("192.0.2.7, 198.51.100.1", "unknown"),
    ],
)
def test_one_client_is_an_ipv4_address_or_a_64_bit_ipv6_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_only_names_with_a_digest_are_kept_for_ever() -> None:
    assert "immutable" in page_headers("/assets/index-BspkBq-M.js")["Cache-Control"]
    for path in ("/", "/index.html", "/favicon.svg", "/login", "/assets"):
        assert page_headers(path)["Cache-Control"] == "no-cache"


def test_the_policy_of_the_pages_allows_nothing_inline() -> None:
    policy = page_headers("/")["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.anyio
async def test_a_hash_is_argon2id_at_the_cost_of_the_settings_with_a_salt_of_its_own(tmp_path: Path) -> None:
    passwords = Passwords(todo_settings(tmp_path, password_passes=3, password_lanes=2))

    one, two = await passwords.hash("the same words"), await passwords.hash("the same words")

    assert one.startswith("$argon2id$v=19$m=19456,t=3,p=2$")
    assert one != two
    assert await passwords.verify("the same words", one) == (True, None)
    assert await passwords.verify("other words", one) == (False, None)


@pytest.mark.anyio
@pytest.mark.parametrize("password", ["", "anything"])
async def test_nothing_fits_an_account_that_does_not_exist(tmp_path: Path, password: str) -> None:
    assert await Passwords(todo_settings(tmp_path)).verify(password, None) == (False, None)


@pytest.mark.anyio
async def test_a_refused_attempt_names_the_seconds_to_wait(tmp_path: Path) -> None:
    limits = AttemptLimits(todo_settings(tmp_path, register_limit="2/hour"))
    for _ in range(2):
        await limits.check_registration("192.0.2.7")

    with pytest.raises(RateLimited) as refused:
        await limits.check_registration("192.0.2.7")

    assert refused.value.retry_after is not None
    assert 3_500 <= refused.value.retry_after <= 3_600
    await limits.check_registration("192.0.2.8")


@pytest.mark.anyio
async def test_all_addresses_of_one_ipv6_network_share_one_limit(tmp_path: Path) -> None:
    limits = AttemptLimits(todo_settings(tmp_path, login_address_limit="2/minute"))
    await limits.check_password_attempt("ada", "2001:db8::1")
    await limits.check_password_attempt("bob", "2001:db8::2")

    with pytest.raises(RateLimited):
        await limits.check_password_attempt("eve", "2001:db8::3")


@pytest.fixture(scope="module")
def rules() -> PasswordRules:
    """The rules with their lists."""
    return PasswordRules()


@pytest.mark.parametrize(
    "password",
    [
        "password1234", "Password2026!", "PASSWORDPASSWORD", "p@ssw0rd12345", "123456password", "qwertyuiop123",
        "letmeinletmein", "iloveyou12345", "123456789012", "1q2w3e4r5t6y", "aaaaaaaaaaaa", "abababababab",
        "correcthorsebatterystaple", "ada.lovelace@example.org", "ada.lovelace12", "Ada Lovelace", "Ada Lovelace 1815",
    ],
)  # fmt: skip
def test_what_everybody_would_try_first_is_refused(rules: PasswordRules, password: str) -> None:
    assert rules.objection(password, email="ada.lovelace@example.org", name="Ada Lovelace") is not None


@pytest.mark.parametrize(
    "password",
    [
        "a long enough passphrase",
        "394857203948",
        "passwords are a nuisance",
        "xkcdxkcdxkcd!Q",
        "ユニコードのパスワードです",
    ],
)
def test_everything_else_is_welcome(rules: PasswordRules, password: str) -> None:
    assert rules.objection(password, email="ada.lovelace@example.org", name="Ada Lovelace") is None
