"""The steps of ``maintenance``: retention by retention class, and staged files that nobody needs any more."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from foresight.orchestration.window import resolve_window
from foresight.store.retention import maintain
from foresight.wiring import settings
from foresight.wiring.connections import results, upkeep_results
from foresight.wiring.files import staging_root

if TYPE_CHECKING:
    from upath import UPath

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

TABLES = {
    "samples": ("sample", "sample_window", "slice_measurement", "slice_configuration"),
    "results": (
        "series_analysis", "aggregate", "run", "publication", "slice_prediction", "slice_sent", "dead_letter",
        "scoring_run", "scoring_load_test", "commit_marker",
    ),
    "forecasts": ("forecast", "sli_risk", "risk_feature", "risk_hour", "band_hour", "verified_hour"),
    "curves": ("autocorrelation", "curve", "sli_count"),
    "statuses": (
        "series", "sla_status", "sli_status", "sli_window", "sli_latest", "sli_rollup",
        "sli_violation", "sla_event", "sla_announcement", "analysed_interval", "evaluated_interval",
        "risk_day", "notification_outbox",
    ),
}  # fmt: skip
"""The tables of each retention class of the catalogue: each table that has a time, once."""

STAGED = ("**/*.parquet", "**/.*.part")
"""What tasks stage, and what one leaves behind that is killed while it does."""


def apply_retention(context: Context) -> dict[str, int]:
    """Removes rows older than the catalogue says; see ``maintain``.

    Raises ``LargeDrop`` where too much would go at once and the run's ``allow_large_drop`` is not set.
    """
    kept = settings.catalogue().retention_days.model_dump()
    days = {table: kept[retention_class] for retention_class, tables in TABLES.items() for table in tables}
    results()  # stops here where the tables are not those of this version
    allowed = bool(context["params"]["allow_large_drop"])
    done = maintain(upkeep_results(), resolve_window(context).as_of, days, allow_large_drop=allowed)
    return {one.table: one.n_rows_deleted or one.n_days_dropped for one in done}


def clear_staging(context: Context) -> int:
    """Removes staged files last written more than the given days before the run was due, and their folders.

    A folder goes when it is empty and nothing was put into it for as long; object stores have none.
    """
    oldest = resolve_window(context).as_of - context["params"]["staging_days"] * 86_400

    def is_old(path: UPath) -> bool:
        return bool(path.stat().st_mtime < oldest)

    root = staging_root()
    is_local = root.protocol == "file"
    folders = [path for path in root.glob("**/*") if is_local and path.is_dir() and is_old(path)]
    files = [path for pattern in STAGED for path in root.glob(pattern) if is_old(path)]
    for path in files:
        path.unlink()
    for folder in sorted(folders, key=str, reverse=True):  # what is inside comes first
        with suppress(OSError):  # not empty
            folder.fs.rmdir(folder.path)  # that of the path takes all that is inside
    log.info("%d staged files removed", len(files))
    return len(files)
