"""Which model forecasts a series best: judged on the series itself, from origins inside the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix, Vector
from foresight.forecasting.candidates import FIRST_SLOPED, MODELS, Candidates
from foresight.forecasting.origins import Origins


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The errors of every model over the same origins and all steps ahead."""

    mase: Matrix
    """``[n_models, n_series]``: mean absolute error over that of the naive one-step forecast in the window
    (Hyndman and Koehler 2006). NaN where the naive forecast has no error."""
    chosen: Integers
    """The model with the least error, the earlier one of equals; shape ``[n_series]``."""

    def mase_of(self, model: Integers) -> Vector:
        """The MASE of one ``model`` a series."""
        return self.mase[model, np.arange(len(model))]


def backtest(origins: Origins, candidates: Candidates) -> Backtest:
    """Judge every model from the origins, the latest first, whose horizons do not overlap."""
    ahead = [_apart(actual, origins) for actual in origins.ahead(origins.phases)]
    levels = _apart(origins.at_judged(candidates.level), origins)
    slopes = _apart(origins.at_judged(candidates.slope), origins)
    error = np.empty((len(MODELS), len(origins.samples)))
    miss, carried = np.empty_like(levels[0]), np.empty_like(levels[0])
    for model, level in enumerate(levels):
        total = np.zeros_like(level)
        for actual, growth in zip(ahead, candidates.growth[model], strict=True):
            np.subtract(actual, level, out=miss)
            if model >= FIRST_SLOPED:
                miss -= np.multiply(slopes[model - FIRST_SLOPED], growth, out=carried)
            total += np.abs(miss, out=miss)
        error[model] = total.sum(axis=1)
    error /= len(ahead) * levels.shape[2]
    one_step = origins.changes.sum(axis=1) / (origins.plan.total * origins.plan.stride)
    return Backtest(error / np.where(one_step > 0, one_step, np.nan), np.argmin(error, axis=0))


def _apart(values: Matrix, origins: Origins) -> Matrix:
    """The judged origins of ``values[..., judged]`` that lie a whole horizon apart, the latest included."""
    overlap = origins.plan.overlap
    return np.ascontiguousarray(values[..., (origins.plan.judged - 1) % overlap :: overlap])
