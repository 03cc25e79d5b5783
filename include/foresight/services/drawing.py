"""Curves and autocorrelations of many series that are not stored, computed as a run computes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from foresight.analysis import analyse, curves
from foresight.grid import Grid
from foresight.matchers import LabelIndex
from foresight.series import SeriesKey
from foresight.services.parameters import analysis_parameters
from foresight.services.series_rows import curve_rows
from foresight.store import Store, load_matrix
from foresight.store.pages import Analysed, Columns, FoundSeries
from foresight.telemetry.catalogue import Catalogue, WatchedMetric

_TABLES: Final = {
    "curve": ("series_id", "slot", "as_of", "trend", "seasonal", "residual", "hp_cycle", "hp_trend"),
    "autocorrelation": ("series_id", "lag_slots", "as_of", "value", "band_low", "band_high"),
}


def draw(
    store: Store,
    catalogue: Catalogue,
    series: Mapping[SeriesKey, FoundSeries],
    noted: Mapping[int, Analysed],
    table: str,
) -> tuple[Columns, dict[int, str]]:
    """Columns of ``curve`` or ``autocorrelation`` by series and key, and why a series has no rows.

    They rest on the samples before the as-of of each series and on what the catalogue says now.
    """
    groups, left_out = _groups(catalogue, series, noted)
    parts = [
        part
        for (row, grid), members in groups.items()
        for part in _drawn(store, catalogue.metrics[row], grid, members, noted, table, left_out)
    ]
    columns = {
        name: np.concatenate([part[name] for part in parts] or [np.empty(0)]) for name in _TABLES[table]
    }
    order = np.argsort(columns["series_id"], kind="stable")
    return {name: _listed(column[order]) for name, column in columns.items()}, left_out


def _groups(
    catalogue: Catalogue, series: Mapping[SeriesKey, FoundSeries], noted: Mapping[int, Analysed]
) -> tuple[dict[tuple[int, Grid], list[SeriesKey]], dict[int, str]]:
    """The series that are computed together, by entry of the catalogue and grid; and those that are not."""
    keys = list(series)
    index = LabelIndex(keys)
    entry_of: dict[SeriesKey, int] = {}
    for row, entry in enumerate(catalogue.metrics):
        for fitting in index.matching(entry.conditions).tolist():
            if keys[fitting].metric == entry.series_metric:
                entry_of.setdefault(keys[fitting], row)
    groups: dict[tuple[int, Grid], list[SeriesKey]] = {}
    left_out = {}
    for key, one in series.items():
        if key in entry_of:
            facts = noted[one.id]
            groups.setdefault((entry_of[key], Grid(facts.as_of, facts.n_slots)), []).append(key)
        else:
            left_out[one.id] = "not stored, and the catalogue no longer watches it"
    return groups, left_out


def _drawn(
    store: Store,
    entry: WatchedMetric,
    grid: Grid,
    members: list[SeriesKey],
    noted: Mapping[int, Analysed],
    table: str,
    left_out: dict[int, str],
) -> list[dict[str, Any]]:
    matrix = store.read(lambda connection: load_matrix(connection, members, grid))
    parameters = analysis_parameters(entry)
    period = np.array([noted[key.id].period_slots for key in members])
    found = analyse(matrix.values, parameters, period)
    usable = found.coverage.usable
    left_out.update(dict.fromkeys(matrix.ids[~usable].tolist(), "too few samples to analyse are stored"))
    rows = np.flatnonzero(usable)
    if not len(rows):
        return []
    drawn = curves(matrix.values[rows], period[rows], parameters)
    return [curve_rows(matrix, rows, found, drawn)[table]]


def _listed(column: Any) -> list[Any]:
    """As a list, None for NaN."""
    if column.dtype.kind != "f":
        return [int(value) for value in column.tolist()]
    return [None if value != value else value for value in column.tolist()]
