"""Results of the core as columns of the store's tables: one place says which array becomes which column."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight import __version__
from foresight.analysis import Analysis, Curves
from foresight.forecasting import Forecast
from foresight.series import SeriesMatrix

Columns = dict[str, Any]
Tables = dict[str, Columns]
"""Columns by the name of the table they go into."""

QUANTILES = ("q05", "q25", "q50", "q75", "q95")
"""The columns of the forecast's default quantile levels."""


def analysis_rows(matrix: SeriesMatrix, found: Analysis, verdict: Mapping[str, Sequence[Any]]) -> Tables:
    """``series_analysis``, a row a series, and ``aggregate``, a row a series and window.

    ``verdict`` holds what the checks said, by column. What the forecast adds comes from ``forecast_rows``.
    """
    test = found.stationarity
    tested = test.observations > 0
    critical = np.where(tested[:, None], test.critical_values, np.nan)
    seen = found.aggregates
    minutes = np.array(seen.windows) * matrix.grid.step_seconds // 60
    n_observed = (~np.isnan(matrix.values)).sum(axis=1)
    tables: Tables = {
        "series_analysis": {
            "series_id": matrix.ids,
            "as_of": np.full(len(matrix), matrix.grid.as_of),
            **verdict,
            "n_observed": n_observed,
            "n_missing": matrix.grid.n_slots - n_observed,
            "adf_statistic": test.statistic,
            "adf_p": test.p_value,
            "adf_lags": _known(test.lags, tested),
            "adf_n_observations": _known(test.observations, tested),
            "adf_critical_1": critical[:, 0],
            "adf_critical_5": critical[:, 1],
            "adf_critical_10": critical[:, 2],
            "is_stationary": _known(test.stationary, tested),
            "period_slots": _known(found.period, found.period > 0),
            "data_hash": [hashlib.sha256(row.tobytes()).hexdigest() for row in matrix.values],
            "code_version": [__version__] * len(matrix),
        },
        "aggregate": {
            "series_id": np.repeat(matrix.ids, len(minutes)),
            "as_of": np.full(len(matrix) * len(minutes), matrix.grid.as_of),
            "window_minutes": np.tile(minutes, len(matrix)),
            "maximum": seen.maximum.ravel(),
            "minimum": seen.minimum.ravel(),
            "mean": seen.mean.ravel(),
            "std": seen.std.ravel(),
            "n_observed": seen.observed.ravel(),
        },
    }
    return _finite(tables)


def curve_rows(matrix: SeriesMatrix, wanted: NDArray[np.intp], found: Analysis, drawn: Curves) -> Tables:
    """``autocorrelation``, a row a lag, and ``curve``, a row a slot, of the rows ``wanted``.

    ``found`` covers all rows of ``matrix``, ``drawn`` only those that are wanted.
    """
    matrix = matrix.take(wanted)
    lags = found.autocorrelation.lags
    value, width = found.autocorrelation.values[wanted], found.autocorrelation.half_width[wanted]
    parts, smooth = drawn.decomposition, drawn.hodrick_prescott
    tables: Tables = {
        "autocorrelation": {
            "series_id": np.repeat(matrix.ids, len(lags)),
            "lag_slots": np.tile(lags, len(matrix)),
            "as_of": np.full(value.size, matrix.grid.as_of),
            "value": value.ravel(),
            "band_low": (value - width).ravel(),
            "band_high": (value + width).ravel(),
        },
        "curve": {
            "series_id": np.repeat(matrix.ids, matrix.grid.n_slots),
            "slot": np.tile(matrix.grid.ends, len(matrix)),
            "as_of": np.full(matrix.values.size, matrix.grid.as_of),
            "trend": parts.trend.ravel(),
            "seasonal": parts.seasonal.ravel(),
            "residual": parts.residual.ravel(),
            "hp_cycle": smooth.cycle.ravel(),
            "hp_trend": smooth.trend.ravel(),
        },
    }
    return _finite(tables)


def forecast_rows(matrix: SeriesMatrix, found: Forecast) -> Tables:
    """``forecast``, a row a step, and the forecast's part of ``series_analysis``, a row a series."""
    n, horizon = len(matrix), found.horizon
    ahead = matrix.grid.ahead(horizon)
    models = [found.model_name(row) for row in range(n)]
    tables: Tables = {
        "series_analysis": {
            "forecast_maximum": found.maximum,
            "forecast_minimum": found.minimum,
            "forecast_mean": found.average,
            "model": [name or None for name in models],
            "model_reason": [_reason(found, row) for row in range(n)],
            "mase": found.mase,
        },
        "forecast": {
            "series_id": np.repeat(matrix.ids, horizon),
            "as_of": np.full(n * horizon, matrix.grid.as_of),
            "step": np.tile(np.arange(1, horizon + 1), n),
            "slot": np.tile(ahead.ends, n),
            "mean": found.mean.ravel(),
            **{name: found.quantiles[:, :, level].ravel() for level, name in enumerate(QUANTILES)},
            "joint_low": found.joint_lower.ravel(),
            "joint_high": found.joint_upper.ravel(),
        },
    }
    return _finite(tables)


def _finite(tables: Tables) -> Tables:
    """The tables with NaN for every infinity: what overflowed is not known, and a store keeps no infinity."""
    return {
        table: {name: _finite_column(column) for name, column in columns.items()}
        for table, columns in tables.items()
    }


def _finite_column(column: Any) -> Any:
    is_float = isinstance(column, np.ndarray) and column.dtype.kind == "f"
    return np.where(np.isinf(column), np.nan, column) if is_float else column


def _reason(found: Forecast, row: int) -> str | None:
    if not found.model_name(row):
        return (
            "none: too little was observed to judge a forecast by" if found.coverage.observed[row] else None
        )
    if np.isnan(found.mase[row]):
        return "the series is constant: every candidate says the same"
    return (
        f"least error over the last {found.history[row]} slots: "
        f"MASE {found.mase[row]:.3f}, naive {found.naive_mase[row]:.3f}"
    )


def _known(values: NDArray[Any], where: NDArray[np.bool_]) -> list[Any]:
    """The values as a list, None where there is nothing to say."""
    return [value if known else None for value, known in zip(values.tolist(), where.tolist(), strict=True)]
