"""How the schema of a store stands, and what a migration did; the same for every engine."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

from sealring.errors import ConfigurationError
from sealring.keys.record import KeyRow
from sealring.revocation.record import Denial
from sealring.sessions.record import SessionRow


@dataclass(frozen=True, slots=True)
class SchemaState:
    """The schema of a store.

    Attributes:
        version: what it is now; 0 for none.
        newest: what this package makes.
        made: the versions that the call has made, in their order; another process may have made others.
        carried: whether the application's own migrations carry the tables; then they are never migrated here.
    """

    version: int
    newest: int
    made: tuple[int, ...] = ()
    carried: bool = False


# What a store reads and writes; tables that somebody else has made must have at least these columns.
TABLES: Mapping[str, frozenset[str]] = {
    "sealring_session": frozenset(field.name for field in fields(SessionRow)),
    "sealring_subject": frozenset({"subject", "epoch", "used_at"}),
    "sealring_lease": frozenset({"name", "holder", "until"}),
    "sealring_denial": frozenset({"cursor", *(field.name for field in fields(Denial))}),
    "sealring_key_ring": frozenset({"only_one", "revision"}),
    "sealring_ring_key": frozenset({"position", *(field.name for field in fields(KeyRow))}),
}


def check_carried(found: Iterable[tuple[str, str]]) -> None:
    """Refuse tables of the application's own migrations that are not complete.

    Args:
        found: table and column of every column that there is.

    Raises:
        ConfigurationError: it names what is missing and says what to do.
    """
    wanted = {(table, column) for table, columns in TABLES.items() for column in columns}
    missing = sorted(wanted - set(found))
    if missing:
        table, column = missing[0]
        raise ConfigurationError(
            f"the tables sealring_* come from the application's own migrations and lack {table}.{column}: make a "
            "revision with the metadata of sealring.stores.sqlalchemy and apply it"
        )
