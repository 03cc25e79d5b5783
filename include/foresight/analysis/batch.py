"""The whole analysis of a matrix: which series have enough data, and every statistic of those."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.analysis.aggregates import Aggregates, aggregate
from foresight.analysis.arrays import Integers, Matrix, Rows, unbuffered
from foresight.analysis.autocorrelation import (
    Autocorrelation,
    autocorrelate,
    bartlett_half_width,
    find_period,
    longest_period,
)
from foresight.analysis.blocks import Block, in_blocks
from foresight.analysis.decomposition import Decomposition, decompose, feasible
from foresight.analysis.gaps import Coverage, inspect
from foresight.analysis.hodrick_prescott import HodrickPrescott, hodrick_prescott
from foresight.analysis.outcome import Outcome
from foresight.analysis.parameters import AnalysisParameters
from foresight.analysis.stationarity import Design, Stationarity, conclude, dickey_fuller

DEFAULTS = AnalysisParameters()


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The curves of some series, slot by slot; NaN for a series that is not usable."""

    decomposition: Decomposition
    hodrick_prescott: HodrickPrescott


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """What :func:`analyse` says about ``values[n_series, n_slots]``, row for row."""

    parameters: AnalysisParameters
    coverage: Coverage
    stationarity: Stationarity
    period: Integers
    """The period in slots, declared or found, shape ``[n_series]``; 0: none."""
    autocorrelation: Autocorrelation
    aggregates: Aggregates

    @property
    def outcome(self) -> NDArray[np.int8]:
        """The :class:`Outcome` of each series."""
        return self.coverage.outcome


@unbuffered()
def analyse(
    values: Matrix, parameters: AnalysisParameters = DEFAULTS, periods: Integers | None = None
) -> Analysis:
    """Analyse ``values[n_series, n_slots]`` (float64, NaN = missing); the curves: :func:`curves`.

    ``periods[n_series]`` are the declared periods in slots; 0, or no ``periods``, means
    ``parameters.period``, and if that is 0 too, a period is looked for. Each row's result depends on that
    row alone, to the last bit.
    """
    n_series, n_slots = values.shape
    coverage = inspect(values, parameters)
    period = _declared(periods, parameters.period, n_series)
    n_lags = parameters.autocorrelation_lags
    correlation = np.full((n_series, n_lags + 1), np.nan)
    ok = np.flatnonzero(coverage.outcome == Outcome.OK)
    design, n_read = Design(len(ok), n_slots, parameters.adf_max_lag), 0
    for block in in_blocks(values, ok):
        rows, n = block.rows, len(block.rows)
        deviation = _deviation(block)
        design.read(slice(n_read, n_read := n_read + n), deviation)
        correlated = autocorrelate(deviation, max(n_lags, longest_period(n_slots)))[:n]
        correlation[rows] = correlated[:, : n_lags + 1]
        found = find_period(correlated[:, : longest_period(n_slots) + 1])
        period[rows] = np.where(period[rows] > 0, period[rows], found)

    def read_again(which: Rows) -> Matrix:
        return np.vstack([_deviation(block)[: len(block.rows)] for block in in_blocks(values, ok[which])])

    statistic, lags = np.full(n_series, np.nan), np.full(n_series, -1)
    statistic[ok], lags[ok] = dickey_fuller(design, read_again)
    return Analysis(
        parameters,
        coverage,
        conclude(statistic, lags, n_slots, parameters.significance),
        period,
        Autocorrelation(
            np.arange(n_lags + 1),
            correlation,
            bartlett_half_width(correlation, n_slots, parameters.confidence),
        ),
        aggregate(values, parameters.windows),
    )


@unbuffered()
def curves(values: Matrix, period: Integers, parameters: AnalysisParameters = DEFAULTS) -> Curves:
    """Decomposition with ``period[n_series]`` and Hodrick-Prescott of ``values[n_series, n_slots]``.

    A row's curves do not depend on the other rows: computed later from stored samples they are the same.
    """
    usable = inspect(values, parameters).usable
    used = np.where(usable, feasible(period, values.shape[1]), 0)
    trend, seasonal, residual, cycle, growth = (np.empty(values.shape) for _ in range(5))
    for has_curve, curves in ((used > 0, (trend, seasonal, residual)), (usable, (cycle, growth))):
        for curve in curves:
            curve[~has_curve] = np.nan
    for block in in_blocks(values, np.flatnonzero(usable)):
        smooth = hodrick_prescott(block.samples, parameters.hp_lambda)
        cycle[block.rows], growth[block.rows] = block.restore(smooth.cycle), block.restore(smooth.trend)
    # Series of one period are decomposed together, so they should meet in a block.
    by_period = np.argsort(used, kind="stable")[np.count_nonzero(used == 0) :]
    for block in in_blocks(values, by_period):
        rows = block.rows
        parts = decompose(block.samples[: len(rows)], used[rows])
        trend[rows], seasonal[rows] = block.restore(parts.trend), block.restore(parts.seasonal)
        residual[rows] = block.restore(parts.residual)
    return Curves(Decomposition(used, trend, seasonal, residual), HodrickPrescott(cycle, growth))


def _declared(periods: Integers | None, default: int, n_series: int) -> Integers:
    given = np.zeros(n_series, dtype=np.int64) if periods is None else np.asarray(periods, dtype=np.int64)
    if given.shape != (n_series,):
        raise ValueError(f"periods must have the shape ({n_series},), got {given.shape}")
    return np.where(given > 0, given, default)


def _deviation(block: Block) -> Matrix:
    """The samples of a block, each row minus its mean."""
    return np.asarray(block.samples - block.samples.mean(axis=1, keepdims=True))
