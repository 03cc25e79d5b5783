"""Views of the past: which slots of the window say what may come next, and how much each of them counts.

A view is a weight for each past slot; none depends on the bounds. What followed those slots, weighted, is the
view's probability that a bound is left within any number of slots: so it never falls with the horizon and
never rises when a bound is widened. A view without weight says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Integers, Vector
from foresight.analysis.autocorrelation import autocorrelate, find_period, longest_period
from foresight.forecasting.window import Window

Weights = NDArray[np.float32]

VIEWS = ("climate", "recent", "hours", "same_level", "alike", "very_alike", "phase", "near_phase")
RECENT, HOURS = 30.0, 180.0
"""Slots after which a past slot counts 37 % in the views "recent" and "hours"."""
NEARNESS = 0.2
"""A state at this distance counts a quarter of one at none."""
KERNELS, PHASES = VIEWS.index("same_level"), VIEWS.index("phase")
OUTERMOST = 1e4
"""Samples are clipped to so many spreads from the newest: single precision has no more to give."""
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
        weights = np.empty((n_series, len(VIEWS), n_slots), dtype=np.float32)
        weights[:, :KERNELS] = _fading_weights(n_slots)
        for view, distance in enumerate(_distances(window), KERNELS):
            distance += np.float32(NEARNESS)
            distance *= distance
            np.divide(np.float32(NEARNESS), distance, out=weights[:, view])
        weights[:, PHASES:] = 0.0
        for length in np.unique(period[period > 0]).tolist():
            weights[period == length, PHASES:] = _phase_weights(length, n_slots)
        if not window.observed.all():
            weights *= _evidence_share(window, horizon)[:, None]
        weights[:, :, usable:] = 0.0
        return cls(weights, period, repeats, *weigh(weights))


def weigh(weights: Weights) -> tuple[Weights, Weights]:
    """Total weight and effective number of slots of each view, ``[n_series, n_views]`` (Kish)."""
    total = weights @ np.ones(weights.shape[2], dtype=np.float32)
    square = np.vecdot(weights, weights)
    return total, np.divide(total * total, square, out=np.zeros_like(total), where=square > 0)


def _evidence_share(window: Window, horizon: int) -> Weights:
    """How much of what a slot and the horizon after it say was observed: a filled slot says nothing."""
    observed = window.observed.astype(np.float32)
    total = np.cumsum(observed, axis=1)
    share = np.zeros_like(observed)
    ahead = slice(window.gap, total.shape[1] - horizon)
    reach = total[:, window.gap + horizon :] - total[:, ahead]
    share[:, : reach.shape[1]] = reach / horizon
    return share * share * observed


@lru_cache(maxsize=8)
def _fading_weights(n_slots: int) -> Weights:
    """Weights of the views that look at nothing but age, ``[KERNELS, n_slots]``."""
    age = np.arange(n_slots - 1.0, -1.0, -1.0)
    return np.stack([np.ones(n_slots), np.exp(-age / RECENT), np.exp(-age / HOURS)]).astype(np.float32)


def _distances(window: Window) -> tuple[Weights, Weights, Weights]:
    """How far each past slot is from the newest one: by its sample alone, by its state in usual spreads, and
    by its state in present volatilities."""
    spread = np.maximum(window.spread / 3.3, window.usual)
    unit = 2.0 * np.maximum(window.volatility, 0.5 * window.usual)
    scale = np.where(spread > 0, spread, 1.0)
    # Single precision will do for likeness; in units of the spread nothing overflows.
    samples = np.clip(window.samples / scale[:, None], -OUTERMOST, OUTERMOST).astype(np.float32)
    total = np.cumsum(samples, axis=1)
    level = samples * samples
    broad, narrow = level.copy(), level.copy()
    for length in MEANS[1:]:
        mean = _running_mean(total, length)
        mean -= mean[:, -1:].copy()
        mean *= mean
        broad += mean
        # A long mean moves less than the samples do, so the same miss of it means more.
        mean *= np.float32(min(length, 15.0) ** 0.5)
        narrow += mean
    level *= np.float32(LEVEL**-2.0)
    ratio = np.clip(scale / np.where(unit > 0, unit, scale), 1e-6, 1e6)
    narrow *= (ratio * ratio)[:, None].astype(np.float32)
    return level, broad, narrow


def _running_mean(total: Weights, length: int) -> Weights:
    """Means over the last ``length`` slots, from running sums."""
    mean = total.copy()
    mean[:, length:] -= total[:, :-length]
    mean *= (1.0 / np.minimum(np.arange(1.0, total.shape[1] + 1), length)).astype(total.dtype)
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
    correlation = autocorrelate(smooth.astype(np.float64), longest + 1)
    # Fewer pairs lie far apart: divide by how many there are.
    correlation *= smooth.shape[1] / (smooth.shape[1] - np.arange(longest + 2.0))
    correlation = np.nan_to_num(correlation, nan=0.0)
    period = find_period(correlation)
    repeats = np.take_along_axis(correlation, period[:, None], axis=1)[:, 0]
    return period, np.where(period > 0, repeats, 0.0)


@lru_cache(maxsize=1024)
def _phase_weights(period: int, n_slots: int) -> Weights:
    """Weights of the slots that lie whole periods before the newest one, give or take each ``TOLERANCE``."""
    age = np.arange(n_slots - 1.0, -1.0, -1.0)
    passed = np.floor(age / period + 0.5)
    missed = np.abs(age - passed * period)
    fading = np.where(passed >= 1, PASSED**passed, 0.0)
    near = [np.maximum(1.0 - missed / (width + 1.0), 0.0) * (period > 2 * width) for width in TOLERANCE]
    return (np.stack(near) * fading).astype(np.float32)
