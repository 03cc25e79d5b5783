"""Runs, finished intervals, publications."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Creates the tables."""
    _run()
    _analysed_interval()
    _evaluated_interval()
    _publication()


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("publication")
    op.drop_table("evaluated_interval")
    op.drop_table("analysed_interval")
    op.drop_table("run")


def _run() -> None:
    op.create_table(
        "run",
        sa.Column("dag_id", Name(250), nullable=False, comment="Name of the DAG"),
        sa.Column("run_id", Name(250), nullable=False, comment="Id of the run in Airflow"),
        sa.Column("as_of", Instant(), nullable=True, comment="The instant the run is pinned to (UTC)"),
        sa.Column("kind", Name(32), nullable=False, comment="scheduled, manual, backfill, asset_triggered"),
        sa.Column(
            "state", Name(32), nullable=False, comment="How it ended: success, for no other run has a row"
        ),
        sa.Column("started_at", Instant(), nullable=True, comment="When it started (UTC)"),
        sa.Column("finished_at", Instant(), nullable=True, comment="When it ended (UTC)"),
        sa.Column(
            "versions", sa.JSON(none_as_null=True), nullable=True, comment="Versions of what took part"
        ),
        sa.Column("stage_seconds", sa.JSON(none_as_null=True), nullable=True, comment="Seconds by stage"),
        sa.Column(
            "counts",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="Series, samples and messages by kind",
        ),
        sa.PrimaryKeyConstraint("dag_id", "run_id"),
        comment="One finished run of telemetry_analysis, sla_evaluation or slice_prediction: "
        "all that may differ between two runs of one interval",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_run_as_of", "run", ["as_of"])


def _analysed_interval() -> None:
    op.create_table(
        "analysed_interval",
        sa.Column("as_of", Instant(), nullable=False, comment="End of the interval (UTC)"),
        sa.Column(
            "scope", Name(190), nullable=False, comment="What was analysed: the catalogue or a part of it"
        ),
        sa.Column(
            "is_complete",
            sa.Boolean(),
            nullable=False,
            comment="Whether everything planned was stored or set aside with a reason",
        ),
        sa.Column("n_planned", sa.Integer(), nullable=False, comment="Series planned"),
        sa.Column("n_stored", sa.Integer(), nullable=False, comment="Series stored"),
        sa.Column("n_quarantined", sa.Integer(), nullable=False, comment="Series set aside"),
        sa.Column(
            "report",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="What the summary says besides, such as metrics without a series",
        ),
        sa.PrimaryKeyConstraint("as_of", "scope"),
        comment="One interval that telemetry_analysis finished",
        if_not_exists=True,
        **table_options(None),
    )


def _evaluated_interval() -> None:
    op.create_table(
        "evaluated_interval",
        sa.Column("as_of", Instant(), nullable=False, comment="End of the interval (UTC)"),
        sa.Column("scope", Name(190), nullable=False, comment="The same as in analysed_interval"),
        sa.Column("n_sla", sa.Integer(), nullable=False, comment="SLAs evaluated"),
        sa.Column("n_sli", sa.Integer(), nullable=False, comment="SLIs evaluated"),
        sa.PrimaryKeyConstraint("as_of", "scope"),
        comment="One interval that sla_evaluation finished",
        if_not_exists=True,
        **table_options(None),
    )


def _publication() -> None:
    op.create_table(
        "publication",
        sa.Column("topic", Name(249), nullable=False, comment="Kafka topic"),
        sa.Column("as_of", Instant(), nullable=False, comment="What was published (UTC)"),
        sa.Column("part", Name(190), nullable=False, comment="Shard or other part of it"),
        sa.Column("state", Name(16), nullable=False, comment="pending, published or skipped"),
        sa.Column(
            "start_offsets",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="End offsets by partition before the first message",
        ),
        sa.Column("n_messages", sa.Integer(), nullable=False, comment="Messages confirmed"),
        sa.Column("updated_at", Instant(), nullable=False, comment="When this row last changed (UTC)"),
        sa.PrimaryKeyConstraint("topic", "as_of", "part"),
        comment="One batch of messages: opened before the first goes out, closed when all are confirmed",
        if_not_exists=True,
        **table_options(None),
    )
