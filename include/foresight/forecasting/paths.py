"""Joint paths of the next steps: what happened after past origins, carried over to now.

The path from a past origin is the chosen model's errors over all steps together, scaled by how volatile the
series is now against how volatile it was then, and added to the forecast from now. All steps of a path come
from one moment, so what holds for "any of the next steps" can be read from the paths. Only the origins whose
state is most like the present one give a path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from foresight.analysis.arrays import Integers, Matrix, Vector
from foresight.forecasting.candidates import Candidates
from foresight.forecasting.origins import Origins
from foresight.forecasting.window import FADING

STEADY = 0.5
"""The share of the whole window's volatility in every local one: a quiet stretch does not promise silence."""
OUTER = (0.05, 0.95)
"""The joint band has the shape of these per-step quantiles."""


@dataclass(frozen=True, slots=True, eq=False)
class Paths:
    """Paths of a block of series from now on."""

    steps: Matrix
    """``[horizon, n_series, n_paths]``."""
    volatility: Vector
    """The present local volatility, the unit of the series' changes; shape ``[n_series]``."""
    floor: Vector
    ceiling: Vector
    """Between these every path stays, ``[n_series]``."""
    overlap: int
    """How many neighbours on either side a path shares slots with."""

    def after(self, gap: int) -> Paths:
        """The same paths without their first ``gap`` steps."""
        return replace(self, steps=self.steps[gap:]) if gap else self


def local_volatility(origins: Origins) -> Matrix:
    """Mean absolute change up to each origin, fading into the past, ``[n_series, total]``."""
    change = origins.calm / origins.plan.stride
    overall = change.mean(axis=1, keepdims=True)
    fading, started = _fading(origins.plan.total, FADING**origins.plan.stride)
    return np.asarray((1.0 - STEADY) * (change @ fading) + overall * ((1.0 - STEADY) * started + STEADY))


@lru_cache(maxsize=8)
def _fading(total: int, kept: float) -> tuple[Matrix, Vector]:
    """Weight of stride i at origin j, ``[total, total]``, and what is left there of the state before all."""
    age = np.arange(total) - np.arange(total)[:, None]
    weights = np.where(age >= 0, (1.0 - kept) * kept ** np.maximum(age, 0), 0.0)
    return weights, np.power(kept, np.arange(1.0, total + 1))


def joint_paths(
    origins: Origins, candidates: Candidates, model: Integers, unlike: Matrix, n_paths: int
) -> Paths:
    """The paths of the chosen ``model`` of each series, from the origins that are least ``unlike`` now."""
    n_paths = min(n_paths, origins.plan.judged)
    like = np.argpartition(unlike, n_paths - 1, axis=1)[:, :n_paths]
    like.sort(axis=1)
    volatility = local_volatility(origins)
    level, slope, growth = candidates.of(model)
    cells = like + origins.plan.total * np.arange(len(like))[:, None] + origins.plan.first
    then, past_level, past_slope = (values.take(cells) for values in (volatility, level, slope))
    scale = np.divide(volatility[:, -1:], then, out=np.ones_like(then), where=then > 0)
    # The error then, scaled, on top of the forecast now: what does not depend on the step comes first.
    base = level[:, -1:] - past_level * scale
    tilt = slope[:, -1:] - past_slope * scale
    floor, ceiling = origins.floor[:, None], origins.ceiling[:, None]
    steps = np.empty((origins.plan.horizon, *like.shape))
    for step, path in enumerate(steps):
        strides_later, phase = divmod(step, origins.plan.stride)
        np.multiply(origins.phases[phase].take(cells + (1 + strides_later)), scale, out=path)
        path += base
        path += tilt * growth[:, step, None]
        np.clip(path, floor, ceiling, out=path)
    return Paths(steps, volatility[:, -1], origins.floor, origins.ceiling, origins.plan.overlap)


def quantiles(ordered: Matrix, levels: tuple[float, ...]) -> Matrix:
    """Quantiles ``[horizon, n_series, n_levels]`` of paths ``ordered`` along their last axis.

    At position ``level * (n_paths + 1)``, where the next value of an exchangeable sequence lies below with
    just that probability (Weibull); at most the outermost path.
    """
    n_paths = ordered.shape[2]
    position = np.clip(np.array(levels) * (n_paths + 1) - 1, 0, n_paths - 1)
    below = np.minimum(position.astype(np.intp), max(n_paths - 2, 0))
    above = np.minimum(below + 1, n_paths - 1)
    return np.asarray(
        ordered[:, :, below] + (ordered[:, :, above] - ordered[:, :, below]) * (position - below)
    )


def middle_mean(ordered: Matrix) -> Matrix:
    """The mean of the middle half of paths ``ordered`` along their last axis, ``[n_series, horizon]``."""
    n_paths = ordered.shape[2]
    return np.asarray(ordered[:, :, n_paths // 4 : n_paths - n_paths // 4].mean(axis=2).T)


def joint_band(paths: Paths, ordered: Matrix, coverage: float) -> tuple[Matrix, Matrix]:
    """A band ``[n_series, horizon]`` that holds that share of the paths on all their steps at once.

    The spread of each step, widened by the present volatility so that it is nowhere zero, is stretched by
    one factor a series until enough whole paths fit. Paths that overlap count as one.
    """
    outer = quantiles(ordered, (OUTER[0], 0.5, OUTER[1]))
    low, middle, high = (outer[:, :, i, None] for i in range(3))
    room = paths.volatility[:, None]
    below, above = middle - low + room, high - middle + room
    away = paths.steps - middle
    with np.errstate(divide="ignore", invalid="ignore"):
        stretch = np.maximum(away * (1.0 / above), away * (-1.0 / below)).max(axis=0)
    stretch = np.nan_to_num(stretch, nan=0.0)
    n_paths = stretch.shape[1]
    alike = 1 + 2 * (paths.overlap - 1)
    enough = min(int(np.ceil(coverage * (n_paths + alike))), n_paths) - 1
    factor = np.partition(stretch, enough, axis=1)[:, enough, None]
    lower, upper = middle - factor * below, middle + factor * above
    limits = paths.floor, paths.ceiling
    return np.clip(lower[:, :, 0], *limits).T, np.clip(upper[:, :, 0], *limits).T
