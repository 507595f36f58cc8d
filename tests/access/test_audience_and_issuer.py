"""Whose tokens are accepted: the exact rule for one and for several audiences and issuers (C3, C4)."""

from typing import Any

import pytest

from sealring.errors import ConfigurationError, TokenInvalid
from sealring.policy import AccessPolicy, Policy
from tests.access.issuing import ISSUER, desk, payload

OWN, OTHER = "https://api.example/todo", "https://api.example/mail"
FORMER = "https://old.example"


def test_audience_of_new_tokens_defaults_to_the_issuer_as_one_string() -> None:
    assert payload(desk().issue().text)["aud"] == ISSUER


def test_one_audience_is_written_as_a_string_and_several_as_a_list() -> None:
    assert payload(desk(audience=OWN).issue().text)["aud"] == OWN
    assert payload(desk(audience=(OWN,)).issue().text)["aud"] == OWN
    several = desk(audience=(OWN, OTHER))
    assert payload(several.issue().text)["aud"] == [OWN, OTHER]
    assert several.verify(several.issue().text).audience == (OWN, OTHER)


@pytest.mark.parametrize("aud", [OWN, [OWN], [OTHER, OWN], [OWN, "https://stranger.example"], [OWN, OWN]])
def test_token_that_names_this_service_is_accepted_whoever_else_it_names(aud: object) -> None:
    """RFC 9068 section 4: the aud claim must contain a resource indicator value of the resource server itself."""
    assert desk(audience=(OWN, OTHER)).verify(desk(audience=OWN).altered(aud=aud)).subject == "ada"


@pytest.mark.parametrize(
    "aud",
    [
        OTHER,
        [OTHER],
        ["https://stranger.example"],
        [],
        [[OWN]],
        {"aud": OWN},
        {OWN: OWN},
        [OWN, 7],
        [OWN, None],
        [OWN, ""],
        "",
        None,
        7,
        OWN + "/",
        OWN.upper(),
        OWN[:-1],
        f"{OWN} {OTHER}",
        f"{OWN},{OTHER}",
        f" {OWN}",
    ],
)
def test_token_that_does_not_name_this_service_exactly_is_refused(aud: object) -> None:
    """Neither the other audience of our own new tokens nor anything that merely contains the name is enough."""
    with pytest.raises(TokenInvalid):
        desk(audience=(OWN, OTHER)).verify(desk(audience=OWN).altered(aud=aud))


def test_service_of_the_same_ring_with_another_identifier_takes_the_tokens_that_name_it() -> None:
    issued = desk(audience=(OWN, OTHER)).issue().text
    assert desk(audience=(OTHER,)).verify(issued).audience == (OWN, OTHER)
    with pytest.raises(TokenInvalid):
        desk(audience=("https://api.example/third",)).verify(issued)


def test_renamed_issuer_writes_the_new_name_and_still_takes_tokens_of_the_former_one() -> None:
    before, after = desk(issuer=FORMER), desk(former_issuers=(FORMER,))
    old, new = before.issue().text, after.issue().text
    assert (after.verify(old).issuer, after.verify(old).audience) == (FORMER, (FORMER,))
    assert (payload(new)["iss"], payload(new)["aud"]) == (ISSUER, ISSUER)
    assert after.verify(new).issuer == ISSUER


def test_former_issuer_that_was_given_up_is_refused() -> None:
    with pytest.raises(TokenInvalid):
        desk().verify(desk(issuer=FORMER).issue().text)


def test_rename_with_an_audience_of_its_own_keeps_the_audience() -> None:
    old = desk(issuer=FORMER, audience=OWN).issue().text
    assert desk(former_issuers=(FORMER,), audience=OWN).verify(old).audience == (OWN,)


@pytest.mark.parametrize(("iss", "aud"), [(FORMER, ISSUER), (ISSUER, FORMER)])
def test_without_an_audience_of_its_own_a_token_names_its_own_issuer(iss: str, aud: str) -> None:
    """No process ever issued such a pair."""
    with pytest.raises(TokenInvalid):
        desk(former_issuers=(FORMER,)).verify(desk().altered(iss=iss, aud=aud))


@pytest.mark.parametrize(
    "iss",
    [
        FORMER + "/",
        FORMER[:-1],
        FORMER.upper(),
        f"{FORMER}.attacker.example",
        f"{ISSUER}/",
        ISSUER[:-1],
        "https",
        "",
        None,
        [FORMER],
        [ISSUER],
        {"iss": ISSUER},
        "https://xn--todo.example",
        "https://tоdo.example",  # noqa: RUF001 - a Cyrillic letter, as a forger would use
    ],
)
def test_issuer_is_compared_as_exact_text(iss: object) -> None:
    with pytest.raises(TokenInvalid):
        desk(former_issuers=(FORMER,)).verify(desk(former_issuers=(FORMER,)).altered(iss=iss, aud=[ISSUER, FORMER]))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"former_issuers": (ISSUER,)}, "the issuer itself, or named twice"),
        ({"former_issuers": (FORMER, FORMER)}, "named twice"),
        ({"former_issuers": (FORMER + "/",)}, "without a trailing slash"),
        ({"former_issuers": ("old.example",)}, "names no host"),
        ({"former_issuers": ("https://old.example?a=b",)}, "without query"),
    ],
)
def test_former_issuer_that_makes_no_sense_is_refused_at_start(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        Policy(app="todo", issuer=ISSUER, **settings)


@pytest.mark.parametrize(
    "audience", [(), "", ("",), (OWN, OWN), ("a b",), ("tödo",), "x" * 256, tuple(map(str, range(17)))]
)
def test_audience_that_makes_no_sense_is_refused_at_start(audience: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"[Aa]udience"):
        AccessPolicy(audience=audience)


@pytest.mark.parametrize("audience", [OWN, (OWN, OTHER), "todo-api", "x" * 255, tuple(map(str, range(16)))])
def test_audience_in_range_is_kept_in_its_order(audience: Any) -> None:
    expected = (audience,) if isinstance(audience, str) else audience
    assert Policy(app="todo", issuer=ISSUER, access=AccessPolicy(audience=audience)).audience == expected
