"""Persisting a shard, completing the interval, and publishing what was persisted."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import pyarrow as pa
from sqlalchemy import Connection

from foresight import __version__
from foresight.conventions import TELEMETRY_TOPIC
from foresight.grid import INTERVAL
from foresight.orchestration.runs import is_announced
from foresight.orchestration.telemetry.artifacts import (
    Artifact,
    columns_of,
    load,
    load_matrix,
    load_shard,
    name_in_ui,
    timed,
)
from foresight.orchestration.window import resolve_window
from foresight.quality.outcomes import Outcome
from foresight.services.publications import LOCK, WHOLE, open_publication, publish_pending
from foresight.services.samples import store_samples
from foresight.services.series_messages import series_messages
from foresight.store import save_run, upsert
from foresight.store.intervals import (
    CATALOGUE_SCOPE,
    content_of_series,
    save_analysed_interval,
)
from foresight.store.tables import metadata
from foresight.store.tables.runs import SCOPE_LENGTH
from foresight.wiring.connections import kafka_config, results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

SETTLED_INTERVALS = 2
"""How many intervals of samples a run writes anew: a slot that had just ended may have grown since."""

TRACED = ("apache-airflow", "numpy", "scipy", "statsmodels", "pandas", "great-expectations")
"""The packages whose versions a run keeps."""


def persist_shard(context: Context, analysed: Artifact, forecasted: Artifact) -> Artifact:
    """Writes a shard in one transaction: all of it, or none of it."""
    name_in_ui(context, analysed)
    shard = load_shard(analysed)
    matrix, _ = load_matrix(shard, analysed["matrix"])
    tables: dict[str, dict[str, Any]] = {}
    for name, staged in (*analysed["tables"].items(), *forecasted["tables"].items()):
        tables[name] = tables.get(name, {}) | columns_of(metadata.tables[name], load(staged))
    partitions = [
        key.partition(entry.partition) for key, entry in zip(shard.keys, shard.entries, strict=True)
    ]
    settle = SETTLED_INTERVALS * int(INTERVAL.total_seconds()) // shard.grid.step_seconds

    def work(connection: Connection) -> dict[str, int]:
        counts = {"sample": store_samples(connection, matrix, partitions, settle)}
        for name, columns in tables.items():
            counts[name] = upsert(connection, metadata.tables[name], columns)
        return counts

    with timed(analysed, "persist"):
        counts = results().transact(work)
    log.info("%s: stored %s", analysed["name"], counts)
    return {
        "number": analysed["number"],
        "name": analysed["name"],
        "about": analysed["about"],
        "shard": analysed["shard"],
        "matrix": analysed["matrix"],
        "checked": analysed["checked"],
        "is_complete": analysed["is_complete"],
        "refused": analysed["refused"],
        "partial": analysed["partial"],
        "remarks": analysed["remarks"],
        "n_series": len(shard),
        "outcomes": dict(Counter(tables["series_analysis"]["outcome"])),
        "rows": counts,
        "seconds": analysed["seconds"] | {"forecast": forecasted["seconds"]["forecast"]},
        "expectations": analysed["expectations"],
    }


def summarise_run(context: Context, shards: Sequence[Artifact]) -> dict[str, Any]:
    """Completes the interval: counts, the trace of the run, and a publication that waits to be sent."""
    window, params, run = resolve_window(context), context["params"], context["dag_run"]
    about = shards[0]["about"]
    outcomes = Counter[str]()
    for shard in shards:
        outcomes.update(shard["outcomes"])
    n_stored = sum(outcomes.values())
    n_quarantined = sum(n for outcome, n in outcomes.items() if Outcome(outcome).is_quarantined)
    is_whole = n_stored == about["n_planned"] and not about["refused"] and not about["partial"]
    is_complete = is_whole and all(shard["is_complete"] for shard in shards)
    report = {
        "outcomes": dict(outcomes),
        "unmatched": about["unmatched"],
        "refused": _merged([about, *shards], "refused"),
        "partial": _merged([about, *shards], "partial"),
        "remarks": _merged([about, *shards], "remarks"),
        "over_limit": about["over_limit"],
        "expectations": _sums(_found(load(shard["expectations"])) for shard in shards),
    }
    scope = scope_of(params["metrics"] or ())

    def work(connection: Connection) -> None:
        save_analysed_interval(
            connection,
            window.as_of,
            scope,
            is_complete=is_complete,
            n_planned=about["n_planned"],
            n_stored=n_stored,
            n_quarantined=n_quarantined,
            report=report,
        )
        save_run(
            connection,
            run.dag_id,
            run.run_id,
            as_of=window.as_of,
            kind=run.run_type.value,
            state="success",
            started_at=run.start_date,
            finished_at=datetime.now(UTC),
            versions={"foresight": __version__, "source": about["source"]} | {n: version(n) for n in TRACED},
            stage_seconds=_sums(shard["seconds"] for shard in shards),
            counts={"series": n_stored, "rows": _sums(shard["rows"] for shard in shards)} | dict(outcomes),
        )
        open_publication(
            connection,
            TELEMETRY_TOPIC,
            window.as_of,
            WHOLE,
            is_wanted=is_announced(context),
            content=content_of_series(connection, window.as_of),
        )

    results().transact(work, lock=LOCK)
    for name in about["unmatched"]:
        log.warning("the catalogue's %s matches nothing", name)
    summary = {"as_of": window.as_of, "scope": scope, "series": n_stored, "quarantined": n_quarantined}
    log.info("interval until %s: %s %s", window.end.isoformat(), summary, report)
    return summary


def _merged(parts: Iterable[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """What planning and the shards report about each entry, put together."""
    merged: dict[str, Any] = {}
    for part in parts:
        for entry, reasons in part[name].items():
            if isinstance(reasons, str):
                merged.setdefault(entry, reasons)
            else:
                merged[entry] = list(dict.fromkeys([*merged.get(entry, ()), *reasons]))
    return merged


def scope_of(names: Sequence[str]) -> str:
    """What a run was about: the entries named, or the whole catalogue where none is.

    What is too long for its column, or reads as the whole catalogue, ends in a digest of all the names.
    """
    if not names:
        return CATALOGUE_SCOPE
    text = ",".join(sorted(set(names)))
    if len(text) <= SCOPE_LENGTH and text != CATALOGUE_SCOPE:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return f"{text[: SCOPE_LENGTH - len(digest) - 1]}~{digest}"


def _found(results: pa.Table) -> dict[str, int]:
    """How many series broke each expectation."""
    return {
        f"{line['otherwise']}: {line['expectation']}": int(line["found"] or 0) for line in results.to_pylist()
    }


def _sums(parts: Any) -> dict[str, Any]:
    total = Counter[str]()
    for part in parts:
        for name, value in part.items():
            total[name] += value
    return {name: round(value, 3) for name, value in total.items()}


def publish_run(_: Context) -> dict[str, int]:
    """Announces every interval whose results are complete and wait to be announced."""
    store = results()
    return publish_pending(
        store, kafka_config(), TELEMETRY_TOPIC, lambda as_of: series_messages(store, as_of)
    )
