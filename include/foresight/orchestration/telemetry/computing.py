"""Analysing and forecasting the series of a shard that passed the checks."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from foresight.analysis import Analysis, AnalysisParameters, aggregate, analyse, curves
from foresight.analysis import Outcome as Usability
from foresight.forecasting.parameters import ForecastParameters
from foresight.orchestration.telemetry.artifacts import (
    Artifact,
    Folder,
    load,
    load_in_use,
    load_matrix,
    load_shard,
    load_slas,
    name_in_ui,
    table_of,
    timed,
)
from foresight.quality.outcomes import Outcome
from foresight.series import SeriesMatrix
from foresight.services import series_rows as rows
from foresight.services.indicator_risks import forecast_with_risks, joined_tables
from foresight.services.parameters import analysis_parameters
from foresight.sla.matching import chosen
from foresight.sla.windows import is_one_by_one
from foresight.store.tables import metadata
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Shard

Context = Mapping[str, Any]


def analyse_shard(context: Context, artifact: Artifact) -> Artifact:
    """Analyses the series that passed the checks, and stages rows for the tables of the store."""
    name_in_ui(context, artifact)
    with timed(artifact, "analyse"):
        shard, matrix, kept, checked = _checked(artifact)
        parts = [
            _analysed(matrix, kept, checked, shard.entries, part, parameters)
            for parameters, part in _alike(shard.entries, context["params"])
        ]
    return _stage_rows(context, artifact, "analysed", parts)


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
    return rows.analysis_rows(mine, found, verdict, parameters) | rows.curve_rows(mine, wanted, found, drawn)


def _verdict(checked: pa.Table, found: Analysis) -> dict[str, list[Any]]:
    """What the checks said; a series that passed them and still has too little for the window is short."""
    verdict: dict[str, list[Any]] = checked.to_pydict()
    for row, usability in enumerate(found.outcome.tolist()):
        if usability > Usability.CONSTANT and not Outcome(verdict["outcome"][row]).is_quarantined:
            verdict["outcome"][row] = str(Outcome.SHORT)
            verdict["reason"][row] = f"only {found.coverage.observed[row]} slots of the window are observed"
    verdict["reason"] = [reason or None for reason in verdict["reason"]]
    return verdict


def forecast_shard(context: Context, artifact: Artifact) -> Artifact:
    """Forecasts the series that passed the checks, with the risk of the SLIs that are judged on them, and
    stages rows for the tables of the store."""
    name_in_ui(context, artifact)
    with timed(artifact, "forecast"):
        shard, matrix, kept, _ = _checked(artifact)
        slas = chosen(load_slas(artifact), lambda _, sli: is_one_by_one(sli))
        used = load_in_use(artifact)
        parts, risks, now = [], [], int(time.time())
        for parameters, part in _alike(shard.entries, context["params"]):
            fit = replace(matrix.take(part), values=kept[part])
            given = ForecastParameters(enough=parameters, band_factor=used.band_factor)
            made, risk = forecast_with_risks(fit, slas, given, now, used)
            parts.append(rows.forecast_rows(matrix.take(part), made))
            risks.append(risk)
    staged = _stage_rows(context, artifact, "forecast", parts)
    for name, columns in joined_tables(risks).items():
        table = table_of(metadata.tables[name], columns)
        staged["tables"][name] = Folder.of(context).save(f"{artifact['number']}-{name}", table)
    return staged


def _checked(artifact: Artifact) -> tuple[Shard, SeriesMatrix, NDArray[np.float64], pa.Table]:
    """Shard, matrix, the values without the rows that are set aside, and the outcomes."""
    shard = load_shard(artifact)
    matrix, _ = load_matrix(shard, artifact["matrix"])
    checked = load(artifact["checked"])
    aside = [Outcome(outcome).is_quarantined for outcome in checked.column("outcome").to_pylist()]
    kept = matrix.values.copy()
    kept[np.array(aside, dtype=np.bool_)] = np.nan
    return shard, matrix, kept, checked


def _alike(
    entries: Sequence[WatchedMetric], params: Mapping[str, Any]
) -> Iterator[tuple[AnalysisParameters, NDArray[np.intp]]]:
    """The rows that share their parameters."""
    groups: dict[AnalysisParameters, list[int]] = {}
    for row, entry in enumerate(entries):
        parameters = analysis_parameters(entry, params.get("hp_lambda"), params.get("lags"))
        groups.setdefault(parameters, []).append(row)
    for parameters, part in groups.items():
        yield parameters, np.array(part)


def _stage_rows(context: Context, artifact: Artifact, what: str, parts: Sequence[rows.Tables]) -> Artifact:
    folder, staged = Folder.of(context), {}
    for name in parts[0]:
        table = pa.concat_tables([pa.table(part[name]) for part in parts], promote_options="permissive")
        staged[name] = folder.save(f"{artifact['number']}-{what}-{name}", table)
    return {**artifact, "tables": staged}
