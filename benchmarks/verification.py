"""What verification costs at 10,000 SLIs: one hour judged, the report of 30 days, and a refit.

    python benchmarks/verification.py [--json] [--slis 10000] [--days 30] [--sample 300000]

On SQLite in a folder of its own. ``hour_seconds``: one hourly run over its 6 predictions an SLI. The report
reads the daily sums of ``--days`` days; the refit a sample of ``--sample`` sides, fits correction and mix, and
judges both. One thread, wall time; ``peak_mib`` is of the whole process.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from foresight.forecasting.verification import EDGES
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import calibrators
from foresight.services.risk_features import N_FEATURES, encoded
from foresight.services.verification import LONGEST_HORIZON, verify_hour
from foresight.services.verification_report import report
from foresight.store import Store, migrate, open_store, save_samples, save_series, upsert
from foresight.store.tables import risk_day, risk_feature, sli_risk, verified_hour

HOUR, DAY, INTERVAL = 3600, 86_400, 600
END = 20_425 * DAY
BINS_A_DAY = 3
"""Bins of a day that an SLI's predictions fall into."""


def main() -> None:
    """Print the figures as one JSON object on the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.add_argument("--slis", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--sample", type=int, default=300_000, help="sides that a refit learns from")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        store = open_store(f"sqlite:///{Path(folder) / 'results.db'}")
        migrate(store)
        print(json.dumps(run(store, given.slis, given.days, given.sample)))
        store.close()


def run(store: Store, n_slis: int, days: int, n_sample: int) -> dict[str, float]:
    """All figures."""
    rng = np.random.default_rng(0)
    fill_hour(store, n_slis, rng)
    figures = {"n_predictions": 6.0 * n_slis, "hour_seconds": timed(lambda: verify_hour(store, END))}
    fill_days(store, n_slis, days, rng)
    figures["report_seconds"] = timed(lambda: report(store, END - 1, days=days, grouping="sla"))
    fill_sample(store, n_sample, n_slis, rng)
    figures["refit_seconds"] = timed(lambda: calibrators.refit(store, END, by="benchmark"))
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {name: round(value, 2) for name, value in figures.items()}


def timed(work: Callable[[], Any]) -> float:
    """Seconds of wall time."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def fill_hour(store: Store, n: int, rng: np.random.Generator) -> None:
    """Samples of an hour and its horizon, and the predictions and features of six as-ofs."""
    keys = tuple(SeriesKey.of("load", {"host": f"h{at}"}) for at in range(n))
    n_slots = 60 + LONGEST_HORIZON
    grid = Grid(END + LONGEST_HORIZON * 60, n_slots)
    matrix = SeriesMatrix(keys, grid, rng.standard_normal((n, n_slots)))
    features = encoded(rng.normal(0, 1, (n, N_FEATURES)).astype(np.float32))

    def work(connection: Any) -> None:
        save_series(connection, matrix, ["default"] * n)
        save_samples(connection, matrix, n_slots)
        for as_of in range(END - HOUR + INTERVAL, END + 1, INTERVAL):
            key = {
                "as_of": as_of, "sla_name": [f"s{at % 1000}" for at in range(n)],
                "sli_name": [f"i{at}" for at in range(n)], "sli_revision": "0" * 16, "series_id": matrix.ids,
                "horizon_minutes": 10,
            }  # fmt: skip
            about = {
                "probability": rng.random(n) ** 4, "is_outside_now": [False] * n, "upper_bound": 3.0,
                "expected_first_slot": as_of + 300, "model": "naive", "calibrator": "shipped-0",
                "computed_at": as_of,
            }  # fmt: skip
            upsert(connection, sli_risk, key | about)
            side = {"side": 1, "draw": rng.random(n), "features": features}
            upsert(connection, risk_feature, key | side)

    store.transact(work)


def fill_days(store: Store, n: int, days: int, rng: np.random.Generator) -> None:
    """Daily sums, some bins an SLI and day."""
    size = n * BINS_A_DAY
    for back in range(1, days):
        count = rng.integers(1, 100, size)
        violated = (count * rng.random(size) * 0.1).astype(np.int64)
        rows = {
            "day": END // DAY * DAY - back * DAY, "sla_name": [f"s{at % 1000}" for at in range(n)] * BINS_A_DAY,
            "sli_name": [f"i{at}" for at in range(n)] * BINS_A_DAY, "sli_revision": "0" * 16,
            "horizon_minutes": 10, "model": "naive", "calibrator": "shipped-0",
            "bin": np.repeat(rng.choice(len(EDGES) - 1, BINS_A_DAY, replace=False), n), "metric": "load",
            "n": count, "n_violated": violated, "sum_said": count * 0.05, "sum_brier": count * 0.02,
            "sum_log_loss": count * 0.1, "n_minutes": violated, "sum_minutes_off": violated * 2.0,
            "n_begun": violated, "n_foretold": violated, "sum_lead_minutes": violated * 5.0,
        }  # fmt: skip
        store.transact(lambda connection, rows=rows: upsert(connection, risk_day, rows))
        names = [column.name for column in verified_hour.c if column.name != "hour"]
        hour = {"hour": [END - back * DAY], **{name: [1] for name in names}}
        store.transact(lambda connection, hour=hour: upsert(connection, verified_hour, hour))


def fill_sample(store: Store, n: int, n_slis: int, rng: np.random.Generator) -> None:
    """A judged sample over 30 days of as-ofs, one side in twenty left."""
    at_once = 20_000
    for start in range(0, n, at_once):
        size = min(at_once, n - start)
        values = rng.normal(0, 1, (size, N_FEATURES)).astype(np.float32)
        left = rng.random(size) < 0.1 / (1 + np.exp(-values[:, 0]))
        series = rng.integers(1, n_slis + 1, size)
        rows = {
            "as_of": END - INTERVAL * rng.integers(100, 30 * 144, size), "sla_name": "s",
            "sli_name": [f"i{one}" for one in series.tolist()], "sli_revision": "0" * 16,
            "series_id": np.arange(start, start + size) + 1, "horizon_minutes": 10, "side": 1,
            "draw": rng.random(size), "features": encoded(values), "is_left": left.tolist(),
            "weight": np.where(left, 1.0, 20.0),
        }  # fmt: skip
        store.transact(lambda connection, rows=rows: upsert(connection, risk_feature, rows))


if __name__ == "__main__":
    main()
