"""Series, their samples, and what each run found out about them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Double, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import Merge, define, key, may, must

METRIC_LENGTH = 512
"""Longest metric name that can be stored, in characters."""

series = define(
    "series",
    key("series_id", BigInteger, "63 bits of the SHA-256 of metric and sorted labels"),
    must("metric", Name(METRIC_LENGTH), "Metric name"),
    must("labels", Body, "Labels without __name__ as a JSON object, sorted by name"),
    must("partition_name", Body, "What tells series of one metric apart on a host, or default"),
    may("first_seen", Instant, "End of the earliest slot that held a value (UTC)"),
    may("last_seen", Instant, "End of the latest slot that held a value (UTC)"),
    Index(None, "metric"),
    Index(None, "last_seen"),
    comment="One Prometheus series",
    merge=Merge.SPAN,
    kept_by="last_seen",
)

sample = define(
    "sample",
    key("series_id", BigInteger, "series.series_id"),
    key("slot", Instant, "End of the slot (UTC)"),
    may("value", Double, "Mean over the slot; NULL where Prometheus held nothing"),
    comment="One series in one slot",
    merge=Merge.VALUE_BEATS_MISSING,
    kept_by="slot",
    by_day=True,
)

sample_window = define(
    "sample_window",
    key("series_id", BigInteger, "series.series_id"),
    must("as_of", Instant, "End of the newest window whose samples are stored (UTC)"),
    must("n_slots", Integer, "Its slots, each of which has a row in sample"),
    must("step_seconds", Integer, "Length of a slot"),
    must("observed", Body, "Those with a value: hexadecimal, a bit a slot, the oldest first"),
    may("starts_at", Instant, "Where it begins: it goes when retention takes the first of its samples (UTC)"),
    Index(None, "starts_at"),
    comment="The newest window stored of a series: shows the next run what it need not write again",
    merge=Merge.NEWEST_AS_OF,
    kept_by="starts_at",
)

series_analysis = define(
    "series_analysis",
    key("series_id", BigInteger, "series.series_id"),
    key("as_of", Instant, "The instant the run is pinned to (UTC)"),
    must("outcome", Name(32), "What became of the series in this run, such as analysed or quarantined"),
    may("reason", Body, "Why, where the outcome needs a reason"),
    must("n_observed", Integer, "Slots of the window with a value"),
    must("n_missing", Integer, "Slots of the window without one"),
    must("n_nonfinite", Integer, "Samples that were infinite and are treated as missing"),
    may("adf_statistic", Double, "Augmented Dickey-Fuller statistic, constant only"),
    may("adf_p", Double, "MacKinnon p-value"),
    may("adf_lags", Integer, "Lags chosen by AIC"),
    may("adf_n_observations", Integer, "Observations in the regression"),
    may("adf_critical_1", Double, "Critical value at 1 %"),
    may("adf_critical_5", Double, "Critical value at 5 %"),
    may("adf_critical_10", Double, "Critical value at 10 %"),
    may("is_stationary", Boolean, "Whether adf_p < 0.05"),
    may("period_slots", Integer, "Season of the decomposition"),
    may("forecast_maximum", Double, "Largest forecast mean of the horizon"),
    may("forecast_minimum", Double, "Smallest forecast mean of the horizon"),
    may("forecast_mean", Double, "Mean of the forecast means"),
    may("model", Name(64), "Forecaster chosen"),
    may("model_reason", Body, "Why it was chosen"),
    may("mase", Double, "Mean absolute scaled error of the chosen model in the backtest"),
    must("data_hash", Name(64), "SHA-256 of the samples analysed"),
    must("code_version", Name(64), "Version of Foresight"),
    may("min_slots", Integer, "Observed slots that the catalogue demanded"),
    may("min_coverage", Double, "Share of observed slots that the catalogue demanded"),
    Index(None, "as_of"),
    comment="One series in one run",
    kept_by="as_of",
    by_day=True,
)

aggregate = define(
    "aggregate",
    key("series_id", BigInteger, "series.series_id"),
    key("as_of", Instant, "End of the window (UTC)"),
    key("window_minutes", Integer, "Length of the window"),
    may("maximum", Double, "Largest value"),
    may("minimum", Double, "Smallest value"),
    may("mean", Double, "Mean of the values"),
    may("std", Double, "Standard deviation with n - 1; NULL below two values"),
    must("n_observed", Integer, "Slots with a value"),
    comment="One series over one window before one as-of",
    kept_by="as_of",
    by_day=True,
)

forecast = define(
    "forecast",
    key("series_id", BigInteger, "series.series_id"),
    key("as_of", Instant, "The instant the forecast was made from (UTC)"),
    key("step", Integer, "Slots ahead, from 1"),
    must("slot", Instant, "End of the slot that is forecast (UTC)"),
    may("mean", Double, "Forecast of the metric"),
    may("q05", Double, "5 % quantile"),
    may("q25", Double, "25 % quantile"),
    may("q50", Double, "Median"),
    may("q75", Double, "75 % quantile"),
    may("q95", Double, "95 % quantile"),
    may("joint_low", Double, "Lower edge of the band that holds all steps at once"),
    may("joint_high", Double, "Upper edge of that band"),
    comment="One step of one forecast",
    kept_by="as_of",
    by_day=True,
)

autocorrelation = define(
    "autocorrelation",
    key("series_id", BigInteger, "series.series_id"),
    key("lag_slots", Integer, "Lag in slots"),
    must("as_of", Instant, "The newest run that computed it (UTC)"),
    may("value", Double, "Autocorrelation at this lag"),
    may("band_low", Double, "Lower edge of the confidence band"),
    may("band_high", Double, "Upper edge of the confidence band"),
    Index(None, "as_of"),
    comment="One lag of a series; the newest as_of stands",
    merge=Merge.NEWEST_AS_OF,
    kept_by="as_of",
)

curve = define(
    "curve",
    key("series_id", BigInteger, "series.series_id"),
    key("slot", Instant, "End of the slot (UTC)"),
    must("as_of", Instant, "The newest run that computed it (UTC)"),
    may("trend", Double, "Trend of the additive decomposition; NULL at its edges"),
    may("seasonal", Double, "Season of the decomposition"),
    may("residual", Double, "What neither explains; NULL at the edges"),
    may("hp_cycle", Double, "Cycle of the Hodrick-Prescott filter"),
    may("hp_trend", Double, "Trend of the Hodrick-Prescott filter"),
    comment="Decomposition and Hodrick-Prescott in one slot; the newest as_of stands",
    merge=Merge.NEWEST_AS_OF,
    kept_by="slot",
    by_day=True,
)
