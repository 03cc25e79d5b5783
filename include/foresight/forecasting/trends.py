"""Local trends: straight lines through the newest slots, and drifts, each with its own uncertainty.

A line suits a level with noise around it (least squares, with the textbook's prediction error); a drift suits
a sum of changes (the newest sample plus the mean change, whose error grows with the root of time).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Vector
from foresight.forecasting.window import Window

LINES = (5, 10, 20, 40, 80)
"""Slots that a line is fitted to."""
DRIFTS = (15, 60)
"""Slots whose mean change is carried on; and that of the whole window."""
TINY = 1e-9
"""Uncertainty is at least this share of the magnitude of the window."""


@dataclass(frozen=True, slots=True, eq=False)
class Trends:
    """Lines, then drifts; arrays ``[n_trends, n_series]``."""

    slope: Matrix
    level: Matrix
    """At the newest slot, relative to its sample."""
    noise: Matrix
    """Standard deviation around a line, or of the changes of a drift."""
    bend: Matrix
    """By how many deviations the newest samples miss the line that was fitted just before them."""
    lengths: Vector
    """Slots of each trend, ``[n_trends]``."""

    @classmethod
    def of(cls, window: Window) -> Trends:
        """The trends at the newest slot of each series."""
        n_slots = window.samples.shape[1]
        magnitude = np.maximum(np.abs(window.ordered[:, 0]), np.abs(window.ordered[:, -1]))
        tiny = TINY * np.maximum(magnitude, np.finfo(np.float64).tiny)
        rows = []
        for length in (min(length, n_slots) for length in LINES):
            slope, level, noise = fit_line(window.samples[:, -length:], window.observed[:, -length:])
            noise = np.maximum(noise, tiny)
            rows.append((slope, level, noise, _bend(window, length, tiny)))
        for length in (*(min(length, n_slots - 1) for length in DRIFTS), n_slots - 1):
            change = window.change[:, -length:]
            drift = -window.samples[:, -length - 1] / length
            noise = np.sqrt(np.maximum(np.vecdot(change, change) / length - drift * drift, 0.0))
            rows.append((drift, np.zeros(len(drift)), np.maximum(noise, tiny), np.zeros(len(drift))))
        lengths = [*(min(n, n_slots) for n in LINES), *(min(n, n_slots - 1) for n in DRIFTS), n_slots - 1]
        slope, level, noise, bend = np.array(rows).transpose(1, 0, 2)
        return cls(slope, level, noise, bend, np.array(lengths, dtype=np.float64))

    def ahead(self, steps: Vector) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation so many ``steps`` ahead, ``[n_trends, n_series, n_steps]``."""
        n, k = self.lengths[:, None, None], steps
        mean = self.level[..., None] + self.slope[..., None] * k
        line = 1.0 + 1.0 / n + 12.0 * (k + (n - 1.0) / 2.0) ** 2 / (n * (n * n - 1.0))
        drift = k + k * k / n
        is_line = np.arange(len(n))[:, None, None] < len(LINES)
        return mean, self.noise[..., None] * np.sqrt(np.where(is_line, line, drift))


def fit_line(samples: Matrix, observed: Flags) -> tuple[Vector, Vector, Vector]:
    """Slope, level at the last slot and noise of the least-squares line through the observed slots."""
    age = np.arange(1.0 - samples.shape[1], 1.0)
    weight = observed.astype(np.float64)
    count = np.maximum(weight.sum(axis=1), 1.0)
    centre, mean = weight @ age / count, np.vecdot(weight, samples) / count
    time = (age - centre[:, None]) * weight
    square = np.vecdot(time, time)
    slope = np.vecdot(time, samples) / np.maximum(square, 1e-300)
    left = (samples - mean[:, None]) * weight - slope[:, None] * time
    noise = np.sqrt(np.vecdot(left, left) / np.maximum(count - 2.0, 1.0))
    return slope, mean - slope * centre, noise


def _bend(window: Window, length: int, tiny: Vector) -> Vector:
    """The mean miss of the newest slots, a quarter of ``length`` but at least two, in deviations."""
    recent = max(length // 4, 2)
    if window.samples.shape[1] < length + recent:
        return np.zeros(len(window.samples))
    past = slice(-length - recent, -recent)
    slope, level, noise = fit_line(window.samples[:, past], window.observed[:, past])
    miss = window.samples[:, -recent:] - level[:, None] - slope[:, None] * np.arange(1.0, recent + 1)
    seen = window.observed[:, -recent:]
    mean = np.where(seen, miss, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    return np.asarray(mean / np.maximum(noise, tiny))
