"""The augmented Dickey-Fuller test with a constant, for every series at once.

Regresses ``dx[t]`` on ``x[t-1]``, ``dx[t-1] … dx[t-p]`` and a constant, with p chosen by AIC over the rows
that all candidates share, then once more over all rows that p allows (Said and Dickey 1984; Greene 2003).
One triangular factor of the centred columns gives the residual sums of all lags at once, for each further
column takes its own part away. p-values after MacKinnon (1994), critical values after MacKinnon (2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector
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


def dickey_fuller(standard: Matrix, max_lag: int) -> tuple[Vector, Integers]:
    """Statistic and chosen lag of each row of ``standard[n_series, n_slots]`` (mean 0, some variance).

    (NaN, -1) where the regression is impossible.
    """
    n_series, n_slots = standard.shape
    statistic, lags = np.full(n_series, np.nan), np.full(n_series, -1)
    max_lag = min(max_lag, n_slots // 2 - 2)
    if max_lag < 0:
        return statistic, lags
    change = np.diff(standard, axis=1)
    change -= change.mean(axis=1, keepdims=True)
    straight = np.abs(change).max(axis=1) <= NOTHING * np.abs(standard).max(axis=1)
    change[straight] = 0.0
    chosen, possible = _choose_lag(standard, change, max_lag)
    for lag in range(max_lag + 1):
        rows = np.flatnonzero(possible & (chosen == lag))
        if rows.size:
            statistic[rows] = _t_value(standard[rows], change[rows], lag)
    lags[:] = np.where(np.isfinite(statistic), chosen, -1)
    return statistic, lags


def conclude(statistic: Vector, lags: Integers, n_slots: int, significance: float) -> Stationarity:
    """What the statistics mean, for series of ``n_slots``."""
    observations = np.where(lags >= 0, n_slots - 1 - lags, 0)
    p = p_value(statistic)
    stationary = np.where(np.isnan(p), 1.0, p) < significance
    return Stationarity(statistic, p, lags, observations, critical_values(observations), stationary)


def _choose_lag(level: Matrix, change: Matrix, max_lag: int) -> tuple[Integers, Flags]:
    """The lag with the smallest AIC, the shorter one of equals, and where that means anything."""
    columns = _columns(level, change, max_lag, rows_from=max_lag)
    factor = _factor([columns[0], *columns[1:]])
    rows = change.shape[1] - max_lag
    own = factor[:, :, -1] ** 2
    # What is left after the level and p lags: the own part of the last column and of the lags above p.
    left = np.cumsum(own[:, ::-1], axis=1)[:, : max_lag + 1][:, ::-1]
    possible = np.isfinite(left).all(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        aic = rows * np.log(left) + 2.0 * np.arange(max_lag + 1)
    return np.argmin(np.where(np.isnan(aic), np.inf, aic), axis=1), np.asarray(possible)


def _t_value(level: Matrix, change: Matrix, lag: int) -> Vector:
    """The t-value of the level: with the level as the last regressor, it is read off the factor."""
    first, *lagged, last = _columns(level, change, lag, rows_from=lag)
    factor = _factor([*lagged, first, last])
    freedom = change.shape[1] - lag - (lag + 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = factor[:, -2, -1] / (factor[:, -1, -1] / np.sqrt(freedom))
    return np.where(np.isfinite(t), t, np.nan)


def _columns(level: Matrix, change: Matrix, lag: int, rows_from: int) -> list[Matrix]:
    """``x[t-1]``, ``dx[t-1] … dx[t-lag]``, ``dx[t]`` as views, for t from ``rows_from``."""
    stop = change.shape[1]
    lagged = [change[:, rows_from - k : stop - k] for k in range(1, lag + 1)]
    return [level[:, rows_from:stop], *lagged, change[:, rows_from:]]


def _factor(columns: Sequence[Matrix]) -> Matrix:
    """The upper triangle R of the QR factors of the centred columns, ``[n_series, k, k]``.

    By Cholesky of their products; where that loses digits, by QR. NaN where a regressor depends on those
    before it, or where nothing is left of the last column.
    """
    n_columns, n_rows = len(columns), columns[0].shape[1]
    sums = [column.sum(axis=1) for column in columns]
    raw = [np.vecdot(column, column) for column in columns]
    factor = np.zeros((len(columns[0]), n_columns, n_columns))
    share = np.full(len(columns[0]), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for i in range(n_columns):
            for j in range(i, n_columns):
                product = raw[i] if i == j else np.vecdot(columns[i], columns[j])
                rest = product - sums[i] * sums[j] / n_rows
                for k in range(i):
                    rest = rest - factor[:, k, i] * factor[:, k, j]
                if i == j:
                    share = np.fmin(share, np.where(raw[i] > 0, rest / raw[i], -1.0))
                    factor[:, i, i] = np.sqrt(np.maximum(rest, 0.0))
                else:
                    factor[:, i, j] = rest / factor[:, i, i]
    ill = np.flatnonzero(share < ILL_CONDITIONED)
    if ill.size:
        factor[ill] = _factor_by_qr([column[ill] for column in columns])
    return factor


def _factor_by_qr(columns: Sequence[Matrix]) -> Matrix:
    design = np.stack(columns, axis=-1)
    design = design - design.mean(axis=1, keepdims=True)
    size = np.sqrt(np.sum(design**2, axis=1, keepdims=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.linalg.qr(np.where(size > 0, design / size, 0.0), mode="r")
    own = np.diagonal(factor, axis1=1, axis2=2) ** 2
    factor *= np.sign(np.diagonal(factor, axis1=1, axis2=2))[:, :, None]
    factor[(own < DEPENDENT).any(axis=1)] = np.nan
    return np.asarray(factor * size)
