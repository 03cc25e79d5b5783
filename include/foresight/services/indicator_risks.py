"""The risk of SLIs where their samples are in memory: columns of ``sli_risk``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.analysis import AnalysisParameters
from foresight.forecasting.joint_forecast import Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.grid import Grid
from foresight.series import SeriesMatrix
from foresight.services.calibrators import InUse
from foresight.services.parameters import HORIZON, LEAST_COVERAGE, LEAST_OBSERVED
from foresight.services.risk_features import feature_rows
from foresight.sla.counted import COMPUTED_SERIES
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import Pairs, pair_up
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.tracks import COMPUTED, Tracks

Columns = dict[str, list[Any]]
Tables = dict[str, Columns]
"""Columns by the name of the table they go into."""

DEFAULT_LIMITS = (30, 0.5)
"""Observed slots, and their share, that a series needs to be forecast where its own limits are not stored."""
ENOUGH = AnalysisParameters(min_observed=LEAST_OBSERVED, min_coverage=LEAST_COVERAGE)
"""What the forecast itself demands: the limits of each series were applied before."""
SHIPPED = InUse()
"""What is in use before any outcome is known."""


def forecast_with_risks(
    matrix: SeriesMatrix,
    slas: Sequence[Sla],
    parameters: ForecastParameters,
    at: int,
    used: InUse = SHIPPED,
) -> tuple[Forecast, Tables]:
    """The forecast of series ``HORIZON`` slots ahead, and the risk of the SLIs that are judged on them: rows
    of ``sli_risk``, and of ``risk_feature`` what a refit of the calibrator learns from.

    Args:
        matrix: series that share their parameters; NaN where a sample is missing or set aside.
        slas: definitions of which every SLI is judged on its series one by one.
        parameters: how they are forecast.
        at: when this is computed, epoch seconds.
        used: the calibrator and what past predictions came to.
    """
    pairs = pair_up(slas, matrix.keys)
    ids = matrix.ids
    owners = _owners(slas)
    made, found = None, []
    for horizon, some in _by_horizon(owners, pairs):
        ahead = RiskForecasts.of(
            matrix, some, horizon, parameters, used.calibrator, used.came_true, keep_features=True
        )
        if horizon == HORIZON:
            made = ahead.forecast
        found.append(_tables(ahead, some, owners, ids[some.row].tolist(), matrix.grid, horizon, at))
    return forecast(matrix.values, HORIZON, parameters) if made is None else made, joined_tables(found)


def risks_of_tracks(
    tracks: Tracks,
    slas: Sequence[Sla],
    at: int,
    limits: Mapping[int, tuple[int, float]],
    used: InUse = SHIPPED,
) -> Tables:
    """The risk of the tracks of SLIs, one row each: rows of ``sli_risk`` and of ``risk_feature``.

    Args:
        tracks: those of ``slas``.
        slas: the definitions.
        at: when this is computed, epoch seconds.
        limits: observed slots, and their share, that a series needs to be forecast, by its id; those of an
            entry by default hold for what has none, such as rows that are computed from several series.
        used: the calibrator and what past predictions came to.
    """
    pairs, owners = tracks.pairs, _owners(slas)
    whole, found = tracks.at_risk(), []
    for horizon, some in _by_horizon(owners, pairs):
        rows, positions = np.unique(some.row, return_inverse=True)
        alone = replace(some, row=positions.astype(np.intp))
        keys = [whole.keys[row] for row in rows.tolist()]
        known = [None if key.metric == COMPUTED else limits.get(key.id) for key in keys]
        part = with_enough(whole.take(rows), [DEFAULT_LIMITS if each is None else each for each in known])
        ahead = RiskForecasts.of(
            part, alone, horizon, ForecastParameters(enough=ENOUGH), used.calibrator, used.came_true,
            keep_features=True,
        )  # fmt: skip
        ahead = replace(ahead, has_default_limits=np.array([each is None for each in known], np.bool_))
        ids = [COMPUTED_SERIES if key.metric == COMPUTED else key.id for key in keys]
        mine = [ids[row] for row in positions.tolist()]
        found.append(_tables(ahead, alone, owners, mine, whole.grid, horizon, at))
    return joined_tables(found)


def with_enough(matrix: SeriesMatrix, limits: Sequence[tuple[int, float]]) -> SeriesMatrix:
    """The matrix without the series that have fewer observed slots, or a lower share, than demanded."""
    demanded = np.array(limits, np.float64).reshape(-1, 2)
    n_observed = (~np.isnan(matrix.values)).sum(axis=1)
    is_short = (n_observed < demanded[:, 0]) | (n_observed < demanded[:, 1] * matrix.grid.n_slots)
    return SeriesMatrix(matrix.keys, matrix.grid, np.where(is_short[:, None], np.nan, matrix.values))


def joined(parts: Sequence[Columns]) -> Columns:
    """The same columns one after another."""
    names = parts[0] if parts else {}
    return {name: [value for part in parts for value in part[name]] for name in names}


def joined_tables(parts: Sequence[Tables]) -> Tables:
    """The same rows of each table; tables without a row are left out."""
    names = dict.fromkeys(name for part in parts for name in part)
    found = {name: joined([part[name] for part in parts if part.get(name)]) for name in names}
    return {name: columns for name, columns in found.items() if columns and columns["as_of"]}


def _tables(
    ahead: RiskForecasts,
    pairs: Pairs,
    owners: Sequence[tuple[Sla, Sli]],
    series_ids: Sequence[int],
    grid: Grid,
    horizon: int,
    at: int,
) -> Tables:
    columns = _columns(ahead, pairs, owners, series_ids, grid, horizon, at)
    kept = ahead.risk.features
    return {"sli_risk": columns} | ({} if kept is None else {"risk_feature": feature_rows(kept, columns)})


def _owners(slas: Sequence[Sla]) -> list[tuple[Sla, Sli]]:
    return [(sla, sli) for sla in slas for sli in sla.slis]


def _by_horizon(owners: Sequence[tuple[Sla, Sli]], pairs: Pairs) -> Iterator[tuple[int, Pairs]]:
    """The pairs that look as far ahead, in slots of a minute."""
    horizons = np.array([sla.horizon_minutes for sla, _ in owners], np.int64)[pairs.sli]
    for horizon in np.unique(horizons).tolist():
        mine = horizons == horizon
        yield horizon, Pairs(pairs.sli[mine], pairs.row[mine], pairs.lower[mine], pairs.upper[mine])


def _columns(
    ahead: RiskForecasts,
    pairs: Pairs,
    owners: Sequence[tuple[Sla, Sli]],
    series_ids: Sequence[int],
    grid: Grid,
    horizon: int,
    at: int,
) -> Columns:
    mine = [owners[number] for number in pairs.sli.tolist()]
    revisions = {number: owners[number][1].counting for number in np.unique(pairs.sli).tolist()}
    return {
        "as_of": [grid.as_of] * len(pairs),
        "sla_name": [sla.name for sla, _ in mine],
        "sli_name": [sli.name for _, sli in mine],
        "sli_revision": [revisions[number] for number in pairs.sli.tolist()],
        "series_id": list(series_ids),
        "horizon_minutes": [horizon * grid.step_seconds // 60] * len(pairs),
        "lower_bound": _finite(pairs.lower),
        "upper_bound": _finite(pairs.upper),
        "computed_at": [at] * len(pairs),
        **ahead.columns(grid),
    }


def _finite(bounds: NDArray[np.float64]) -> list[float | None]:
    return [bound if np.isfinite(bound) else None for bound in bounds.tolist()]
