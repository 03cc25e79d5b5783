"""The probability that any of the next samples leaves ``[lower, upper]``, for any number of bounds.

The untrained mean of three views of the same window: joint paths (what the chosen model's past errors would
do from here), analogs (what followed past states, the more they resemble the present one the more it
counts), and past onsets (how often, from the same side of the bounds, the next samples were outside).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from foresight.analysis.arrays import Flags, Matrix, Rows, Vector
from foresight.forecasting.outlook import DEFAULTS, Evidence, Forecast, forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.paths import Paths

WEIGHTS = (0.45, 0.45, 0.1)
"""Of paths, analogs and onsets; onsets matter where a state has hardly any analog."""
NEARNESS = 0.2
"""An analog at this unlikeness (in variances) counts a quarter of one at none."""
LIKELY = 0.5
"""A step is predicted to violate from this probability on."""
BOUNDS_AT_ONCE = 256


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """What each view says, ``[n_bounds, horizon + 1]``: first the probability of each step that its sample
    is outside, last that any is. NaN where a view has nothing to go by."""

    paths: Matrix
    analogs: Matrix
    onsets: Matrix


class Calibrator(Protocol):
    """How the views become one probability; a fitted one is stored under its version."""

    @property
    def version(self) -> str:
        """Stored with every probability made by it."""

    def combine(self, components: Components) -> Vector:
        """The probability that any sample is outside, shape ``[n_bounds]``, in [0, 1] or NaN."""


class Untrained:
    """The weighted mean of the views that have something to go by."""

    version = "untrained"

    def combine(self, components: Components) -> Vector:
        """The mean of the last columns."""
        return mean_of_views(components)[:, -1]


UNTRAINED = Untrained()


@dataclass(frozen=True, slots=True, eq=False)
class Risk:
    """The next ``horizon`` samples against each pair of bounds; arrays of shape ``[n_bounds]`` or
    ``[n_bounds, horizon]``. NaN (False) where the series has no forecast."""

    rows: Rows
    """The series each pair of bounds belongs to."""
    probability: Vector
    """That any of the next samples lies outside. Where the present one already does, it still means that:
    the chance that the violation goes on into the next samples or comes back."""
    outside_now: Flags
    components: Components
    calibrator: str
    step_probability: Matrix
    """That the sample of a step is outside; never above ``probability``."""
    violating: Flags
    """The steps that are predicted to violate: their probability is at least one half."""
    first_step: Vector
    """The expected first violating step, 1 = the next slot, given that there is one; NaN if none is seen."""


def forecast_with_risk(
    values: Matrix,
    rows: Rows,
    lower: Vector,
    upper: Vector,
    horizon: int = 10,
    parameters: ForecastParameters = DEFAULTS,
    calibrator: Calibrator = UNTRAINED,
) -> tuple[Forecast, Risk]:
    """Forecast ``values[n_series, n_slots]`` as :func:`forecast` does, and judge that against bounds.

    Pair ``i`` belongs to series ``rows[i]``; NaN or an infinite bound leaves that side open, a value on a
    bound is inside. Any number of pairs may share a series, in any order: its paths are made once.
    """
    jury = _Jury(rows, lower, upper, horizon)
    return forecast(values, horizon, parameters, jury.hear), jury.verdict(calibrator)


class _Jury:
    """Collects what each view says of each pair of bounds while the forecasts are made."""

    def __init__(self, rows: Rows, lower: Vector, upper: Vector, horizon: int) -> None:
        self._rows = np.asarray(rows, dtype=np.intp)
        self._low = np.where(np.isnan(lower), -np.inf, lower)
        self._high = np.where(np.isnan(upper), np.inf, upper)
        shapes = self._rows.shape, self._low.shape, self._high.shape
        if len(set(shapes)) > 1:
            raise ValueError(f"rows, lower and upper differ in shape: {', '.join(map(str, shapes))}")
        n_bounds = len(self._rows)
        self._order = np.argsort(self._rows, kind="stable")
        self._views = np.full((3, n_bounds, horizon + 1), np.nan)
        self._first, self._outside = np.full(n_bounds, np.nan), np.zeros(n_bounds, dtype=np.bool_)

    def hear(self, evidence: Evidence) -> None:
        """Judges the pairs of a block's series, some at a time."""
        ordered, series = self._rows[self._order], evidence.block.rows
        between = slice(*np.searchsorted(ordered, (series[0], series[-1] + 1)))
        here = self._order[between][np.isin(ordered[between], series)]
        for start in range(0, len(here), BOUNDS_AT_ONCE):
            self._judge(evidence, here[start : start + BOUNDS_AT_ONCE])

    def _judge(self, evidence: Evidence, pairs: Rows) -> None:
        block = evidence.block
        local = np.searchsorted(block.rows, self._rows[pairs])
        now, scale = block.samples[local, -1], block.scale[local]
        with np.errstate(over="ignore"):
            low, high = self._low[pairs] * scale - now, self._high[pairs] * scale - now
        outside = (low > 0) | (high < 0)
        self._outside[pairs] = outside
        self._views[0, pairs], self._first[pairs] = _from_paths(evidence.paths, local, low, high)
        self._views[1, pairs], self._views[2, pairs] = _from_past(evidence, local, low, high, outside)

    def verdict(self, calibrator: Calibrator) -> Risk:
        """The risk of all pairs, once every block was heard."""
        components = Components(*self._views)
        probability = calibrator.combine(components)
        steps = np.minimum(mean_of_views(components)[:, :-1], probability[:, None])
        return Risk(
            self._rows, probability, self._outside, components, calibrator.version,
            steps, steps >= LIKELY, self._first,
        )  # fmt: skip


def mean_of_views(components: Components) -> Matrix:
    """The weighted mean of what the views say, ``[n_bounds, horizon + 1]``; NaN where none says anything."""
    total, weights = np.zeros_like(components.paths), np.zeros_like(components.paths)
    for view, weight in zip((components.paths, components.analogs, components.onsets), WEIGHTS, strict=True):
        said = ~np.isnan(view)
        total += np.where(said, view * weight, 0.0)
        weights += said * weight
    mean: Matrix = np.divide(total, weights, out=np.full(total.shape, np.nan), where=weights > 0)
    return mean


def _from_paths(paths: Paths, local: Rows, low: Vector, high: Vector) -> tuple[Matrix, Vector]:
    """Shares of the paths outside at each step and at any, and the mean first step of those that leave."""
    horizon, _, n_paths = paths.steps.shape
    steps = paths.steps[:, local]
    is_out = (steps < low[:, None]) | (steps > high[:, None])
    has_left = is_out.copy()
    for before, now in pairwise(has_left):
        now |= before
    every_path = np.ones(n_paths)
    outside, gone = (flags.astype(np.float64) @ every_path for flags in (is_out, has_left))
    shares = np.concatenate([outside, gone[-1:]]).T / n_paths
    # A path that leaves at a step waited that many steps: it was still there before each of them.
    stayed = n_paths + (n_paths - gone[:-1]).sum(axis=0)
    leaving = gone[-1]
    first = (stayed - horizon * (n_paths - leaving)) / np.where(leaving > 0, leaving, np.nan)
    return shares, first


def _from_past(
    evidence: Evidence, local: Rows, low: Vector, high: Vector, outside: Flags
) -> tuple[Matrix, Matrix]:
    """Shares of the past states outside at each step and at any: weighted by likeness, and of all.

    Only states on the same side of the bounds as the present one count.
    """
    origins = evidence.origins
    samples = origins.phases[:, local]
    is_out = ((samples < low[:, None]) | (samples > high[:, None])).astype(np.float64)
    same_side = (origins.at_judged(is_out[-1]) == outside[:, None]).astype(np.float64)
    likeness = same_side / (NEARNESS + evidence.unlike[local]) ** 2
    total = np.stack([likeness.sum(axis=1), same_side.sum(axis=1)])
    shares = np.empty((2, len(local), origins.plan.horizon + 1))
    ever = np.zeros_like(same_side)
    for step, out in enumerate((*origins.ahead(is_out), ever)):
        np.maximum(ever, out, out=ever)
        shares[0, :, step], shares[1, :, step] = np.vecdot(likeness, out), np.vecdot(same_side, out)
    shares /= np.where(total > 0, total, np.nan)[:, :, None]
    return np.minimum(shares[0], 1.0), shares[1]
