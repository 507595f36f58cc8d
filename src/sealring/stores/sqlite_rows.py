"""Carries records to table rows and back; the columns are the fields of the dataclass, read once."""

from dataclasses import fields
from enum import Enum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class Mapping(Generic[T]):
    """The two ways between one record type and its columns.

    Args:
        record: a dataclass whose fields are int, float, str, bytes, bool or a string enumeration, or None.

    Attributes:
        names: the columns, in the order of the fields.
        columns: the same as an SQL list.
        parameters: the same as an SQL list of named parameters.
    """

    def __init__(self, record: type[T]) -> None:
        self._record = record
        self.names = tuple(item.name for item in fields(record))
        self.columns = ", ".join(self.names)
        self.parameters = ", ".join(f":{name}" for name in self.names)
        self._values = attrgetter(*self.names)
        hints = get_type_hints(record)
        # SQLite has no booleans and no enumerations, and RETURNING gives the REAL 1.0 back as the INTEGER 1; every
        # other type comes back as it went in.
        self._special = {name: special for name in self.names if (special := _special(hints[name])) is not None}

    def values(self, record: T) -> dict[str, Any]:
        """Return the named parameters of a record."""
        values = dict(zip(self.names, self._values(record), strict=True))
        for name in self._special:
            if isinstance(values[name], Enum):
                values[name] = values[name].value
        return values

    def record(self, row: "Sequence[Any]") -> T:
        """Return the record of a row that holds exactly ``columns``."""
        values = dict(zip(self.names, row, strict=True))
        for name, convert in self._special.items():
            if values[name] is not None:
                values[name] = convert(values[name])
        return self._record(**values)


def _special(hint: Any) -> "Callable[[Any], Any] | None":  # noqa: ANN401 - a type hint has no narrower type
    for option in get_args(hint) or (hint,):
        if option in {bool, float} or (isinstance(option, type) and issubclass(option, Enum)):
            return option  # type: ignore[no-any-return]
    return None
