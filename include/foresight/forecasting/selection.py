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
    apart = origins.plan.overlap
    ahead = np.ascontiguousarray(origins.ahead[:, :, ::-1][:, :, ::apart])
    level = origins.at_judged(candidates.level)[:, :, ::-1][:, :, ::apart]
    slope = origins.at_judged(candidates.slope)[:, :, ::-1][:, :, ::apart]
    error = np.empty((len(MODELS), len(origins.samples)))
    miss = np.empty_like(ahead)
    for model in range(len(MODELS)):
        np.subtract(ahead, level[model], out=miss)
        if model >= FIRST_SLOPED:
            for step, growth in enumerate(candidates.growth[model]):
                miss[step] -= slope[model - FIRST_SLOPED] * growth
        error[model] = np.abs(miss, out=miss).sum(axis=2).sum(axis=0)
    error /= len(ahead) * ahead.shape[2]
    one_step = np.abs(np.diff(origins.samples, axis=1)).mean(axis=1)
    return Backtest(error / np.where(one_step > 0, one_step, np.nan), np.argmin(error, axis=0))
