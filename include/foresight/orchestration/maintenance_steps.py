"""The steps of ``maintenance``: retention by grain, and staged files that nobody needs any more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from foresight.orchestration import settings, staging
from foresight.orchestration.connections import prepare_results
from foresight.orchestration.window import resolve_window
from foresight.store.retention import maintain

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

TABLES = {
    "samples": ("sample",),
    "results": ("series_analysis", "aggregate", "run", "publication"),
    "forecasts": ("forecast",),
    "curves": ("autocorrelation", "curve"),
    "statuses": (
        "series", "sla_status", "sli_status", "sli_window", "sla_event", "analysed_interval",
        "evaluated_interval",
    ),
}  # fmt: skip
"""The tables of each grain of the catalogue's ``retention_days``."""


def apply_retention(context: Context) -> dict[str, int]:
    """Removes rows older than the catalogue says, counted from the end of the run's interval."""
    kept = settings.catalogue().retention_days.model_dump()
    days = {table: kept[grain] for grain, tables in TABLES.items() for table in tables}
    done = maintain(prepare_results(), resolve_window(context).as_of, days)
    return {one.table: one.n_rows_deleted or one.n_days_dropped for one in done}


def clear_staging(context: Context) -> int:
    """Removes staged files that were last written more than the given days before the run was due."""
    oldest = resolve_window(context).as_of - context["params"]["staging_days"] * 86_400
    removed = 0
    for path in staging.root().glob("**/*.parquet"):
        if path.stat().st_mtime < oldest:
            path.unlink()
            removed += 1
    log.info("%d staged files removed", removed)
    return removed
