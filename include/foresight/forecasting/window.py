"""The window of a block as the risk reads it: what was observed, how volatile it is, what limits it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Matrix, Vector

FADING = 0.956
"""How much of the local volatility is kept from slot to slot."""
CALM = 0.98
"""Changes above this quantile count as much as it: one glitch does not make a series volatile."""
REACH = 120
"""Slots that the local volatility looks back; what lies before weighs less than 1 %."""
TOUCHES, CHANGING = 3, 0.8
"""A limit is touched in this many slots by a series that changes in this share of its other steps."""
FROZEN, LIVELY = 30, 0.95
"""A stale series repeats its last value so often, after more than this share of its steps had changed it."""
SIDES = (1.0, -1.0)
"""The upper bound as it is, and the lower one mirrored."""


@dataclass(frozen=True, slots=True, eq=False)
class Window:
    """Series of a block up to their newest sample, relative to it; arrays of shape ``[n_series]``."""

    samples: Matrix
    """``[n_series, n_slots]``, gaps closed."""
    observed: Flags
    """Which of them were observed, of the same shape."""
    gap: int
    """Slots between the newest sample and as-of."""
    ordered: Matrix
    """The samples, each row ascending."""
    change: Matrix
    """Absolute changes, ``[n_series, n_slots - 1]``."""
    calm: Matrix
    """The same, clipped to their usual size."""
    zero_floor: Vector
    """Zero, if the series was never negative; else -Inf."""
    zero_ceiling: Vector
    """Zero, if the series was never positive; else Inf."""
    volatility: Vector
    """Mean absolute change, fading into the past."""
    usual: Vector
    """Mean absolute change over the whole window."""
    spread: Vector
    """Between the 5 % and the 95 % quantile."""
    changing: Vector
    """Share of the steps that change the value."""
    touches: Matrix
    """How often the maximum and the minimum were reached, ``[2, n_series]``."""
    stale: Flags
    """Whether the exporter seems to repeat its last value (:func:`find_stale`)."""

    @classmethod
    def of(cls, samples: Matrix, observed: Flags, gap: int = 0) -> Window:
        """The window of gapless ``samples[n_series, n_slots]``."""
        n_slots = samples.shape[1]
        now = samples[:, -1]
        relative = samples - now[:, None]
        ordered = np.sort(relative, axis=1)
        change = np.abs(np.diff(relative, axis=1))
        calm = clip_to_calm(change)
        reach = min(REACH, n_slots - 1)
        fading = (1.0 - FADING) * FADING ** np.arange(reach - 1.0, -1.0, -1.0)
        usual = calm.mean(axis=1)
        low, high = (ordered[:, int(share * (n_slots - 1))] for share in (0.05, 0.95))
        touches = [count(ordered == ordered[:, [at]]) for at in (-1, 0)]
        return cls(
            relative, observed, gap, ordered, change, calm,
            np.where(samples.min(axis=1) >= 0, -now, -np.inf),
            np.where(samples.max(axis=1) <= 0, -now, np.inf),
            np.einsum("ij,j->i", calm[:, -reach:], fading) + usual * FADING**reach,
            usual, high - low, count(change > 0) / (n_slots - 1), np.array(touches, dtype=np.float64),
            find_stale(relative, observed, ordered),
        )  # fmt: skip

    @property
    def limits(self) -> tuple[Vector, Vector]:
        """The learnt floor and ceiling: extremes that a lively series meets repeatedly; else infinite."""
        n_slots = self.samples.shape[1]
        free = np.maximum(n_slots - self.touches, 1.0)
        learnt = (self.touches >= TOUCHES) & (self.changing * n_slots >= CHANGING * free)
        learnt &= self.spread > 0
        return (
            np.where(learnt[1], self.ordered[:, 0], -np.inf),
            np.where(learnt[0], self.ordered[:, -1], np.inf),
        )


def count(flags: Flags) -> Vector:
    """How many ``flags`` of the last axis are set; a product with ones is the quickest way."""
    return np.asarray(flags.astype(np.float32) @ np.ones(flags.shape[-1], dtype=np.float32), dtype=np.float64)


def run_along(steps: NDArray[Any], accumulate: np.ufunc) -> NDArray[Any]:
    """``accumulate`` along the first axis: step by step, several times as quick as its ``accumulate``."""
    result = steps.copy()
    for before, now in pairwise(result):
        accumulate(before, now, out=now)
    return result


def find_stale(samples: Matrix, observed: Flags, ordered: Matrix) -> Flags:
    """Which series end in :data:`FROZEN` or more equal observed samples though nearly all their earlier steps
    changed; a series at its own maximum or minimum is pinned or idle, not stale."""
    stale = np.zeros(len(samples), dtype=np.bool_)
    inside = (ordered[:, 0] < 0) & (ordered[:, -1] > 0)
    last = min(FROZEN, samples.shape[1])
    # Samples are relative to the newest: equal to it is 0. Only few rows end in zeros.
    for row in np.flatnonzero(inside & (samples[:, -last:] == 0).all(axis=1)):
        seen = samples[row, observed[row]]
        run = int(np.argmax(seen[::-1] != 0))
        earlier = np.diff(seen[: len(seen) - run])
        stale[row] = run >= FROZEN <= len(earlier) and (earlier != 0).mean() > LIVELY
    return stale


def clip_to_calm(change: Matrix) -> Matrix:
    """Absolute changes ``[n_series, n]``, each row clipped to its own :data:`CALM` quantile."""
    at = int(CALM * (change.shape[1] - 1))
    most = np.partition(change, at, axis=1)[:, at, None]
    return np.where(most > 0, np.minimum(change, most), change)
