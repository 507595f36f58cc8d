"""Carries records to the fields of a hash and back; a field that is None is not there.

A float travels as its shortest exact decimal (``repr``), which the scripts compare by value and keep as it is: nothing
is ever rounded.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_type_hints

from sealring.errors import InternalError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

ABSENT = b""
"""What an optional argument of a script is when it is None; one that is there begins with ``=``."""


def text(value: float | str) -> bytes:
    """Return a number or a string as the scripts take it."""
    # str of an enumeration of strings is its value.
    return encoded(repr(value) if isinstance(value, float) else str(value))


def optional(value: str | None) -> bytes:
    """Return a string that may be None as the scripts take it."""
    return ABSENT if value is None else b"=" + encoded(value)


def encoded(value: str) -> bytes:
    """Return the UTF-8 form of a string.

    Raises:
        InternalError: it has none.
    """
    try:
        return value.encode()
    except UnicodeEncodeError:
        raise InternalError("Redis cannot hold what it was given (a string that has no UTF-8 form)") from None


class Mapping(Generic[T]):
    """The two ways between one record type and a hash.

    Args:
        record: a dataclass with slots whose fields are int, float, str, bytes, bool or a string enumeration, or None.
    """

    def __init__(self, record: type[T]) -> None:
        self._record = record
        hints = get_type_hints(record)
        self._names = {item.name.encode(): item.name for item in fields(record)}
        # The constructor of a frozen record takes longer than all the rest, so its slots are set one by one.
        self._slots: dict[bytes, tuple[Any, Callable[[bytes], Any], bool]] = {
            field: (getattr(record, name).__set__, _reader(hints[name]), NoneType not in get_args(hints[name]))
            for field, name in self._names.items()
        }
        self._optional = [slot for slot, _, needed in self._slots.values() if not needed]
        self._needed = len(self._slots) - len(self._optional)

    def flat(self, record: T) -> list[bytes]:
        """Return field, value, field, value … of a record.

        Raises:
            InternalError: a string has no UTF-8 form.
        """
        parts: list[bytes] = []
        for field, name in self._names.items():
            value = getattr(record, name)
            if value is not None:
                parts += (field, _written(value))
        return parts

    def record(self, reply: Sequence[bytes]) -> T | None:
        """Return the record of what HGETALL answered, or None for a hash that is not there.

        A field that a newer version wrote and this one does not know is passed over.

        Raises:
            InternalError: fields are missing.
        """
        if not reply:
            return None
        made = object.__new__(self._record)
        for empty in self._optional:
            empty(made, None)
        found = 0
        for field, value in zip(reply[::2], reply[1::2], strict=True):
            if known := self._slots.get(field):
                slot, read, needed = known
                slot(made, read(value))
                found += needed
        if found < self._needed:
            raise InternalError("a row in Redis lacks fields that every row has")
        return made


def _written(value: Any) -> bytes:  # noqa: ANN401 - the fields of a record have many types
    if isinstance(value, bytes):
        return value
    return (b"1" if value else b"0") if isinstance(value, bool) else text(value)


def _reader(hint: Any) -> Callable[[bytes], Any]:  # noqa: ANN401 - a type hint has no narrower type
    for option in get_args(hint) or (hint,):
        if option is bool:
            return b"1".__eq__
        if option in {int, float, bytes}:
            return option  # type: ignore[no-any-return]
        if isinstance(option, type) and issubclass(option, Enum):
            return lambda value: option(value.decode())
    return bytes.decode
