"""Maximum, minimum, mean and standard deviation over the last slots, from what was observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector, power_of_two_scale
from foresight.analysis.blocks import MIN_ROWS
from foresight.analysis.gaps import extremes, is_complete

BLOCK_BYTES = 1 << 20
"""Samples summarised together: few enough for the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Aggregates:
    """Column ``w`` covers the last ``windows[w]`` slots; every array has the shape ``[n_series, n_windows]``.

    A window longer than the matrix covers all of it. Without a sample in the window, all but ``observed``
    are NaN; with a single one, ``std`` is.
    """

    windows: tuple[int, ...]
    observed: Integers
    maximum: Matrix
    minimum: Matrix
    mean: Matrix
    std: Matrix
    """With n - 1 in the denominator."""


def aggregate(values: Matrix, windows: Sequence[int]) -> Aggregates:
    """Aggregate ``values[n_series, n_slots]`` over its last slots; NaN and ±Inf are missing."""
    n_series, n_slots = values.shape
    summary = np.empty((5, n_series, len(windows)))
    for column, window in enumerate(windows):
        height = max(BLOCK_BYTES // (8 * max(min(window, n_slots), 1)), MIN_ROWS)
        for start in range(0, n_series, height):
            rows = slice(start, start + height)
            summary[:, rows, column] = _summarise(values[rows, -window:])
    observed, *statistics = summary
    return Aggregates(tuple(windows), observed.astype(np.int64), *statistics)


def _summarise(tail: Matrix) -> Matrix:
    """Observed slots, maximum, minimum, mean and std of each row, ``[5, n_series]``."""
    highest, lowest = extremes(tail)
    holed = np.flatnonzero(~is_complete(highest, lowest))
    with np.errstate(invalid="ignore"):  # in the rows with holes, which are done anew
        summary = _summarise_observed(tail, np.full(len(tail), tail.shape[1]), highest, lowest)
    if holed.size:
        finite = np.isfinite(tail[holed])
        highest, _ = extremes(np.where(finite, tail[holed], -np.inf))
        _, lowest = extremes(np.where(finite, tail[holed], np.inf))
        known = np.where(finite, tail[holed], 0.0)
        summary[:, holed] = _summarise_observed(known, finite.sum(axis=1), highest, lowest, finite)
    return summary


def _summarise_observed(
    known: Matrix, count: Integers, highest: Vector, lowest: Vector, finite: Flags | None = None
) -> Matrix:
    """The same from ``known`` samples, of which those that are not ``finite`` are 0; two passes."""
    scale = power_of_two_scale(np.where(count > 0, np.maximum(highest, -lowest), 0.0))
    if not (scale == 1.0).all():
        known = known * scale[:, None]
    # Rounding may carry a mean past the extremes: a constant would then have a spread.
    mean = np.clip(known.sum(axis=1) / np.maximum(count, 1), lowest * scale, highest * scale)
    deviation = known - mean[:, None]
    if finite is not None:
        deviation = np.where(finite, deviation, 0.0)
    variance = np.vecdot(deviation, deviation) / np.maximum(count - 1, 1)
    with np.errstate(over="ignore"):
        std = np.where(count > 1, np.sqrt(variance) / scale, np.nan)
    highest, lowest, mean = (np.where(count > 0, level, np.nan) for level in (highest, lowest, mean / scale))
    return np.stack([count, highest, lowest, mean, std])
