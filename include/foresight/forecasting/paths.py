"""Joint paths of the next steps: what happened after past origins, carried over to now.

The path from a past origin is the chosen model's errors over all steps together, scaled by how volatile the
series is now against how volatile it was then, and added to the forecast from now. All steps of a path come
from one moment, so what holds for "any of the next steps" can be read from the paths.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix
from foresight.forecasting.candidates import Candidates

FADING = 0.8
"""How much of the local volatility is kept over one stride."""
STEADY = 0.5
"""The share of the whole window's volatility in every local one: quiet stretches do not promise silence."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Paths of a block of series from now on."""

    point: Matrix
    """The chosen model's forecast, ``[n_series, horizon]``."""
    steps: Matrix
    """``[horizon, n_series, n_paths]``."""

    def quantiles(self, levels: tuple[float, ...]) -> Matrix:
        """Per-step quantiles ``[n_series, horizon, n_levels]``: every one an actual path's value or between."""
        return np.moveaxis(np.quantile(self.steps, levels, axis=2), (0, 1, 2), (2, 1, 0))


def local_volatility(samples: Matrix, stride: int) -> Matrix:
    """Mean absolute change around each origin, fading into the past, ``[n_series, n_origins]``."""
    n_series, n_slots = samples.shape
    n_origins = n_slots // stride
    change = np.abs(np.diff(samples, axis=1, prepend=samples[:, :1]))
    recent = change[:, n_slots - n_origins * stride :].reshape(n_series, n_origins, stride).mean(axis=2)
    overall = recent.mean(axis=1)
    local = np.ascontiguousarray(recent.T)
    state = overall
    for origin in range(n_origins):
        local[origin] = state = FADING * state + (1.0 - FADING) * local[origin]
    return ((1.0 - STEADY) * local + STEADY * overall).T


def joint_paths(
    candidates: Candidates, model: Integers, volatility: Matrix, ahead: list[Matrix], first: int
) -> Paths:
    """The paths of the chosen ``model`` of each series, from the origins that ``ahead`` belongs to."""
    level, slope, growth = candidates.of(model)
    n_origins = ahead[0].shape[1]
    origins = slice(first, first + n_origins)
    then = volatility[:, origins]
    scale = np.divide(volatility[:, -1:], then, out=np.ones_like(then), where=then > 0)
    point = level[:, -1:] + slope[:, -1:] * growth
    steps = np.empty((len(ahead), *scale.shape))
    for step, actual in enumerate(ahead):
        miss = actual - level[:, origins]
        miss -= slope[:, origins] * growth[:, step, None]
        miss *= scale
        np.add(miss, point[:, step, None], out=steps[step])
    return Paths(point, steps)


def joint_band(paths: Paths, coverage: float) -> tuple[Matrix, Matrix]:
    """A band ``[n_series, horizon]`` that holds that share of the paths on all their steps at once.

    The 5-95 % spread of each step is stretched by one factor a series until enough whole paths fit.
    """
    ordered = np.sort(paths.steps, axis=2)
    n_paths = ordered.shape[2]
    at = [int(round(level * (n_paths - 1))) for level in (0.05, 0.5, 0.95)]
    low, middle, high = (ordered[:, :, i] for i in at)
    widest = np.zeros(ordered.shape[1:])
    tiny = np.finfo(np.float64).tiny
    for step, values in enumerate(paths.steps):
        away = values - middle[step, :, None]
        room = np.where(away > 0, (high - middle)[step, :, None], (middle - low)[step, :, None])
        np.maximum(widest, np.abs(away) / np.maximum(room, tiny), out=widest)
    widest.sort(axis=1)
    factor = widest[:, min(n_paths - 1, int(np.ceil(coverage * (n_paths + 1))) - 1)]
    return (middle - factor * (middle - low)).T, (middle + factor * (high - middle)).T
