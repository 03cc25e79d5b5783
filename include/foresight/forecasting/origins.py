"""Past origins: the moments of the window that forecasts are made from, judged at and learnt from.

They lie one stride apart and are counted back from the last slot, which is the origin "now".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    phases: Matrix
    """The same samples by their place in a stride, ``[stride, n_series, total]``: the last are the origins.
    Every slot of all strides is one contiguous matrix."""
    sums: Matrix
    """The sum of the samples of each stride, ``[n_series, total]``."""
    totals: Matrix
    """The sum of the samples up to each origin, ``[n_series, total]``."""
    changes: Matrix
    """The sum of the absolute changes from slot to slot within each stride, ``[n_series, total]``."""

    @classmethod
    def of(cls, series: Matrix, plan: Plan) -> Origins:
        """The origins of gapless ``series[n_series, n_slots]``."""
        now = series[:, -1]
        floor = np.where(series.min(axis=1) >= 0, -now, -np.inf)
        ceiling = np.where(series.max(axis=1) <= 0, -now, np.inf)
        samples = series - now[:, None]
        rest = plan.n_slots - plan.total * plan.stride
        strides = samples[:, rest:].reshape(len(samples), plan.total, plan.stride)
        phases = np.ascontiguousarray(strides.transpose(2, 0, 1))
        changes = np.abs(np.diff(phases, axis=0)).sum(axis=0)
        changes[:, 1:] += np.abs(phases[0, :, 1:] - phases[-1, :, :-1])
        if rest:
            changes[:, 0] += np.abs(samples[:, rest] - samples[:, rest - 1])
        sums = phases.sum(axis=0)
        return cls(plan, samples, floor, ceiling, phases, sums, np.cumsum(sums, axis=1), changes)

    def at_judged(self, values: Matrix, strides_later: int = 0) -> Matrix:
        """The judged origins of ``values[..., total]``, or what is so many strides after them."""
        start = self.plan.first + strides_later
        return values[..., start : start + self.plan.judged]

    def ahead(self, phases: NDArray[Any]) -> Iterator[NDArray[Any]]:
        """What followed the judged origins, step by step, of ``phases`` or of what has its shape."""
        for step in range(self.plan.horizon):
            strides_later, phase = divmod(step, self.plan.stride)
            yield self.at_judged(phases[phase], 1 + strides_later)

    def running_means(self) -> list[Matrix]:
        """Means over the last slots up to each origin, ``[n_series, total]``, one a memory."""
        counts = np.arange(1.0, self.plan.total + 1)
        means = [self.phases[-1]]
        for memory in MEMORIES[1:]:
            width = max(1, memory // self.plan.stride)
            sums = self.totals.copy()
            sums[:, width:] -= self.totals[:, :-width]
            sums /= self.plan.stride * np.minimum(counts, width)
            means.append(sums)
        return means


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
    distance /= np.where(variance > 0, variance, 1.0)
    return distance
