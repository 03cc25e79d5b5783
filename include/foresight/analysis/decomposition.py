"""Additive decomposition by moving averages, every series with its own period.

Trend: the centred moving average over one period (over an even one, the two outer slots count half).
Seasonal: the mean of the detrended series at each phase, minus the mean of those means. Residual: the rest.
The classical method as in statsmodels' ``seasonal_decompose``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Integers, Matrix


@dataclass(frozen=True, slots=True, eq=False)
class Decomposition:
    """Curves ``[n_series, n_slots]``; ``trend + seasonal + residual`` is the series.

    Trend and residual are NaN within half a period of the edges. A series without a period (0), or with
    fewer than two cycles of it in the window, is NaN throughout.
    """

    period: Integers
    """In slots, shape ``[n_series]``; 0 where there is none."""
    trend: Matrix
    seasonal: Matrix
    residual: Matrix


def decompose(samples: Matrix, period: Integers) -> Decomposition:
    """Decompose gapless ``samples[n_series, n_slots]`` with ``period[n_series]``."""
    trend, seasonal, residual = (np.full(samples.shape, np.nan) for _ in range(3))
    used = feasible(period, samples.shape[1])
    for length in np.unique(used[used > 0]):
        rows = np.flatnonzero(used == length)
        trend[rows], seasonal[rows], residual[rows] = _decompose_alike(samples[rows], int(length))
    return Decomposition(used, trend, seasonal, residual)


def feasible(period: Integers, n_slots: int) -> Integers:
    """Each ``period`` of which ``n_slots`` show two cycles; 0 for the others."""
    return np.where((period >= 2) & (2 * period <= n_slots), period, 0)


def _decompose_alike(samples: Matrix, period: int) -> tuple[Matrix, Matrix, Matrix]:
    n_series, n_slots = samples.shape
    half = period // 2
    inner = slice(half, n_slots - half)
    sums = window_sums(samples, period)
    average = sums / period if period % 2 else (sums[:, :-1] + sums[:, 1:]) / (2 * period)
    trend = np.full(samples.shape, np.nan)
    trend[:, inner] = average
    detrended = samples[:, inner] - average
    # Whole cycles are added up as rows of a third axis; what is left over joins the first phases.
    cycles, rest = divmod(detrended.shape[1], period)
    total = np.ones(cycles) @ detrended[:, : cycles * period].reshape(n_series, cycles, period)
    total[:, :rest] += detrended[:, cycles * period :]
    phase_mean = total / (cycles + (np.arange(period) < rest))
    phase_mean = np.roll(phase_mean - phase_mean.mean(axis=1, keepdims=True), half, axis=1)
    seasonal = np.tile(phase_mean, (1, n_slots // period + 1))[:, :n_slots]
    residual = np.full(samples.shape, np.nan)
    np.subtract(detrended, seasonal[:, inner], out=residual[:, inner])
    return trend, seasonal, residual


def window_sums(samples: Matrix, width: int) -> Matrix:
    """Sums of every ``width`` neighbouring slots, ``[n_series, n_slots - width + 1]``.

    By doubling: sums of 1, 2, 4 … slots are combined, so the error grows with the logarithm of the width.
    """
    power, span, done = samples, 1, 0
    total: Matrix | None = None
    n_sums = samples.shape[1] - width + 1
    while True:
        if width & span:
            part = power[:, done : done + n_sums]
            total = part if total is None else total + part
            done += span
        if done == width:
            return np.asarray(total)
        power = power[:, :-span] + power[:, span:]
        span *= 2
