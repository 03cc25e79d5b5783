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
from foresight.forecasting.window import Window

MEMORIES = (1, 5, 15, 60)
"""A state is what the series was over the last slot, and on average over these many."""

UNSEEN = 1e6
"""How unlike a state is for each of its slots that was not observed."""


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
    calm: Matrix
    """The same of changes clipped to their usual size: one glitch does not make a series volatile."""
    missing: Matrix
    """How many slots of each judged origin and the horizon after it were not observed."""

    @classmethod
    def of(cls, window: Window, plan: Plan) -> Origins:
        """The origins of a block."""
        samples, (floor, ceiling) = window.samples, window.limits
        floor, ceiling = np.maximum(floor, window.zero_floor), np.minimum(ceiling, window.zero_ceiling)
        rest = plan.n_slots - plan.total * plan.stride
        strides = samples[:, rest:].reshape(len(samples), plan.total, plan.stride)
        phases = np.ascontiguousarray(strides.transpose(2, 0, 1))
        sums = phases.sum(axis=0)
        changes, calm = (_per_stride(change, plan) for change in (window.change, window.calm))
        return cls(
            plan, samples, floor, ceiling, phases, sums, np.cumsum(sums, axis=1), changes, calm,
            _missing(window, plan),
        )  # fmt: skip

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


def _per_stride(change: Matrix, plan: Plan) -> Matrix:
    """Sums of ``change[n_series, n_slots - 1]`` by the stride that each leads into."""
    rest = plan.n_slots - plan.total * plan.stride
    if rest == 0:
        change, rest = np.pad(change, ((0, 0), (1, 0))), 1
    return np.asarray(change[:, rest - 1 :].reshape(len(change), plan.total, plan.stride).sum(axis=2))


def _missing(window: Window, plan: Plan) -> Matrix:
    if window.observed.all():
        return np.zeros((len(window.samples), plan.judged))
    absent = np.cumsum(~window.observed, axis=1)
    ends = plan.n_slots - plan.total * plan.stride + plan.stride * np.arange(1, plan.total + 1) - 1
    ends = ends[plan.first : plan.first + plan.judged]
    return (absent[:, ends + plan.horizon] - absent[:, ends - 1]).astype(np.float64)


def unlikeness(origins: Origins, means: list[Matrix]) -> Matrix:
    """How far the state at each judged origin is from the present one, ``[n_series, judged]``.

    The summed squares of the differences of ``means``, in variances of the series (0 without variance); and
    an origin with a slot that was not observed is less like than any without.
    """
    deviation = origins.samples - origins.samples.mean(axis=1, keepdims=True)
    variance = np.vecdot(deviation, deviation)[:, None] / deviation.shape[1]
    distance = np.zeros((len(variance), origins.plan.judged))
    for mean in means:
        difference = origins.at_judged(mean) - mean[:, -1:]
        difference *= difference
        distance += difference
    distance /= np.where(variance > 0, variance, 1.0)
    distance += UNSEEN * origins.missing
    return distance
