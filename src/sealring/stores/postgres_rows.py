"""Carries records to table rows of PostgreSQL and back; the columns are the fields of the dataclass, read once."""

from collections.abc import Sequence
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, get_args, get_type_hints

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

TYPES: Final[dict[type, str]] = {
    bytes: "bytea",
    str: "text",
    int: "bigint",
    bool: "boolean",
    # Exactly Python's float, so that a time reads back as it was written; timestamptz would round it to microseconds.
    float: "double precision",
}


class Columns(Generic[T]):
    """The two ways between one record type and its columns.

    Args:
        record: a dataclass whose fields are int, float, str, bytes, bool or a string enumeration, or None.

    Attributes:
        names: the columns, in the order of the fields.
        types: the SQL type of each.
        listed: the columns as an SQL list.
        marked: as many positional parameters, from ``$1`` on, each with its type.
        named: the same, each with the name of its column.
        unnested: the same, each an array: the arguments of ``unnest``.
    """

    def __init__(self, record: type[T]) -> None:
        self._record = record
        hints = get_type_hints(record)
        kinds = {item.name: _kind(hints[item.name]) for item in fields(record)}
        self.names = tuple(kinds)
        self.types = tuple(TYPES[str if issubclass(kind, Enum) else kind] for kind in kinds.values())
        self.listed = ", ".join(self.names)
        marks = [f"${position}::{kind}" for position, kind in enumerate(self.types, 1)]
        self.marked = ", ".join(marks)
        self.named = ", ".join(f"{mark} AS {name}" for mark, name in zip(marks, self.names, strict=True))
        self.unnested = ", ".join(f"{mark}[]" for mark in marks)
        # Every other type comes back as it went in.
        self._enumerations = {name: kind for name, kind in kinds.items() if issubclass(kind, Enum)}
        self._values = attrgetter(*self.names)

    def of(self, table: str) -> str:
        """Return the columns as an SQL list, each with the name of its table."""
        return ", ".join(f"{table}.{name}" for name in self.names)

    def values(self, record: T) -> tuple[Any, ...]:
        """Return the positional parameters of a record."""
        values: tuple[Any, ...] = self._values(record)
        return values

    def arrays(self, records: Sequence[T]) -> list[list[Any]]:
        """Return the arguments of ``unnest`` for many records: one list for each column."""
        if not records:
            return [[] for _ in self.names]
        return [list(column) for column in zip(*map(self._values, records), strict=True)]

    def record(self, row: Any) -> T:  # noqa: ANN401 - the driver's row has no useful type
        """Return the record of a row that begins with exactly these columns."""
        values = dict(zip(self.names, row, strict=False))
        for name, kind in self._enumerations.items():
            values[name] = kind(values[name])
        return self._record(**values)


def _kind(hint: Any) -> type:  # noqa: ANN401 - a type hint has no narrower type
    """Return the type of a field, without the None that it may be instead."""
    (kind,) = (option for option in get_args(hint) or (hint,) if option is not NoneType)
    result: type = kind
    return result
