"""Which model forecasts a series best: judged on the series itself, from origins inside the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix, Vector
from foresight.forecasting.candidates import FIRST_SLOPED, MODELS, Candidates
from foresight.forecasting.origins import Origins

HALF_LIFE = 60.0
"""Slots after which an origin counts half …"""
FLAT = 0.1
"""… but for this share, which every origin has."""


@dataclass(frozen=True, slots=True, eq=False)
class Backtest:
    """The errors of every model over the same origins and all steps ahead."""

    mase: Matrix
    """``[n_models, n_series]``: mean absolute error over that of the naive one-step forecast in the window
    (Hyndman and Koehler 2006). NaN where the naive forecast has no error."""
    chosen: Integers
    """The model with the least error, the earlier one of equals; shape ``[n_series]``."""

    @property
    def gain(self) -> Vector:
        """Log of the chosen model's error over the naive model's; 0 where neither errs."""
        best, naive = self.mase_of(self.chosen), self.mase[0]
        ratio = np.divide(best, naive, out=np.ones_like(best), where=(naive > 0) & (best > 0))
        return np.asarray(np.log(ratio))

    def mase_of(self, model: Integers) -> Vector:
        """The MASE of one ``model`` a series."""
        return self.mase[model, np.arange(len(model))]


def backtest(origins: Origins, candidates: Candidates) -> Backtest:
    """Judge every model from the origins, the latest first, whose horizons do not overlap."""
    ahead = [_apart(actual, origins) for actual in origins.ahead(origins.phases)]
    levels = _apart(origins.at_judged(candidates.level), origins)
    slopes = _apart(origins.at_judged(candidates.slope), origins)
    weight = _apart(_recency(origins), origins)
    weight /= weight.sum(axis=1, keepdims=True)
    error = np.empty((len(MODELS), len(origins.samples)))
    miss, carried = np.empty_like(levels[0]), np.empty_like(levels[0])
    for model, level in enumerate(levels):
        total = np.zeros_like(level)
        for actual, growth in zip(ahead, candidates.growth[model], strict=True):
            np.subtract(actual, level, out=miss)
            if model >= FIRST_SLOPED:
                miss -= np.multiply(slopes[model - FIRST_SLOPED], growth, out=carried)
            total += np.abs(miss, out=miss)
        error[model] = np.vecdot(total, weight)
    error /= len(ahead)
    one_step = origins.changes.sum(axis=1) / (origins.plan.total * origins.plan.stride)
    return Backtest(error / np.where(one_step > 0, one_step, np.nan), np.argmin(error, axis=0))


def _recency(origins: Origins) -> Matrix:
    """How much each judged origin counts, ``[n_series, judged]``: the recent past counts more."""
    age = origins.plan.stride * np.arange(origins.plan.judged - 1.0, -1.0, -1.0)
    recent = FLAT + (1.0 - FLAT) * 0.5 ** (age / HALF_LIFE)
    seen = origins.missing == origins.missing.min(axis=1, keepdims=True)
    return np.asarray(recent * np.maximum(seen, 1e-6))


def _apart(values: Matrix, origins: Origins) -> Matrix:
    """The judged origins of ``values[..., judged]`` that lie a whole horizon apart, the latest included."""
    overlap = origins.plan.overlap
    return np.ascontiguousarray(values[..., (origins.plan.judged - 1) % overlap :: overlap])
