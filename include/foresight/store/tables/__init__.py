"""Every table of the results store. Its comment says what one row is, ``info`` how rows merge."""

from foresight.store.tables.base import Merge, metadata
from foresight.store.tables.runs import analysed_interval, evaluated_interval, publication, run
from foresight.store.tables.sla import sla, sla_event, sla_revision, sla_status, sli, sli_status, sli_window
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

__all__ = [
    "Merge",
    "aggregate",
    "analysed_interval",
    "autocorrelation",
    "curve",
    "evaluated_interval",
    "forecast",
    "metadata",
    "publication",
    "run",
    "sample",
    "sample_window",
    "series",
    "series_analysis",
    "sla",
    "sla_event",
    "sla_revision",
    "sla_status",
    "sli",
    "sli_status",
    "sli_window",
]
