"""The risk of SLIs, stored where it is computed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Instant, Name
from foresight.store.migrations.layout import add_column, table_options

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Creates the table, and adds the column that says why there is no probability."""
    add_column("sli_status", _probability_reason())
    op.create_table(
        "sli_risk",
        sa.Column(
            "as_of", Instant(), nullable=False, comment="The instant that the forecast is made at (UTC)"
        ),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column(
            "sli_revision",
            Name(64),
            nullable=False,
            comment="What is judged and how: another one is another indicator",
        ),
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            comment="The series; 0 for what is computed from several",
        ),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, comment="How far ahead it looks"),
        sa.Column(
            "probability", sa.Double(), comment="Probability that any slot of the horizon leaves the bounds"
        ),
        sa.Column("reason", Name(32), comment="Why there is none: no_data, too_short, gap or stale"),
        sa.Column("expected_first_slot", Instant(), comment="First slot expected to leave the bounds (UTC)"),
        sa.Column(
            "expected_violated_minutes",
            sa.Double(),
            comment="Minutes of the horizon that are expected to violate",
        ),
        sa.Column(
            "predicted",
            sa.JSON(none_as_null=True),
            comment="Slots predicted to leave the bounds, with value and interval",
        ),
        sa.Column("components", sa.JSON(none_as_null=True), comment="What that probability is made of"),
        sa.Column("explanation", sa.JSON(none_as_null=True), comment="What drives it, in numbers"),
        sa.Column("is_outside_now", sa.Boolean(), comment="Whether the newest sample is outside the bounds"),
        sa.Column("lower_bound", sa.Double(), comment="Smallest good value; NULL where open"),
        sa.Column("upper_bound", sa.Double(), comment="Largest good value; NULL where open"),
        sa.Column("model", Name(64), comment="Forecaster it rests on"),
        sa.Column("mase", sa.Double(), comment="Backtest error of that forecaster"),
        sa.Column("calibrator", Name(64), nullable=False, comment="Version of the calibrator"),
        sa.Column(
            "has_default_limits",
            sa.Boolean(),
            comment="Whether default limits decided if there was enough to forecast from",
        ),
        sa.Column("computed_at", Instant(), nullable=False, comment="When it was computed (UTC)"),
        sa.PrimaryKeyConstraint(
            "as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes"
        ),
        comment="The risk of one SLI on one series within one horizon, forecast with the samples at hand",
        if_not_exists=True,
        **table_options("as_of"),
    )


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("sli_risk")
    op.drop_column("sli_status", "probability_reason")


def _probability_reason() -> sa.Column[str]:
    return sa.Column(
        "probability_reason", Name(32), comment="Why there is no probability; NULL where there is one"
    )
