"""The candidate models, for every series and every origin at once.

Each forecasts a straight or a bending line: ``level + slope * growth[step]``. The exponential ones are
linear recursions with fixed weights, so the states at the origins of a whole span of slots are one small
matrix product: ``state @ carry + slots @ gain``, from the state before the span.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from foresight.analysis.arrays import Integers, Matrix
from foresight.forecasting.origins import MEMORIES, Origins

SES_WEIGHTS = (0.1, 0.3, 0.6)
THETA_WEIGHT = 0.3
HOLT_LEVEL, HOLT_TREND, HOLT_DAMPING = 0.5, 0.1, 0.9
SHORT_MEDIAN = 5
SPAN = 8
"""Strides whose states are computed at a time."""

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
    *smooth, holt_level, holt_trend = _run_recursions(origins)
    theta = smooth[SES_WEIGHTS.index(THETA_WEIGHT)]
    level = np.stack([means[0], *smooth, _short_medians(origins.phases), means[-1], theta, holt_level])
    slope = np.stack([_line_slopes(origins), holt_trend])
    return Candidates(level, slope, _growth(origins.plan.horizon))


def _growth(horizon: int) -> Matrix:
    steps = np.arange(1, horizon + 1)
    growth = np.zeros((len(MODELS), horizon))
    # Theta is simple smoothing plus half the slope of the line (Hyndman and Billah 2003).
    growth[-2] = 0.5 * (steps - 1 + 1 / THETA_WEIGHT)
    growth[-1] = np.cumsum(HOLT_DAMPING**steps)
    return growth


def _run_recursions(origins: Origins) -> Matrix:
    """Smoothing levels, then Holt's level and trend, at each origin: ``[n_states, n_series, total]``."""
    stride, total = origins.plan.stride, origins.plan.total
    carry, gain = _span_step(stride)
    n_states = len(carry)
    slots = origins.samples[:, -total * stride :]
    states = np.empty((n_states, len(slots), total))
    state = np.repeat(slots[:, :1], n_states, axis=1)
    state[:, -1] = 0.0
    for start in range(0, total, SPAN):
        stop = min(start + SPAN, total)
        here = slice((stop - start) * n_states)
        after = slots[:, start * stride : stop * stride] @ gain[: (stop - start) * stride, here]
        after += state @ carry[:, here]
        by_origin = after.reshape(len(slots), -1, n_states)
        states[:, :, start:stop] = by_origin.transpose(2, 0, 1)
        state = by_origin[:, -1]
    return states


@lru_cache(maxsize=8)
def _span_step(stride: int) -> tuple[Matrix, Matrix]:
    """``carry[d, SPAN * d]`` and ``gain[SPAN * stride, SPAN * d]`` of all recursions over a span of strides.

    The first strides do not see those after them, so the first rows and columns serve a shorter span.
    """
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
    aged = [enters @ np.linalg.matrix_power(one, age) for age in range(SPAN * stride)]
    ends = stride * np.arange(1, SPAN + 1)
    gain = [
        np.concatenate([aged[end - 1 - slot] if slot < end else np.zeros_like(enters) for end in ends])
        for slot in range(SPAN * stride)
    ]
    return np.hstack([np.linalg.matrix_power(one, end) for end in ends]), np.array(gain)


def _line_slopes(origins: Origins) -> Matrix:
    """The least-squares slope over all slots up to each origin, ``[n_series, total]``."""
    plan = origins.plan
    starts = plan.stride * np.arange(float(plan.total))
    counts = starts + plan.stride
    moments = origins.sums * starts
    for place, samples in enumerate(origins.phases):
        moments += place * samples
    slopes = np.cumsum(moments, axis=1) - (counts - 1) / 2 * origins.totals
    slopes /= counts * (counts**2 - 1) / 12
    return np.asarray(slopes)


def _short_medians(phases: Matrix) -> Matrix:
    """The median of the last five slots of each stride, by comparisons of pairs."""
    a, b, c, d, e = phases[-SHORT_MEDIAN:]
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    return np.asarray(np.maximum(np.minimum(low, high), np.minimum(e, np.maximum(low, high))))
