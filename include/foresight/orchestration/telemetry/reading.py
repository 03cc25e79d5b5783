"""Which series a run reads, and reading them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.orchestration.telemetry.handover import (
    Folder,
    Handed,
    load_shard,
    matrix_table,
    name_in_ui,
    timed,
)
from foresight.orchestration.window import resolve_window
from foresight.telemetry import Extraction, Shard, plan
from foresight.wiring import settings
from foresight.wiring.connections import open_telemetry, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def plan_run(context: Context) -> list[Handed]:
    """Deals the series of the catalogue to shards and stages each; hands over one thing a shard."""
    window, params = resolve_window(context), context["params"]
    results()  # stops here where the tables are not those of this version
    source = open_telemetry()
    planned = plan(
        settings.catalogue(params["metrics"] or ()),
        source,
        window.as_of,
        max_series_per_shard=params["series_per_shard"],
    )
    for entry in planned.entries:
        log.info("%s: %d series planned", entry.entry, entry.planned)
    for name in planned.unmatched:
        log.warning("%s matches nothing at %s", name, window.end)
    for name, reason in planned.refused.items():
        log.error("%s is left out: %s", name, reason)
    if not planned.shards:
        reasons = "".join(f"\n{name}: {reason}" for name, reason in planned.refused.items())
        raise BadAnswer(f"no entry of the catalogue matches any series at {window.end.isoformat()}{reasons}")
    folder, described = Folder.of(context), source.describe()
    about = {
        "as_of": window.as_of,
        "n_planned": planned.n_series,
        "unmatched": list(planned.unmatched),
        "refused": planned.refused,
        "over_limit": {entry.entry: entry.over_limit for entry in planned.entries if entry.over_limit},
        "source": f"{described.kind} {described.version}",
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


def extract_shard(context: Context, handed: Handed) -> Handed:
    """Reads a shard from the source and stages its matrix, with what the values no longer show."""
    name_in_ui(context, handed)
    shard = load_shard(handed)
    with timed(handed, "extract"):
        found = open_telemetry().extract(shard)
    _require_complete(context, shard, found)
    missing = set(found.missing)
    columns = {**found.counts, "is_missing": [key in missing for key in found.matrix.keys]}
    staged = Folder.of(context).save(f"{handed['number']}-matrix", matrix_table(found.matrix, columns))
    log.info("%s: %d answered, %d missing, %d bytes", handed["name"], len(shard) - len(missing), len(missing),
             found.n_bytes)  # fmt: skip
    return {**handed, "matrix": staged, "is_complete": found.is_complete}


def _require_complete(context: Context, shard: Shard, found: Extraction) -> None:
    """A partial answer is asked for again; only the last try goes on with it, and the results say so."""
    if found.is_complete:
        return
    shown = ", ".join(str(key) for key in found.missing[:3])
    what = f"shard {shard.number}: {len(found.missing)} of {len(shard)} series are missing ({shown})"
    what += "".join(f"; the source warns: {warning}" for warning in found.warnings)
    task = context["ti"]
    if task.try_number <= task.max_tries:
        raise SourceUnavailable(what)
    log.error("%s; going on without them", what)
