"""Where series come from, and the catalogue of what is watched."""

from foresight.telemetry.catalogue import Catalogue, WatchedMetric, load_catalogue
from foresight.telemetry.planning import EntryPlan, Plan, plan, settled_at
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.recording import RecordingSource
from foresight.telemetry.source import (
    Description,
    Discovery,
    EntryUnavailable,
    Extraction,
    Selection,
    Shard,
    TelemetrySource,
)

__all__ = [
    "Catalogue",
    "Description",
    "Discovery",
    "EntryPlan",
    "EntryUnavailable",
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
    "settled_at",
]
