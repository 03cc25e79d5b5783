"""The augmented Dickey-Fuller test with a constant, for every series at once.

Regresses ``dx[t]`` on ``x[t-1]``, ``dx[t-1] … dx[t-p]`` and a constant, with p chosen by AIC over the rows
that all candidates share, then once more over all rows that p allows (Said and Dickey 1984; Greene 2003).
One triangular factor of the centred columns gives the residual sums of all lags at once, for each further
column takes its own part away. Columns that are one series at several lags share their products: only the
slots at the edges differ. p-values after MacKinnon (1994), critical values after MacKinnon (2010).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Rows, Vector
from foresight.analysis.gaps import extremes
from foresight.analysis.mackinnon import critical_values, p_value

ILL_CONDITIONED = 1e-4
"""A column of which less than this share is its own is factored again by QR, which does not square it."""
NOTHING = 1e-13
"""Changes below this share of the largest deviation are rounding: the series is a straight line."""
DEPENDENT = 1e-24
"""A column of which (squared) less than this is its own says nothing new: there is no regression."""


@dataclass(frozen=True, slots=True, eq=False)
class Stationarity:
    """The test of each series, shape ``[n_series]``.

    Where there is no test (no variance, too few slots, or a series that its own past determines exactly,
    such as a straight line), statistic and p-value are NaN, ``lags`` is -1 and ``observations`` 0.
    """

    statistic: Vector
    p_value: Vector
    lags: Integers
    observations: Integers
    critical_values: Matrix
    """``[n_series, 3]``: at 1, 5 and 10 %."""
    stationary: Flags
    """p below the significance level; False where there is no test."""


def dickey_fuller(design: Design, deviations: Callable[[Rows], Matrix]) -> tuple[Vector, Integers]:
    """Statistic and chosen lag of each series of a ``design``; (NaN, -1) where the regression is impossible.

    ``deviations(series)`` gives the samples of the few series that have to be read again.
    """
    statistic = np.full(design.n_series, np.nan)
    chosen = _choose_lag(design, deviations) if design.max_lag >= 0 else np.zeros(design.n_series, dtype=int)
    for lag in range(design.max_lag + 1):
        rows = np.flatnonzero(chosen == lag)
        if rows.size:
            statistic[rows] = _t_value(design, deviations, rows, lag)
    return statistic, np.where(np.isfinite(statistic), chosen, -1)


def conclude(statistic: Vector, lags: Integers, n_slots: int, significance: float) -> Stationarity:
    """What the statistics mean, for series of ``n_slots``."""
    observations = np.where(lags >= 0, n_slots - 1 - lags, 0)
    p = p_value(statistic)
    stationary = np.where(np.isnan(p), 1.0, p) < significance
    return Stationarity(statistic, p, lags, observations, critical_values(observations), stationary)


def _choose_lag(design: Design, deviations: Callable[[Rows], Matrix]) -> Integers:
    """The lag with the smallest AIC, the shorter one of equals.

    A lag whose column depends on those before it says nothing new: it and longer ones are out.
    """
    max_lag, every = design.max_lag, np.arange(design.n_series)
    columns = [LEVEL, *range(FIRST_LAG, FIRST_LAG + max_lag), NOW]
    factor, says_new = _factor(design, deviations, every, columns, max_lag)
    # What is left after the level and p lags: the own part of the last column and of the lags above p.
    left = np.cumsum(factor[::-1, -1] ** 2, axis=0)[: max_lag + 1][::-1]
    says_new[0] = True  # a level that begins to change before these rows may do in the rows of its lag
    possible = np.logical_and.accumulate(says_new[:-1], axis=0)
    rows = design.n_changes - max_lag
    with np.errstate(divide="ignore"):
        aic = rows * np.log(left) + 2.0 * np.arange(max_lag + 1)[:, None]
    return np.asarray(np.argmin(np.where(possible, aic, np.inf), axis=0))


def _t_value(design: Design, deviations: Callable[[Rows], Matrix], series: Rows, lag: int) -> Vector:
    """The t-value of the level: with the level as the last regressor, it is read off the factor."""
    columns = [*range(FIRST_LAG, FIRST_LAG + lag), LEVEL, NOW]
    factor, says_new = _factor(design, deviations, series, columns, lag)
    freedom = design.n_changes - lag - (lag + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = factor[-2, -1] / (factor[-1, -1] / np.sqrt(freedom))
    return np.where(says_new.all(axis=0) & np.isfinite(t), t, np.nan)


ONE, LEVEL, NOW, FIRST_LAG = 0, 1, 2, 3
"""Columns of the regression: 1, ``x[t-1]``, ``dx[t]``, then ``dx[t-1]``, ``dx[t-2]`` …"""


class Design:
    """The sums of the products of the columns of every series' regression, and their first rows.

    The samples are read block by block and not kept; from the sums, all series are judged at once.
    """

    def __init__(self, n_series: int, n_slots: int, max_lag: int) -> None:
        self.n_series, self.n_changes = n_series, n_slots - 1
        self.max_lag = min(max_lag, n_slots // 2 - 2)
        first = max(self.max_lag, 0)
        self._products = np.empty((FIRST_LAG + first, FIRST_LAG + first, n_series))
        self._level, self._change = np.empty((2, first, n_series))

    def read(self, series: slice, deviation: Matrix) -> None:
        """Take in ``deviation[n, n_slots]`` (mean 0, some variance), of which the first are those series."""
        if self.max_lag < 0:
            return
        level, change = deviation[:, :-1], _changes(deviation)
        n, first = series.stop - series.start, self.max_lag
        self._products[:, :, series] = _sum_products(level, change, first)[:, :, :n]
        self._level[:, series], self._change[:, series] = level[:n, :first].T, change[:n, :first].T

    def products(self, series: Rows, start: int) -> Matrix:
        """Sums over t from ``start <= max_lag`` of products of columns, lags up to ``start``.

        ``[n_columns, n_columns, n_series]``.
        """
        n_columns = FIRST_LAG + start
        total = self._products[:n_columns, :n_columns, series]
        for t in range(start, self.max_lag):
            row = np.ones((n_columns, len(series)))
            row[LEVEL], row[NOW] = self._level[t, series], self._change[t, series]
            row[FIRST_LAG:] = self._change[t - start : t, series][::-1]
            total += row[:, None] * row
        return total


def _changes(deviation: Matrix) -> Matrix:
    """The changes from slot to slot minus their mean; none in a straight line."""
    change = np.diff(deviation, axis=1)
    change -= change.mean(axis=1, keepdims=True)
    straight = _largest(change) <= NOTHING * _largest(deviation)
    change[straight] = 0.0
    return change


def _largest(values: Matrix) -> Vector:
    highest, lowest = extremes(values)
    return np.maximum(highest, -lowest)


def _sum_products(level: Matrix, change: Matrix, q: int) -> Matrix:
    """The sums over t from ``q``, the longest lag, of ``level[n, n_changes]`` and of the changes after it."""
    stop = change.shape[1]
    lags = {_lag_of(column): column for column in (NOW, *range(FIRST_LAG, FIRST_LAG + q))}
    total = np.empty((FIRST_LAG + q, FIRST_LAG + q, len(level)))
    level = level[:, q:]
    total[ONE, ONE] = stop - q
    total[ONE, LEVEL] = level.sum(axis=1)
    total[LEVEL, LEVEL] = np.vecdot(level, level)
    # What all lags have in common; each adds its edges. Nothing is taken away, so no digit is lost.
    middle = change[:, q : stop - q]
    common = [np.vecdot(middle, change[:, q - d : stop - q - d]) for d in range(q + 1)]
    middle_sum = middle.sum(axis=1)
    for lag, column in lags.items():
        edges = change[:, q - lag : q], change[:, stop - q : stop - lag]
        total[ONE, column] = middle_sum + edges[0].sum(axis=1) + edges[1].sum(axis=1)
        total[LEVEL, column] = np.vecdot(level, change[:, q - lag : stop - lag])
        for later in range(lag, q + 1):
            d = later - lag
            early = np.vecdot(edges[0], change[:, q - later : q - d])
            late = np.vecdot(edges[1], change[:, stop - q - d : stop - later])
            total[column, lags[later]] = common[d] + early + late
    below = np.tri(len(total), k=-1, dtype=np.bool_)[:, :, None]
    return np.where(below, total.transpose(1, 0, 2), total)


def _lag_of(column: int) -> int:
    return 0 if column == NOW else column - FIRST_LAG + 1


def _factor(
    design: Design, deviations: Callable[[Rows], Matrix], series: Rows, columns: Sequence[int], start: int
) -> tuple[Matrix, Flags]:
    """The upper triangle R of the QR factors of the centred columns, ``[k, k, n_series]``, t from ``start``,
    and which columns say something that those before them do not, ``[k, n_series]``.

    By Cholesky of their products; where that loses digits, by QR.
    """
    products = design.products(series, start)
    sums, raw = products[ONE, columns], products[columns, columns]
    # What the columns before leave of each product.
    left = products[np.ix_(columns, columns)] - sums[:, None] * sums / (design.n_changes - start)
    factor = np.zeros_like(left)
    share = np.full(len(series), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(len(columns)):
            own = left[i, i]
            share = np.fmin(share, np.where(raw[i] > 0, own / raw[i], -1.0))
            factor[i, i] = np.sqrt(np.maximum(own, 0.0))
            factor[i, i + 1 :] = left[i, i + 1 :] / factor[i, i]
            left[i + 1 :, i + 1 :] -= factor[i, i + 1 :, None] * factor[i, i + 1 :]
    says_new = np.ones(sums.shape, dtype=np.bool_)
    ill = np.flatnonzero(share < ILL_CONDITIONED)
    if ill.size:
        factor[:, :, ill], says_new[:, ill] = _factor_by_qr(deviations(series[ill]), columns, start)
    return factor, says_new


def _factor_by_qr(deviation: Matrix, columns: Sequence[int], start: int) -> tuple[Matrix, Flags]:
    level, change = deviation[:, :-1], _changes(deviation)
    stop = change.shape[1]
    design = np.stack(
        [
            level[:, start:] if column == LEVEL else change[:, start - lag : stop - lag]
            for column, lag in ((column, _lag_of(column)) for column in columns)
        ],
        axis=-1,
    )
    raw = np.sqrt(np.sum(design**2, axis=1))
    design = design - design.mean(axis=1, keepdims=True)
    size = np.sqrt(np.sum(design**2, axis=1))
    # A constant column leaves rounding only.
    size[size <= NOTHING * raw] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.linalg.qr(np.where(size[:, None] > 0, design / size[:, None], 0.0), mode="r")
    own = np.diagonal(factor, axis1=1, axis2=2)
    factor = factor * np.where(own < 0, -1.0, 1.0)[:, :, None] * size[:, None]
    return factor.transpose(1, 2, 0), (own**2 >= DEPENDENT).T
