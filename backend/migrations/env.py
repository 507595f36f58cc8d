"""Run by Alembic: hands it the tables and the connection.

The application passes its own open transaction; from the command line
(``alembic -c backend/alembic.ini revision --autogenerate -m "…"``) the configured database file is used.
"""

from alembic import context
from sqlalchemy import Connection, create_engine

from backend.models import Base
from backend.settings import TodoSettings


def _run(connection: Connection) -> None:
    # render_as_batch: SQLite cannot alter a column in place, so Alembic copies the table.
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


def _main() -> None:
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _run(connection)
        return
    if context.is_offline_mode():
        context.configure(dialect_name="sqlite", target_metadata=Base.metadata, literal_binds=True)
        context.run_migrations()
        return
    engine = create_engine(f"sqlite:///{TodoSettings().database}")
    with engine.begin() as own:
        _run(own)
    engine.dispose()


_main()
