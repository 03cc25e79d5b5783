"""How far our batched statistics are from statsmodels, and both from long double, on recorded series.

    python benchmarks/equality.py [--json] [--data FOLDER]

Every series below the folder is cut into windows of 720 samples. Differences are the largest over all
windows: of curves and aggregates relative to the largest magnitude in the window, of others absolute.
The ADF statistic is compared on standardised windows: on values near 1e10 statsmodels itself is off.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from foresight.analysis import Analysis, Curves, Outcome, analyse, curves
from recorded import SAMPLE, read_folder, windows

N_SLOTS, EVERY, LAGS = 720, 1_440, 40
FALLBACK_PERIOD = 60
Array = NDArray[Any]
Exact = np.longdouble


def main() -> None:
    """Print the table on stderr, and the figures as one JSON object on the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument("--data", type=Path, default=SAMPLE, help="folder of CSV files")
    arguments = parser.parse_args()
    series = read_folder(arguments.data)
    names, values = windows(series, N_SLOTS, EVERY)
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figures = compare(values)
    print(f"{len(set(names))} series, {len(values)} windows from {arguments.data}", file=sys.stderr)
    for name, figure in figures.items():
        print(f"{name:45} {figure:.2g}", file=sys.stderr)
    print(json.dumps({"series": len(set(names)), "windows": len(values), **figures}))


def compare(values: Array) -> dict[str, float]:
    """The largest difference of each statistic over all rows of ``values`` that are analysed."""
    analysis = analyse(values)
    period = np.where(analysis.period > 0, analysis.period, FALLBACK_PERIOD)
    drawn = curves(values, period)
    worst: defaultdict[str, float] = defaultdict(float)
    for row in np.flatnonzero(analysis.outcome <= Outcome.CONSTANT):
        figures = compare_curves(values[row], int(period[row]), drawn, row)
        figures |= compare_aggregates(values[row], analysis, row)
        if analysis.outcome[row] == Outcome.OK:
            figures |= compare_autocorrelation(values[row], analysis, row)
            figures |= compare_stationarity(values[row], analysis, row)
        for name, figure in figures.items():
            worst[name] = max(worst[name], figure)
    return dict(worst)


def compare_curves(x: Array, period: int, drawn: Curves, row: int) -> dict[str, float]:
    """Hodrick-Prescott and decomposition, against statsmodels and long double."""
    from statsmodels.tsa.filters.hp_filter import hpfilter
    from statsmodels.tsa.seasonal import seasonal_decompose

    smooth, parts = drawn.hodrick_prescott, drawn.decomposition
    size = np.abs(x).max() or 1.0
    _, theirs = hpfilter(x, 1600)
    figures = {
        "hp_vs_statsmodels": distance(smooth.trend[row], theirs) / size,
        "hp_vs_long_double": distance(smooth.trend[row], exact_hodrick_prescott(x)) / size,
        "hp_statsmodels_vs_long_double": distance(theirs, exact_hodrick_prescott(x)) / size,
    }
    peer = seasonal_decompose(x, period=period)
    exact = exact_decomposition(x, period)
    mine = (parts.trend[row], parts.seasonal[row], parts.residual[row])
    figures["decomposition_vs_statsmodels"] = max(
        distance(a, b) / size for a, b in zip(mine, (peer.trend, peer.seasonal, peer.resid), strict=True)
    )
    figures["decomposition_vs_long_double"] = max(
        distance(a, b) / size for a, b in zip(mine, exact, strict=True)
    )
    return figures


def compare_aggregates(x: Array, analysis: Analysis, row: int) -> dict[str, float]:
    """Mean and standard deviation against pandas and long double; extremes must be equal."""
    import pandas as pd

    size = np.abs(x).max() or 1.0
    got = analysis.aggregates
    worst = {"aggregates_vs_pandas": 0.0, "aggregates_vs_long_double": 0.0}
    for column, window in enumerate(got.windows):
        tail, theirs = x[-window:].astype(Exact), pd.Series(x[-window:])
        assert got.maximum[row, column] == theirs.max()
        assert got.minimum[row, column] == theirs.min()
        mine = np.array([got.mean[row, column], got.std[row, column]])
        exact = np.array([tail.mean(), tail.std(ddof=1)])
        for name, other in (("pandas", np.array([theirs.mean(), theirs.std()])), ("long_double", exact)):
            key = f"aggregates_vs_{name}"
            worst[key] = max(worst[key], distance(mine, other) / size)
    return worst


def compare_autocorrelation(x: Array, analysis: Analysis, row: int) -> dict[str, float]:
    """Values and half widths of the band."""
    from statsmodels.tsa.stattools import acf

    theirs = acf(x, nlags=LAGS, alpha=0.05, result_object=True)
    mine = analysis.autocorrelation
    deviation = x.astype(Exact) - x.astype(Exact).mean()
    products = np.array([(deviation[: N_SLOTS - k] * deviation[k:]).sum() for k in range(LAGS + 1)])
    half_width = (theirs.confint[:, 1] - theirs.confint[:, 0]) / 2
    return {
        "acf_vs_statsmodels": distance(mine.values[row], theirs.acf),
        "acf_vs_long_double": distance(mine.values[row], products / products[0]),
        "acf_band_vs_statsmodels": distance(mine.half_width[row], half_width),
    }


def compare_stationarity(x: Array, analysis: Analysis, row: int) -> dict[str, float]:
    """The Dickey-Fuller test against statsmodels and long double; 1.0 where the chosen lag differs."""
    from statsmodels.tsa.stattools import adfuller

    test = analysis.stationarity
    standard = (x - x.mean()) / x.std()
    theirs = adfuller(standard, maxlag=3, autolag="AIC", result_object=True)
    raw = adfuller(x, maxlag=3, autolag="AIC", result_object=True)
    if np.isnan(test.statistic[row]):
        return {"adf_undetermined": 1.0}
    exact = exact_dickey_fuller(x, int(test.lags[row]))
    statistic = test.statistic[row]
    return {
        "adf_lag_differs": float(test.lags[row] != theirs.lags),
        "adf_p_vs_statsmodels": distance(test.p_value[row], theirs.pvalue),
        "adf_statistic_vs_statsmodels": distance(statistic, theirs.statistic) / max(1, abs(statistic)),
        "adf_statistic_vs_long_double": distance(statistic, exact) / max(1, abs(statistic)),
        "adf_statistic_raw_statsmodels_vs_long_double": distance(raw.statistic, exact) / max(1, abs(exact)),
        "adf_critical_vs_statsmodels": distance(
            test.critical_values[row], np.array(list(theirs.critical_values.values()))
        ),
    }


def distance(a: Any, b: Any) -> float:
    """The largest absolute difference; where one is NaN, the other must be."""
    a, b = np.asarray(a, dtype=Exact), np.asarray(b, dtype=Exact)
    assert (np.isnan(a) == np.isnan(b)).all()
    gap = np.abs(a - b)
    return float(np.max(gap[~np.isnan(gap)], initial=0))


def exact_hodrick_prescott(x: Array, smoothing: float = 1600) -> Array:
    """The trend by banded elimination in long double."""
    n = len(x)
    band = np.zeros((3, n), dtype=Exact)
    for d, weights in enumerate(([1, 4, 1], [-2, -2], [1])):
        for shift, weight in enumerate(weights):
            band[d, shift : shift + n - 2] += weight
    band *= smoothing
    band[0] += 1
    right = x.astype(Exact)
    for i in range(n):
        for d in (1, 2):
            if i + d < n:
                factor = band[d, i] / band[0, i]
                right[i + d] -= factor * right[i]
                band[0, i + d] -= factor * band[d, i]
                if d == 1 and i + 2 < n:
                    band[1, i + 1] -= factor * band[2, i]
    for i in range(n - 1, -1, -1):
        for d in (1, 2):
            if i + d < n:
                right[i] -= band[d, i] * right[i + d]
        right[i] /= band[0, i]
    return right


def exact_decomposition(x: Array, period: int) -> tuple[Array, Array, Array]:
    """Trend, seasonal and residual as the textbook has them, in long double."""
    n, half = len(x), period // 2
    precise = x.astype(Exact)
    weights = np.full(2 * half + 1, Exact(1))
    weights[[0, -1]] = 1 if period % 2 else Exact(0.5)
    trend = np.full(n, np.nan, dtype=Exact)
    for i in range(half, n - half):
        trend[i] = (weights * precise[i - half : i + half + 1]).sum() / period
    detrended = precise - trend
    phases = np.array([np.nanmean(detrended[phase::period]) for phase in range(period)])
    seasonal = np.tile(phases - phases.mean(), n // period + 1)[:n]
    return trend, seasonal, detrended - seasonal


def exact_dickey_fuller(x: Array, lag: int) -> float:
    """The t-value of the level, by modified Gram-Schmidt in long double."""
    level = x.astype(Exact) - x.astype(Exact).mean()
    change = np.diff(level)
    rows = range(lag, len(change))
    columns = [np.ones(len(rows), dtype=Exact)]
    columns += [change[lag - k : len(change) - k] for k in range(1, lag + 1)]
    columns += [level[lag:-1], change[lag:]]
    orthogonal: list[Array] = []
    for column in columns:
        rest = column.copy()
        for _ in range(2):
            for unit in orthogonal:
                rest -= (unit * rest).sum() * unit
        if len(orthogonal) == lag + 2:
            error = (rest**2).sum() / (len(rows) - lag - 2)
            return float((orthogonal[-1] * column).sum() / np.sqrt(error))
        orthogonal.append(rest / np.sqrt((rest**2).sum()))
    raise AssertionError


if __name__ == "__main__":
    main()
