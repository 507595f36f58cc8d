"""The tables of the SQLite store, and how an older file becomes a newer one."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealring.errors import ConfigurationError
from sealring.stores.schema import SchemaState, check_carried

APPLICATION_ID: Final = 0x5EA15147
"""Marks the file as ours (``PRAGMA application_id``), so that no other program's database is ever touched."""

Migration = tuple[str, ...]
"""The statements that lead from one version of the schema to the next."""

_FIRST: Final[Migration] = (
    """
    CREATE TABLE session (
        sid BLOB NOT NULL PRIMARY KEY,
        subject TEXT NOT NULL,
        subject_epoch INTEGER NOT NULL,
        client_id TEXT NOT NULL,
        secret_hash BLOB NOT NULL,
        key_version INTEGER NOT NULL,
        generation INTEGER NOT NULL,
        rotated_at REAL NOT NULL,
        attempt TEXT,
        confirmed_generation INTEGER NOT NULL,
        confirmed_at REAL NOT NULL,
        replay_generation INTEGER NOT NULL,
        replay_streak INTEGER NOT NULL,
        ep INTEGER NOT NULL,
        idle_seconds REAL NOT NULL,
        idle_end REAL NOT NULL,
        absolute_end REAL NOT NULL,
        persistent INTEGER NOT NULL,
        revoked_at REAL,
        revoked_reason TEXT,
        cnf_kind TEXT,
        cnf_thumbprint TEXT,
        sender_hint TEXT NOT NULL,
        auth_time REAL NOT NULL,
        amr TEXT NOT NULL,
        scope TEXT NOT NULL,
        created_at REAL NOT NULL,
        last_seen REAL NOT NULL,
        device TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX session_of_subject ON session (subject, created_at, sid) WHERE revoked_at IS NULL",
    "CREATE INDEX session_by_end ON session (min(idle_end, absolute_end))",
    "CREATE INDEX session_by_revocation ON session (revoked_at) WHERE revoked_at IS NOT NULL",
    "CREATE TABLE subject_epoch (subject TEXT NOT NULL PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    # AUTOINCREMENT: a cursor is never given twice, even after the newest denial was purged.
    """
    CREATE TABLE denial (
        cursor INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL,
        ident TEXT NOT NULL,
        least_epoch INTEGER NOT NULL,
        expires_at REAL NOT NULL
    ) STRICT
    """,
    "CREATE INDEX denial_by_expiry ON denial (expires_at)",
    "CREATE TABLE key_ring (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL) STRICT",
    "INSERT INTO key_ring VALUES (1, 0)",
    """
    CREATE TABLE ring_key (
        position INTEGER PRIMARY KEY,
        kid TEXT NOT NULL UNIQUE,
        alg TEXT NOT NULL,
        public_jwk TEXT NOT NULL,
        state TEXT NOT NULL,
        kek_version INTEGER NOT NULL,
        wrapped BLOB NOT NULL,
        created_at REAL NOT NULL,
        activated_at REAL,
        retiring_at REAL,
        retired_at REAL,
        distrusted_at REAL
    ) STRICT
    """,
)

# The tables get names that do not collide with those of an application, whose own migrations may carry them.
_SECOND: Final[Migration] = (
    "ALTER TABLE session RENAME TO sealring_session",
    "DROP INDEX session_of_subject",
    "DROP INDEX session_by_end",
    "DROP INDEX session_by_revocation",
    """
    CREATE INDEX sealring_session_of_subject ON sealring_session (subject, created_at, sid) WHERE revoked_at IS NULL
    """,
    # A column, because Alembic cannot compare an index on an expression.
    "ALTER TABLE sealring_session ADD COLUMN ends_at REAL GENERATED ALWAYS AS (min(idle_end, absolute_end)) VIRTUAL",
    "CREATE INDEX sealring_session_by_end ON sealring_session (ends_at)",
    "CREATE INDEX sealring_session_by_revocation ON sealring_session (revoked_at) WHERE revoked_at IS NOT NULL",
    "ALTER TABLE denial RENAME TO sealring_denial",
    "DROP INDEX denial_by_expiry",
    "CREATE INDEX sealring_denial_by_expiry ON sealring_denial (expires_at)",
    "ALTER TABLE key_ring RENAME TO sealring_key_ring",
    "ALTER TABLE sealring_key_ring RENAME COLUMN only TO only_one",
    "ALTER TABLE ring_key RENAME TO sealring_ring_key",
    # When an epoch was raised last; those that are here were raised at this moment at the latest.
    """
    CREATE TABLE sealring_subject (
        subject TEXT NOT NULL PRIMARY KEY,
        epoch INTEGER NOT NULL,
        used_at REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
    "INSERT INTO sealring_subject SELECT subject, epoch, CAST(strftime('%s', 'now') AS REAL) FROM subject_epoch",
    "DROP TABLE subject_epoch",
    "CREATE INDEX sealring_subject_by_use ON sealring_subject (used_at)",
    """
    CREATE TABLE sealring_lease (
        name TEXT NOT NULL PRIMARY KEY,
        holder TEXT NOT NULL,
        until REAL NOT NULL
    ) STRICT, WITHOUT ROWID
    """,
)

MIGRATIONS: Final[tuple[Migration, ...]] = (_FIRST, _SECOND)
"""Entry n - 1 makes version n. An entry that was released is never changed; a new one is added behind it."""


_COLUMNS: Final = """
    SELECT tables.name, columns.name FROM sqlite_schema AS tables, pragma_table_xinfo(tables.name) AS columns
    WHERE tables.type = 'table' AND tables.name LIKE 'sealring%'
"""


def look(connection: sqlite3.Connection, path: Path, newest: int = len(MIGRATIONS)) -> SchemaState:
    """Return how the schema stands, before anything is written to a file that may be somebody else's.

    Args:
        connection: on the file.
        path: for the sentence.
        newest: the newest schema version that this package knows.

    Raises:
        ConfigurationError: the file is not ours, a newer version of the package made it, or somebody else's migrations
            did and they are not complete; the sentence says what to do about it.
    """
    # One statement is one snapshot, even while another process is making the tables.
    owner, version, tables = connection.execute(
        "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version),"
        " (SELECT count(*) FROM sqlite_schema)"
    ).fetchone()
    if owner != APPLICATION_ID and (owner, version, tables) != (0, 0, 0):
        found = connection.execute(_COLUMNS).fetchall()
        if not found:
            raise ConfigurationError(
                f"{path} is the database of another program: give the session store a file of its own"
            )
        check_carried(found)
        return SchemaState(newest, newest, carried=True)
    if version > newest:
        raise ConfigurationError(
            f"{path} was made by a newer version of sealring (its schema is version {version}, this one knows "
            f"versions up to {newest}): upgrade sealring, or restore the file from before the upgrade"
        )
    return SchemaState(int(version), newest)


def migrate(
    connection: sqlite3.Connection,
    path: Path,
    migrations: tuple[Migration, ...] = MIGRATIONS,
    told: Callable[[int], None] = lambda _: None,
) -> None:
    """Bring the file to the newest version, one exclusive transaction for each step.

    Several processes may do so at the same time: each step is done by whoever comes first.

    Args:
        connection: in autocommit mode.
        path: for the sentence.
        migrations: every step from an empty file on.
        told: hears of every version that this call has made.

    Raises:
        ConfigurationError: the file is not ours, or too new.
    """
    newest = len(migrations)
    version = look(connection, path, newest).version
    while version < newest:
        connection.execute("BEGIN EXCLUSIVE")
        try:
            version = before = look(connection, path, newest).version
            if before < newest:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                for statement in migrations[before]:
                    connection.execute(statement)
                version += 1
                connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
            if version > before:
                told(version)
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
