"""Says in the comments of two columns what a revision is."""

from __future__ import annotations

from alembic import op

from foresight.store.column_types import Name

revision = "0016"
down_revision = "0015"

_COMMENT = "First 16 hex digits of the SHA-256 of the definition"


def upgrade() -> None:
    """Changes the comments where the database keeps any; SQLite keeps none."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table in ("sla", "sla_revision"):
        op.alter_column(table, "revision", existing_type=Name(64), existing_nullable=False, comment=_COMMENT)


def downgrade() -> None:
    """Leaves the comments: they are true of earlier versions too."""
