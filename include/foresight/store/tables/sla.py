"""SLAs as people apply them, and their status at each as-of."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Boolean, Double, ForeignKey, Index, Integer

from foresight.store.column_types import Body, Instant, Name
from foresight.store.tables.base import Merge, define, key, may, must
from foresight.store.tables.telemetry import METRIC_LENGTH

NAME_LENGTH = 190
"""Longest name of an SLA or SLI, in characters."""

sla = define(
    "sla",
    key("name", Name(NAME_LENGTH), "Name of the SLA"),
    must("owner", Name(255), "Who answers for it"),
    must("description", Body, "What it promises"),
    must("revision", Name(64), "First 16 hex digits of the SHA-256 of the definition"),
    must("document", JSON(none_as_null=True), "The whole definition"),
    comment="One SLA as it stands now",
    stays="until somebody deletes the SLA",
)

sli = define(
    "sli",
    key("sla_name", Name(NAME_LENGTH), "sla.name", ForeignKey(sla.c.name, ondelete="CASCADE")),
    key("name", Name(NAME_LENGTH), "Name of the SLI within its SLA"),
    must("position", Integer, "Its place in the SLA, from 0"),
    must("metric", Name(METRIC_LENGTH), "Metric it watches; empty where it has an expression or a ratio"),
    must("matchers", JSON(none_as_null=True), "Label matchers: [label, operator, value] each"),
    may("lower_bound", Double, "Smallest good value; NULL where open"),
    may("upper_bound", Double, "Largest good value; NULL where open"),
    must("objective", Double, "Share of good slots that is promised"),
    must("windows_minutes", JSON(none_as_null=True), "Lengths of its windows"),
    may("kind", Name(16), "metric, expression or ratio; NULL, applied by an earlier version, is metric"),
    may("expression", Body, "PromQL of an expression, formula of a ratio; NULL for a metric"),
    comment="One SLI of an SLA as it stands now",
    stays="as its SLA",
)

sla_revision = define(
    "sla_revision",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("number", Integer, "Number of the change, from 1"),
    must("revision", Name(64), "First 16 hex digits of the SHA-256 of the definition"),
    must("action", Name(16), "applied or deleted"),
    must("applied_at", Instant, "When (UTC)"),
    must("applied_by", Name(255), "Who did it"),
    must("document", JSON(none_as_null=True), "The whole definition"),
    comment="One change of an SLA by a person",
    stays="a row each time that a person changed something",
)

sla_status = define(
    "sla_status",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("as_of", Instant, "The instant the status holds at (UTC)"),
    must("state", Name(16), "The worst state of its SLIs"),
    must("revision", Name(64), "Revision of the SLA that was evaluated"),
    must("n_sli", Integer, "SLIs evaluated"),
    must("n_ok", Integer, "SLIs that are ok"),
    must("n_violated", Integer, "SLIs that are violated"),
    must("n_at_risk", Integer, "SLIs that are at risk"),
    must("n_no_data", Integer, "SLIs without data"),
    may("n_stale", Integer, "SLIs whose newest sample is old"),
    may("n_no_traffic", Integer, "SLIs that nobody uses now"),
    may("n_maintenance", Integer, "SLIs in planned downtime"),
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
    must("state", Name(16), "ok, no_traffic, maintenance, stale, no_data, at_risk or violated"),
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
    may("expected_violated_minutes", Double, "Minutes of the horizon that are expected to violate"),
    may("expected_cost", Double, "The same times the cost of a violated minute; NULL without one"),
    may("has_default_limits", Boolean, "Whether default limits decided if there was enough to forecast from"),
    may("probability_reason", Name(32), "Why there is no probability; NULL where there is one"),
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
    may("budget_minutes", Double, "Error budget of the window; NULL where it is counted in events"),
    may("budget_used_minutes", Double, "Spent so far"),
    may("budget_left_minutes", Double, "Left; negative when overspent"),
    may("burn_rate", Double, "Bad share / (1 - objective)"),
    must("is_budget_below_one_slot", Boolean, "Whether a single bad slot spends the whole budget"),
    must("n_violations", Integer, "Episodes of all its series"),
    must("is_list_cut", Boolean, "Whether not all of them are listed"),
    must(
        "violations", JSON(none_as_null=True), "Episodes, worst series first: start, end, worst value, series"
    ),
    may("alert_factor", Double, "Burn rate at which an alert starts"),
    may("alert_short_minutes", Integer, "The short window that must burn too"),
    may("alert_short_burn_rate", Double, "Burn rate of the short window"),
    may("is_alerting", Boolean, "Whether both windows are over the factor"),
    may("n_no_traffic", Integer, "Slots without traffic: neither good nor bad"),
    may("n_excluded", Integer, "Slots in planned downtime: in no other count"),
    may("n_ahead", Integer, "Slots of a calendar window that are still to come"),
    may("good_events", Double, "Good events; NULL where slots are counted"),
    may("total_events", Double, "All events"),
    may("budget_events", Double, "Error budget in events; NULL where it is counted in minutes"),
    may("budget_used_events", Double, "Spent so far"),
    may("budget_left_events", Double, "Left; negative when overspent"),
    may("budget_left_share", Double, "Left, as a share of the budget"),
    may("since", Instant, "Where what was counted begins (UTC)"),
    may("is_calendar", Boolean, "Whether this is the calendar window: its length is that of the period"),
    comment="One SLI over one window before one as-of",
    kept_by="as_of",
    by_day=True,
)

sli_latest = define(
    "sli_latest",
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    must("as_of", Instant, "The newest instant that a status is stored of (UTC)"),
    must("state", Name(16), "State there"),
    must("risk", Double, "What lists are ordered by: the probability, and 2 more where it is violated"),
    must("n_series", Integer, "Series that match"),
    must("is_alerting", Boolean, "Whether an alert on a burn rate fires"),
    may("current_value", Double, "Newest value of the worst series"),
    may("current_slot", Instant, "Slot of that value (UTC)"),
    may("probability", Double, "Probability that any slot of the horizon leaves the bounds"),
    may("expected_first_slot", Instant, "First slot expected to leave the bounds (UTC)"),
    may("window_minutes", Integer, "The window that the budget is of: by the calendar, or the longest"),
    may("good_share", Double, "Good share of what is observed in it"),
    may("burn_rate", Double, "Bad share / (1 - objective)"),
    may("budget_left_minutes", Double, "Left of the error budget; NULL where it is counted in events"),
    may("budget_left_share", Double, "Left, as a share of the budget"),
    Index(None, "risk", "sla_name", "sli_name"),
    Index(None, "state", "risk", "sla_name", "sli_name"),
    Index(None, "as_of"),
    comment="One SLI at its newest as-of: what lists are read from",
    merge=Merge.NEWEST_AS_OF,
    kept_by="as_of",
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

sli_risk = define(
    "sli_risk",
    key("as_of", Instant, "The instant that the forecast is made at (UTC)"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("sli_revision", Name(64), "What is judged and how: another one is another indicator"),
    key("series_id", BigInteger, "The series; 0 for what is computed from several"),
    key("horizon_minutes", Integer, "How far ahead it looks"),
    may("probability", Double, "Probability that any slot of the horizon leaves the bounds"),
    may("reason", Name(32), "Why there is none: no_data, too_short, gap or stale"),
    may("expected_first_slot", Instant, "First slot expected to leave the bounds (UTC)"),
    may("expected_violated_minutes", Double, "Minutes of the horizon that are expected to violate"),
    may("predicted", JSON(none_as_null=True), "Slots predicted to leave the bounds, with value and interval"),
    may("components", JSON(none_as_null=True), "What that probability is made of"),
    may("explanation", JSON(none_as_null=True), "What drives it, in numbers"),
    may("is_outside_now", Boolean, "Whether the newest sample is outside the bounds"),
    may("lower_bound", Double, "Smallest good value; NULL where open"),
    may("upper_bound", Double, "Largest good value; NULL where open"),
    may("model", Name(64), "Forecaster it rests on"),
    may("mase", Double, "Backtest error of that forecaster"),
    must("calibrator", Name(64), "Version of the calibrator"),
    may("has_default_limits", Boolean, "Whether default limits decided if there was enough to forecast from"),
    must("computed_at", Instant, "When it was computed (UTC)"),
    comment="The risk of one SLI on one series within one horizon, forecast with the samples at hand",
    kept_by="as_of",
    by_day=True,
)

sla_announcement = define(
    "sla_announcement",
    key("as_of", Instant, "sla_event.as_of (UTC)"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    must("number", Integer, "How often what is announced became another change, from 1"),
    may("previous_state", Name(16), "sla_event.previous_state"),
    must("state", Name(16), "sla_event.state"),
    must("revision", Name(64), "sli_status.revision"),
    comment="The change of state that was last to be announced of an SLI at an as-of",
    kept_by="as_of",
)

sli_count = define(
    "sli_count",
    key("as_of", Instant, "The instant that was counted back from (UTC)"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("series_id", BigInteger, "The series; 0 for what is computed from several, and to say: counted"),
    must("counting", Name(64), "What was counted and how: a row of another counting means nothing"),
    may("newest_age", Integer, "Age of the newest observed slot, in slots; NULL without one"),
    may("idle_age", Integer, "Age of the newest slot without traffic, in slots; NULL without one"),
    may("value", Double, "Value of the newest observed slot"),
    must("is_outside", Boolean, "Whether the newest judged slot is bad"),
    must("has_events", Boolean, "Whether it has a numerator and a denominator"),
    must("n_impossible", Integer, "Slots whose events contradict each other"),
    may("counts", JSON(none_as_null=True), "By window length: observed, violated, no traffic, good, total"),
    may("violations", JSON(none_as_null=True), "By window length: start, end and worst value of each"),
    comment="One SLI on one series at one as-of, counted from the samples that a run held",
    kept_by="as_of",
    by_day=True,
)

sli_rollup = define(
    "sli_rollup",
    key("hour", Instant, "End of its last hour (UTC)"),
    key("hours", Integer, "How many hours: 1, 2, 4, … 512, ending at a UTC multiple of so many"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("series_id", BigInteger, "The series; 0 for what is computed from several, and to say: counted"),
    must("counting", Name(64), "What was counted and how: a row of another counting means nothing"),
    must("n_observed", Integer, "Slots judged"),
    must("n_violated", Integer, "Slots judged bad"),
    must("n_no_traffic", Integer, "Slots without traffic"),
    must("good_events", Double, "Good events, or good samples"),
    must("total_events", Double, "All events, or samples"),
    may("since", Instant, "Start of the first slot judged (UTC)"),
    may("observed_bits", BigInteger, "Of one hour: the slots judged, the first in bit 0"),
    may("violated_bits", BigInteger, "Of one hour: the slots judged bad"),
    may("no_traffic_bits", BigInteger, "Of one hour: the slots without traffic"),
    may(
        "slot_events", JSON(none_as_null=True), "Of one hour: good and total of each slot, unless bits say it"
    ),
    comment="One SLI on one series in some hours, counted from its samples",
    kept_by="hour",
    by_day=True,
)

sli_violation = define(
    "sli_violation",
    key("hour", Instant, "End of the hour that it lies in (UTC)"),
    key("sla_name", Name(NAME_LENGTH), "Name of the SLA"),
    key("sli_name", Name(NAME_LENGTH), "Name of the SLI"),
    key("series_id", BigInteger, "The series; 0 for what is computed from several"),
    key("first_slot", Instant, "First slot that is bad (UTC)"),
    must("last_slot", Instant, "Last slot that is bad (UTC)"),
    may("worst", Double, "Value farthest outside"),
    comment="Neighbouring bad slots of one SLI on one series; what crosses the full hour is two rows",
    kept_by="hour",
    by_day=True,
)

maintenance_window = define(
    "maintenance_window",
    key("name", Name(NAME_LENGTH), "Its name"),
    may("sla_name", Name(NAME_LENGTH), "The SLA it is of; NULL where labels choose"),
    may("labels", JSON(none_as_null=True), "Labels that an SLA must have: label and value each"),
    must("starts_at", Instant, "Start of the first one (UTC)"),
    must("seconds", Integer, "Length of each"),
    may("rule", Body, "RFC 5545 rule of the others; NULL where there is only one"),
    must("zone", Name(64), "Time zone that the rule repeats in"),
    must("description", Body, "Why"),
    comment="Planned downtime: its slots are in no budget",
    stays="until somebody deletes it",
)

maintenance_change = define(
    "maintenance_change",
    key("name", Name(NAME_LENGTH), "maintenance_window.name"),
    key("number", Integer, "Number of the change, from 1"),
    must("action", Name(16), "added, changed or deleted"),
    must("changed_at", Instant, "When (UTC)"),
    must("changed_by", Name(255), "Who did it"),
    must("document", JSON(none_as_null=True), "The whole window"),
    comment="One change of planned downtime by a person",
    stays="a row each time that a person changed something",
)

notification_target = define(
    "notification_target",
    key("name", Name(NAME_LENGTH), "Its name"),
    must("kind", Name(64), "How it is told: email, slack, webhook, …"),
    must("description", Body, "Who it is"),
    must("document", JSON(none_as_null=True), "The whole definition"),
    comment="Who is told of an alert",
    stays="until somebody deletes it",
)

scrape_token = define(
    "scrape_token",
    key("name", Name(64), "Its name"),
    must("sha256", Name(64), "SHA-256 of the token, which is kept nowhere"),
    must("created_at", Instant, "When it was made (UTC)"),
    must("created_by", Name(255), "Who made it"),
    comment="One token of a scraper: it opens the metrics and nothing else",
    stays="until somebody deletes it",
)
