"""Scopes are RFC 6749 strings from the account to the token and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealring import Subject
from sealring.errors import ConfigurationError, TokenInvalid
from tests.access.issuing import desk, payload

# RFC 6749 section 3.3: scope-token = 1*( %x21 / %x23-5B / %x5D-7E ).
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)
DESK = desk(budget=4_096)


@given(st.lists(TOKENS, min_size=1, max_size=5))
def test_scope_tokens_come_back_as_they_went_in(scope: list[str]) -> None:
    assert Subject("ada", scope=tuple(scope)).scope == tuple(scope)
    minted = DESK.issue(scope=" ".join(scope))
    assert payload(minted.text)["scope"] == " ".join(scope)
    token = DESK.verify(minted.text)
    assert token.scope == tuple(scope)
    assert token.has_scope(*scope)
    assert not token.has_scope(*scope, "".join(scope) + "x")


def test_empty_scope_is_left_out_and_read_as_none() -> None:
    minted = DESK.issue(scope="")
    assert "scope" not in payload(minted.text)
    assert DESK.verify(minted.text).scope == ()


@pytest.mark.parametrize("token", ["", " ", "two words", 'quo"te', "back\\slash", "tab\t", "né", "\x7f", "a\n"])
def test_scope_token_that_rfc_6749_does_not_know_is_refused_where_the_account_is_told(token: str) -> None:
    with pytest.raises(ConfigurationError):
        Subject("ada", scope=(token,))


@pytest.mark.parametrize(
    "scope", ["", " ", "a  b", " a", "a ", "a\tb", 'a"b', "a\\b", "é", ["a"], 7, None, {"a": "b"}, "a" * 4097]
)
def test_scope_claim_that_is_no_scope_makes_the_token_invalid(scope: object) -> None:
    text = DESK.altered(scope=scope) if scope is not None else DESK.altered(scope=[None])
    with pytest.raises(TokenInvalid):
        DESK.verify(text)
