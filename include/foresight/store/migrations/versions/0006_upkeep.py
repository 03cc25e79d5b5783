"""Upkeep: markers of commits, marks of retention, what operators change, identities of topics, indexes."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import add_column, create_index, table_options

revision = "0006"
down_revision = "0005"

_INDEXES = (
    ("publication", ("topic", "state", "n_attempts", "as_of")),
    ("publication", ("as_of",)),
    ("slice_prediction", ("model_version", "period_start")),
    ("slice_prediction", ("period_start",)),
    ("sample_window", ("as_of",)),
    ("autocorrelation", ("as_of",)),
    ("series", ("last_seen",)),
    ("commit_marker", ("written_at",)),
    ("operator_change", ("changed_at",)),
)


def upgrade() -> None:
    """Creates the tables, then columns, then indexes."""
    _commit_marker()
    _retention_mark()
    _operator_change()
    for table, column in _columns():
        add_column(table, column)
    if op.get_bind().dialect.name != "sqlite":  # which keeps no comments
        op.alter_column(
            "publication",
            "state",
            existing_type=Name(16),
            existing_nullable=False,
            comment="pending, published, skipped, set_aside (cannot be sent) or abandoned",
        )
    for table, columns in _INDEXES:
        create_index(_name(table, columns), table, list(columns))


def downgrade() -> None:
    """Drops them with all they hold."""
    for name in ("operator_change", "retention_mark", "commit_marker"):
        op.drop_table(name)
    for table, columns in _INDEXES:
        if table not in {"commit_marker", "operator_change"}:
            op.drop_index(_name(table, columns), table)
    for table, column in _columns():
        op.drop_column(table, column.name)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return f"ix_{table}_{'_'.join(columns)}"


def _columns() -> list[tuple[str, sa.Column[Any]]]:
    return [
        (
            "publication",
            sa.Column(
                "content",
                Name(32),
                comment="Hash of what is to be announced: another one makes it pending again",
            ),
        ),
        (
            "publication",
            sa.Column(
                "topic_id",
                Name(64),
                comment="Identity of the topic that start_offsets belong to; NULL where unknown",
            ),
        ),
        (
            "publication",
            sa.Column(
                "n_attempts",
                sa.Integer(),
                comment="Failed attempts since it became pending; NULL for none",
            ),
        ),
        (
            "publication",
            sa.Column("reason", Body(), comment="Why it could not be sent; NULL where nothing failed"),
        ),
        (
            "topic_offset",
            sa.Column(
                "topic_id",
                Name(64),
                comment="Identity of the topic that the offset belongs to; NULL where unknown",
            ),
        ),
        (
            "scoring_stream",
            sa.Column(
                "topic_ids",
                sa.JSON(none_as_null=True),
                comment="Identity by topic of what the offsets belong to",
            ),
        ),
    ]


def _commit_marker() -> None:
    op.create_table(
        "commit_marker",
        sa.Column("marker", Name(32), nullable=False, comment="Random name of one transaction"),
        sa.Column("written_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.PrimaryKeyConstraint("marker"),
        comment="One transaction that was committed: asked for when the answer to a commit was lost",
        if_not_exists=True,
        **table_options(None),
    )


def _retention_mark() -> None:
    op.create_table(
        "retention_mark",
        sa.Column("table_name", Name(64), nullable=False, comment="Table of the store"),
        sa.Column(
            "kept_from",
            Instant(),
            nullable=False,
            comment="First instant that the last maintenance kept (UTC)",
        ),
        sa.Column("moved_at", Instant(), nullable=False, comment="When that was (UTC)"),
        sa.PrimaryKeyConstraint("table_name"),
        comment="How far retention has deleted a table",
        if_not_exists=True,
        **table_options(None),
    )


def _operator_change() -> None:
    op.create_table(
        "operator_change",
        sa.Column("kind", Name(16), nullable=False, comment="publication, stream or dead_letter"),
        sa.Column("subject", Name(512), nullable=False, comment="What was changed"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column("action", Name(16), nullable=False, comment="requeued, abandoned, skipped or reset"),
        sa.Column("changed_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("reason", Body(), nullable=False, comment="Why"),
        sa.Column("held", sa.JSON(none_as_null=True), comment="What stood before"),
        sa.PrimaryKeyConstraint("kind", "subject", "number"),
        comment="One change that an operator made by hand",
        if_not_exists=True,
        **table_options(None),
    )
