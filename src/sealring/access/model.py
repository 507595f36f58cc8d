"""One model of the application's claims: which names it puts into a token, and how it is written and read strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import AliasChoices, AliasPath, BaseModel, RootModel, ValidationError
from pydantic.fields import FieldInfo

from sealring.access.claims import ClaimsT
from sealring.access.registry import DESCRIPTIVE, RESERVED
from sealring.errors import ConfigurationError, JoseError
from sealring.jose.encoding import dump_json, parse_json_object

MAX_DEPTH = 16
"""How deep the claims of a token may nest."""


@dataclass(frozen=True, slots=True)
class ClaimsModel(Generic[ClaimsT]):
    """A pydantic model whose names were found free; made by :func:`claims_model`.

    Attributes:
        model: the application's.
        names: every name that it may write.
        optional: of these, the names whose None means the same as leaving them out.
    """

    model: type[ClaimsT]
    names: frozenset[str]
    optional: frozenset[str]

    def read(self, values: Mapping[str, object]) -> ClaimsT:
        """Return the claims of a token as the model has them; names that it does not know are ignored, if it says so.

        Raises:
            ValidationError: they do not fit; whatever else the application's own validators raise passes as well.
        """
        # As JSON, because that is what the claims are: a strict model takes "2026-01-01" for a date there only.
        return self.model.model_validate_json(dump_json(values) if values else b"{}")

    def check(self, claims: BaseModel) -> None:
        """Refuse claims of another model.

        A subclass is another model: fields that only it has would go into the token unasked.

        Raises:
            ConfigurationError: they are.
        """
        if type(claims) is not self.model:
            raise ConfigurationError(
                f"The claims of a Subject must be a {self.model.__name__}, not a {type(claims).__name__}."
            )

    def write(self, claims: BaseModel) -> dict[str, object]:
        """Return claims as JSON values by name.

        Args:
            claims: an instance of the model itself.

        Raises:
            ConfigurationError: another model, a name that the model does not declare, or something that a token cannot
                carry or this process could not read back.
        """
        self.check(claims)
        try:
            dumped: Any = claims.model_dump(mode="json", by_alias=True, warnings="error")
        except (ValueError, TypeError) as error:
            raise ConfigurationError(f"{self.model.__name__} cannot be written as JSON values.") from error
        if not isinstance(dumped, dict) or not dumped.keys() <= self.names:
            raise ConfigurationError(f"{self.model.__name__} writes a claim that it does not declare as a field.")
        values: dict[str, object] = {
            name: value for name, value in dumped.items() if value is not None or name not in self.optional
        }
        self._check_readable(values)
        return values

    def _check_readable(self, values: dict[str, object]) -> None:
        # A token that its own issuer could not read would be refused at every request, and refreshing would not help.
        try:
            self.read(parse_json_object(dump_json(values), max_depth=MAX_DEPTH, what="the claims"))
        except (ValidationError, JoseError) as error:
            detail = error.detail if isinstance(error, JoseError) else f"{error.error_count()} values do not fit"
            raise ConfigurationError(
                f"What {self.model.__name__} writes into a token cannot be read back by it: {detail}."
            ) from error


def claims_model(model: type[ClaimsT], *, registered: frozenset[str] = frozenset()) -> ClaimsModel[ClaimsT]:
    """Check a model of claims once, when the application starts.

    Args:
        model: a pydantic model with named fields.
        registered: descriptive registered names that it uses in their registered meaning (RFC 9068 section 2.2.2).

    Raises:
        ConfigurationError: a name is registered or ours (by itself, as an alias, or as a computed field), extra claims
            are allowed, or a field is written under a name that it is not read from.
    """
    if issubclass(model, RootModel) or model.model_config.get("extra") == "allow":
        raise ConfigurationError(f"{model.__name__} must declare every claim as a field: no root model, no extra.")
    if taken := sorted(registered - DESCRIPTIVE):
        raise ConfigurationError(f"{', '.join(taken)}: no registered names that describe a user.")
    for name in sorted(_spellings(model) - registered):
        _check_name(name, model.__name__)
    by_name = bool(model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name"))
    names: dict[str, bool] = {}
    for name, field in model.model_fields.items():
        written = field.serialization_alias or name
        if field.exclude or written in names or written not in _read_from(name, field, by_name=by_name):
            raise ConfigurationError(
                f"The claim {name!r} of {model.__name__} is not written under one name of its own that it is read from."
            )
        names[written] = field.default is None
    for name, computed in model.model_computed_fields.items():
        names[computed.alias or name] = True
    return ClaimsModel(model, frozenset(names), frozenset(name for name, optional in names.items() if optional))


def _check_name(name: str, model: str) -> None:
    if name in RESERVED:
        raise ConfigurationError(f"The claim {name!r} of {model} is registered or reserved: choose another name.")
    if name in DESCRIPTIVE:
        raise ConfigurationError(
            f"The claim {name!r} of {model} is registered: choose another name, or, if it has exactly the registered "
            f"meaning, say so: ClaimsSchema({model}, registered={{{name!r}}})."
        )


def _spellings(model: type[BaseModel]) -> set[str]:
    """Return every name by which a claim of the model could be written or read."""
    found = {*model.model_fields, *model.model_computed_fields}
    for field in model.model_fields.values():
        found |= {spelling for spelling in (field.alias, field.serialization_alias) if spelling}
        found |= _aliases(field.validation_alias)
    return found | {computed.alias for computed in model.model_computed_fields.values() if computed.alias}


def _read_from(name: str, field: FieldInfo, *, by_name: bool) -> set[str]:
    aliases = _aliases(field.validation_alias)
    return aliases | {name} if by_name or not aliases else aliases


def _aliases(alias: str | AliasPath | AliasChoices | None) -> set[str]:
    match alias:
        case str():
            return {alias}
        case AliasPath():
            return {str(alias.path[0])}
        case AliasChoices():
            return set().union(*(_aliases(choice) for choice in alias.choices))
        case None:
            return set()
