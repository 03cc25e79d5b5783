"""The steps of ``telemetry_analysis`` up to the forecast: take, call the core, hand over."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from foresight.analysis import Analysis, AnalysisParameters, aggregate, analyse, curves
from foresight.analysis import Outcome as Usability
from foresight.errors import BadAnswer, SourceUnavailable
from foresight.forecasting import ForecastParameters, forecast
from foresight.orchestration import rows, settings
from foresight.orchestration.connections import open_telemetry, prepare_results
from foresight.orchestration.handover import (
    Folder,
    Handed,
    load,
    load_matrix,
    load_shard,
    matrix_table,
    name_in_ui,
    timed,
)
from foresight.orchestration.window import resolve_window
from foresight.quality import CheckReport, Outcome, check, load_suite, profile
from foresight.series import SeriesMatrix
from foresight.telemetry import Extraction, Shard, WatchedMetric, plan

log = logging.getLogger(__name__)
Context = Mapping[str, Any]
HORIZON = 10
"""How many slots ahead is forecast."""


def plan_run(context: Context) -> list[Handed]:
    """Deals the series of the catalogue to shards and stages each; hands over one thing a shard."""
    window, params = resolve_window(context), context["params"]
    prepare_results()
    source = open_telemetry()
    planned = plan(
        settings.catalogue(params["metrics"]),
        source,
        window.as_of,
        max_series_per_shard=params["series_per_shard"],
    )
    for entry in planned.entries:
        log.info("%s: %d series planned", entry.entry, entry.planned)
    for name in planned.unmatched:
        log.warning("%s matches nothing at %s", name, window.end)
    if not planned.shards:
        raise BadAnswer(f"no entry of the catalogue matches any series at {window.end.isoformat()}")
    folder, described = Folder.of(context), source.describe()
    about = {
        "as_of": window.as_of,
        "n_planned": planned.n_series,
        "unmatched": list(planned.unmatched),
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


def check_shards(context: Context, shards: Sequence[Handed]) -> list[Handed]:
    """Holds every series of every shard against the suite, and stages its outcome and reason.

    One task for all shards: Great Expectations takes longer to import than to check.
    """
    folder, suite = Folder.of(context), load_suite(settings.config_folder() / "expectations")
    handed_over, counts = [], Counter[str]()
    for handed in sorted(shards, key=lambda handed: int(handed["number"])):
        shard = load_shard(handed)
        matrix, extracted = load_matrix(shard, handed["matrix"])
        with timed(handed, "check"):
            profiled = _profile(shard, matrix, extracted)
            report = check(profiled, suite)
        outcomes = [str(outcome) for outcome in report.outcomes]
        counts.update(outcomes)
        checked = {
            "outcome": outcomes,
            "reason": list(report.reasons),
            "n_nonfinite": profiled["n_infinite"].to_numpy(),
        }
        staged = folder.save(f"{handed['number']}-checked", pa.table(checked))
        results = folder.save(f"{handed['number']}-expectations", _results(report))
        handed_over.append({**handed, "checked": staged, "expectations": results})
    log.info("outcomes: %s", dict(counts))
    return handed_over


def _results(report: CheckReport) -> pa.Table:
    """What each expectation of the suite found."""
    lines = [
        {
            "expectation": f"{one['type']} {one['kwargs']}",
            "otherwise": one["otherwise"],
            "found": one["unexpected"],
        }
        for one in report.results["expectations"]
    ]
    return pa.Table.from_pylist(lines)


def _profile(shard: Shard, matrix: SeriesMatrix, extracted: pa.Table) -> pd.DataFrame:
    missing = extracted.column("is_missing").to_pylist()
    return profile(
        matrix,
        {name: extracted.column(name).to_numpy() for name in Extraction.COUNTS},
        missing=[key for key, is_missing in zip(shard.keys, missing, strict=True) if is_missing],
        minimum=[-np.inf if entry.minimum is None else entry.minimum for entry in shard.entries],
        min_coverage=[entry.coverage for entry in shard.entries],
        min_slots=[entry.min_slots for entry in shard.entries],
    )


def analyse_shard(context: Context, handed: Handed) -> Handed:
    """Analyses the series that passed the checks, and stages rows for the tables of the store."""
    name_in_ui(context, handed)
    with timed(handed, "analyse"):
        shard, matrix, kept, checked = _checked(handed)
        parts = [
            _analysed(matrix, kept, checked, shard.entries, part, parameters)
            for parameters, part in _alike(shard.entries, context["params"])
        ]
    return _stage_rows(context, handed, "analysed", parts)


def _analysed(
    matrix: SeriesMatrix,
    kept: NDArray[np.float64],
    checked: pa.Table,
    entries: Sequence[WatchedMetric],
    part: NDArray[np.intp],
    parameters: AnalysisParameters,
) -> rows.Tables:
    """The rows of one part of a shard, all of it analysed with the same parameters."""
    mine, chosen = matrix.take(part), [entries[row] for row in part]
    declared = [0 if entry.analysis.period == "auto" else entry.analysis.period for entry in chosen]
    found = analyse(kept[part], parameters, np.array(declared, dtype=np.int64))
    verdict = _verdict(checked.take(part), found)
    # What was set aside still has its aggregates over what was observed.
    found = replace(found, aggregates=aggregate(mine.values, parameters.windows))
    wanted = np.flatnonzero(found.coverage.usable & np.array([entry.curves for entry in chosen]))
    drawn = curves(kept[part][wanted], found.period[wanted], parameters)
    return rows.analysis_rows(mine, found, verdict) | rows.curve_rows(mine, wanted, found, drawn)


def _verdict(checked: pa.Table, found: Analysis) -> dict[str, list[Any]]:
    """What the checks said; a series that passed them and still has too little for the window is short."""
    verdict: dict[str, list[Any]] = checked.to_pydict()
    for row, usability in enumerate(found.outcome.tolist()):
        if usability > Usability.CONSTANT and not Outcome(verdict["outcome"][row]).is_quarantined:
            verdict["outcome"][row] = str(Outcome.SHORT)
            verdict["reason"][row] = f"only {found.coverage.observed[row]} slots of the window are observed"
    verdict["reason"] = [reason or None for reason in verdict["reason"]]
    return verdict


def forecast_shard(context: Context, handed: Handed) -> Handed:
    """Forecasts the series that passed the checks, and stages rows for the tables of the store."""
    name_in_ui(context, handed)
    with timed(handed, "forecast"):
        shard, matrix, kept, _ = _checked(handed)
        parts = [
            rows.forecast_rows(
                matrix.take(part), forecast(kept[part], HORIZON, ForecastParameters(enough=parameters))
            )
            for parameters, part in _alike(shard.entries, context["params"])
        ]
    return _stage_rows(context, handed, "forecast", parts)


def _checked(handed: Handed) -> tuple[Shard, SeriesMatrix, NDArray[np.float64], pa.Table]:
    """Shard, matrix, the values without the rows that are set aside, and the outcomes."""
    shard = load_shard(handed)
    matrix, _ = load_matrix(shard, handed["matrix"])
    checked = load(handed["checked"])
    aside = [Outcome(outcome).is_quarantined for outcome in checked.column("outcome").to_pylist()]
    kept = matrix.values.copy()
    kept[np.array(aside, dtype=np.bool_)] = np.nan
    return shard, matrix, kept, checked


def _alike(
    entries: Sequence[WatchedMetric], params: Mapping[str, Any]
) -> Iterator[tuple[AnalysisParameters, NDArray[np.intp]]]:
    """The rows that share their parameters; what the run says goes before what the catalogue says."""
    groups: dict[AnalysisParameters, list[int]] = {}
    for row, entry in enumerate(entries):
        parameters = settings.analysis_parameters(entry, params.get("hp_lambda"), params.get("lags"))
        groups.setdefault(parameters, []).append(row)
    for parameters, part in groups.items():
        yield parameters, np.array(part)


def _stage_rows(context: Context, handed: Handed, what: str, parts: Sequence[rows.Tables]) -> Handed:
    folder, staged = Folder.of(context), {}
    for name in parts[0]:
        table = pa.concat_tables([pa.table(part[name]) for part in parts], promote_options="permissive")
        staged[name] = folder.save(f"{handed['number']}-{what}-{name}", table)
    return {**handed, "tables": staged}
