"""Views of the past: which slots of the window say what may come next, and how much each of them counts.

A view is a weight for each past slot; none depends on the bounds. What followed those slots, weighted, is the
view's probability that a bound is left within any number of slots: so it never falls with the horizon and
never rises when a bound is widened. A view without weight says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Integers, Matrix, Vector
from foresight.analysis.autocorrelation import autocorrelate, find_period, longest_period
from foresight.forecasting.window import Window

Weights = NDArray[np.float32]

VIEWS = ("climate", "recent", "hours", "same_level", "alike", "very_alike", "phase", "near_phase")
RECENT, HOURS = 30.0, 180.0
"""Slots after which a past slot counts 37 % in the views "recent" and "hours"."""
NEARNESS = 0.2
"""A state at this distance counts a quarter of one at none."""
LEVEL = 0.5
"""A sample is as far as a state is from this share of the difference on."""
MEANS = (1, 5, 15, 60)
"""A state is the newest sample and the means over these many slots."""
SMOOTH = 5
"""The period is sought in means over these many slots, so that it survives jitter."""
GLITCH = 0.01
"""… and in samples clipped to the outermost 1 %, so that it survives a glitch."""
PASSED = 0.9
"""Each period further back counts this share of the one after it."""
TOLERANCE = (0, 2)
"""Slots by which a phase may be missed, in the two views of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """The weights of a block of series."""

    weights: Weights
    """``[n_series, n_views, n_slots]`` of float32; the last slots have no future yet and weigh nothing."""
    period: Integers
    """Slots between repetitions, 0 without any; ``[n_series]``."""
    repeats: Vector
    """Autocorrelation at the period, which says how far it can be trusted; 0 without a period."""
    total: Weights
    """The sum of the weights, ``[n_series, n_views]``."""
    effective: Weights
    """How many slots of equal weight would say as much, of the same shape."""

    @classmethod
    def of(cls, window: Window, horizon: int) -> Views:
        """The weights of all views; a slot with a whole ``horizon`` after it can count."""
        n_series, n_slots = window.samples.shape
        usable = max(n_slots - window.gap - horizon, 0)
        period, repeats = find_repetition(window)
        weights = np.zeros((n_series, len(VIEWS), n_slots), dtype=np.float32)
        age = np.arange(n_slots - 1.0, -1.0, -1.0)
        weights[:, 0] = 1.0
        weights[:, 1], weights[:, 2] = np.exp(-age / RECENT), np.exp(-age / HOURS)
        for view, distance in enumerate(_distances(window), 3):
            distance += NEARNESS
            distance *= distance
            np.divide(NEARNESS, distance, out=distance)
            weights[:, view] = distance
        periodic = np.flatnonzero(period)
        for view, tolerance in enumerate(TOLERANCE, 6):
            weights[periodic, view] = _phase_weights(period[periodic], age, tolerance)
        if not window.observed.all():
            weights *= _evidence_share(window, horizon)[:, None]
        weights[:, :, usable:] = 0.0
        return cls(weights, period, repeats, *weigh(weights))


def weigh(weights: Weights) -> tuple[Weights, Weights]:
    """Total weight and effective number of slots of each view, ``[n_series, n_views]`` (Kish)."""
    total = weights @ np.ones(weights.shape[2], dtype=np.float32)
    square = np.vecdot(weights, weights)
    return total, np.divide(total * total, square, out=np.zeros_like(total), where=square > 0)


def _evidence_share(window: Window, horizon: int) -> Matrix:
    """How much of what a slot and the horizon after it say was observed: an interpolated slot says nothing."""
    observed = window.observed.astype(np.float32)
    total = np.cumsum(observed, axis=1)
    share = np.zeros_like(observed)
    ahead = slice(window.gap, total.shape[1] - horizon)
    reach = total[:, window.gap + horizon :] - total[:, ahead]
    share[:, : reach.shape[1]] = reach / horizon
    return share * share * observed


def _distances(window: Window) -> tuple[Matrix, Matrix, Matrix]:
    """How far each past slot is from the newest one: by its sample alone, by its state in usual spreads, and
    by its state in present volatilities."""
    samples = window.samples
    total = np.cumsum(samples, axis=1)
    broad, narrow = np.zeros_like(samples), np.zeros_like(samples)
    spread = np.maximum(window.spread / 3.3, window.usual)
    unit = 2.0 * np.maximum(window.volatility, 0.5 * window.usual)
    level = samples * samples
    for length in MEANS:
        mean = samples if length == 1 else _running_mean(total, length)
        difference = mean - mean[:, -1:]
        difference *= difference
        broad += difference
        # A long mean moves less than the samples do, so the same miss of it means more.
        narrow += difference * min(length, 15.0) ** 0.5
    for distance, scale in ((level, LEVEL * spread), (broad, spread), (narrow, unit)):
        distance /= np.where(scale > 0, scale * scale, 1.0)[:, None]
    return level, broad, narrow


def _running_mean(total: Matrix, length: int) -> Matrix:
    mean = total.copy()
    mean[:, length:] -= total[:, :-length]
    mean /= np.minimum(np.arange(1.0, total.shape[1] + 1), length)
    return mean


def find_repetition(window: Window) -> tuple[Integers, Vector]:
    """The period that the series shows, and the autocorrelation there; both 0 where it shows none."""
    n_slots = window.samples.shape[1]
    edge = max(int(GLITCH * n_slots), 1)
    if n_slots < 4 * SMOOTH:
        return np.zeros(len(window.samples), dtype=np.int64), np.zeros(len(window.samples))
    low, high = window.ordered[:, edge, None], window.ordered[:, -1 - edge, None]
    clipped = np.clip(window.samples, low, high)
    smooth = _running_mean(np.cumsum(clipped, axis=1), SMOOTH)[:, SMOOTH - 1 :]
    smooth -= smooth.mean(axis=1, keepdims=True)
    longest = longest_period(n_slots)
    correlation = autocorrelate(smooth, longest + 1)
    # Fewer pairs lie far apart: divide by how many there are.
    correlation *= smooth.shape[1] / (smooth.shape[1] - np.arange(longest + 2.0))
    correlation = np.nan_to_num(correlation, nan=0.0)
    period = find_period(correlation)
    repeats = np.take_along_axis(correlation, period[:, None], axis=1)[:, 0]
    return period, np.where(period > 0, repeats, 0.0)


def _phase_weights(period: Integers, age: Vector, tolerance: int) -> Matrix:
    """Weights of the slots that lie whole periods before the newest one, give or take ``tolerance`` slots."""
    length = period[:, None].astype(np.float64)
    passed = np.floor(age / length + 0.5)
    near = 1.0 - np.abs(age - passed * length) / (tolerance + 1.0)
    fading = PASSED ** np.arange(passed.max(initial=0.0) + 1.0)
    fading[0] = 0.0
    usable = (near > 0) & (period[:, None] > 2 * tolerance)
    return np.where(usable, near * fading[passed.astype(np.intp)], 0.0)
