"""Ratios, long windows, planned downtime and notification targets."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import add_column, create_index, table_options

revision = "0008"
down_revision = "0007"

COMMENTS: list[tuple[str, str, sa.types.TypeEngine[Any], bool, str]] = [
    ("sli", "metric", Name(512), False, "Metric it watches; empty where it has an expression or a ratio"),
    ("sla_status", "state", Name(16), False, "The worst state of its SLIs"),
    (
        "sli_status", "state", Name(16), False,
        "ok, no_traffic, maintenance, stale, no_data, at_risk or violated",
    ),
    ("sli_window", "is_list_cut", sa.Boolean(), False, "Whether not all of them are listed"),
    (
        "sli_window", "budget_minutes", sa.Double(), True,
        "Error budget of the window; NULL where it is counted in events",
    ),
]  # fmt: skip


def upgrade() -> None:
    """Adds the columns and creates the tables."""
    for table, columns in _columns().items():
        for column in columns:
            add_column(table, column)
    if op.get_bind().dialect.name != "sqlite":  # which keeps no comments
        for table, name, type_, nullable, comment in COMMENTS:
            op.alter_column(table, name, existing_type=type_, existing_nullable=nullable, comment=comment)
    _sli_hour()
    _maintenance_window()
    _maintenance_change()
    _notification_target()


def downgrade() -> None:
    """Drops them with all they hold."""
    for table in ("notification_target", "maintenance_change", "maintenance_window", "sli_hour"):
        op.drop_table(table)
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)


def _columns() -> dict[str, list[sa.Column[Any]]]:
    return {
        "sli": [
            sa.Column(
                "kind",
                Name(16),
                comment="metric, expression or ratio; NULL, applied by an earlier version, is metric",
            ),
            sa.Column(
                "expression",
                Body(),
                comment="PromQL of an expression, formula of a ratio; NULL for a metric",
            ),
        ],
        "sla_status": [
            sa.Column("n_stale", sa.Integer(), comment="SLIs whose newest sample is old"),
            sa.Column("n_no_traffic", sa.Integer(), comment="SLIs that nobody uses now"),
            sa.Column("n_maintenance", sa.Integer(), comment="SLIs in planned downtime"),
        ],
        "sli_status": [
            sa.Column(
                "expected_violated_minutes",
                sa.Double(),
                comment="Minutes of the horizon that are expected to violate",
            ),
            sa.Column(
                "expected_cost",
                sa.Double(),
                comment="The same times the cost of a violated minute; NULL without one",
            ),
            sa.Column(
                "has_default_limits",
                sa.Boolean(),
                comment="Whether default limits decided if there was enough to forecast from",
            ),
        ],
        "sli_window": [
            sa.Column("n_no_traffic", sa.Integer(), comment="Slots without traffic: neither good nor bad"),
            sa.Column("n_excluded", sa.Integer(), comment="Slots in planned downtime: in no other count"),
            sa.Column("n_ahead", sa.Integer(), comment="Slots of a calendar window that are still to come"),
            sa.Column("good_events", sa.Double(), comment="Good events; NULL where slots are counted"),
            sa.Column("total_events", sa.Double(), comment="All events"),
            sa.Column(
                "budget_events",
                sa.Double(),
                comment="Error budget in events; NULL where it is counted in minutes",
            ),
            sa.Column("budget_used_events", sa.Double(), comment="Spent so far"),
            sa.Column("budget_left_events", sa.Double(), comment="Left; negative when overspent"),
            sa.Column("budget_left_share", sa.Double(), comment="Left, as a share of the budget"),
            sa.Column("since", Instant(), comment="Where what was counted begins (UTC)"),
            sa.Column(
                "is_calendar",
                sa.Boolean(),
                comment="Whether this is the calendar window: its length is that of the period",
            ),
        ],
    }


def _sli_hour() -> None:
    op.create_table(
        "sli_hour",
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False,
            comment="The series; 0 for what is computed from several, and to say: counted",
        ),
        sa.Column("hour", Instant(), nullable=False, comment="End of the hour (UTC)"),
        sa.Column(
            "counting", Name(64), nullable=False,
            comment="What was counted and how: a row of another counting means nothing",
        ),
        sa.Column("n_observed", sa.Integer(), nullable=False, comment="Slots judged"),
        sa.Column("n_violated", sa.Integer(), nullable=False, comment="Slots judged bad"),
        sa.Column("n_no_traffic", sa.Integer(), nullable=False, comment="Slots without traffic"),
        sa.Column("good_events", sa.Double(), nullable=False, comment="Good events, or good samples"),
        sa.Column("total_events", sa.Double(), nullable=False, comment="All events, or samples"),
        sa.PrimaryKeyConstraint("sla_name", "sli_name", "series_id", "hour"),
        comment="One SLI on one series in one hour, counted from its samples",
        if_not_exists=True,
        **table_options("hour"),
    )  # fmt: skip
    create_index("ix_sli_hour_hour", "sli_hour", ["hour"])


def _maintenance_window() -> None:
    op.create_table(
        "maintenance_window",
        sa.Column("name", Name(190), nullable=False, comment="Its name"),
        sa.Column("sla_name", Name(190), nullable=True, comment="The SLA it is of; NULL where labels choose"),
        sa.Column(
            "labels", sa.JSON(none_as_null=True), nullable=True,
            comment="Labels that an SLA must have: label and value each",
        ),
        sa.Column("starts_at", Instant(), nullable=False, comment="Start of the first one (UTC)"),
        sa.Column("seconds", sa.Integer(), nullable=False, comment="Length of each"),
        sa.Column(
            "rule", Body(), nullable=True,
            comment="RFC 5545 rule of the others; NULL where there is only one",
        ),
        sa.Column("zone", Name(64), nullable=False, comment="Time zone that the rule repeats in"),
        sa.Column("description", Body(), nullable=False, comment="Why"),
        sa.PrimaryKeyConstraint("name"),
        comment="Planned downtime: its slots are in no budget",
        if_not_exists=True,
        **table_options(None),
    )  # fmt: skip


def _maintenance_change() -> None:
    op.create_table(
        "maintenance_change",
        sa.Column("name", Name(190), nullable=False, comment="maintenance_window.name"),
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column("action", Name(16), nullable=False, comment="added, changed or deleted"),
        sa.Column("changed_at", Instant(), nullable=False, comment="When (UTC)"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False, comment="The whole window"),
        sa.PrimaryKeyConstraint("name", "number"),
        comment="One change of planned downtime by a person",
        if_not_exists=True,
        **table_options(None),
    )


def _notification_target() -> None:
    op.create_table(
        "notification_target",
        sa.Column("name", Name(190), nullable=False, comment="Its name"),
        sa.Column("kind", Name(64), nullable=False, comment="How it is told: email, slack, webhook, …"),
        sa.Column("description", Body(), nullable=False, comment="Who it is"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False, comment="The whole definition"),
        sa.PrimaryKeyConstraint("name"),
        comment="Who is told of an alert",
        if_not_exists=True,
        **table_options(None),
    )
