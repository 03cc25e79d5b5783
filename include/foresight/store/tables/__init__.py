"""Every table of the results store. Its comment says what one row is, ``info`` how rows merge."""

from foresight.store.tables.base import Merge, metadata
from foresight.store.tables.runs import analysed_interval, evaluated_interval, publication, run
from foresight.store.tables.scoring import (
    deployment,
    model,
    model_change,
    model_version,
    scoring_load_test,
    scoring_run,
    scoring_stream,
)
from foresight.store.tables.sla import sla, sla_event, sla_revision, sla_status, sli, sli_status, sli_window
from foresight.store.tables.slices import (
    dead_letter,
    slice_configuration,
    slice_measurement,
    slice_model,
    slice_model_change,
    slice_prediction,
    topic_offset,
)
from foresight.store.tables.telemetry import (
    aggregate,
    autocorrelation,
    curve,
    forecast,
    sample,
    sample_window,
    series,
    series_analysis,
)
from foresight.store.tables.upkeep import commit_marker, operator_change, retention_mark

__all__ = [
    "Merge",
    "aggregate",
    "analysed_interval",
    "autocorrelation",
    "commit_marker",
    "curve",
    "dead_letter",
    "deployment",
    "evaluated_interval",
    "forecast",
    "metadata",
    "model",
    "model_change",
    "model_version",
    "operator_change",
    "publication",
    "retention_mark",
    "run",
    "sample",
    "sample_window",
    "scoring_load_test",
    "scoring_run",
    "scoring_stream",
    "series",
    "series_analysis",
    "sla",
    "sla_event",
    "sla_revision",
    "sla_status",
    "sli",
    "sli_status",
    "sli_window",
    "slice_configuration",
    "slice_measurement",
    "slice_model",
    "slice_model_change",
    "slice_prediction",
    "topic_offset",
]
