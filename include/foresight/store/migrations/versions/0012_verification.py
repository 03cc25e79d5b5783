"""What became of predictions, and the calibrators in use."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Creates the tables and their index."""
    _risk_hour()
    _risk_day()
    _verified_hour()
    _band_hour()
    _risk_feature()
    _calibrator()
    _calibrator_change()
    create_index("ix_risk_feature_draw", "risk_feature", ["draw"])


def downgrade() -> None:
    """Drops them with all they hold."""
    for name in (
        "calibrator_change",
        "calibrator",
        "risk_feature",
        "band_hour",
        "verified_hour",
        "risk_day",
        "risk_hour",
    ):
        op.drop_table(name)


def _risk_hour() -> None:
    op.create_table(
        "risk_hour",
        sa.Column(
            "hour",
            Instant(),
            nullable=False,
            comment="End of the hour that the predictions were made in (UTC)",
        ),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("sli_revision", Name(64), nullable=False, comment="What was judged and how"),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, comment="How far ahead was looked"),
        sa.Column("model", Name(64), nullable=False, comment="Forecaster that the predictions rest on"),
        sa.Column("calibrator", Name(64), nullable=False, comment="Version of the calibrator"),
        sa.Column(
            "bin",
            sa.Integer(),
            nullable=False,
            comment="Place of their probabilities among the bins of the reports, from 0",
        ),
        sa.Column("metric", Name(512), comment="Metric of the SLI; NULL where it is computed from several"),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Predictions judged"),
        sa.Column(
            "n_violated",
            sa.BigInteger(),
            nullable=False,
            comment="Those that were violated within the horizon",
        ),
        sa.Column("sum_said", sa.Double(), nullable=False, comment="Sum of the probabilities"),
        sa.Column("sum_brier", sa.Double(), nullable=False, comment="Sum of the squared errors"),
        sa.Column("sum_log_loss", sa.Double(), nullable=False, comment="Sum of the log losses"),
        sa.Column(
            "n_minutes", sa.BigInteger(), nullable=False, comment="Violated ones with an expected first slot"
        ),
        sa.Column(
            "sum_minutes_off",
            sa.Double(),
            nullable=False,
            comment="Sum of how far that slot was off, minutes",
        ),
        sa.Column(
            "n_begun",
            sa.BigInteger(),
            nullable=False,
            comment="Violations that began within these predictions",
        ),
        sa.Column(
            "n_foretold", sa.BigInteger(), nullable=False, comment="Those that an alert had stood before"
        ),
        sa.Column(
            "sum_lead_minutes", sa.Double(), nullable=False, comment="Sum of how long it had stood, minutes"
        ),
        sa.PrimaryKeyConstraint(
            "hour", "sla_name", "sli_name", "sli_revision", "horizon_minutes", "model", "calibrator", "bin"
        ),
        comment="How predictions of one SLI came out in one hour, by forecaster, calibrator and probability",
        if_not_exists=True,
        **table_options("hour"),
    )


def _risk_day() -> None:
    op.create_table(
        "risk_day",
        sa.Column(
            "day",
            Instant(),
            nullable=False,
            comment="Start of the day that the predictions were made in (UTC)",
        ),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("sli_revision", Name(64), nullable=False, comment="What was judged and how"),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, comment="How far ahead was looked"),
        sa.Column("model", Name(64), nullable=False, comment="Forecaster that the predictions rest on"),
        sa.Column("calibrator", Name(64), nullable=False, comment="Version of the calibrator"),
        sa.Column(
            "bin",
            sa.Integer(),
            nullable=False,
            comment="Place of their probabilities among the bins of the reports, from 0",
        ),
        sa.Column("metric", Name(512), comment="Metric of the SLI; NULL where it is computed from several"),
        sa.Column("n", sa.BigInteger(), nullable=False, comment="Predictions judged"),
        sa.Column(
            "n_violated",
            sa.BigInteger(),
            nullable=False,
            comment="Those that were violated within the horizon",
        ),
        sa.Column("sum_said", sa.Double(), nullable=False, comment="Sum of the probabilities"),
        sa.Column("sum_brier", sa.Double(), nullable=False, comment="Sum of the squared errors"),
        sa.Column("sum_log_loss", sa.Double(), nullable=False, comment="Sum of the log losses"),
        sa.Column(
            "n_minutes", sa.BigInteger(), nullable=False, comment="Violated ones with an expected first slot"
        ),
        sa.Column(
            "sum_minutes_off",
            sa.Double(),
            nullable=False,
            comment="Sum of how far that slot was off, minutes",
        ),
        sa.Column(
            "n_begun",
            sa.BigInteger(),
            nullable=False,
            comment="Violations that began within these predictions",
        ),
        sa.Column(
            "n_foretold", sa.BigInteger(), nullable=False, comment="Those that an alert had stood before"
        ),
        sa.Column(
            "sum_lead_minutes", sa.Double(), nullable=False, comment="Sum of how long it had stood, minutes"
        ),
        sa.PrimaryKeyConstraint(
            "day", "sla_name", "sli_name", "sli_revision", "horizon_minutes", "model", "calibrator", "bin"
        ),
        comment="The sums of risk_hour over a day",
        if_not_exists=True,
        **table_options(None),
    )


def _verified_hour() -> None:
    op.create_table(
        "verified_hour",
        sa.Column(
            "hour",
            Instant(),
            nullable=False,
            comment="End of the hour that the predictions were made in (UTC)",
        ),
        sa.Column("n_predicted", sa.BigInteger(), nullable=False, comment="Predictions stored"),
        sa.Column(
            "n_judged",
            sa.BigInteger(),
            nullable=False,
            comment="Those whose outcome is known and that are in the sums",
        ),
        sa.Column(
            "n_unknown",
            sa.BigInteger(),
            nullable=False,
            comment="Samples are missing, and no other one was outside",
        ),
        sa.Column(
            "n_downtime", sa.BigInteger(), nullable=False, comment="The horizon lies in planned downtime"
        ),
        sa.Column("n_outside", sa.BigInteger(), nullable=False, comment="The bounds were left already"),
        sa.Column("n_silent", sa.BigInteger(), nullable=False, comment="There was no probability"),
        sa.Column(
            "n_late",
            sa.BigInteger(),
            nullable=False,
            comment="Computed after the horizon was over: no prediction",
        ),
        sa.PrimaryKeyConstraint("hour"),
        comment="One hour of predictions that was judged; the counts add up to n_predicted",
        if_not_exists=True,
        **table_options(None),
    )


def _band_hour() -> None:
    op.create_table(
        "band_hour",
        sa.Column(
            "as_of", Instant(), nullable=False, comment="The instant that the forecasts were made at (UTC)"
        ),
        sa.Column("metric", Name(512), nullable=False, comment="Metric of the series"),
        sa.Column("model", Name(64), nullable=False, comment="Forecaster chosen"),
        sa.Column("n_paths", sa.BigInteger(), nullable=False, comment="Forecasts with all samples there"),
        sa.Column("n_held", sa.BigInteger(), nullable=False, comment="Those that stayed in the joint band"),
        sa.Column("n_steps", sa.JSON(none_as_null=True), nullable=False, comment="Samples there, by step"),
        sa.Column(
            "n_inside",
            sa.JSON(none_as_null=True),
            nullable=False,
            comment="Those between the 5 % and the 95 % quantile, by step",
        ),
        sa.Column(
            "n_scaled",
            sa.BigInteger(),
            nullable=False,
            comment="Samples whose series changed, so that errors can be scaled",
        ),
        sa.Column(
            "sum_width",
            sa.Double(),
            nullable=False,
            comment="Width of the joint band over the series' mean change a slot",
        ),
        sa.Column("sum_error", sa.Double(), nullable=False, comment="Absolute error of the mean, so scaled"),
        sa.Column(
            "sum_crps",
            sa.Double(),
            nullable=False,
            comment="Twice the mean pinball loss of the five quantiles, so scaled",
        ),
        sa.PrimaryKeyConstraint("as_of", "metric", "model"),
        comment="How the bands of some series of a metric held at one as-of",
        if_not_exists=True,
        **table_options(None),
    )


def _risk_feature() -> None:
    op.create_table(
        "risk_feature",
        sa.Column(
            "as_of", Instant(), nullable=False, comment="The instant that the prediction was made at (UTC)"
        ),
        sa.Column("sla_name", Name(190), nullable=False, comment="Name of the SLA"),
        sa.Column("sli_name", Name(190), nullable=False, comment="Name of the SLI"),
        sa.Column("sli_revision", Name(64), nullable=False, comment="What was judged and how"),
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            comment="The series; 0 for what is computed from several",
        ),
        sa.Column("horizon_minutes", sa.Integer(), nullable=False, comment="How far ahead was looked"),
        sa.Column("side", sa.Integer(), nullable=False, comment="1: the upper bound; -1: the lower one"),
        sa.Column(
            "draw",
            sa.Double(),
            nullable=False,
            comment="A number from 0 to 1 that follows from the key: who stays when room is short",
        ),
        sa.Column(
            "features",
            Body(),
            nullable=False,
            comment="What the calibrator read: half-precision numbers in base 64",
        ),
        sa.Column(
            "is_left",
            sa.Boolean(),
            comment="Whether this bound was left within the horizon; NULL until it is known",
        ),
        sa.Column(
            "weight",
            sa.Double(),
            comment="How many predictions it stands for; NULL until its outcome is known",
        ),
        sa.PrimaryKeyConstraint(
            "as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes", "side"
        ),
        comment="What a refit of the calibrator learns from: a sample, and the newest until they are judged",
        if_not_exists=True,
        **table_options("as_of"),
    )


def _calibrator() -> None:
    op.create_table(
        "calibrator",
        sa.Column("version", Name(64), nullable=False, comment="A hash of its numbers"),
        sa.Column("kind", Name(16), nullable=False, comment="correction or mix"),
        sa.Column(
            "shipped",
            Name(64),
            nullable=False,
            comment="Version of the shipped calibrator that it starts from",
        ),
        sa.Column("fitted_at", Instant(), nullable=False, comment="The as-of that it was fitted at (UTC)"),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False, comment="Its numbers"),
        sa.PrimaryKeyConstraint("version"),
        comment="One calibrator that was fitted to the outcomes of this installation",
        if_not_exists=True,
        **table_options(None),
    )


def _calibrator_change() -> None:
    op.create_table(
        "calibrator_change",
        sa.Column(
            "number",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Number of the change, from 1",
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="The instant that was decided for (UTC)"),
        sa.Column("action", Name(16), nullable=False, comment="promoted, refused, rolled_back"),
        sa.Column("version", Name(64), nullable=False, comment="The calibrator that it is about"),
        sa.Column("in_use", Name(64), nullable=False, comment="The calibrator in use after it"),
        sa.Column("changed_by", Name(255), nullable=False, comment="Who did it"),
        sa.Column("reason", Body(), nullable=False, comment="Why"),
        sa.Column(
            "gain",
            sa.Double(),
            comment="Brier score in use minus that of the candidate, on what neither had seen",
        ),
        sa.Column("gain_low", sa.Double(), comment="Lower end of its 95 % interval, by series"),
        sa.Column("gain_high", sa.Double(), comment="Upper end"),
        sa.Column("n_outcomes", sa.BigInteger(), comment="Sides that it was fitted to and judged on"),
        sa.Column("n_violations", sa.BigInteger(), comment="Violations among them"),
        sa.Column(
            "skill_before",
            sa.Double(),
            comment="Brier skill of the calibrator in use on the held-out outcomes",
        ),
        sa.Column("skill_after", sa.Double(), comment="Brier skill of the candidate"),
        sa.PrimaryKeyConstraint("number"),
        comment="One decision about which calibrator is in use; the newest one holds",
        if_not_exists=True,
        **table_options(None),
    )
