"""Limits: what the catalogue demanded of a series when it was analysed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from foresight.store.migrations.layout import add_column

revision = "0007"
down_revision = "0006"

_TABLE = "series_analysis"


def upgrade() -> None:
    """Adds the columns; they are NULL for what was analysed before."""
    for column in _columns():
        add_column(_TABLE, column)


def downgrade() -> None:
    """Drops the columns."""
    for column in _columns():
        op.drop_column(_TABLE, column.name)


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("min_slots", sa.Integer(), comment="Observed slots that the catalogue demanded"),
        sa.Column("min_coverage", sa.Double(), comment="Share of observed slots that the catalogue demanded"),
    ]
