"""Which model forecasts a series best: judged on the series itself, from origins inside the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix, Vector
from foresight.forecasting.candidates import MODELS, Candidates


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The errors of every model over the same origins and all steps ahead."""

    mase: Matrix
    """``[n_models, n_series]``: mean absolute error over that of the naive one-step forecast in the window.

    NaN where the naive forecast has no error.
    """
    chosen: Integers
    """The model with the least error, the earlier one of equals; shape ``[n_series]``."""


def futures(samples: Matrix, stride: int, horizon: int, first: int, n_origins: int) -> list[Matrix]:
    """For each step, the samples that many slots after each origin: views ``[n_series, n_origins]``.

    ``first`` counts in origins from the start of the window.
    """
    n_slots = samples.shape[1]
    slot = n_slots % stride + (first + 1) * stride - 1
    last = slot + (n_origins - 1) * stride
    return [samples[:, slot + step : last + step + 1 : stride] for step in range(1, horizon + 1)]


def backtest(samples: Matrix, candidates: Candidates, ahead: list[Matrix], first: int) -> Backtest:
    """Judge every model from the origins that ``ahead`` belongs to."""
    n_origins = ahead[0].shape[1]
    origins = slice(first, first + n_origins)
    error = np.zeros((len(MODELS), len(samples)))
    for model in range(len(MODELS)):
        level, slope = candidates.level[model, :, origins], candidates.slope[model, :, origins]
        for step, actual in enumerate(ahead):
            growth = candidates.growth[model, step]
            miss = actual - level
            if growth:
                miss -= slope * growth
            error[model] += np.abs(miss, out=miss).sum(axis=1)
    error /= n_origins * len(ahead)
    one_step = np.abs(np.diff(samples, axis=1)).mean(axis=1)
    mase = error / np.where(one_step > 0, one_step, np.nan)
    return Backtest(mase, np.argmin(error, axis=0))


def mase_of(backtested: Backtest, model: Integers) -> Vector:
    """The backtest MASE of one model a series."""
    return backtested.mase[model, np.arange(len(model))]
