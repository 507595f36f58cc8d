"""The tables: accounts and their todos."""

from datetime import UTC, date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    String,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Sorts todos without a due date behind all others; an index is used only for this very spelling. The first and the last
# date of Python are no dates for the driver of PostgreSQL: it takes them for minus infinity and infinity.
DUE_OR_LAST = "coalesce(due_on, '9000-01-01')"
DUE_OR_FIRST = "coalesce(due_on, '0100-01-01')"


class Priority(StrEnum):
    """How urgent a todo is, in rising order."""

    LOW = "low"
    NORMAL = "normal"
    HIGH = "high"


_RANKS = tuple(Priority)


class UtcTime(TypeDecorator[datetime]):
    """A moment, kept as whole milliseconds since the epoch: SQLite has no type that knows a time zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """Turn an aware moment into milliseconds."""
        return None if value is None else (value - _EPOCH) // timedelta(milliseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """Turn milliseconds into a moment in UTC."""
        return None if value is None else _EPOCH + timedelta(milliseconds=value)


class Rank(TypeDecorator[Priority]):
    """A priority, kept as 0, 1 or 2 so that the index sorts it."""

    impl = SmallInteger
    cache_ok = True

    def process_bind_param(self, value: Priority | None, dialect: Dialect) -> int | None:
        """Turn a priority into its rank."""
        return None if value is None else _RANKS.index(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Priority | None:
        """Turn a rank into its priority."""
        return None if value is None else _RANKS[value]


class Base(DeclarativeBase):
    """All tables; constraints have names, so that a migration can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class User(Base):
    """An account.

    Attributes:
        id: 32 hex characters; the subject of its tokens.
        email: in lower case, unique.
        password_hash: argon2id, in PHC string format.
        disabled_at: when it was disabled; a disabled account cannot sign in, and its sessions end.
        list_version: how often its list was changed.
    """

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(100))
    password_hash: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    list_version: Mapped[int] = mapped_column(BigInteger, server_default="0")

    @property
    def is_active(self) -> bool:
        """Whether the account may be used."""
        return self.disabled_at is None


class Todo(Base):
    """One thing to do.

    Attributes:
        search_text: title and notes as the search compares them, see :func:`backend.utils.security.fold`.
    """

    __tablename__ = "todos"
    __table_args__ = (
        # One for each order of the list; the id makes the order total.
        Index("ix_todos_due", "owner_id", text(DUE_OR_LAST), "id"),
        Index("ix_todos_created", "owner_id", "created_at", "id"),
        Index("ix_todos_priority", "owner_id", "priority", "id"),
        # Answers the counts without touching the rows.
        Index("ix_todos_counts", "owner_id", "done_at", "due_on"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    title: Mapped[str] = mapped_column(String(200))
    notes: Mapped[str] = mapped_column(Text)
    search_text: Mapped[str] = mapped_column(Text)
    due_on: Mapped[date | None]
    priority: Mapped[Priority] = mapped_column(Rank)
    done_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)

    @property
    def done(self) -> bool:
        """Whether it is completed."""
        return self.done_at is not None
