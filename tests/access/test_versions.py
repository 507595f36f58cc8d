"""Several versions of the application's claims: what is read, what is written, and what a mistake leads to."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_serializer

from sealring import ClaimsSchema
from sealring.errors import ConfigurationError, TokenSuperseded, VersionUnknown
from tests.access.issuing import desk, payload


class One(BaseModel):
    team: str = "blue"


class Two(BaseModel):
    teams: tuple[str, ...] = ("blue",)


class Three(BaseModel):
    model_config = ConfigDict(strict=True)

    teams: tuple[str, ...] = ("blue",)
    since: date | None = None


def one_to_two(claims: One) -> Two:
    return Two(teams=(claims.team,))


def two_to_one(claims: Two) -> One:
    return One(team=claims.teams[0])


def two_to_three(claims: Two) -> Three:
    return Three(teams=claims.teams)


def three_to_two(claims: Three) -> Two:
    return Two(teams=claims.teams)


OLD = ClaimsSchema(One)
BOTH = OLD.then(Two, upgrade=one_to_two, downgrade=two_to_one)
ALL = BOTH.then(Three, upgrade=two_to_three, downgrade=three_to_two)
NEW = ClaimsSchema(Two, version=2)


def test_one_model_is_version_one() -> None:
    token = desk(OLD).verify(desk(OLD).issue(One(team="red")).text)
    assert (token.version, token.claims) == (1, One(team="red"))
    assert ClaimsSchema.of(One).read(1, {"team": "red"}) == One(team="red")
    assert ClaimsSchema.of(BOTH) is BOTH


def test_older_token_is_read_as_the_newest_claims_and_its_version_stays_what_it_was() -> None:
    old = desk(OLD).issue(One(team="red")).text
    for schema, claims in ((BOTH, Two(teams=("red",))), (ALL, Three(teams=("red",)))):
        token = desk(schema).verify(old)
        assert (token.version, token.claims) == (1, claims)
        assert type(token.claims) is schema.model


def test_the_oldest_registered_version_is_written_unless_the_policy_names_another() -> None:
    assert payload(desk(ALL).issue(Three(teams=("red", "green"))).text)["ver"] == 1
    for version in (1, 2, 3):
        assert payload(desk(ALL, version=version).issue(Three()).text)["ver"] == version
    assert payload(desk(NEW).issue(Two()).text)["ver"] == 2


def test_what_is_written_as_an_older_version_is_what_an_older_process_reads() -> None:
    written = desk(ALL, version=1).issue(Three(teams=("red", "green"))).text
    assert payload(written)["team"] == "red"
    assert "teams" not in payload(written)
    assert desk(OLD).verify(written).claims == One(team="red")
    assert desk(BOTH).verify(written).claims == Two(teams=("red",))


@given(teams=st.lists(st.text(), min_size=1, max_size=3).map(tuple), version=st.sampled_from([2, 3]))
def test_claims_come_back_as_they_went_in(teams: tuple[str, ...], version: int) -> None:
    assert ALL.read(version, ALL.write(version, Three(teams=teams))) == Three(teams=teams)


def test_strict_model_reads_what_json_can_say_of_it() -> None:
    written = ALL.write(3, Three(teams=("red",), since=date(2026, 1, 2)))
    assert written == {"teams": ["red"], "since": "2026-01-02"}
    assert ALL.read(3, written) == Three(teams=("red",), since=date(2026, 1, 2))


def test_version_newer_than_all_is_unknown_and_names_itself() -> None:
    new = desk(BOTH, version=2).issue(Two()).text
    with pytest.raises(VersionUnknown) as refused:
        desk(OLD).verify(new)
    assert (refused.value.version, refused.value.action, refused.value.status) == (2, "retry", 503)


def test_version_older_than_all_is_superseded() -> None:
    with pytest.raises(TokenSuperseded) as refused:
        desk(NEW).verify(desk(OLD).issue(One()).text)
    assert refused.value.action == "refresh"


@pytest.mark.parametrize("version", [0, -1, 1_000_001])
def test_version_out_of_range_is_refused_at_start(version: int) -> None:
    with pytest.raises(ConfigurationError, match="from 1 to 1,000,000"):
        ClaimsSchema(One, version=version)
    with pytest.raises(ConfigurationError, match="from 1 to 1,000,000"):
        desk(OLD, version=version)


@pytest.mark.parametrize(("schema", "version"), [(OLD, 2), (BOTH, 3), (NEW, 1), (NEW, 3)])
def test_version_to_write_that_is_not_registered_is_refused_at_start(schema: ClaimsSchema[Any], version: int) -> None:
    with pytest.raises(ConfigurationError, match=f"version {version} is to be written"):
        desk(schema, version=version)


def test_missing_downgrade_is_refused_at_start_only_while_it_is_needed() -> None:
    schema = BOTH.then(Three, upgrade=two_to_three)
    for needed in (None, 1, 2):
        with pytest.raises(ConfigurationError, match="nothing leads from version 3 down to 2"):
            desk(schema, version=needed)
    assert payload(desk(schema, version=3).issue(Three()).text)["ver"] == 3


def test_schema_that_another_was_made_from_is_unchanged() -> None:
    assert (OLD.oldest, OLD.newest, OLD.model) == (1, 1, One)
    assert (BOTH.oldest, BOTH.newest, BOTH.model) == (1, 2, Two)
    assert (ALL.oldest, ALL.newest, ALL.model) == (1, 3, Three)
    assert (NEW.oldest, NEW.newest, NEW.model) == (2, 2, Two)


def broken(_: Any) -> Any:
    raise KeyError("what the account said")


def test_upgrade_that_fails_supersedes_the_token_and_tells_the_kind_of_failure_only() -> None:
    """A mistake in an upgrade neither logs anybody out nor answers 5xx: the client refreshes and gets a new token."""
    schema = OLD.then(Two, upgrade=broken)
    with pytest.raises(TokenSuperseded) as refused:
        desk(schema, version=2).verify(desk(OLD).issue(One()).text)
    assert refused.value.detail == "claims version 1 cannot be read: KeyError"
    fresh = desk(schema, version=2).issue(Two()).text
    assert desk(schema, version=2).verify(fresh).claims == Two()


def test_upgrade_to_another_model_supersedes_the_token() -> None:
    schema: ClaimsSchema[Any] = OLD.then(Two, upgrade=lambda claims: claims)
    with pytest.raises(TokenSuperseded, match="must return a Two, not a One"):
        schema.read(1, {"team": "red"})


class RequiredTeam(BaseModel):
    team: str | None


@pytest.mark.parametrize(
    "text",
    [
        desk(OLD).altered(team=5),
        desk(OLD).altered(team=["red"]),
        desk(ClaimsSchema(RequiredTeam)).issue(RequiredTeam(team=None)).text,
    ],
)
def test_claims_that_do_not_fit_their_model_supersede_the_token(text: str) -> None:
    """The signature is ours, so the model has changed without a new version: a refresh brings what fits."""
    with pytest.raises(TokenSuperseded) as refused:
        desk(OLD).verify(text)
    assert refused.value.action == "refresh"


def test_none_is_written_where_leaving_it_out_would_mean_something_else() -> None:
    class Limits(BaseModel):
        todos: int | None = 10
        lists: int | None = None
        notes: int | None

    schema = ClaimsSchema(Limits)
    unlimited = Limits(todos=None, notes=None)
    assert schema.write(1, unlimited) == {"todos": None, "notes": None}
    assert schema.read(1, schema.write(1, unlimited)) == unlimited


def test_downgrade_that_fails_or_gives_another_model_issues_nothing() -> None:
    for downgrade, sentence in ((broken, "version 1: KeyError"), (lambda claims: claims, "must return a One")):
        schema = OLD.then(Two, upgrade=one_to_two, downgrade=downgrade)
        with pytest.raises(ConfigurationError, match=sentence) as refused:
            desk(schema).issue(Two())
        assert "what the account said" not in refused.value.detail


def test_older_version_that_this_process_could_not_read_itself_is_not_issued() -> None:
    """Otherwise its holder would be sent to refresh for ever."""
    schema = OLD.then(Two, upgrade=broken, downgrade=two_to_one)
    with pytest.raises(ConfigurationError, match="cannot be read: KeyError"):
        desk(schema).issue(Two())


class Lossy(BaseModel):
    size: int

    @field_serializer("size")
    def _in_words(self, _: int) -> str:
        return "many"


class Picky(BaseModel):
    size: float = 1.0

    @field_validator("size")
    @classmethod
    def _fails_oddly(cls, value: float) -> float:
        if value == 2.0:
            raise RuntimeError("odd")
        return value


class Deep(BaseModel):
    tree: dict[str, Any] = Field(default_factory=dict)


def nested(depth: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(depth):
        tree = {"a": tree}
    return tree


@pytest.mark.parametrize(
    ("schema", "claims"),
    [
        (ClaimsSchema(Lossy), Lossy(size=3)),
        (ClaimsSchema(Picky), Picky(size=float("nan"))),
        (ClaimsSchema(Deep), Deep(tree=nested(20))),
        (ClaimsSchema(Deep), Deep(tree={"id": 2**53})),
        (ClaimsSchema(Deep), Deep(tree={"text": "\ud800"})),
        (ClaimsSchema(Deep), Deep(tree={"it": object()})),
        (OLD, One.model_construct(team=5)),
    ],
    ids=["lossy serializer", "not a number", "too deep", "too large", "lone surrogate", "no JSON", "not validated"],
)
def test_claims_that_no_token_can_carry_are_refused_when_it_is_issued(
    schema: ClaimsSchema[Any], claims: BaseModel
) -> None:
    with pytest.raises(ConfigurationError):
        desk(schema).issue(claims)


def test_validator_that_fails_in_its_own_way_supersedes_the_token() -> None:
    with pytest.raises(TokenSuperseded, match="RuntimeError"):
        ClaimsSchema(Picky).read(1, {"size": 2.0})


def test_claims_of_another_model_or_of_an_older_version_are_not_issued() -> None:
    for claims in (Two(), One()):
        with pytest.raises(ConfigurationError, match="must be a Three"):
            desk(ALL).issue(claims)


def test_subclass_does_not_smuggle_further_fields_into_the_token() -> None:
    class Row(One):
        password_hash: str = "argon2id"

    with pytest.raises(ConfigurationError, match="must be a One, not a Row"):
        desk(OLD).issue(Row())


def test_serializer_of_a_model_writes_only_what_the_model_declares() -> None:
    class Sly(BaseModel):
        team: str = "blue"

        @model_serializer
        def _more(self) -> dict[str, object]:
            return {"team": self.team, "sub": "eve"}

    class List(BaseModel):
        team: str = "blue"

        @model_serializer
        def _list(self) -> list[str]:
            return [self.team]

    for model in (Sly, List):
        with pytest.raises(ConfigurationError, match="does not declare"):
            desk(ClaimsSchema(model)).issue(model())
