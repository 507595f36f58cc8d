"""Claims never take a name that means something already (R27): every registered and own name, in every spelling."""

from typing import Any

import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, ConfigDict, Field, RootModel, computed_field, create_model

from sealring import ClaimsSchema
from sealring.access.registry import DESCRIPTIVE, OWN_NAMES, RESERVED
from sealring.errors import ConfigurationError
from tests.access.issuing import desk, payload


class Plain(BaseModel):
    team: str = "blue"


def test_the_lists_hold_the_names_that_matter_and_do_not_overlap() -> None:
    assert set(OWN_NAMES) < RESERVED
    assert not RESERVED & DESCRIPTIVE
    # RFC 7519 section 4.1, RFC 9068 section 2.2, RFC 7800, RFC 8693, RFC 9449, RFC 8417, draft-ietf-oauth-status-list.
    assert {
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "client_id",
        "scope",
        "acr",
        "amr",
        "auth_time",
    } <= RESERVED
    assert {"cnf", "act", "may_act", "htm", "htu", "ath", "nonce", "events", "toe", "txn", "status"} <= RESERVED
    assert {"name", "email", "roles", "groups", "entitlements"} <= DESCRIPTIVE


def test_every_claim_that_our_own_tokens_carry_is_reserved() -> None:
    assert payload(desk().issue().text).keys() <= set(OWN_NAMES)


def models_with(name: str) -> list[type[BaseModel]]:
    """Return models that write or read a name in every way that pydantic has."""

    def computed(self: Any) -> str:
        return "eve"

    calculated = create_model("M")
    made: list[type[BaseModel]] = [
        create_model("M", team=(str, Field("eve", alias=name))),
        create_model("M", team=(str, Field("eve", serialization_alias=name))),
        create_model("M", team=(str, Field("eve", validation_alias=name))),
        create_model("M", team=(str, Field("eve", validation_alias=AliasChoices("team", AliasPath(name, 0))))),
        create_model("M", __config__=ConfigDict(alias_generator=lambda _: name), team=(str, "eve")),
        type("M", (calculated,), {"eve": computed_field(alias=name)(property(computed))}),
    ]
    if name.isidentifier() and not name.startswith("_"):
        made.append(create_model("M", **{name: (str, "eve")}))  # type: ignore[call-overload]
        made.append(create_model("M", **{name: (str, Field("eve", alias="harmless"))}))  # type: ignore[call-overload]
    return made


@pytest.mark.parametrize("name", sorted(RESERVED | DESCRIPTIVE))
def test_registered_or_own_name_is_refused_at_start_in_every_spelling(name: str) -> None:
    for model in models_with(name):
        with pytest.raises(ConfigurationError, match="registered"):
            ClaimsSchema(model)


def test_name_is_refused_in_every_version() -> None:
    taken = create_model("Taken", sub=(str, "eve"))
    with pytest.raises(ConfigurationError, match="'sub' of Taken"):
        ClaimsSchema(taken)
    with pytest.raises(ConfigurationError, match="'sub' of Taken"):
        ClaimsSchema(Plain).then(taken, upgrade=lambda _: taken())


def test_descriptive_registered_name_may_be_used_by_saying_so() -> None:
    """RFC 9068 section 2.2.2: such attributes SHOULD be codified via their registered names."""

    class Staff(BaseModel):
        roles: list[str] = ["editor"]

    class Person(BaseModel):
        roles: list[str] = ["editor"]
        email: str = "ada@example.org"

    with pytest.raises(ConfigurationError, match=r"registered=\{'roles'\}"):
        ClaimsSchema(Staff)
    schema = ClaimsSchema(Staff, registered={"roles", "email"}).then(
        Person, upgrade=lambda claims: Person(roles=claims.roles)
    )
    told = payload(desk(schema, version=2).issue(Person()).text)
    assert (told["roles"], told["email"]) == (["editor"], "ada@example.org")


@pytest.mark.parametrize("name", ["sub", "exp", "scope", "cnf", "team"])
def test_only_descriptive_names_can_be_used_by_saying_so(name: str) -> None:
    with pytest.raises(ConfigurationError, match=name):
        ClaimsSchema(Plain, registered={name})


def test_model_must_name_every_claim() -> None:
    class Anything(BaseModel):
        model_config = ConfigDict(extra="allow")

    class Root(RootModel[dict[str, str]]):
        pass

    for model in (Anything, Root):
        with pytest.raises(ConfigurationError, match="must declare every claim"):
            ClaimsSchema(model)


@pytest.mark.parametrize(
    "field",
    [
        Field("blue", serialization_alias="t"),
        Field("blue", validation_alias="t"),
        Field("blue", validation_alias=AliasChoices("a", "b"), serialization_alias="t"),
        Field("blue", exclude=True),
    ],
)
def test_claim_that_is_not_written_as_it_is_read_is_refused_at_start(field: Any) -> None:
    """It would come back as its default, without a word."""
    with pytest.raises(ConfigurationError, match="'team'"):
        ClaimsSchema(create_model("Odd", team=(str, field)))


def test_two_claims_under_one_name_are_refused_at_start() -> None:
    with pytest.raises(ConfigurationError, match="not written under one name"):
        ClaimsSchema(create_model("Twins", a=(str, Field("x", alias="t")), b=(str, Field("y", alias="t"))))


@pytest.mark.parametrize(
    "model",
    [
        create_model("Short", team=(str, Field("blue", alias="t"))),
        create_model(
            "Both", team=(str, Field("blue", validation_alias=AliasChoices("t", "u"), serialization_alias="t"))
        ),
        create_model(
            "ByName", __config__=ConfigDict(validate_by_name=True), team=(str, Field("blue", validation_alias="t"))
        ),
    ],
)
def test_alias_that_leads_back_is_fine(model: type[BaseModel]) -> None:
    schema = ClaimsSchema(model)
    field = next(iter(schema.write(1, model.model_construct(team="red"))))
    assert schema.read(1, {field: "red"}) == model.model_construct(team="red")


def test_computed_field_is_written_and_not_read() -> None:
    class Team(BaseModel):
        team: str = "blue"

        @computed_field  # type: ignore[prop-decorator]
        @property
        def loud(self) -> str:
            return self.team.upper()

    token = desk(ClaimsSchema(Team)).issue(Team(team="red")).text
    assert payload(token)["loud"] == "RED"
    forged = desk(ClaimsSchema(Team)).altered(loud="GREEN")
    assert desk(ClaimsSchema(Team)).verify(forged).claims.loud == "BLUE"
