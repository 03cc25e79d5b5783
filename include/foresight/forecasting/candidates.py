"""The candidate models, for every series and every past origin at once.

Each forecasts a straight or a bending line: ``level + slope * growth[step]``. The exponential ones are
linear recursions with fixed weights, so a whole stride of slots is one small matrix product: the state
after it is ``state @ carry + slots @ gain``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foresight.analysis.arrays import Matrix, Vector

SES_WEIGHTS = (0.1, 0.3, 0.6)
THETA_WEIGHT = 0.3
HOLT_LEVEL, HOLT_TREND, HOLT_DAMPING = 0.5, 0.1, 0.9
SHORT_MEDIAN = 5
LONG_MEAN = 60

MODELS = (
    "naive",
    *(f"ses({weight})" for weight in SES_WEIGHTS),
    "theta",
    "damped holt",
    f"median({SHORT_MEDIAN})",
    f"mean({LONG_MEAN})",
)
"""Names, in the order of the first axis of :class:`Candidates`."""
THETA, HOLT = MODELS.index("theta"), MODELS.index("damped holt")


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The forecasts of every model at every origin; the last origin is the last slot."""

    level: Matrix
    """``[n_models, n_series, n_origins]``."""
    slope: Matrix
    """``[n_models, n_series, n_origins]``: 0 for the models that forecast a constant."""
    growth: Matrix
    """``[n_models, horizon]``: how far the slope has carried each step."""

    def of(self, model: Vector) -> tuple[Matrix, Matrix, Matrix]:
        """Level and slope ``[n_series, n_origins]`` and growth ``[n_series, horizon]`` of one model a row."""
        rows = np.arange(self.level.shape[1])
        return self.level[model, rows], self.slope[model, rows], self.growth[model]


def forecast_all(samples: Matrix, stride: int, horizon: int) -> Candidates:
    """All models on gapless ``samples[n_series, n_slots]``, from origins every ``stride`` slots."""
    n_series, n_slots = samples.shape
    n_origins = n_slots // stride
    strides = samples[:, n_slots - n_origins * stride :].reshape(n_series, n_origins, stride)
    level = np.empty((len(MODELS), n_series, n_origins))
    slope = np.zeros_like(level)
    level[0] = strides[:, :, -1]
    states = _run_recursions(strides)
    n_ses = len(SES_WEIGHTS)
    for model in range(n_ses):
        level[1 + model] = states[:, model].T
    level[HOLT], slope[HOLT] = states[:, n_ses].T, states[:, n_ses + 1].T
    level[THETA] = level[1 + SES_WEIGHTS.index(THETA_WEIGHT)]
    slope[THETA] = _line_slopes(strides)
    level[-2] = _short_medians(samples, strides)
    level[-1] = _long_means(strides)
    return Candidates(level, slope, _growth(horizon))


def _growth(horizon: int) -> Matrix:
    steps = np.arange(1, horizon + 1)
    growth = np.zeros((len(MODELS), horizon))
    # Theta is simple smoothing with half the slope of the line (Hyndman and Billah 2003).
    growth[THETA] = 0.5 * (steps - 1 + 1 / THETA_WEIGHT)
    growth[HOLT] = np.cumsum(HOLT_DAMPING**steps)
    return growth


def _run_recursions(strides: Matrix) -> Matrix:
    """Smoothing levels, then Holt's level and trend, at each origin: ``[n_origins, n_states, n_series]``."""
    n_series, n_origins, stride = strides.shape
    carry, gain = _stride_step(stride)
    inputs = strides.reshape(-1, stride) @ gain
    inputs = np.ascontiguousarray(inputs.reshape(n_series, n_origins, -1).transpose(1, 0, 2))
    state = np.repeat(strides[:, 0, :1], gain.shape[1], axis=1)
    state[:, -1] = 0.0
    for origin in range(n_origins):
        inputs[origin] += state @ carry
        state = inputs[origin]
    return inputs.transpose(0, 2, 1)


@lru_cache(maxsize=8)
def _stride_step(stride: int) -> tuple[Matrix, Matrix]:
    """``carry[d, d]`` and ``gain[stride, d]`` of all recursions over one stride."""
    n_ses = len(SES_WEIGHTS)
    one = np.zeros((n_ses + 2, n_ses + 2))
    enters = np.array([*SES_WEIGHTS, HOLT_LEVEL, HOLT_LEVEL * HOLT_TREND])
    one[range(n_ses), range(n_ses)] = 1.0 - np.array(SES_WEIGHTS)
    keep, damped = 1.0 - HOLT_LEVEL, HOLT_DAMPING * (1.0 - HOLT_LEVEL)
    one[n_ses, n_ses], one[n_ses + 1, n_ses] = keep, damped
    # trend' = b (level' - level) + (1 - b) damping trend
    one[n_ses, n_ses + 1] = HOLT_TREND * (keep - 1.0)
    one[n_ses + 1, n_ses + 1] = HOLT_TREND * damped + (1.0 - HOLT_TREND) * HOLT_DAMPING
    gain = np.array([enters @ np.linalg.matrix_power(one, stride - 1 - i) for i in range(stride)])
    return np.linalg.matrix_power(one, stride), gain


def _line_slopes(strides: Matrix) -> Matrix:
    """The least-squares slope over all slots up to each origin, ``[n_series, n_origins]``."""
    _, n_origins, stride = strides.shape
    time = np.arange(n_origins * stride, dtype=np.float64)
    counts = stride * np.arange(1, n_origins + 1)
    sums = np.cumsum(strides.sum(axis=2), axis=1)
    moments = np.cumsum(np.vecdot(strides, time.reshape(1, n_origins, stride)), axis=1)
    spread = counts * (counts**2 - 1) / 12
    return np.asarray((moments - (counts - 1) / 2 * sums) / np.maximum(spread, 1))


def _short_medians(samples: Matrix, strides: Matrix) -> Matrix:
    n_series, n_origins, stride = strides.shape
    first = samples.shape[1] - n_origins * stride + stride - 1
    latest = [
        samples[:, max(first - back, 0) :: stride][:, :n_origins] if first - back >= 0 else None
        for back in range(SHORT_MEDIAN)
    ]
    stack = np.stack([strides[:, :, -1] if part is None else part for part in latest])
    stack.sort(axis=0)
    return stack[SHORT_MEDIAN // 2]


def _long_means(strides: Matrix) -> Matrix:
    stride = strides.shape[2]
    width = max(1, LONG_MEAN // stride)
    sums = np.cumsum(strides.sum(axis=2), axis=1)
    sums[:, width:] = sums[:, width:] - sums[:, :-width]
    return np.asarray(sums / (stride * np.minimum(np.arange(1, strides.shape[1] + 1), width)))
