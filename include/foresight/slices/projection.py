"""The whole numbers nearest to a wish, each between its own limits, each group's sum held to a bound.

Minimise ``sum((D - c)**2)`` over whole ``D`` with ``low_i <= D_i <= high_i`` and a given ``sum(D)`` in every
group. The real-valued answer is ``clip(c - m, low, high)`` for one multiplier ``m`` a group (Kiwiel 2008,
"Breakpoint searching algorithms for the continuous quadratic knapsack problem"), found among sorted
breakpoints. Rounding it leaves every next step of one within 2 of every other in cost, so steps by rising
cost finish the job (Ibaraki and Katoh 1988: greedy is exact for separable convex resource allocation),
however roughly ``m`` was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Groups:
    """Rows in runs of equal group: group ``g`` begins at row ``starts[g]``; row ``i`` is in ``of[i]``."""

    starts: Ints
    of: Ints

    @classmethod
    def of_sorted(cls, keys: Ints) -> Groups:
        """The groups of keys that stand in runs; at least one row."""
        first = np.r_[True, keys[1:] != keys[:-1]]
        return cls(np.flatnonzero(first), np.cumsum(first) - 1)

    def total(self, values: NDArray[np.int64]) -> Ints:
        """The sum of ``values`` in each group."""
        return np.add.reduceat(values, self.starts)

    def rank(self, key: Floats, allowed: NDArray[np.bool_]) -> Ints:
        """Each row's place in its group by rising ``key``, the allowed rows first; ties keep their order."""
        order = np.lexsort((key, ~allowed, self.of))
        rank = np.empty(len(key), np.int64)
        rank[order] = np.arange(len(key)) - self.starts[self.of]
        return rank


def nearest(values: Floats, limit: Ints) -> Ints:
    """Each value's nearest whole number within ``limit`` of 0; a half goes up."""
    return np.clip(np.floor(values + 0.5), -limit, limit).astype(np.int64)


def lowered(groups: Groups, wish: Floats, low: Ints, high: Ints, bound: Ints) -> Ints:
    """Whole ``D`` nearest to ``wish`` between ``low`` and ``high``, with ``sum(D) == bound`` in each group.

    For groups whose nearest numbers have a sum above ``bound``, and whose ``low`` has not.
    """
    shift = np.maximum(_multipliers(groups, wish, low, high, bound), 0.0)
    answer = np.clip(np.floor(wish - shift[groups.of] + 0.5), low, high).astype(np.int64)
    excess = groups.total(answer) - bound
    while excess.any():  # each round ends a group or moves all of its rows that can move
        down = (excess > 0)[groups.of]
        cost = np.where(down, wish - answer, answer - wish)  # half of what a step adds to the distance
        may = np.where(down, answer > low, answer < high)
        steps = may & (groups.rank(cost, may) < np.abs(excess)[groups.of])
        answer -= np.where(down, 1, -1) * steps
        excess = groups.total(answer) - bound
    return answer


def _multipliers(groups: Groups, wish: Floats, low: Ints, high: Ints, bound: Ints) -> Floats:
    """The ``m`` of each group with ``sum(clip(wish - m, low, high)) == bound``.

    From ``sum(high)`` on, the sum falls with ``m``: by row ``i`` between ``wish_i - high_i`` and
    ``wish_i - low_i``.
    """
    n = len(wish)
    points = np.r_[wish - high, wish - low]
    order = np.lexsort((points, np.r_[groups.of, groups.of]))
    points = points[order]
    falling = np.cumsum(np.where(order < n, 1, -1))  # each group's starts and ends cancel
    starts = 2 * groups.starts
    of = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, 2 * n]))
    run = np.r_[0.0, np.cumsum(falling[:-1] * np.diff(points))]  # 0 is falling between groups
    fallen = run - run[starts][of]
    need = (groups.total(high) - bound).astype(np.float64)
    last = starts + np.maximum(np.add.reduceat((fallen <= need[of]).astype(np.int64), starts), 1) - 1
    shift: Floats = points[last] + (need - fallen[last]) / np.maximum(falling[last], 1)
    return shift
