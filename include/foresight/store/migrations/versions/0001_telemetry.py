"""Series, samples and what runs find out about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from foresight.store.column_types import Body, Instant, Name
from foresight.store.migrations.layout import create_index, table_options

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates the tables."""
    _series()
    _sample()
    _sample_window()
    _series_analysis()
    _aggregate()
    _forecast()
    _autocorrelation()
    _curve()


def downgrade() -> None:
    """Drops them with all they hold."""
    op.drop_table("curve")
    op.drop_table("autocorrelation")
    op.drop_table("forecast")
    op.drop_table("aggregate")
    op.drop_table("series_analysis")
    op.drop_table("sample_window")
    op.drop_table("sample")
    op.drop_table("series")


def _series() -> None:
    op.create_table(
        "series",
        sa.Column(
            "series_id",
            sa.BigInteger(),
            nullable=False,
            autoincrement=False,
            comment="63 bits of the SHA-256 of metric and sorted labels",
        ),
        sa.Column("metric", Name(512), nullable=False, comment="Metric name"),
        sa.Column(
            "labels",
            Body(),
            nullable=False,
            comment="Labels without __name__ as a JSON object, sorted by name",
        ),
        sa.Column(
            "partition_name",
            Body(),
            nullable=False,
            comment="What tells series of one metric apart on a host, or default",
        ),
        sa.Column(
            "first_seen", Instant(), nullable=True, comment="End of the earliest slot that held a value (UTC)"
        ),
        sa.Column(
            "last_seen", Instant(), nullable=True, comment="End of the latest slot that held a value (UTC)"
        ),
        sa.PrimaryKeyConstraint("series_id"),
        comment="One Prometheus series",
        if_not_exists=True,
        **table_options(None),
    )
    create_index("ix_series_metric", "series", ["metric"])


def _sample() -> None:
    op.create_table(
        "sample",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("slot", Instant(), nullable=False, comment="End of the slot (UTC)"),
        sa.Column(
            "value",
            sa.Double(),
            nullable=True,
            comment="Mean over the slot; NULL where Prometheus held nothing",
        ),
        sa.PrimaryKeyConstraint("series_id", "slot"),
        comment="One series in one slot",
        if_not_exists=True,
        **table_options("slot"),
    )


def _sample_window() -> None:
    op.create_table(
        "sample_window",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column(
            "as_of",
            Instant(),
            nullable=False,
            comment="End of the newest window whose samples are stored (UTC)",
        ),
        sa.Column(
            "n_slots", sa.Integer(), nullable=False, comment="Its slots, each of which has a row in sample"
        ),
        sa.Column("step_seconds", sa.Integer(), nullable=False, comment="Length of a slot"),
        sa.Column(
            "observed",
            Body(),
            nullable=False,
            comment="Those with a value: hexadecimal, a bit a slot, the oldest first",
        ),
        sa.PrimaryKeyConstraint("series_id"),
        comment="The newest window stored of a series: shows the next run what it need not write again",
        if_not_exists=True,
        **table_options(None),
    )


def _series_analysis() -> None:
    op.create_table(
        "series_analysis",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="The instant the run is pinned to (UTC)"),
        sa.Column(
            "outcome",
            Name(32),
            nullable=False,
            comment="What became of the series in this run, such as analysed or quarantined",
        ),
        sa.Column("reason", Body(), nullable=True, comment="Why, where the outcome needs a reason"),
        sa.Column("n_observed", sa.Integer(), nullable=False, comment="Slots of the window with a value"),
        sa.Column("n_missing", sa.Integer(), nullable=False, comment="Slots of the window without one"),
        sa.Column(
            "n_nonfinite",
            sa.Integer(),
            nullable=False,
            comment="Samples that were infinite and are treated as missing",
        ),
        sa.Column(
            "adf_statistic",
            sa.Double(),
            nullable=True,
            comment="Augmented Dickey-Fuller statistic, constant only",
        ),
        sa.Column("adf_p", sa.Double(), nullable=True, comment="MacKinnon p-value"),
        sa.Column("adf_lags", sa.Integer(), nullable=True, comment="Lags chosen by AIC"),
        sa.Column(
            "adf_n_observations", sa.Integer(), nullable=True, comment="Observations in the regression"
        ),
        sa.Column("adf_critical_1", sa.Double(), nullable=True, comment="Critical value at 1 %"),
        sa.Column("adf_critical_5", sa.Double(), nullable=True, comment="Critical value at 5 %"),
        sa.Column("adf_critical_10", sa.Double(), nullable=True, comment="Critical value at 10 %"),
        sa.Column("is_stationary", sa.Boolean(), nullable=True, comment="Whether adf_p < 0.05"),
        sa.Column("period_slots", sa.Integer(), nullable=True, comment="Season of the decomposition"),
        sa.Column(
            "forecast_maximum", sa.Double(), nullable=True, comment="Largest forecast mean of the horizon"
        ),
        sa.Column(
            "forecast_minimum", sa.Double(), nullable=True, comment="Smallest forecast mean of the horizon"
        ),
        sa.Column("forecast_mean", sa.Double(), nullable=True, comment="Mean of the forecast means"),
        sa.Column("model", Name(64), nullable=True, comment="Forecaster chosen"),
        sa.Column("model_reason", Body(), nullable=True, comment="Why it was chosen"),
        sa.Column(
            "mase",
            sa.Double(),
            nullable=True,
            comment="Mean absolute scaled error of the chosen model in the backtest",
        ),
        sa.Column("data_hash", Name(64), nullable=False, comment="SHA-256 of the samples analysed"),
        sa.Column("code_version", Name(64), nullable=False, comment="Version of Foresight"),
        sa.PrimaryKeyConstraint("series_id", "as_of"),
        comment="One series in one run",
        if_not_exists=True,
        **table_options("as_of"),
    )
    create_index("ix_series_analysis_as_of", "series_analysis", ["as_of"])


def _aggregate() -> None:
    op.create_table(
        "aggregate",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="End of the window (UTC)"),
        sa.Column(
            "window_minutes",
            sa.Integer(),
            nullable=False,
            autoincrement=False,
            comment="Length of the window",
        ),
        sa.Column("maximum", sa.Double(), nullable=True, comment="Largest value"),
        sa.Column("minimum", sa.Double(), nullable=True, comment="Smallest value"),
        sa.Column("mean", sa.Double(), nullable=True, comment="Mean of the values"),
        sa.Column(
            "std", sa.Double(), nullable=True, comment="Standard deviation with n - 1; NULL below two values"
        ),
        sa.Column("n_observed", sa.Integer(), nullable=False, comment="Slots with a value"),
        sa.PrimaryKeyConstraint("series_id", "as_of", "window_minutes"),
        comment="One series over one window before one as-of",
        if_not_exists=True,
        **table_options("as_of"),
    )


def _forecast() -> None:
    op.create_table(
        "forecast",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("as_of", Instant(), nullable=False, comment="The instant the forecast was made from (UTC)"),
        sa.Column("step", sa.Integer(), nullable=False, autoincrement=False, comment="Slots ahead, from 1"),
        sa.Column("slot", Instant(), nullable=False, comment="End of the slot that is forecast (UTC)"),
        sa.Column("mean", sa.Double(), nullable=True, comment="Forecast of the metric"),
        sa.Column("q05", sa.Double(), nullable=True, comment="5 % quantile"),
        sa.Column("q25", sa.Double(), nullable=True, comment="25 % quantile"),
        sa.Column("q50", sa.Double(), nullable=True, comment="Median"),
        sa.Column("q75", sa.Double(), nullable=True, comment="75 % quantile"),
        sa.Column("q95", sa.Double(), nullable=True, comment="95 % quantile"),
        sa.Column(
            "joint_low",
            sa.Double(),
            nullable=True,
            comment="Lower edge of the band that holds all steps at once",
        ),
        sa.Column("joint_high", sa.Double(), nullable=True, comment="Upper edge of that band"),
        sa.PrimaryKeyConstraint("series_id", "as_of", "step"),
        comment="One step of one forecast",
        if_not_exists=True,
        **table_options("as_of"),
    )


def _autocorrelation() -> None:
    op.create_table(
        "autocorrelation",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("lag_slots", sa.Integer(), nullable=False, autoincrement=False, comment="Lag in slots"),
        sa.Column("as_of", Instant(), nullable=False, comment="The newest run that computed it (UTC)"),
        sa.Column("value", sa.Double(), nullable=True, comment="Autocorrelation at this lag"),
        sa.Column("band_low", sa.Double(), nullable=True, comment="Lower edge of the confidence band"),
        sa.Column("band_high", sa.Double(), nullable=True, comment="Upper edge of the confidence band"),
        sa.PrimaryKeyConstraint("series_id", "lag_slots"),
        comment="One lag of a series; the newest as_of stands",
        if_not_exists=True,
        **table_options(None),
    )


def _curve() -> None:
    op.create_table(
        "curve",
        sa.Column(
            "series_id", sa.BigInteger(), nullable=False, autoincrement=False, comment="series.series_id"
        ),
        sa.Column("slot", Instant(), nullable=False, comment="End of the slot (UTC)"),
        sa.Column("as_of", Instant(), nullable=False, comment="The newest run that computed it (UTC)"),
        sa.Column(
            "trend",
            sa.Double(),
            nullable=True,
            comment="Trend of the additive decomposition; NULL at its edges",
        ),
        sa.Column("seasonal", sa.Double(), nullable=True, comment="Season of the decomposition"),
        sa.Column("residual", sa.Double(), nullable=True, comment="What neither explains; NULL at the edges"),
        sa.Column("hp_cycle", sa.Double(), nullable=True, comment="Cycle of the Hodrick-Prescott filter"),
        sa.Column("hp_trend", sa.Double(), nullable=True, comment="Trend of the Hodrick-Prescott filter"),
        sa.PrimaryKeyConstraint("series_id", "slot"),
        comment="Decomposition and Hodrick-Prescott in one slot; the newest as_of stands",
        if_not_exists=True,
        **table_options("slot"),
    )
