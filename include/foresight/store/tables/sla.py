"""SLAs as people apply them, and their status at each as-of."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Double, ForeignKey, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import define, key, may, must
from foresight.store.tables.telemetry import METRIC_LENGTH

NAME_LENGTH = 190
"""Longest name of an SLA or SLI, in characters."""

sla = define(
    "sla",
    key("name", Name(NAME_LENGTH), "Name of the SLA"),
    must("owner", Name(255), "Who answers for it"),
    must("description", Body, "What it promises"),
    must("revision", Name(64), "SHA-256 of the definition"),
    must("document", JSON(none_as_null=True), "The whole definition"),
    comment="One SLA as it stands now",
)

sli = define(
    "sli",
    key("sla_name", Name(NAME_LENGTH), "sla.name", ForeignKey(sla.c.name, ondelete="CASCADE")),
    key("name", Name(NAME_LENGTH), "Name of the SLI within its SLA"),
    must("position", Integer, "Its place in the SLA, from 0"),
    must("metric", Name(METRIC_LENGTH), "Metric it watches"),
    must("matchers", JSON(none_as_null=True), "Label matchers: [label, operator, value] each"),
    may("lower_bound", Double, "Smallest good value; NULL where open"),
    may("upper_bound", Double, "Largest good value; NULL where open"),
    must("objective", Double, "Share of good slots that is promised"),
    must("windows_minutes", JSON(none_as_null=True), "Lengths of its windows"),
    comment="One SLI of an SLA as it stands now",
)

sla_revision = define(
    "sla_revision",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("number", Integer, "Number of the change, from 1"),
    must("revision", Name(64), "SHA-256 of the definition"),
    must("action", Name(16), "applied or deleted"),
    must("applied_at", Instant, "When (UTC)"),
    must("applied_by", Name(255), "Who did it"),
    must("document", JSON(none_as_null=True), "The whole definition"),
    comment="One change of an SLA by a person",
)

sla_status = define(
    "sla_status",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("as_of", Instant, "The instant the status holds at (UTC)"),
    must("state", Name(16), "ok, violated, at_risk or no_data: the worst of its SLIs"),
    must("revision", Name(64), "Revision of the SLA that was evaluated"),
    must("n_sli", Integer, "SLIs evaluated"),
    must("n_ok", Integer, "SLIs that are ok"),
    must("n_violated", Integer, "SLIs that are violated"),
    must("n_at_risk", Integer, "SLIs that are at risk"),
    must("n_no_data", Integer, "SLIs without data"),
    Index(None, "as_of"),
    comment="One SLA at one as-of",
    kept_by="as_of",
    by_day=True,
)

sli_status = define(
    "sli_status",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("as_of", Instant, "The instant the status holds at (UTC)"),
    must("state", Name(16), "ok, violated, at_risk or no_data"),
    must("revision", Name(64), "Revision of the SLA that was evaluated"),
    may("current_value", Double, "Newest value of the worst series"),
    may("current_slot", Instant, "Slot of that value (UTC)"),
    must("n_series", Integer, "Series that match"),
    may("worst_series_id", BigInteger, "The series that decides the state"),
    may("probability", Double, "Probability that any slot of the horizon leaves the bounds"),
    may("components", JSON(none_as_null=True), "What that probability is made of"),
    may("expected_first_slot", Instant, "First slot expected to leave the bounds (UTC)"),
    may("model", Name(64), "Forecaster it rests on"),
    may("mase", Double, "Backtest error of that forecaster"),
    may("calibrator", Name(64), "Version of the calibrator"),
    may("predicted", JSON(none_as_null=True), "Slots predicted to leave the bounds, with value and interval"),
    may(
        "details",
        JSON(none_as_null=True),
        "How many series are in each state, and the figures of the 1,000 worst",
    ),
    Index(None, "as_of"),
    comment="One SLI at one as-of",
    kept_by="as_of",
    by_day=True,
)

sli_window = define(
    "sli_window",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("as_of", Instant, "End of the window (UTC)"),
    key("window_minutes", Integer, "Length of the window"),
    must("n_observed", Integer, "Slots with a value"),
    must("n_missing", Integer, "Slots without one: neither good nor bad"),
    must("n_violated", Integer, "Slots outside the bounds"),
    may("good_share", Double, "Good share of the observed slots; NULL without any"),
    may("budget_minutes", Double, "Error budget of the window"),
    may("budget_used_minutes", Double, "Spent so far"),
    may("budget_left_minutes", Double, "Left; negative when overspent"),
    may("burn_rate", Double, "Bad share / (1 - objective)"),
    must("is_budget_below_one_slot", Boolean, "Whether a single bad slot spends the whole budget"),
    must("n_violations", Integer, "Episodes of all its series"),
    must("is_list_cut", Boolean, "Whether only the first 360 of them are listed"),
    must(
        "violations", JSON(none_as_null=True), "Episodes, worst series first: start, end, worst value, series"
    ),
    may("alert_factor", Double, "Burn rate at which an alert starts"),
    may("alert_short_minutes", Integer, "The short window that must burn too"),
    may("alert_short_burn_rate", Double, "Burn rate of the short window"),
    may("is_alerting", Boolean, "Whether both windows are over the factor"),
    comment="One SLI over one window before one as-of",
    kept_by="as_of",
    by_day=True,
)

sla_event = define(
    "sla_event",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("as_of", Instant, "The status that differs from the one before it (UTC)"),
    may("previous_as_of", Instant, "The newest stored status before it (UTC); NULL for the first"),
    may("previous_state", Name(16), "State there; NULL for the first"),
    must("state", Name(16), "State since"),
    Index(None, "as_of"),
    comment="One change of state of an SLI, derived from sli_status",
    kept_by="as_of",
)
