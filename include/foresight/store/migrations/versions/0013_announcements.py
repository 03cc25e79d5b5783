"""Announcements: which change of state was last to be announced, and indexes for what is read often."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Instant, Name
from foresight.store.migrations.layout import add_column, create_index, table_options

revision = "0013"
down_revision = "0012"

_INDEXES = (
    (
        "ix_analysed_interval_scope_is_evaluated_as_of",
        "analysed_interval",
        ["scope", "is_evaluated", "as_of"],
    ),
    ("ix_analysed_interval_scope_as_of", "analysed_interval", ["scope", "as_of"]),
    ("ix_publication_state_as_of", "publication", ["state", "as_of"]),
    ("ix_sample_window_starts_at", "sample_window", ["starts_at"]),
    ("ix_slice_configuration_since", "slice_configuration", ["since"]),
    ("ix_slice_sent_sent_at", "slice_sent", ["sent_at"]),
)


def upgrade() -> None:
    """Creates the table with what was announced so far, and marks the intervals that are evaluated."""
    _sla_announcement()
    op.execute("DELETE FROM sla_announcement")
    op.execute(
        "INSERT INTO sla_announcement "
        "(as_of, sla_name, sli_name, number, previous_state, state, revision) "
        "SELECT e.as_of, e.sla_name, e.sli_name, 1, e.previous_state, e.state, s.revision "
        "FROM sla_event e JOIN sli_status s "
        "ON s.sla_name = e.sla_name AND s.sli_name = e.sli_name AND s.as_of = e.as_of"
    )
    comment = "True once evaluated_interval has it; NULL before: so those that wait are found"
    add_column("analysed_interval", sa.Column("is_evaluated", sa.Boolean(), comment=comment))
    op.execute(
        "UPDATE analysed_interval SET is_evaluated = 1 WHERE EXISTS (SELECT 1 FROM evaluated_interval e "
        "WHERE e.as_of = analysed_interval.as_of AND e.scope = analysed_interval.scope)"
    )
    _sample_window()
    for name, table, columns in _INDEXES:
        create_index(name, table, columns)


def downgrade() -> None:
    """Drops the indexes, the column and the table."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
    create_index("ix_sample_window_as_of", "sample_window", ["as_of"])
    op.drop_column("sample_window", "starts_at")
    op.drop_column("analysed_interval", "is_evaluated")
    op.drop_table("sla_announcement")


def _sample_window() -> None:
    """What it holds goes: it spares the next run some work, and that run writes it anew."""
    op.execute("DELETE FROM sample_window")
    comment = "Where it begins: it goes when retention takes the first of its samples (UTC)"
    add_column("sample_window", sa.Column("starts_at", Instant(), comment=comment))
    if "ix_sample_window_as_of" in {
        one["name"] for one in sa.inspect(op.get_bind()).get_indexes("sample_window")
    }:
        op.drop_index("ix_sample_window_as_of", "sample_window")


def _sla_announcement() -> None:
    op.create_table(
        "sla_announcement",
        sa.Column("as_of", Instant(), nullable=False, comment="sla_event.as_of (UTC)"),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            comment="How often what is announced became another change, from 1",
        ),
        sa.Column("previous_state", Name(16), comment="sla_event.previous_state"),
        sa.Column("state", Name(16), nullable=False, comment="sla_event.state"),
        sa.Column("revision", Name(64), nullable=False, comment="sli_status.revision"),
        sa.PrimaryKeyConstraint("as_of", "sla_name", "sli_name"),
        comment="The change of state that was last to be announced of an SLI at an as-of",
        if_not_exists=True,
        **table_options(None),
    )
