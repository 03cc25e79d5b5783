"""The Hodrick-Prescott filter of every series of a length, through one banded Cholesky factor.

The trend minimises ``sum((x - trend)**2) + lambda * sum(second differences of trend ** 2)``, so it solves
``(I + lambda K'K) trend = x`` (Hodrick and Prescott 1997, J. Money, Credit and Banking 29(1)). The factor
depends on the length and on lambda alone. Its two triangular solves are done a few slots at a time: the
solution over one span of slots is one small matrix times the samples there and the two values before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.linalg import cholesky_banded, solve_triangular

from foresight.analysis.arrays import Matrix

SPAN = 32
"""Slots solved at a time."""
REACH = 2
"""Width of the band: second differences couple a slot with the two before it."""


@dataclass(frozen=True, slots=True, eq=False)
class HodrickPrescott:
    """``cycle + trend`` is the series; both ``[n_series, n_slots]``."""

    cycle: Matrix
    trend: Matrix


def hodrick_prescott(samples: Matrix, smoothing: float) -> HodrickPrescott:
    """Split gapless ``samples[n_series, n_slots]`` into cycle and trend, lambda = ``smoothing``."""
    n_slots = samples.shape[1]
    centre = samples.mean(axis=1, keepdims=True)
    deviation = samples - centre
    if n_slots <= REACH:
        return HodrickPrescott(np.zeros_like(samples), samples.copy())
    forward, backward = _factor(n_slots, smoothing)
    smooth = np.zeros((len(samples), n_slots + 2 * REACH))
    smooth[:, REACH:-REACH] = deviation
    for (start, stop), solve in forward:
        smooth[:, REACH + start : REACH + stop] = smooth[:, start : REACH + stop] @ solve
    for (start, stop), solve in backward:
        smooth[:, REACH + start : REACH + stop] = smooth[:, REACH + start : 2 * REACH + stop] @ solve
    trend = smooth[:, REACH:-REACH]
    return HodrickPrescott(deviation - trend, trend + centre)


Steps = tuple[tuple[tuple[int, int], Matrix], ...]


@lru_cache(maxsize=8)
def _factor(n_slots: int, smoothing: float) -> tuple[Steps, Steps]:
    """The spans of the forward and of the backward solve, each with the matrix that solves it."""
    lower = _lower_factor(n_slots, smoothing)
    spans = [(start, min(start + SPAN, n_slots)) for start in range(0, n_slots, SPAN)]
    forward = tuple((span, _solve_span(lower, span)) for span in spans)
    # Read from the end, the transposed factor is a lower triangle again.
    flipped = _flip(lower)
    backward = tuple(
        ((start, stop), _solve_span(flipped, (n_slots - stop, n_slots - start))[::-1, ::-1].copy())
        for start, stop in reversed(spans)
    )
    return forward, backward


def _lower_factor(n_slots: int, smoothing: float) -> Matrix:
    """Cholesky factor of ``I + lambda K'K`` as diagonals: ``[d, i]`` is element ``(i + d, i)``."""
    band = np.zeros((REACH + 1, n_slots))
    for d, weights in enumerate(([1.0, 4.0, 1.0], [-2.0, -2.0], [1.0])):
        for shift, weight in enumerate(weights):
            band[d, shift : shift + n_slots - REACH] += weight
    band *= smoothing
    band[0] += 1.0
    return np.asarray(cholesky_banded(band, lower=True, check_finite=False))


def _flip(lower: Matrix) -> Matrix:
    """The transpose of a banded lower triangle, read from its last row and column to its first."""
    flipped = np.zeros_like(lower)
    n_slots = lower.shape[1]
    for d in range(REACH + 1):
        flipped[d, : n_slots - d] = lower[d, : n_slots - d][::-1]
    return flipped


def _solve_span(lower: Matrix, span: tuple[int, int]) -> Matrix:
    """``[REACH + m, m]``: from two solved values and m right-hand sides to the m solved values of a span."""
    start, stop = span
    length = stop - start
    inside = np.zeros((length, REACH + length))
    for d in range(REACH + 1):
        for row in range(length):
            column = start + row - d
            if column >= 0:
                inside[row, REACH + row - d] = lower[d, column]
    right = np.hstack([-inside[:, :REACH], np.eye(length)])
    return np.ascontiguousarray(solve_triangular(inside[:, REACH:], right, lower=True).T)
