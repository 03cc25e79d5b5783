"""Counts of SLIs by as-of and by hours, and their violations, in place of counts by the hour alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Creates the tables. What was counted by the hour is counted anew from samples, for it lacks slots."""
    _sli_count()
    _sli_rollup()
    _sli_violation()
    op.drop_table("sli_hour", if_exists=True)


def downgrade() -> None:
    """Drops them; the next evaluation counts hours anew."""
    for table in ("sli_violation", "sli_rollup", "sli_count"):
        op.drop_table(table)
    _sli_hour()


def _sli_count() -> None:
    op.create_table(
        "sli_count",
        sa.Column("as_of", Instant(), nullable=False, comment="The instant that was counted back from (UTC)"),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            comment="The series; 0 for what is computed from several, and to say: counted",
        ),
        sa.Column(
            "counting",
            Name(64),
            nullable=False,
            comment="What was counted and how: a row of another counting means nothing",
        ),
        sa.Column(
            "newest_age", sa.Integer(), comment="Age of the newest observed slot, in slots; NULL without one"
        ),
        sa.Column(
            "idle_age",
            sa.Integer(),
            comment="Age of the newest slot without traffic, in slots; NULL without one",
        ),
        sa.Column("value", sa.Double(), comment="Value of the newest observed slot"),
        sa.Column(
            "is_outside", sa.Boolean(), nullable=False, comment="Whether the newest judged slot is bad"
        ),
        sa.Column(
            "has_events", sa.Boolean(), nullable=False, comment="Whether it has a numerator and a denominator"
        ),
        sa.Column(
            "n_impossible", sa.Integer(), nullable=False, comment="Slots whose events contradict each other"
        ),
        sa.Column(
            "counts",
            sa.JSON(none_as_null=True),
            comment="By window length: observed, violated, no traffic, good, total",
        ),
        sa.Column(
            "violations",
            sa.JSON(none_as_null=True),
            comment="By window length: start, end and worst value of each",
        ),
        sa.PrimaryKeyConstraint("as_of", "sla_name", "sli_name", "series_id"),
        comment="One SLI on one series at one as-of, counted from the samples that a run held",
        if_not_exists=True,
        **table_options("as_of"),
    )


def _sli_rollup() -> None:
    op.create_table(
        "sli_rollup",
        sa.Column("hour", Instant(), nullable=False, comment="End of its last hour (UTC)"),
        sa.Column(
            "hours",
            sa.Integer(),
            nullable=False,
            comment="How many hours: 1, 2, 4, … 512, ending at a UTC multiple of so many",
        ),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            comment="The series; 0 for what is computed from several, and to say: counted",
        ),
        sa.Column(
            "counting",
            Name(64),
            nullable=False,
            comment="What was counted and how: a row of another counting means nothing",
        ),
        sa.Column("n_observed", sa.Integer(), nullable=False, comment="Slots judged"),
        sa.Column("n_violated", sa.Integer(), nullable=False, comment="Slots judged bad"),
        sa.Column("n_no_traffic", sa.Integer(), nullable=False, comment="Slots without traffic"),
        sa.Column("good_events", sa.Double(), nullable=False, comment="Good events, or good samples"),
        sa.Column("total_events", sa.Double(), nullable=False, comment="All events, or samples"),
        sa.Column("since", Instant(), comment="Start of the first slot judged (UTC)"),
        sa.Column(
            "observed_bits", sa.BigInteger(), comment="Of one hour: the slots judged, the first in bit 0"
        ),
        sa.Column("violated_bits", sa.BigInteger(), comment="Of one hour: the slots judged bad"),
        sa.Column("no_traffic_bits", sa.BigInteger(), comment="Of one hour: the slots without traffic"),
        sa.Column(
            "slot_events",
            sa.JSON(none_as_null=True),
            comment="Of one hour: good and total of each slot, unless bits say it",
        ),
        sa.PrimaryKeyConstraint("hour", "hours", "sla_name", "sli_name", "series_id"),
        comment="One SLI on one series in some hours, counted from its samples",
        if_not_exists=True,
        **table_options("hour"),
    )


def _sli_violation() -> None:
    op.create_table(
        "sli_violation",
        sa.Column("hour", Instant(), nullable=False, comment="End of the hour that it lies in (UTC)"),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            comment="The series; 0 for what is computed from several",
        ),
        sa.Column("first_slot", Instant(), nullable=False, comment="First slot that is bad (UTC)"),
        sa.Column("last_slot", Instant(), nullable=False, comment="Last slot that is bad (UTC)"),
        sa.Column("worst", sa.Double(), comment="Value farthest outside"),
        sa.PrimaryKeyConstraint("hour", "sla_name", "sli_name", "series_id", "first_slot"),
        comment="Neighbouring bad slots of one SLI on one series; what crosses the full hour is two rows",
        if_not_exists=True,
        **table_options("hour"),
    )


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
