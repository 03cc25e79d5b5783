"""What is stored about series at one as-of, as the messages that announce it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

from foresight.grid import INTERVAL, STEP
from foresight.messaging import Message
from foresight.messaging.telemetry import telemetry_messages
from foresight.quality.outcomes import Outcome
from foresight.store import Store
from foresight.store.intervals import read_interval, read_series
from foresight.store.tables import aggregate, forecast, series_analysis

TIMES = {"as_of", "slot"}
"""Columns that a message says in its own way."""
MESSAGE_TABLES = {"analysis": series_analysis, "aggregates": aggregate, "forecasts": forecast}


def _without_long_labels(known: dict[str, Any], analysis: dict[str, Any]) -> dict[str, Any]:
    """Labels that are too many or too long to be shown do not go into a message: metric and id do."""
    verdicts = zip(analysis["series_id"], analysis["outcome"], strict=True)
    cut = {series_id for series_id, outcome in verdicts if outcome == Outcome.LABELS}
    rows = zip(known["series_id"], known["labels"], strict=True)
    return known | {"labels": ["{}" if series_id in cut else labels for series_id, labels in rows]}


def series_messages(store: Store, as_of: int) -> Iterator[Message]:
    """One message a series, made of what is stored."""

    def work(connection: Connection) -> dict[str, Any]:
        found = {
            name: read_interval(connection, table, as_of, [c.name for c in table.c if c.name not in TIMES])
            for name, table in MESSAGE_TABLES.items()
        }
        known = read_series(connection, found["analysis"]["series_id"])
        return found | {"series": _without_long_labels(known, found["analysis"])}

    seconds, step_seconds = (int(length.total_seconds()) for length in (INTERVAL, STEP))
    return telemetry_messages(as_of, seconds, step_seconds=step_seconds, **store.read(work))
