"""The candidate models, for every series and every origin at once.

Each forecasts a straight or a bending line: ``level + slope * growth[step]``. The exponential ones are
linear recursions with fixed weights, so a whole stride of slots is one small matrix product: the state
after it is ``state @ carry + slots @ gain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foresight.analysis.arrays import Integers, Matrix
from foresight.forecasting.origins import MEMORIES, Origins, per_stride

SES_WEIGHTS = (0.1, 0.3, 0.6)
THETA_WEIGHT = 0.3
HOLT_LEVEL, HOLT_TREND, HOLT_DAMPING = 0.5, 0.1, 0.9
SHORT_MEDIAN = 5

MODELS = (
    "naive",
    *(f"ses({weight})" for weight in SES_WEIGHTS),
    f"median({SHORT_MEDIAN})",
    f"mean({MEMORIES[-1]})",
    "theta",
    "damped holt",
)
"""Names, in the order of the first axis of :class:`Candidates`."""
FIRST_SLOPED = MODELS.index("theta")
"""Models before this one forecast a constant."""


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The forecasts of every model at every origin; the last origin is now."""

    level: Matrix
    """``[n_models, n_series, total]``."""
    slope: Matrix
    """``[n_models - FIRST_SLOPED, n_series, total]``."""
    growth: Matrix
    """``[n_models, horizon]``: how far the slope has carried each step; 0 for a constant forecast."""

    def of(self, model: Integers) -> tuple[Matrix, Matrix, Matrix]:
        """Level and slope ``[n_series, total]``, growth ``[n_series, horizon]`` of one ``model`` a series."""
        rows = np.arange(len(model))
        return (
            self.level[model, rows],
            self.slope[np.maximum(model - FIRST_SLOPED, 0), rows],
            self.growth[model],
        )


def forecast_all(origins: Origins, means: list[Matrix]) -> Candidates:
    """All models at all ``origins``; ``means`` are their running means."""
    n_series, total, _ = origins.strides.shape
    states = _run_recursions(origins.strides)
    level = np.empty((len(MODELS), n_series, total))
    level[0] = means[0]
    n_ses = len(SES_WEIGHTS)
    level[1 : 1 + n_ses] = states[:, :n_ses].transpose(1, 2, 0)
    level[-4] = _short_medians(origins.strides)
    level[-3] = means[-1]
    level[-2] = level[1 + SES_WEIGHTS.index(THETA_WEIGHT)]
    level[-1] = states[:, n_ses].T
    slope = np.stack([_line_slopes(origins), states[:, n_ses + 1].T])
    return Candidates(level, slope, _growth(origins.plan.horizon))


def _growth(horizon: int) -> Matrix:
    steps = np.arange(1, horizon + 1)
    growth = np.zeros((len(MODELS), horizon))
    # Theta is simple smoothing plus half the slope of the line (Hyndman and Billah 2003).
    growth[-2] = 0.5 * (steps - 1 + 1 / THETA_WEIGHT)
    growth[-1] = np.cumsum(HOLT_DAMPING**steps)
    return growth


def _run_recursions(strides: Matrix) -> Matrix:
    """Smoothing levels, then Holt's level and trend, at each origin: ``[total, n_states, n_series]``."""
    n_series, total, stride = strides.shape
    carry, gain = _stride_step(stride)
    inputs = (strides.reshape(-1, stride) @ gain).reshape(n_series, total, -1)
    states = np.ascontiguousarray(inputs.transpose(1, 2, 0))
    state = np.repeat(strides[:, 0, 0][None], len(carry), axis=0)
    state[-1] = 0.0
    for origin in range(total):
        states[origin] += carry.T @ state
        state = states[origin]
    return states


@lru_cache(maxsize=8)
def _stride_step(stride: int) -> tuple[Matrix, Matrix]:
    """``carry[d, d]`` and ``gain[stride, d]`` of all recursions over one stride."""
    n_ses = len(SES_WEIGHTS)
    one = np.zeros((n_ses + 2, n_ses + 2))
    one[range(n_ses), range(n_ses)] = 1.0 - np.array(SES_WEIGHTS)
    keep, damped = 1.0 - HOLT_LEVEL, HOLT_DAMPING * (1.0 - HOLT_LEVEL)
    one[n_ses:, n_ses] = keep, damped
    # trend' = b (level' - level) + (1 - b) damping trend
    one[n_ses:, n_ses + 1] = (
        HOLT_TREND * (keep - 1.0),
        HOLT_TREND * damped + (1.0 - HOLT_TREND) * HOLT_DAMPING,
    )
    enters = np.array([*SES_WEIGHTS, HOLT_LEVEL, HOLT_LEVEL * HOLT_TREND])
    gain = np.array([enters @ np.linalg.matrix_power(one, stride - 1 - slot) for slot in range(stride)])
    return np.linalg.matrix_power(one, stride), gain


def _line_slopes(origins: Origins) -> Matrix:
    """The least-squares slope over all slots up to each origin, ``[n_series, total]``."""
    plan = origins.plan
    starts, counts = plan.stride * np.arange(plan.total), plan.stride * np.arange(1, plan.total + 1)
    inside = per_stride(origins.strides, np.arange(plan.stride, dtype=np.float64))
    sums = np.diff(origins.totals, axis=1, prepend=0.0)
    moments = np.cumsum(sums * starts + inside, axis=1)
    spread = counts * (counts**2 - 1) / 12
    return np.asarray((moments - (counts - 1) / 2 * origins.totals) / spread)


def _short_medians(strides: Matrix) -> Matrix:
    """The median of the last five slots of each stride, by comparisons of pairs."""
    a, b, c, d, e = (strides[:, :, -1 - back] for back in range(SHORT_MEDIAN))
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(e, np.maximum(low, high))))
