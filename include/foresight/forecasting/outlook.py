"""The forecast of a matrix: which model each series gets, its next steps, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix, Rows, Vector
from foresight.analysis.blocks import Block, in_blocks
from foresight.analysis.gaps import Coverage, inspect
from foresight.forecasting.candidates import MODELS, forecast_all
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.paths import Paths, joint_band, joint_paths, local_volatility
from foresight.forecasting.selection import backtest, futures, mase_of

DEFAULTS = ForecastParameters()
NO_MODEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The next ``horizon`` steps of each series, row for row; NaN for a series without enough data."""

    parameters: ForecastParameters
    horizon: int
    coverage: Coverage
    model: Integers
    """Index into :data:`MODELS`; -1: no forecast."""
    mase: Vector
    """The chosen model's error in the backtest, over that of the naive one-step forecast (MASE)."""
    naive_mase: Vector
    """The same for the naive model: what the choice gained. Both NaN for a constant series."""
    origins: int
    """How many past origins the backtest and the paths come from."""
    mean: Matrix
    """The chosen model's forecast, ``[n_series, horizon]``."""
    quantiles: Matrix
    """``[n_series, horizon, n_levels]`` at ``parameters.levels``, each step by itself."""
    joint_lower: Matrix
    """Between this and ``joint_upper`` all steps together stay with ``parameters.joint_coverage``."""
    joint_upper: Matrix
    maximum: Vector
    """Expected maximum over the steps, shape ``[n_series]``."""
    minimum: Vector
    average: Vector

    def model_name(self, row: int) -> str:
        """The name of the chosen model, empty without a forecast."""
        model = int(self.model[row])
        return MODELS[model] if model != NO_MODEL else ""


def forecast(values: Matrix, horizon: int = 10, parameters: ForecastParameters = DEFAULTS) -> Forecast:
    """Forecast ``values[n_series, n_slots]`` (float64, NaN = missing) ``horizon`` slots ahead.

    Each row's forecast depends on that row alone, to the last bit.
    """
    n_series = len(values)
    coverage = inspect(values, parameters.enough)
    first, origins = past_origins(values.shape[1], horizon, parameters)
    model = np.full(n_series, NO_MODEL)
    mase, naive, maximum, minimum, average = (np.full(n_series, np.nan) for _ in range(5))
    mean, lower, upper = (np.full((n_series, horizon), np.nan) for _ in range(3))
    quantiles = np.full((n_series, horizon, len(parameters.levels)), np.nan)
    usable = np.flatnonzero(coverage.usable) if origins > 0 else np.zeros(0, dtype=np.intp)
    for block in in_blocks(values, usable):
        rows, n = block.rows, len(block.rows)
        anchor = block.samples[:, -1:]
        samples = block.samples - anchor
        candidates = forecast_all(samples, parameters.stride, horizon)
        ahead = futures(samples, parameters.stride, horizon, first, origins)
        judged = backtest(samples, candidates, ahead, first)
        volatility = local_volatility(samples, parameters.stride)
        paths = joint_paths(candidates, judged.chosen, volatility, ahead, first)
        model[rows] = judged.chosen[:n]
        mase[rows], naive[rows] = mase_of(judged, judged.chosen)[:n], judged.mase[0, :n]
        mean[rows] = block.restore(paths.point + anchor)
        quantiles[rows] = block.restore(paths.quantiles(parameters.levels) + anchor[:, :, None])
        low, high = joint_band(paths, parameters.joint_coverage)
        lower[rows], upper[rows] = block.restore(low + anchor), block.restore(high + anchor)
        anchored = anchor[:, 0]
        maximum[rows] = block.restore(paths.steps.max(axis=0).mean(axis=1) + anchored)
        minimum[rows] = block.restore(paths.steps.min(axis=0).mean(axis=1) + anchored)
        average[rows] = block.restore(paths.steps.mean(axis=(0, 2)) + anchored)
    return Forecast(
        parameters, horizon, coverage, model, mase, naive, origins,
        mean, quantiles, lower, upper, maximum, minimum, average,
    )  # fmt: skip


def past_origins(n_slots: int, horizon: int, parameters: ForecastParameters) -> tuple[int, int]:
    """The first origin that is judged, counted in strides, and how many there are."""
    stride = parameters.stride
    first = max(min(parameters.warm_up, n_slots // 4) // stride - 1, 0)
    return first, max(n_slots // stride - first - -(-horizon // stride), 0)


def paths_again(values: Matrix, outlook: Forecast, rows: Rows) -> Iterator[tuple[Block, Matrix, Paths]]:
    """The joint paths of chosen ``rows``, block by block: the very paths that the forecast was made from.

    Yields the block, its samples minus the last one of each row, and the paths in those units. They are
    made again because they are large: hundreds of values a series.
    """
    parameters, horizon = outlook.parameters, outlook.horizon
    first, origins = past_origins(values.shape[1], horizon, parameters)
    for block in in_blocks(values, rows):
        samples = block.samples - block.samples[:, -1:]
        model = np.zeros(len(samples), dtype=np.int64)
        model[: len(block.rows)] = outlook.model[block.rows]
        candidates = forecast_all(samples, parameters.stride, horizon)
        ahead = futures(samples, parameters.stride, horizon, first, origins)
        volatility = local_volatility(samples, parameters.stride)
        yield block, samples, joint_paths(candidates, model, volatility, ahead, first)
