"""Run by Alembic: hands it the tables and the connection.

The application passes its own open transaction; from the command line
(``alembic -c backend/alembic.ini revision --autogenerate -m "…"``) the configured database is used.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection

from backend.db import Database
from backend.models import Base
from backend.settings import load_todo_settings


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    # The session store may have its tables in the same database, and migrates them itself.
    return kind != "table" or name is None or not name.startswith("sealring_")


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_name=_ours,
        # SQLite cannot alter a column in place, so Alembic copies the table.
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def _run_on_the_configured_database() -> None:
    settings = load_todo_settings()
    database = Database(settings.database, patience=settings.patience)
    async with database.write_schema() as connection:
        await connection.run_sync(_run)
    await database.close()


def _main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run(connection)
    elif context.is_offline_mode():
        context.configure(dialect_name="sqlite", target_metadata=Base.metadata, literal_binds=True)
        context.run_migrations()
    else:
        asyncio.run(_run_on_the_configured_database())


_main()
