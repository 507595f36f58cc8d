"""Sort todos without a due date by one that every driver takes for a date.

Revision: 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _sort_by("9000-01-01")


def downgrade() -> None:
    _sort_by("9999-12-31")


def _sort_by(last: str) -> None:
    op.drop_index("ix_todos_due", table_name="todos")
    op.create_index("ix_todos_due", "todos", ["owner_id", sa.text(f"coalesce(due_on, '{last}')"), "id"])
