"""The tables of the SQL stores as SQLAlchemy metadata, so that an application's own Alembic can carry them.

Name it beside your own in ``env.py``::

    from sealring.stores.sqlalchemy import postgres_metadata

    context.configure(connection=connection, target_metadata=[Base.metadata, postgres_metadata])

``alembic revision --autogenerate`` then makes the tables, and changes them when a newer version of this package needs
that. A store finds out that it was not this package that made them, and never migrates them itself; until they are
complete it refuses to open. Where this package has made them, autogenerate finds nothing to do.
"""

from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from types import NoneType
from typing import TYPE_CHECKING, Any, Final, get_args, get_type_hints

from sealring.errors import ConfigurationError
from sealring.keys.record import KeyRow
from sealring.revocation.record import Denial
from sealring.sessions.record import SessionRow

try:
    from sqlalchemy import CheckConstraint, Column, Computed, Identity, Index, MetaData, Table, UniqueConstraint
    from sqlalchemy.dialects.postgresql import BIGINT, BOOLEAN, BYTEA, DOUBLE_PRECISION, TEXT
    from sqlalchemy.dialects.sqlite import BLOB, INTEGER, REAL
    from sqlalchemy.dialects.sqlite import TEXT as SQLITE_TEXT
except ModuleNotFoundError:
    raise ConfigurationError("the tables as metadata need SQLAlchemy: pip install 'sealring[sqlalchemy]'") from None

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["postgres_metadata", "sqlite_metadata"]

postgres_metadata: Final = MetaData()
"""The tables ``sealring_*`` of :class:`~sealring.stores.postgres.PostgresStore`."""

sqlite_metadata: Final = MetaData()
"""The tables ``sealring_*`` of :class:`~sealring.stores.sqlite.SqliteStore`."""

_Types = Mapping[type, Any]

_POSTGRES: Final[_Types] = {bytes: BYTEA(), str: TEXT(), int: BIGINT(), bool: BOOLEAN(), float: DOUBLE_PRECISION()}
_SQLITE: Final[_Types] = {bytes: BLOB(), str: SQLITE_TEXT(), int: INTEGER(), bool: INTEGER(), float: REAL()}


def _columns(record: "type[DataclassInstance]", types: _Types, **special: Any) -> list["Column[Any]"]:  # noqa: ANN401
    """Return one column for each field of a record.

    Args:
        record: a dataclass.
        types: the SQL type of each type of a field.
        special: further arguments of a column, by its name: its ``type_`` and others.
    """
    hints = get_type_hints(record)
    columns: list[Column[Any]] = []
    for field in fields(record):
        options = get_args(hints[field.name]) or (hints[field.name],)
        (kind,) = (option for option in options if option is not NoneType)
        more: dict[str, Any] = {"nullable": NoneType in options} | special.get(field.name, {})
        type_ = more.pop("type_", types[str if issubclass(kind, Enum) else kind])
        columns.append(Column(field.name, type_, **more))
    return columns


# Found by text: compared by bytes, so that no update of the operating system's locale data damages an index.
_BY_BYTES: Final = TEXT(collation="C")

_session = Table(
    "sealring_session",
    postgres_metadata,
    *_columns(SessionRow, _POSTGRES, sid={"primary_key": True}, subject={"type_": _BY_BYTES}),
    Column(
        "end_hour",
        DOUBLE_PRECISION(),
        Computed("ceil(least(idle_end, absolute_end, revoked_at) / 3600)", persisted=True),
        nullable=False,
    ),
    CheckConstraint("octet_length(sid) = 16", name="sealring_session_sid_check"),
    postgresql_with={"fillfactor": 80},
)
Index("sealring_session_of_subject", _session.c.subject, postgresql_where=_session.c.revoked_at.is_(None))
Index("sealring_session_by_end", _session.c.end_hour)

_subject = Table(
    "sealring_subject",
    postgres_metadata,
    Column("subject", _BY_BYTES, primary_key=True),
    Column("epoch", BIGINT(), nullable=False),
    Column("used_at", DOUBLE_PRECISION(), nullable=False),
)
Index("sealring_subject_by_use", _subject.c.used_at)

Table(
    "sealring_lease",
    postgres_metadata,
    Column("name", _BY_BYTES, primary_key=True),
    Column("holder", TEXT(), nullable=False),
    Column("until", DOUBLE_PRECISION(), nullable=False),
)

_denial = Table(
    "sealring_denial",
    postgres_metadata,
    Column("cursor", BIGINT(), Identity(always=True), primary_key=True),
    *_columns(Denial, _POSTGRES),
)
Index("sealring_denial_by_expiry", _denial.c.expires_at)

Table(
    "sealring_key_ring",
    postgres_metadata,
    Column("only_one", BOOLEAN(), primary_key=True),
    Column("revision", BIGINT(), nullable=False),
    CheckConstraint("only_one", name="sealring_key_ring_only_one_check"),
)

Table(
    "sealring_ring_key",
    postgres_metadata,
    Column("revision", BIGINT(), primary_key=True, autoincrement=False),
    Column("position", BIGINT(), primary_key=True, autoincrement=False),
    *_columns(KeyRow, _POSTGRES),
    UniqueConstraint("revision", "kid", name="sealring_ring_key_revision_kid_key"),
)

# Empty where somebody else's migrations carry the tables: this is how the store knows.
Table(
    "sealring_schema",
    postgres_metadata,
    Column("only_one", BOOLEAN(), primary_key=True),
    Column("version", BIGINT(), nullable=False),
    CheckConstraint("only_one", name="sealring_schema_only_one_check"),
)

_session = Table(
    "sealring_session",
    sqlite_metadata,
    *_columns(SessionRow, _SQLITE, sid={"primary_key": True}),
    Column("ends_at", REAL(), Computed("min(idle_end, absolute_end)", persisted=False)),
    sqlite_strict=True,
)
Index("sealring_session_by_end", _session.c.ends_at)
Index(
    "sealring_session_of_subject",
    _session.c.subject,
    _session.c.created_at,
    _session.c.sid,
    sqlite_where=_session.c.revoked_at.is_(None),
)
Index("sealring_session_by_revocation", _session.c.revoked_at, sqlite_where=_session.c.revoked_at.is_not(None))

_subject = Table(
    "sealring_subject",
    sqlite_metadata,
    Column("subject", SQLITE_TEXT(), primary_key=True),
    Column("epoch", INTEGER(), nullable=False),
    Column("used_at", REAL(), nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
Index("sealring_subject_by_use", _subject.c.used_at)

Table(
    "sealring_lease",
    sqlite_metadata,
    Column("name", SQLITE_TEXT(), primary_key=True),
    Column("holder", SQLITE_TEXT(), nullable=False),
    Column("until", REAL(), nullable=False),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)

# An INTEGER PRIMARY KEY of SQLite is never null, whether or not one says so.
_denial = Table(
    "sealring_denial",
    sqlite_metadata,
    Column("cursor", INTEGER(), primary_key=True, nullable=True),
    *_columns(Denial, _SQLITE),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
Index("sealring_denial_by_expiry", _denial.c.expires_at)

Table(
    "sealring_key_ring",
    sqlite_metadata,
    Column("only_one", INTEGER(), primary_key=True, nullable=True),
    Column("revision", INTEGER(), nullable=False),
    CheckConstraint("only_one = 1"),
    sqlite_strict=True,
)

Table(
    "sealring_ring_key",
    sqlite_metadata,
    Column("position", INTEGER(), primary_key=True, nullable=True),
    *_columns(KeyRow, _SQLITE, kid={"unique": True}),
    sqlite_strict=True,
)
