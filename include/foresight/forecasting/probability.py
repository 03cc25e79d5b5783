"""The probability that any of the next samples leaves ``[lower, upper]``, for any number of bounds.

The untrained mean of three views of the same window: joint paths (what the chosen model's past errors would
do from here), analogs (what followed the past states most like the present one), and the past onset
frequency (how often, from the same side of the bounds, the next samples were outside).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Rows, Vector
from foresight.forecasting.outlook import NO_MODEL, Forecast, paths_again
from foresight.forecasting.paths import Paths

SLOPE = 5
"""Slots over which the direction of a state is taken."""
RECENT = 15
"""Slots over which the volatility of a state is taken."""
LIKELY = 0.5
"""A minute is predicted to violate from this probability on."""


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """What each view says, ``[n_bounds, horizon + 1]``: columns 0..h-1 are the probabilities that the sample
    of that step is outside, the last one that any is. NaN where a view has nothing to go by."""

    paths: Matrix
    analogs: Matrix
    onsets: Matrix


class Calibrator(Protocol):
    """How the views become one probability; fitted ones are stored under their version."""

    @property
    def version(self) -> str:
        """Stored with every probability made by it."""

    def combine(self, components: Components) -> Vector:
        """The probability that any sample is outside, shape ``[n_bounds]``, in [0, 1] or NaN."""


class Untrained:
    """The plain mean of the views that have something to go by."""

    version = "untrained"

    def combine(self, components: Components) -> Vector:
        """The mean of the last columns."""
        return mean_of_views(components)[:, -1]


UNTRAINED = Untrained()


@dataclass(frozen=True, slots=True, eq=False)
class Risk:
    """The next ``horizon`` samples against each pair of bounds; arrays of shape ``[n_bounds]`` or
    ``[n_bounds, horizon]``. NaN (False, 0) where the series has no forecast."""

    rows: Rows
    """The series each pair of bounds belongs to."""
    probability: Vector
    """That any of the next samples lies outside. Where the present one already does, it still means that:
    the chance that the violation lasts into the next sample or comes back."""
    outside_now: Flags
    components: Components
    calibrator: str
    step_probability: Matrix
    """That the sample of a step is outside; never above ``probability``."""
    violating: Flags
    """The steps that are predicted to violate: their probability is at least one half."""
    first_step: Vector
    """The expected first violating step, 1 = the next slot, given that there is one; NaN if none can be seen."""


def violation_probability(
    values: Matrix,
    outlook: Forecast,
    rows: Rows,
    lower: Vector,
    upper: Vector,
    calibrator: Calibrator = UNTRAINED,
) -> Risk:
    """Judge ``values[n_series, n_slots]`` and their forecast against bounds; a value on a bound is inside.

    Pair ``i`` belongs to series ``rows[i]``; NaN or an infinite bound leaves that side open. Any number of
    pairs may share a series, in any order: its paths are made once.
    """
    rows = np.asarray(rows, dtype=np.intp)
    low = np.where(np.isnan(lower), -np.inf, lower)
    high = np.where(np.isnan(upper), np.inf, upper)
    if not rows.shape == low.shape == high.shape:
        raise ValueError(f"rows, lower and upper differ in shape: {rows.shape}, {low.shape}, {high.shape}")
    n_bounds, horizon = len(rows), outlook.horizon
    views = np.full((3, n_bounds, horizon + 1), np.nan)
    first, outside = np.full(n_bounds, np.nan), np.zeros(n_bounds, dtype=np.bool_)
    known = outlook.model != NO_MODEL
    order = np.argsort(rows, kind="stable")
    order = order[known[rows[order]]]
    for block, samples, paths in paths_again(values, outlook, np.unique(rows[order])):
        chosen = order[slice(*np.searchsorted(rows[order], [block.rows[0], block.rows[-1] + 1]))]
        local = np.searchsorted(block.rows, rows[chosen])
        anchor = block.samples[local, -1]
        bounds = low[chosen] * block.scale[local] - anchor, high[chosen] * block.scale[local] - anchor
        outside[chosen] = (bounds[0] > 0) | (bounds[1] < 0)
        views[0, chosen], first[chosen] = _from_paths(paths, local, *bounds)
        views[1, chosen], views[2, chosen] = _from_history(samples, local, *bounds, horizon, outlook)
    components = Components(*views)
    probability = calibrator.combine(components)
    steps = np.minimum(mean_of_views(components)[:, :-1], probability[:, None])
    return Risk(
        rows, probability, outside, components, calibrator.version, steps, steps >= LIKELY, first
    )  # fmt: skip


def mean_of_views(components: Components) -> Matrix:
    """The mean of what the views say, ``[n_bounds, horizon + 1]``; NaN where none says anything."""
    views = np.stack([components.paths, components.analogs, components.onsets])
    said = ~np.isnan(views)
    total, count = np.where(said, views, 0.0).sum(axis=0), said.sum(axis=0)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _from_paths(paths: Paths, local: Rows, low: Vector, high: Vector) -> tuple[Matrix, Vector]:
    """Shares of the paths outside at each step and at any, and the mean first step of those that leave."""
    horizon, _, n_paths = paths.steps.shape
    shares = np.empty((len(local), horizon + 1))
    left = np.zeros((len(local), n_paths), dtype=np.bool_)
    inside_before = np.zeros(len(local))
    for step in range(horizon):
        inside_before += n_paths - left.sum(axis=1)
        values = paths.steps[step, local]
        is_out = (values < low[:, None]) | (values > high[:, None])
        shares[:, step] = is_out.mean(axis=1)
        left |= is_out
    leaving = left.sum(axis=1)
    shares[:, horizon] = leaving / n_paths
    # A path that leaves at step k was inside before k steps; one that never leaves, before all of them.
    first = (inside_before - horizon * (n_paths - leaving)) / np.where(leaving > 0, leaving, np.nan)
    return shares, first


def _from_history(
    samples: Matrix, local: Rows, low: Vector, high: Vector, horizon: int, outlook: Forecast
) -> tuple[Matrix, Matrix]:
    """Shares of the past states outside at each step and at any: of those most like now, and of all."""
    n_slots = samples.shape[1]
    start = max(SLOPE, RECENT)
    states = np.arange(start, n_slots - horizon)
    unlike = _unlikeness(samples, start, horizon)
    nearest = min(outlook.parameters.analogs, len(states))
    limit = np.partition(unlike, nearest - 1, axis=1)[:, nearest - 1, None]
    is_like = (unlike <= limit)[local]
    mine = samples[local]
    is_out = (mine < low[:, None]) | (mine > high[:, None])
    same_side = is_out[:, start : n_slots - horizon] == is_out[:, -1:]
    views = []
    for weight in (is_like & same_side, same_side):
        total = weight.sum(axis=1)
        some = np.where(total > 0, total, np.nan)
        shares = np.empty((len(local), horizon + 1))
        ever = np.zeros_like(weight)
        for step in range(1, horizon + 1):
            then = is_out[:, start + step : n_slots - horizon + step] & weight
            shares[:, step - 1] = then.sum(axis=1) / some
            ever |= then
        shares[:, horizon] = ever.sum(axis=1) / some
        views.append(shares)
    return views[0], views[1]


def _unlikeness(samples: Matrix, start: int, horizon: int) -> Matrix:
    """Squared distance of each past state from the present one: level, slope, local volatility."""
    n_slots = samples.shape[1]
    change = np.abs(np.diff(samples, axis=1, prepend=samples[:, :1]))
    sums = np.cumsum(change, axis=1)
    features = (
        samples[:, start:],
        samples[:, start:] - samples[:, start - SLOPE : n_slots - SLOPE],
        sums[:, start:] - sums[:, start - RECENT : n_slots - RECENT],
    )
    distance = np.zeros((len(samples), n_slots - start - horizon))
    for feature in features:
        spread = feature.std(axis=1, keepdims=True)
        away = feature[:, : n_slots - start - horizon] - feature[:, -1:]
        away /= np.where(spread > 0, spread, 1.0)
        distance += away * away
    return distance
