"""Past origins: the moments of the window that forecasts are made from, judged at and learnt from.

They lie one stride apart and are counted back from the last slot, which is the origin "now".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Matrix, Vector
from foresight.forecasting.parameters import ForecastParameters

MEMORIES = (1, 5, 15, 60)
"""A state is what the series was over the last slot, and on average over these many."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which slots of a window are origins; the same for every series."""

    n_slots: int
    horizon: int
    stride: int
    first: int
    """Origins before this one have too little history to be judged."""

    @classmethod
    def of(cls, n_slots: int, horizon: int, parameters: ForecastParameters) -> Plan:
        """The plan for windows of ``n_slots``."""
        stride = parameters.stride
        return cls(n_slots, horizon, stride, max(min(parameters.warm_up, n_slots // 4) // stride - 1, 0))

    @property
    def total(self) -> int:
        """Origins in the window, now included."""
        return self.n_slots // self.stride

    @property
    def judged(self) -> int:
        """Origins with history before them and ``horizon`` samples after them."""
        return max(self.total - self.first - self.overlap, 0)

    @property
    def overlap(self) -> int:
        """How many strides one horizon reaches."""
        return -(-self.horizon // self.stride)


@dataclass(frozen=True, slots=True, eq=False)
class Origins:
    """The origins of a block of series."""

    plan: Plan
    samples: Matrix
    """``[n_series, n_slots]``, without gaps, minus the last sample of each series."""
    floor: Vector
    """What no forecast goes below, in units of ``samples``: zero if the series was never negative."""
    ceiling: Vector
    """What no forecast goes above: zero if the series was never positive."""
    strides: Matrix
    """The same samples stride by stride, ``[n_series, total, stride]``: each ends at an origin."""
    totals: Matrix
    """The sum of the samples up to each origin, ``[n_series, total]``."""
    changes: Matrix
    """The sum of the absolute changes from slot to slot within each stride, ``[n_series, total]``."""
    ahead: Matrix
    """What followed the judged origins, ``[horizon, n_series, judged]``."""

    @classmethod
    def of(cls, series: Matrix, plan: Plan) -> Origins:
        """The origins of gapless ``series[n_series, n_slots]``."""
        now = series[:, -1]
        floor = np.where(series.min(axis=1) >= 0, -now, -np.inf)
        ceiling = np.where(series.max(axis=1) <= 0, -now, np.inf)
        samples = series - now[:, None]
        rest = plan.n_slots - plan.total * plan.stride
        strides = samples[:, rest:].reshape(len(samples), plan.total, plan.stride)
        ahead = np.empty((plan.horizon, len(samples), plan.judged))
        origin = rest + (plan.first + 1) * plan.stride - 1
        last = origin + (plan.judged - 1) * plan.stride
        for step in range(1, plan.horizon + 1):
            ahead[step - 1] = samples[:, origin + step : last + step + 1 : plan.stride]
        changes = np.zeros_like(samples)
        np.subtract(samples[:, 1:], samples[:, :-1], out=changes[:, 1:])
        changes = per_stride(np.abs(changes, out=changes)[:, rest:].reshape(strides.shape))
        totals = np.cumsum(per_stride(strides), axis=1)
        return cls(plan, samples, floor, ceiling, strides, totals, changes, ahead)

    def at_judged(self, values: Matrix) -> Matrix:
        """The judged origins of ``values[..., total]``."""
        return values[..., self.plan.first : self.plan.first + self.plan.judged]

    def running_means(self) -> list[Matrix]:
        """Means over the last slots up to each origin, ``[n_series, total]``, one a memory."""
        counts = np.arange(1, self.plan.total + 1)
        means = [self.strides[:, :, -1]]
        for memory in MEMORIES[1:]:
            width = max(1, memory // self.plan.stride)
            sums = self.totals.copy()
            sums[:, width:] -= self.totals[:, :-width]
            means.append(sums / (self.plan.stride * np.minimum(counts, width)))
        return means


def per_stride(strides: Matrix, weights: Vector | None = None) -> Matrix:
    """Weighted sums of ``strides[n_series, total, stride]`` over their last axis; without weights, sums."""
    stride = strides.shape[2]
    sums = strides.reshape(-1, stride) @ (np.ones(stride) if weights is None else weights)
    return np.asarray(sums.reshape(strides.shape[:2]))


def unlikeness(origins: Origins, means: list[Matrix]) -> Matrix:
    """How far the state at each judged origin is from the present one, ``[n_series, judged]``.

    The summed squares of the differences of ``means``, in variances of the series; 0 without variance.
    """
    deviation = origins.samples - origins.samples.mean(axis=1, keepdims=True)
    variance = np.vecdot(deviation, deviation)[:, None] / deviation.shape[1]
    distance = np.zeros((len(variance), origins.plan.judged))
    for mean in means:
        difference = origins.at_judged(mean) - mean[:, -1:]
        difference *= difference
        distance += difference
    return np.asarray(distance / np.where(variance > 0, variance, 1.0))
