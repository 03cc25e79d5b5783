"""Missing samples: which series can be analysed, and the copy without holes that the analyses read.

±Inf cannot be a measurement, so it is counted and then treated as missing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector
from foresight.analysis.outcome import Outcome
from foresight.analysis.parameters import AnalysisParameters

INSPECTED_ROWS = 256
"""Rows looked at together: few enough for the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How complete each series is; every array has the shape ``[n_series]``."""

    outcome: NDArray[np.int8]
    """A value of :class:`Outcome`."""
    observed: Integers
    """Slots with a finite sample."""
    infinite: Integers
    """Slots with +Inf or -Inf."""
    filled: Integers
    """Slots that :func:`fill` fills: all that are not observed, 0 for a series that is not analysed."""

    @property
    def usable(self) -> Flags:
        """Which series are analysed: outcome ``OK`` or ``CONSTANT``."""
        return self.outcome <= Outcome.CONSTANT


def inspect(values: Matrix, parameters: AnalysisParameters) -> Coverage:
    """Judge each series of ``values[n_series, n_slots]`` by what was observed of it."""
    n_series, n_slots = values.shape
    observed, infinite = np.zeros((2, n_series), dtype=np.int64)
    level = np.zeros(n_series, dtype=np.bool_)
    for start in range(0, n_series, INSPECTED_ROWS):
        block = values[start : start + INSPECTED_ROWS]
        here, (highest, lowest) = slice(start, start + len(block)), extremes(block)
        observed[here], level[here] = n_slots, highest == lowest
        holed = start + np.flatnonzero(~is_complete(highest, lowest))
        if holed.size:
            observed[holed], infinite[holed], level[holed] = _inspect_holed(values[holed])
    outcome = np.select(
        [
            observed == 0,
            observed < parameters.min_observed,
            observed < parameters.min_coverage * n_slots,
            level,
        ],
        [Outcome.EMPTY, Outcome.SHORT, Outcome.GAPPY, Outcome.CONSTANT],
        Outcome.OK,
    ).astype(np.int8)
    return Coverage(outcome, observed, infinite, np.where(outcome <= Outcome.CONSTANT, n_slots - observed, 0))


def extremes(values: Matrix) -> tuple[Vector, Vector]:
    """Maximum and minimum of each row; NaN in a row with NaN, -Inf and +Inf of no slots."""
    return values.max(axis=1, initial=-np.inf), values.min(axis=1, initial=np.inf)


def is_complete(highest: Vector, lowest: Vector) -> Flags:
    """Which rows have a finite sample in every slot, told by their :func:`extremes`."""
    return np.isfinite(highest) & np.isfinite(lowest)


def _inspect_holed(values: Matrix) -> tuple[Integers, Integers, Flags]:
    """Finite samples, infinite samples, and whether all finite ones are equal, of each row."""
    finite = np.isfinite(values)
    highest = np.where(finite, values, -np.inf).max(axis=1, initial=-np.inf)
    lowest = np.where(finite, values, np.inf).min(axis=1, initial=np.inf)
    return finite.sum(axis=1), np.isinf(values).sum(axis=1), highest == lowest


def fill(values: Matrix) -> Matrix:
    """Close the gaps: linear between the neighbours, the nearest sample at the edges.

    Returns ``values`` itself where nothing is missing. A series without any finite sample becomes zero.
    """
    finite = np.isfinite(values)
    gappy = np.flatnonzero(~finite.all(axis=1))
    if not gappy.size:
        return values
    result = values.copy()
    result[gappy] = _interpolate(values[gappy], finite[gappy])
    return result


def _interpolate(values: Matrix, finite: Flags) -> Matrix:
    n_slots = values.shape[1]
    known, missing = np.flatnonzero(finite), np.flatnonzero(~finite)
    result = np.where(finite, values, 0.0)
    if not known.size:
        return result
    # Cells are counted through all rows: a neighbour counts if it lies in the row of the gap.
    behind = np.searchsorted(known, missing)
    before, after = known[behind - 1], known[np.minimum(behind, len(known) - 1)]
    row = missing // n_slots
    is_before = (before < missing) & (before // n_slots == row)
    is_after = (after > missing) & (after // n_slots == row)
    low, high = np.where(is_before, before, after), np.where(is_after, after, before)
    weight = np.where(is_before & is_after, missing - low, 0) / np.maximum(high - low, 1)
    cells = result.ravel()
    between = cells[low] * (1.0 - weight) + cells[high] * weight
    cells[missing] = np.where(is_before | is_after, between, 0.0)
    return result
