"""Where series come from, and the catalogue of what is watched."""

from foresight.telemetry.catalogue import Catalogue, WatchedMetric, load_catalogue
from foresight.telemetry.planning import EntryPlan, Plan, plan
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.recording import RecordingSource
from foresight.telemetry.source import Description, Extraction, Selection, Shard, TelemetrySource

__all__ = [
    "Catalogue",
    "Description",
    "EntryPlan",
    "Extraction",
    "Plan",
    "PrometheusSource",
    "RecordingSource",
    "Selection",
    "Shard",
    "TelemetrySource",
    "WatchedMetric",
    "load_catalogue",
    "plan",
]
