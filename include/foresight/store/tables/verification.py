"""What became of predictions: sums by hour and day, a sample to refit from, and the calibrators in use."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, Double, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must
from foresight.store.tables.sla import NAME_LENGTH
from foresight.store.tables.telemetry import METRIC_LENGTH


def _sums() -> list[Column[Any]]:
    """What both tables of sums hold besides their time."""
    return [
        key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
        key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
        key("sli_revision", Name(64), "What was judged and how"),
        key("horizon_minutes", Integer, "How far ahead was looked"),
        key("model", Name(64), "Forecaster that the predictions rest on"),
        key("calibrator", Name(64), "Version of the calibrator"),
        key("bin", Integer, "Place of their probabilities among the bins of the reports, from 0"),
        may("metric", Name(METRIC_LENGTH), "Metric of the SLI; NULL where it is computed from several"),
        must("n", BigInteger, "Predictions judged"),
        must("n_violated", BigInteger, "Those that were violated within the horizon"),
        must("sum_said", Double, "Sum of the probabilities"),
        must("sum_brier", Double, "Sum of the squared errors"),
        must("sum_log_loss", Double, "Sum of the log losses"),
        must("n_minutes", BigInteger, "Violated ones with an expected first slot"),
        must("sum_minutes_off", Double, "Sum of how far that slot was off, minutes"),
        must("n_begun", BigInteger, "Violations that began within these predictions"),
        must("n_foretold", BigInteger, "Those that an alert had stood before"),
        must("sum_lead_minutes", Double, "Sum of how long it had stood, minutes"),
    ]


risk_hour = define(
    "risk_hour",
    key("hour", Instant, "End of the hour that the predictions were made in (UTC)"),
    *_sums(),
    comment="How predictions of one SLI came out in one hour, by forecaster, calibrator and probability",
    kept_by="hour",
    by_day=True,
)

risk_day = define(
    "risk_day",
    key("day", Instant, "Start of the day that the predictions were made in (UTC)"),
    *_sums(),
    comment="The sums of risk_hour over a day",
    kept_by="day",
)

verified_hour = define(
    "verified_hour",
    key("hour", Instant, "End of the hour that the predictions were made in (UTC)"),
    must("n_predicted", BigInteger, "Predictions stored"),
    must("n_judged", BigInteger, "Those whose outcome is known and that are in the sums"),
    must("n_unknown", BigInteger, "Samples are missing, and no other one was outside"),
    must("n_downtime", BigInteger, "The horizon lies in planned downtime"),
    must("n_outside", BigInteger, "The bounds were left already"),
    must("n_silent", BigInteger, "There was no probability"),
    must("n_late", BigInteger, "Computed after the horizon was over: no prediction"),
    comment="One hour of predictions that was judged; the counts add up to n_predicted",
    kept_by="hour",
)

band_hour = define(
    "band_hour",
    key("as_of", Instant, "The instant that the forecasts were made at (UTC)"),
    key("metric", Name(METRIC_LENGTH), "Metric of the series"),
    key("model", Name(64), "Forecaster chosen"),
    must("n_paths", BigInteger, "Forecasts with all samples there"),
    must("n_held", BigInteger, "Those that stayed in the joint band"),
    must("n_steps", JSON(none_as_null=True), "Samples there, by step"),
    must("n_inside", JSON(none_as_null=True), "Those between the 5 % and the 95 % quantile, by step"),
    must("n_scaled", BigInteger, "Samples whose series changed, so that errors can be scaled"),
    must("sum_width", Double, "Width of the joint band over the series' mean change a slot"),
    must("sum_error", Double, "Absolute error of the mean, so scaled"),
    must("sum_crps", Double, "Twice the mean pinball loss of the five quantiles, so scaled"),
    comment="How the bands of some series of a metric held at one as-of",
    kept_by="as_of",
)

risk_feature = define(
    "risk_feature",
    key("as_of", Instant, "The instant that the prediction was made at (UTC)"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("sli_revision", Name(64), "What was judged and how"),
    key("series_id", BigInteger, "The series; 0 for what is computed from several"),
    key("horizon_minutes", Integer, "How far ahead was looked"),
    key("side", Integer, "1: the upper bound; -1: the lower one"),
    must("draw", Double, "A number from 0 to 1 that follows from the key: who stays when room is short"),
    must("features", Body, "What the calibrator read: half-precision numbers in base 64"),
    may("is_left", Boolean, "Whether this bound was left within the horizon; NULL until it is known"),
    may("weight", Double, "How many predictions it stands for; NULL until its outcome is known"),
    Index(None, "draw"),
    comment="What a refit of the calibrator learns from: a sample, and the newest until they are judged",
    kept_by="as_of",
    by_day=True,
)

calibrator = define(
    "calibrator",
    key("version", Name(64), "A hash of its numbers"),
    must("kind", Name(16), "correction or mix"),
    must("shipped", Name(64), "Version of the shipped calibrator that it starts from"),
    must("fitted_at", Instant, "The as-of that it was fitted at (UTC)"),
    must("document", JSON(none_as_null=True), "Its numbers"),
    comment="One calibrator that was fitted to the outcomes of this installation",
    stays="a row each time that one was fitted",
)

calibrator_change = define(
    "calibrator_change",
    key("number", Integer, "Number of the change, from 1"),
    must("as_of", Instant, "The instant that was decided for (UTC)"),
    must("action", Name(16), "promoted, refused, rolled_back"),
    must("version", Name(64), "The calibrator that it is about"),
    must("in_use", Name(64), "The calibrator in use after it"),
    must("changed_by", Name(255), "Who did it"),
    must("reason", Body, "Why"),
    may("gain", Double, "Brier score in use minus that of the candidate, on what neither had seen"),
    may("gain_low", Double, "Lower end of its 95 % interval, by series"),
    may("gain_high", Double, "Upper end"),
    may("n_outcomes", BigInteger, "Sides that it was fitted to and judged on"),
    may("n_violations", BigInteger, "Violations among them"),
    may("skill_before", Double, "Brier skill of the calibrator in use on the held-out outcomes"),
    may("skill_after", Double, "Brier skill of the candidate"),
    comment="One decision about which calibrator is in use; the newest one holds",
    stays="a row each time that one was fitted, or that a person changed something",
)
