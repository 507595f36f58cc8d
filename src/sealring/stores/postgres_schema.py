r"""The tables of the PostgreSQL store, and how an older database becomes a newer one.

Every name begins with ``sealring_``, so that the tables can live in the application's own database. Times are double
precision seconds, which is exactly what Python has; ids and hashes are bytea, whose ``\x`` form is the public session
id; what is looked up by text compares by bytes (``COLLATE "C"``), so that no update of the operating system's locale
data damages an index.
"""

from typing import Final

from sealring.errors import ConfigurationError
from sealring.stores.postgres_connection import Connection
from sealring.stores.schema import TABLES, SchemaState, check_carried

Migration = tuple[str, ...]
"""The statements that lead from one version of the schema to the next."""

MIGRATION_LOCK: Final = 0x5EA1_5147_0000_0001
"""Key of the transaction advisory lock that lets one process migrate at a time."""

_FIRST: Final[Migration] = (
    """
    CREATE TABLE sealring_session (
        sid bytea NOT NULL PRIMARY KEY CHECK (octet_length(sid) = 16),
        subject text COLLATE "C" NOT NULL,
        subject_epoch bigint NOT NULL,
        client_id text NOT NULL,
        secret_hash bytea NOT NULL,
        key_version bigint NOT NULL,
        generation bigint NOT NULL,
        rotated_at double precision NOT NULL,
        attempt text,
        confirmed_generation bigint NOT NULL,
        confirmed_at double precision NOT NULL,
        replay_generation bigint NOT NULL,
        replay_streak bigint NOT NULL,
        ep bigint NOT NULL,
        idle_seconds double precision NOT NULL,
        idle_end double precision NOT NULL,
        absolute_end double precision NOT NULL,
        persistent boolean NOT NULL,
        revoked_at double precision,
        revoked_reason text,
        cnf_kind text,
        cnf_thumbprint text,
        sender_hint text NOT NULL,
        auth_time double precision NOT NULL,
        amr text NOT NULL,
        scope text NOT NULL,
        created_at double precision NOT NULL,
        last_seen double precision NOT NULL,
        device text NOT NULL,
        -- The idle end moves with every rotation. An index on it would make each of them write to all indexes; the hour
        -- in which a session is over changes rarely, so most rotations stay inside their page (heap-only tuples).
        end_hour double precision NOT NULL
            GENERATED ALWAYS AS (ceil(least(idle_end, absolute_end, revoked_at) / 3600)) STORED
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX sealring_session_of_subject ON sealring_session (subject) WHERE revoked_at IS NULL",
    "CREATE INDEX sealring_session_by_end ON sealring_session (end_hour)",
    # One row for each subject that ever signed in: what a login locks against the end of all sessions.
    'CREATE TABLE sealring_subject (subject text COLLATE "C" NOT NULL PRIMARY KEY, epoch bigint NOT NULL)',
    """
    CREATE TABLE sealring_denial (
        cursor bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        ident text NOT NULL,
        least_epoch bigint NOT NULL,
        expires_at double precision NOT NULL
    )
    """,
    "CREATE INDEX sealring_denial_by_expiry ON sealring_denial (expires_at)",
    "CREATE TABLE sealring_key_ring (only_one boolean PRIMARY KEY CHECK (only_one), revision bigint NOT NULL)",
    "INSERT INTO sealring_key_ring VALUES (true, 0)",
    """
    CREATE TABLE sealring_ring_key (
        revision bigint NOT NULL,
        position bigint NOT NULL,
        kid text NOT NULL,
        alg text NOT NULL,
        public_jwk text NOT NULL,
        state text NOT NULL,
        kek_version bigint NOT NULL,
        wrapped bytea NOT NULL,
        created_at double precision NOT NULL,
        activated_at double precision,
        retiring_at double precision,
        retired_at double precision,
        distrusted_at double precision,
        PRIMARY KEY (revision, position),
        UNIQUE (revision, kid)
    )
    """,
)

_SECOND: Final[Migration] = (
    # When a subject last logged in or was revoked; those that are here did so at this moment at the latest.
    "ALTER TABLE sealring_subject ADD COLUMN used_at double precision",
    "UPDATE sealring_subject SET used_at = extract(epoch FROM clock_timestamp())",
    "ALTER TABLE sealring_subject ALTER COLUMN used_at SET NOT NULL",
    "CREATE INDEX sealring_subject_by_use ON sealring_subject (used_at)",
    """
    CREATE TABLE sealring_lease (
        name text COLLATE "C" NOT NULL PRIMARY KEY,
        holder text NOT NULL,
        until double precision NOT NULL
    )
    """,
)

MIGRATIONS: Final[tuple[Migration, ...]] = (_FIRST, _SECOND)
"""Entry n - 1 makes version n. An entry that was released is never changed; a new one is added behind it."""

# As long as another process may need for its migration; and one that stops in the middle must not hold up all others.
_WAIT: Final = "SET LOCAL lock_timeout = '60s'; SET LOCAL idle_in_transaction_session_timeout = '60s'"
_IS_OURS: Final = "SELECT to_regclass('sealring_schema') IS NOT NULL"
_READ_VERSION: Final = "SELECT version FROM sealring_schema"
_MAKE_VERSION: Final = """
    CREATE TABLE IF NOT EXISTS sealring_schema (
        only_one boolean PRIMARY KEY CHECK (only_one), version bigint NOT NULL
    )
"""
_WRITE_VERSION: Final = """
    INSERT INTO sealring_schema VALUES (true, $1) ON CONFLICT (only_one) DO UPDATE SET version = excluded.version
"""
_COLUMNS: Final = """
    SELECT named.name, attname FROM unnest($1::text[]) AS named (name) JOIN pg_attribute
        ON attrelid = to_regclass(named.name) AND attnum > 0 AND NOT attisdropped
"""


async def look(connection: Connection, newest: int = len(MIGRATIONS)) -> SchemaState:
    """Return how the schema stands.

    Args:
        connection: to the database.
        newest: the newest version that this package knows.

    Raises:
        ConfigurationError: a newer version of the package made the tables, or somebody else's migrations did and they
            are not complete.
    """
    if not await connection.fetchval(_IS_OURS):
        return SchemaState(0, newest)
    version = await connection.fetchval(_READ_VERSION)
    if version is None:
        # This package writes the version in the transaction that makes the table: somebody else has made it.
        check_carried(tuple(row) for row in await connection.fetch(_COLUMNS, list(TABLES)))
        return SchemaState(newest, newest, carried=True)
    return SchemaState(_checked(version, newest), newest)


async def migrate(connection: Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> SchemaState:
    """Bring the database to the newest version, all steps in one transaction.

    Several processes may do so at the same time: whoever comes first does it, the others wait. A database that is of
    the newest version already is only read, so the role needs no right to create anything then.

    Args:
        connection: outside of a transaction.
        migrations: every step from an empty database on.

    Raises:
        ConfigurationError: a newer version of the package made the tables, or somebody else's migrations did and they
            are not complete; nothing was written.
    """
    newest = len(migrations)
    found = await look(connection, newest)
    if found.version == newest:
        return found
    async with connection.transaction():
        await connection.execute(_WAIT)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        # Created before it is asked for: a process that has looked for a table in vain goes on believing that there is
        # none until it takes a lock on a table.
        await connection.execute(_MAKE_VERSION)
        version = _checked(await connection.fetchval(_READ_VERSION) or 0, newest)
        for statements in migrations[version:]:
            await connection.execute(";".join(statements))
        await connection.execute(_WRITE_VERSION, newest)
    return SchemaState(newest, newest, made=tuple(range(version + 1, newest + 1)))


def _checked(version: int, newest: int) -> int:
    if version > newest:
        raise ConfigurationError(
            f"the PostgreSQL database was migrated by a newer version of sealring (its schema is version {version}, "
            f"this one knows versions up to {newest}): upgrade sealring, or restore the database from before the "
            "upgrade"
        )
    return version
