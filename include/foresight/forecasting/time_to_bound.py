"""When a trending series reaches its bound: up to a day ahead, with an 80 % interval, and silent on noise.

A straight line is fitted to the longest stretch that the newest samples still follow. Noise with memory
counts as fewer samples (n (1 - r) / (1 + r), r its lag-1 autocorrelation), so that a slow wave is not taken
for a trend. Where the slope is not beyond doubt there is no answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Vector
from foresight.analysis.gaps import fill
from foresight.forecasting.risk import Bounds
from foresight.forecasting.trends import fit_line

STRETCHES = (720, 360, 180, 90, 45)
"""Slots that a line is fitted to, the longest first."""
DOUBT = 5.0
"""Standard errors that a slope must differ from 0."""
STRAIGHT = 2.0
"""The newest tenth of a stretch may miss the line by this many standard errors of its mean."""
FARTHEST = 1440.0
"""Farthest slot ahead that is given."""
NORMAL_80 = 1.2816
"""Half an 80 % interval in standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class TimeToBound:
    """Slots from as-of until each pair's bound is reached; arrays of shape ``[n_pairs]``, NaN without a trend
    towards a bound that it meets within a day."""

    slots: Vector
    low: Vector
    high: Vector
    """Between ``low`` and ``high`` it is reached with 80 %."""
    slope: Vector
    """Change a slot."""


def time_to_bound(values: Matrix, bounds: Bounds) -> TimeToBound:
    """The time to the bound of each pair on ``values[n_series, n_slots]``, whose last slot is as-of."""
    observed: Flags = np.isfinite(values)
    samples = fill(np.where(observed, values, np.nan))
    slope, level, noise, centre, square, count = _longest_straight(samples, observed)
    rows = np.asarray(bounds.rows, dtype=np.intp)
    b, sigma = slope[rows], noise[rows]
    limit = np.where(b > 0, bounds.upper, bounds.lower)
    with np.errstate(divide="ignore", invalid="ignore"):
        ahead = (limit - level[rows]) / b
        error = 1.0 + 1.0 / count[rows] + (ahead - centre[rows]) ** 2 / square[rows]
        half = NORMAL_80 * sigma / np.abs(b) * np.sqrt(error)
        low, high = np.maximum(ahead - half, 0.0), ahead + half
    told = np.isfinite(ahead) & (b != 0) & (ahead > 0) & (ahead <= FARTHEST)

    def kept(slots: Vector) -> Vector:
        return np.where(told, slots, np.nan)

    return TimeToBound(kept(ahead), kept(low), kept(high), kept(b))


def _longest_straight(samples: Matrix, observed: Flags) -> Matrix:
    """Slope, level at as-of, noise, centre, squares and effective samples of the line of each series that is
    beyond doubt; slope 0 where there is none. ``[6, n_series]``."""
    chosen = np.zeros((6, len(samples)))
    chosen[4:] = 1.0
    open_rows = observed.any(axis=1)
    for stretch in STRETCHES:
        if stretch > samples.shape[1]:
            continue
        fitted, passes = _fit(samples[:, -stretch:], observed[:, -stretch:])
        use = open_rows & passes
        chosen[:, use] = fitted[:, use]
        open_rows &= ~use
    return chosen


def _fit(samples: Matrix, observed: Flags) -> tuple[Matrix, Flags]:
    """The line of each series, and whether its slope is beyond doubt and the newest samples follow it."""
    slope, level, noise = fit_line(samples, observed)
    n_slots = samples.shape[1]
    age = np.arange(1.0 - n_slots, 1.0)
    weight = observed.astype(np.float64)
    left = (samples - level[:, None] - slope[:, None] * age) * weight
    total = np.vecdot(left, left)
    memory = np.divide(np.vecdot(left[:, 1:], left[:, :-1]), total, out=np.zeros_like(total), where=total > 0)
    memory = np.clip(memory, 0.0, 0.99)
    count = np.maximum(weight.sum(axis=1), 1.0)
    share = (1.0 - memory) / (1.0 + memory)
    centre = weight @ age / count
    square = np.maximum((weight @ age**2 - count * centre**2) * share, 1e-9)
    effective = np.maximum(count * share, 1.0)
    newest = max(n_slots // 10, 3)
    recent = left[:, -newest:].sum(axis=1) / np.maximum(weight[:, -newest:].sum(axis=1), 1.0)
    slack = STRAIGHT * noise / np.sqrt(np.maximum(newest * share, 1.0))
    exact = 1e-9 * np.abs(samples).max(axis=1)
    certain = np.abs(slope) * np.sqrt(square) > DOUBT * np.maximum(noise, exact)
    passes = certain & (np.abs(recent) <= slack + exact) & (count >= 0.5 * n_slots)
    return np.stack([slope, level, noise, centre, square, effective]), passes
