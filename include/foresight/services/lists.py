"""What can be listed: the columns of each list, what it may be ordered and filtered by, and its key."""

from __future__ import annotations

from typing import Final

from sqlalchemy import ColumnElement, Table, and_

from foresight.quality.outcomes import Outcome
from foresight.services.listings import Listing
from foresight.store.tables import (
    aggregate,
    autocorrelation,
    curve,
    dead_letter,
    deployment,
    evaluated_interval,
    forecast,
    model_change,
    model_version,
    publication,
    run,
    scoring_load_test,
    scoring_run,
    series,
    series_analysis,
    sla,
    sla_event,
    sla_revision,
    sla_status,
    sli,
    sli_latest,
    sli_status,
    sli_window,
    slice_configuration,
    slice_hold,
    slice_measurement,
    slice_model,
    slice_model_change,
    slice_prediction,
    slice_sent,
)


def _columns(table: Table, *without: str) -> tuple[ColumnElement[object], ...]:
    return tuple(column for column in table.c if column.name not in without)


def _listing(
    name: str,
    table: Table,
    *,
    order: tuple[str, ...] = (),
    filters: tuple[str, ...] = (),
    without: tuple[str, ...] = (),
    sortable: tuple[str, ...] = (),
) -> Listing:
    """A list of one table in the order of its key, unless another one is given."""
    key = tuple(column.name for column in table.primary_key)
    return Listing(name, _columns(table, *without), key, table, order or key, sortable or key, filters)


_RISK: Final = (
    "risk",
    "state",
    "probability",
    "burn_rate",
    "budget_left_share",
    "as_of",
    "sla_name",
    "sli_name",
)

SLAS: Final = _listing(
    "slas", sla, filters=("name", "owner"), without=("document",), sortable=("name", "owner")
)
SLIS: Final = _listing(
    "slis", sli, filters=("sla_name", "name", "metric", "kind"), without=("matchers", "windows_minutes")
)
STATUSES: Final = Listing(
    "statuses",
    (*_columns(sli_latest), sla.c.owner),
    ("sla_name", "sli_name"),
    sli_latest.join(
        sli, and_(sli.c.sla_name == sli_latest.c.sla_name, sli.c.name == sli_latest.c.sli_name)
    ).join(sla, sla.c.name == sli_latest.c.sla_name),
    ("-risk",),
    _RISK,
    (*_RISK, "owner", "is_alerting"),
    counted=sli_latest,
)
"""The newest status of each SLI that is active: the list by risk."""
REVISIONS: Final = _listing(
    "revisions", sla_revision, order=("-number",), filters=("action", "applied_at"), without=("document",),
    sortable=("number", "applied_at"),
)  # fmt: skip
SLA_HISTORY: Final = _listing(
    "sla_statuses", sla_status, order=("-as_of",), filters=("as_of", "state"), sortable=("as_of",)
)
SLI_HISTORY: Final = _listing(
    "sli_statuses", sli_status, order=("-as_of",), filters=("as_of", "state"), sortable=("as_of",),
    without=("components", "predicted", "details"),
)  # fmt: skip
WINDOWS: Final = _listing(
    "windows", sli_window, order=("-as_of", "window_minutes"), sortable=("as_of", "window_minutes"),
    filters=("as_of", "window_minutes", "is_alerting"), without=("violations",),
)  # fmt: skip
EVENTS: Final = _listing(
    "events", sla_event, order=("-as_of",), filters=("sla_name", "sli_name", "as_of", "state"),
    sortable=("as_of", "sla_name", "sli_name"),
)  # fmt: skip
SERIES: Final = _listing(
    "series", series, filters=("metric", "partition_name", "first_seen", "last_seen"),
    order=("metric",), sortable=("metric", "series_id", "last_seen"),
)  # fmt: skip
ANALYSES: Final = _listing(
    "analyses", series_analysis, order=("-as_of",), sortable=("as_of", "series_id"),
    filters=("as_of", "outcome", "model", "is_stationary"),
)  # fmt: skip
QUARANTINE: Final = Listing(
    "quarantined",
    (series.c.metric, series.c.labels, *(series_analysis.c[name] for name in (
        "series_id", "as_of", "outcome", "reason", "n_observed", "n_missing", "n_nonfinite",
    ))),
    ("series_id", "as_of"),
    series_analysis.join(series, series.c.series_id == series_analysis.c.series_id),
    ("-as_of",),
    ("as_of", "series_id"),
    ("metric", "as_of", "outcome"),
    always=(series_analysis.c.outcome.in_(sorted(each.value for each in Outcome if each.is_quarantined)),),
)  # fmt: skip
AGGREGATES: Final = _listing(
    "aggregates", aggregate, order=("-as_of",), filters=("as_of", "window_minutes"),
    sortable=("as_of", "window_minutes"),
)  # fmt: skip
FORECASTS: Final = _listing(
    "forecasts",
    forecast,
    order=("-as_of", "step"),
    filters=("as_of", "step", "slot"),
    sortable=("as_of", "step"),
)
AUTOCORRELATIONS: Final = _listing(
    "autocorrelations", autocorrelation, filters=("lag_slots",), sortable=("lag_slots",)
)
CURVES: Final = _listing("curves", curve, filters=("slot",), sortable=("slot",))
RUNS: Final = _listing(
    "runs", run, order=("-as_of",), filters=("dag_id", "run_id", "as_of", "kind", "state", "started_at"),
    sortable=("as_of", "started_at", "dag_id", "run_id"),
)  # fmt: skip
EVALUATIONS: Final = _listing(
    "evaluations",
    evaluated_interval,
    order=("-as_of",),
    filters=("as_of", "scope"),
    sortable=("as_of", "scope"),
)
_CELL: Final = ("snssai", "cu", "cell")
MEASUREMENTS: Final = _listing(
    "measurements", slice_measurement, order=("-period_start",), sortable=("period_start", *_CELL),
    filters=(*_CELL, "period_start", "is_suspect"), without=("counters",),
)  # fmt: skip
PREDICTIONS: Final = _listing(
    "predictions", slice_prediction, order=("-period_start",), sortable=("period_start", "as_of", *_CELL),
    filters=(*_CELL, "period_start", "as_of", "outcome", "rule", "is_sent", "model_version"),
)  # fmt: skip
CONFIGURATION: Final = _listing("configuration", slice_configuration, filters=_CELL)
HOLDS: Final = _listing("holds", slice_hold, filters=(*_CELL, "is_held", "changed_at"))
SENT: Final = _listing("sent", slice_sent, filters=(*_CELL, "as_of", "sent_at"))
SLICE_MODELS: Final = _listing(
    "slice_models", slice_model, order=("-registered_at",), sortable=("registered_at", "version"),
    filters=("version", "target", "state", "registered_at"), without=("document",),
)  # fmt: skip
SLICE_MODEL_CHANGES: Final = _listing(
    "slice_model_changes", slice_model_change, filters=("target", "version", "action", "changed_at")
)
MESSAGES: Final = _listing(
    "messages", publication, order=("-as_of",), filters=("topic", "as_of", "part", "state"),
    sortable=("as_of", "topic", "part"), without=("start_offsets",),
)  # fmt: skip
DEAD_LETTERS: Final = _listing(
    "dead_letters", dead_letter, order=("-as_of",), filters=("topic", "as_of", "partition_number"),
    sortable=("as_of", "topic", "partition_number", "message_offset"), without=("message_value", "headers"),
)  # fmt: skip
MODEL_VERSIONS: Final = _listing(
    "versions", model_version, filters=("name", "version", "kind", "added_at"), without=("uri",)
)
DEPLOYMENTS: Final = _listing("deployments", deployment, filters=("name", "alias", "version"))
MODEL_CHANGES: Final = _listing(
    "changes", model_change, filters=("name", "alias", "action", "version", "changed_at")
)
SCORING_RUNS: Final = _listing(
    "scoring_runs", scoring_run, order=("-started_at",), sortable=("started_at", "dag_id", "run_id"),
    filters=("dag_id", "run_id", "name", "alias", "state", "started_at"),
)  # fmt: skip
LOAD_TESTS: Final = _listing(
    "load_tests", scoring_load_test, order=("-measured_at",), sortable=("measured_at", "records_per_second"),
    filters=("name", "alias", "version", "measured_at"),
)  # fmt: skip
