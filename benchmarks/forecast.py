"""What a forecast and the risk of its bounds cost beyond the analysis, and in how much memory.

    python benchmarks/forecast.py [--json] [--series 2048] [--large 100000]

720 slots, ten steps, one upper bound a series, no I/O, one thread, processor time, best of several runs; then
the three horizons of 10, 30 and 60 slots. Working memory is what a process of its own needs for ``--large``
series beyond its input and its results.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
from threadpoolctl import threadpool_limits

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.joint_forecast import forecast
from foresight.forecasting.risk import Bounds
from recorded import realistic

N_SLOTS, REPEATS, POOL = 720, 7, 512
HORIZONS = (10, 30, 60)


def main() -> None:
    """Print the figures as one JSON object on the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument("--series", type=int, default=2048, help="series of the timed runs")
    parser.add_argument(
        "--large", type=int, default=100_000, help="series of the run whose memory is taken; 0: none"
    )
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    with threadpool_limits(1):
        if given.one:
            print(json.dumps(peak(given.one)))
            return
        figures = measure(given.series)
    if given.large:
        command = [sys.executable, __file__, "--one", str(given.large)]
        answer = subprocess.run(command, check=True, capture_output=True, text=True)
        figures |= json.loads(answer.stdout.splitlines()[-1])
    print(json.dumps(figures))


def measure(n_series: int) -> dict[str, float]:
    """Milliseconds a series."""
    values = realistic(n_series, N_SLOTS)
    bounds = upper_bounds(values)
    work = {
        "forecast_ms": lambda: forecast(values),
        "ms_per_series": lambda: forecast_risk(values, bounds),
        "three_horizons_ms": lambda: forecast_risk(values, bounds, HORIZONS),
    }
    best = dict.fromkeys(work, np.inf)
    for _ in range(REPEATS):
        for name, run in work.items():
            started = time.process_time()
            run()
            best[name] = min(best[name], (time.process_time() - started) * 1e3 / n_series)
    return {name: round(ms, 4) for name, ms in best.items()}


def peak(n_series: int) -> dict[str, float]:
    """Peak MiB of the process, and of that what input and results take."""
    pool = realistic(POOL, N_SLOTS)
    values = np.tile(pool, (-(-n_series // POOL), 1))[:n_series]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    made, risk = forecast_risk(values, upper_bounds(pool, n_series))
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    arrays = [getattr(result, name) for result in (made, risk) for name in result.__slots__]
    results = sum(array.nbytes for array in arrays if isinstance(array, np.ndarray)) / 2**20
    return {
        "large": n_series, "peak_mib": round(after, 1), "input_mib": round(values.nbytes / 2**20, 1),
        "results_mib": round(results, 1), "working_mib": round(after - before - results, 1),
    }  # fmt: skip


def upper_bounds(values: np.ndarray, n_series: int | None = None) -> Bounds:
    """The 99 % quantile of each series; repeated up to ``n_series``."""
    upper = np.resize(np.nanquantile(values, 0.99, axis=1), n_series or len(values))
    return Bounds(np.arange(len(upper)), np.full(len(upper), -np.inf), upper)


if __name__ == "__main__":
    main()
