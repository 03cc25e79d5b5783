"""Which series a run reads, and reading them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from airflow.sdk.exceptions import AirflowRescheduleException

from foresight.errors import BadAnswer
from foresight.orchestration.telemetry.artifacts import (
    Artifact,
    Folder,
    in_use_table,
    load_shard,
    matrix_table,
    name_in_ui,
    slas_table,
    timed,
)
from foresight.orchestration.window import resolve_window
from foresight.services.calibrators import in_use
from foresight.services.slas import list_slas, with_expressions
from foresight.telemetry.catalogue import Catalogue
from foresight.telemetry.planning import Plan, plan, settled_at
from foresight.telemetry.source import Extraction, Shard, TelemetrySource
from foresight.wiring import settings
from foresight.wiring.connections import open_telemetry, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

PLANNING_SECONDS: Final = 600.0
"""Once planning took this long, the entries that are left wait for the next run."""


def plan_run(context: Context) -> list[Artifact]:
    """Deals the series of the catalogue to shards and stages each; hands over one thing a shard."""
    window, params = resolve_window(context), context["params"]
    store = results()  # stops here where the tables are not those of this version
    source, catalogue = open_telemetry(), settings.catalogue(params["metrics"] or ())
    slas = list_slas(store).readable
    if not params["metrics"]:
        catalogue = with_expressions(catalogue, slas)
    _wait_until_settled(catalogue, source, window.as_of)
    started = time.monotonic()
    planned = plan(
        catalogue,
        source,
        window.as_of,
        max_series_per_shard=params["series_per_shard"],
        is_late=lambda: time.monotonic() - started > PLANNING_SECONDS,
    )
    _log_plan(planned)
    if not planned.shards:
        reasons = "".join(f"\n{name}: {reason}" for name, reason in planned.refused.items())
        raise BadAnswer(f"no entry of the catalogue matches any series at {window.end.isoformat()}{reasons}")
    folder, described = Folder.of(context), source.describe()
    about = {
        "as_of": window.as_of,
        "n_planned": planned.n_series,
        "unmatched": list(planned.unmatched),
        "refused": planned.refused,
        "partial": planned.partial,
        "remarks": planned.remarks,
        "over_limit": {entry.entry: entry.over_limit for entry in planned.entries if entry.over_limit},
        "source": f"{described.kind} {described.version}",
        "slas": folder.save("slas", slas_table(slas)),
        "in_use": folder.save("in-use", in_use_table(in_use(store, window.as_of))),
    }
    return [
        {
            "number": shard.number,
            "name": f"shard {shard.number}: {len(shard)} series",
            "about": about,
            "shard": folder.save(f"{shard.number}-shard", shard.to_table()),
        }
        for shard in planned.shards
    ]


def extract_shard(context: Context, artifact: Artifact) -> Artifact:
    """Reads a shard from the source and stages its matrix, with what the values no longer show."""
    name_in_ui(context, artifact)
    shard = load_shard(artifact)
    with timed(artifact, "extract"):
        found = open_telemetry().extract(shard)
    _log_extraction(shard, found)
    missing = set(found.missing)
    columns = {**found.counts, "is_missing": [key in missing for key in found.matrix.keys]}
    staged = Folder.of(context).save(f"{artifact['number']}-matrix", matrix_table(found.matrix, columns))
    n_answered = len(shard) - len(missing)
    log.info(
        "%s: %d answered, %d missing, %d bytes", artifact["name"], n_answered, len(missing), found.n_bytes
    )
    return {
        **artifact,
        "matrix": staged,
        "is_complete": found.is_complete,
        "refused": dict(found.refused),
        "partial": dict(found.partial),
        "remarks": dict(found.remarks),
    }


def _wait_until_settled(catalogue: Catalogue, source: TelemetrySource, as_of: int) -> None:
    """Gives the worker back until the last slot has settled; as-of stays where it is."""
    settled = settled_at(catalogue, source, as_of)
    if time.time() < settled:
        until = datetime.fromtimestamp(settled, UTC)
        log.info("samples may still arrive: reading starts at %s", until.isoformat())
        raise AirflowRescheduleException(until)  # type: ignore[no-untyped-call] # Airflow's own is untyped


def _log_plan(planned: Plan) -> None:
    for entry in planned.entries:
        log.info("%s: %d series planned", entry.entry, entry.planned)
    for name in planned.unmatched:
        log.warning("%s matches nothing", name)
    for name, reason in planned.refused.items():
        log.error("%s is left out: %s", name, reason)
    for name, reasons in planned.partial.items():
        log.warning("%s may lack series: %s", name, "; ".join(reasons))
    for name, remarks in planned.remarks.items():
        log.warning("%s: %s", name, "; ".join(remarks))


def _log_extraction(shard: Shard, found: Extraction) -> None:
    for name, reason in found.refused.items():
        log.error("shard %d: %s is left out: %s", shard.number, name, reason)
    for name, reasons in found.partial.items():
        log.warning("shard %d: %s is partial, going on with it: %s", shard.number, name, "; ".join(reasons))
    for name, remarks in found.remarks.items():
        log.warning("shard %d: %s: %s", shard.number, name, "; ".join(remarks))
