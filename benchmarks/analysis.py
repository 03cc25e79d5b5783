"""Analysis, forecast and probability of many series at once, against statsmodels and pandas one by one.

    python benchmarks/analysis.py [--json]

Ours: everything that is stored for a series, with one pair of bounds each. The peer: ADF, decomposition,
Hodrick-Prescott, autocorrelation, resampled aggregates and Holt-Winters without a season, on a sample of the
same series. One thread, in seconds of its processor, so that neighbours on the machine hardly count;
``wall_ms_per_series`` is what the clock on the wall says. Each size runs in a process of its own, so that
its peak memory is its own. The ratio is the median of pairs, ours and the peer in turn: a shared machine
changes its speed by the minute.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recorded import realistic

SIZES = (
    (1_000, 720),
    (5_000, 720),
    (20_000, 720),
    (50_000, 720),
    (1_000, 2_880),
    (5_000, 2_880),
    (50_000, 2_880),
)
MAIN = (5_000, 720)
REPEATS = 5
SHARD = 5_000
"""Curves are made and stored this many series at a time."""
PEER_SERIES = 40
PAIRS = 5
STAGES = ("analyse", "curves", "forecast_and_probability")


def main() -> None:
    """Run all sizes and the peer; the last line of stdout is one flat JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument("--one", nargs=2, type=int, metavar=("SERIES", "POINTS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with threadpool_limits(1):
        if arguments.one:
            print(json.dumps(measure(*arguments.one)))
            return
        rows = []
        for size in SIZES:
            rows.append(in_own_process(size))
            say(
                "{series:>7,} series x {points:>5,}: {ms_per_series:.3f} ms a series, {peak_mib:,.0f} MiB",
                rows[-1],
            )
        pairs = []
        for _ in range(PAIRS):
            pairs.append((in_own_process(MAIN), measure_peer(realistic(*MAIN)[:PEER_SERIES])))
            say(
                "{ours:.3f} ms a series, statsmodels and pandas one by one: {peer:.1f} ms",
                {"ours": pairs[-1][0]["ms_per_series"], "peer": pairs[-1][1]},
            )
    ratios = [peer / ours["ms_per_series"] for ours, peer in pairs]
    ours, peer = (
        min((ours for ours, _ in pairs), key=lambda row: row["ms_per_series"]),
        min(p for _, p in pairs),
    )
    figures = {
        "ms_per_series": ours["ms_per_series"],
        "peer_ms_per_series": peer,
        "ratio": round(float(np.median(ratios)), 1),
        "ratios": [round(ratio, 1) for ratio in ratios],
        "peak_mib": ours["peak_mib"],
        "wall_ms_per_series": ours["wall_ms_per_series"],
        **{f"{stage}_ms": ours[f"{stage}_ms"] for stage in STAGES},
        "growth": rows,
    }
    print(json.dumps(figures))


def in_own_process(size: tuple[int, int]) -> dict[str, Any]:
    """What :func:`measure` says about one size, in a fresh interpreter."""
    command = [sys.executable, __file__, "--one", *map(str, size)]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    row: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return row


def measure(n_series: int, n_slots: int) -> dict[str, float]:
    """Milliseconds a series, by stage, best of a few runs; peak memory of the process, input included."""
    from foresight.analysis import analyse, curves
    from foresight.forecasting.assessment import forecast_risk
    from foresight.forecasting.risk import Bounds

    values = realistic(n_series, n_slots)
    lower, upper = np.nanquantile(values, (0.02, 0.95), axis=1)
    rows = np.arange(n_series)
    best = np.full(len(STAGES), np.inf)
    wall = np.inf
    for _ in range(REPEATS if n_series <= SHARD else 1):
        started = time.perf_counter()
        clock = [time.process_time()]
        analysis = analyse(values)
        clock.append(time.process_time())
        for start in range(0, n_series, SHARD):
            shard = slice(start, start + SHARD)
            curves(values[shard], analysis.period[shard])
        clock.append(time.process_time())
        _, risk = forecast_risk(values, Bounds(rows, lower, upper))
        clock.append(time.process_time())
        best = np.minimum(best, np.diff(clock) * 1e3 / n_series)
        wall = min(wall, (time.perf_counter() - started) * 1e3 / n_series)
    assert np.isfinite(risk.probability).all()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    stages = {f"{stage}_ms": round(ms, 4) for stage, ms in zip(STAGES, best, strict=True)}
    total = round(float(best.sum()), 4)
    return {
        "series": n_series,
        "points": n_slots,
        "ms_per_series": total,
        "wall_ms_per_series": round(wall, 4),
        "peak_mib": round(peak, 1),
        **stages,
    }


def measure_peer(values: NDArray[np.float64]) -> float:
    """Milliseconds a series of the chain that pipelines run one series at a time."""
    import pandas as pd
    from statsmodels.tsa.filters.hp_filter import hpfilter
    from statsmodels.tsa.holtwinters import ExponentialSmoothing
    from statsmodels.tsa.seasonal import seasonal_decompose
    from statsmodels.tsa.stattools import acf, adfuller

    index = pd.date_range("2026-01-01", periods=values.shape[1], freq="min")
    usable = [pd.Series(row, index) for row in values if np.isfinite(row).all() and np.ptp(row) > 0]
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for series in usable:
            adfuller(series, maxlag=3, autolag="AIC", result_object=True)
            seasonal_decompose(series, period=60)
            hpfilter(series, 1600)
            acf(series, nlags=40, alpha=0.05, result_object=True)
            for window in ("1h", "3h", "12h"):
                series.resample(window).agg(["max", "min", "mean", "std"])
            ExponentialSmoothing(series, trend="add").fit().forecast(10)
    return round((time.process_time() - start) * 1e3 / len(usable), 2)


def say(text: str, figures: dict[str, Any]) -> None:
    """One line of progress on stderr."""
    print(text.format(**figures), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
