"""Days replayed through the live services, time compressed: predict, judge, refit, watch.

    python -m training.replay [--days 3] [--series 40]

Recorded servers are predicted every ten minutes with the calibrator in use, as telemetry_analysis does it.
Every hour, what is final is judged, watched and, once a day, refitted, as forecast_verification does it. On
the way a worse calibrator is proposed, and later a bad one is taken into use by hand. Printed is what became
of them, and the skill before and after.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select
from threadpoolctl import threadpool_limits

from foresight.forecasting.calibrator import shipped
from foresight.forecasting.fleet import FleetCalibrator
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.refit import Correction
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services import calibrators
from foresight.services.indicator_risks import ENOUGH, forecast_with_risks
from foresight.services.samples import store_samples
from foresight.services.series_rows import forecast_rows
from foresight.services.slas import stored_sla
from foresight.services.verification import HourVerified, verify_due
from foresight.services.verification_report import report
from foresight.sla.definition_rows import definition_rows
from foresight.sla.definitions import Matcher, Sla, Sli
from foresight.store import Store, apply_slas, migrate, open_store, upsert
from foresight.store.tables import metadata, sli_risk
from training.recordings import fixed_bounds, read_families

Array = NDArray[np.float64]
N_SLOTS, INTERVAL, HOUR = 720, 600, 3600
START = 1_764_288_000
"""Where the replay begins: 2025-11-28 00:00 UTC."""
BY = "replay"


@dataclass
class Replay:
    """A store that recorded series run into; ``values[n_series, n]`` are minutes, the window first."""

    store: Store
    values: Array
    bounds: Sequence[Sequence[tuple[float, float]]]
    """Of each series, pairs of bounds; infinite where open."""
    now: int = START

    def __post_init__(self) -> None:
        self.keys = tuple(SeriesKey.of("load", {"host": f"h{at:03}"}) for at in range(len(self.values)))
        self.sla = Sla("fleet", tuple(self._slis()))
        first = SeriesMatrix(self.keys, Grid(START, N_SLOTS), np.ascontiguousarray(self.values[:, :N_SLOTS]))

        def work(connection: Connection) -> None:
            apply_slas(
                connection, [(stored_sla(self.sla), definition_rows(self.sla))], applied_at=0, applied_by=BY
            )
            store_samples(connection, first, ["default"] * len(self.keys), N_SLOTS)

        self.store.transact(work)

    def _slis(self) -> Iterator[Sli]:
        for at, pairs in enumerate(self.bounds):
            for number, (low, high) in enumerate(pairs):
                yield Sli(
                    f"h{at:03}-{number}", "load", low if np.isfinite(low) else None,
                    high if np.isfinite(high) else None, matchers=(Matcher("host", "=", f"h{at:03}"),),
                )  # fmt: skip

    def arrive(self, seconds: int) -> Array:
        """The next samples come, and are stored; answers the window that ends with them."""
        self.now += seconds
        end = N_SLOTS + (self.now - START) // 60
        window = np.ascontiguousarray(self.values[:, end - N_SLOTS : end])
        n = seconds // 60
        recent = SeriesMatrix(self.keys, Grid(self.now, n), np.ascontiguousarray(window[:, -n:]))

        names = ["default"] * len(self.keys)
        self.store.transact(lambda connection: store_samples(connection, recent, names, n))
        return window

    def predict(self) -> None:
        """One run of the telemetry: the next ten minutes of samples come, and are predicted from."""
        matrix = SeriesMatrix(self.keys, Grid(self.now + INTERVAL, N_SLOTS), self.arrive(INTERVAL))
        used = calibrators.in_use(self.store, self.now)
        parameters = ForecastParameters(enough=ENOUGH, band_factor=used.band_factor)
        made, tables = forecast_with_risks(matrix, [self.sla], parameters, self.now, used)
        rows = forecast_rows(matrix, made)
        about = {
            "series_id": matrix.ids, "as_of": self.now, "outcome": "analysed", "n_observed": N_SLOTS,
            "n_missing": 0, "n_nonfinite": 0, "data_hash": "", "code_version": "",
            "model": rows["series_analysis"]["model"],
        }  # fmt: skip

        def work(connection: Connection) -> None:
            written = {**tables, "forecast": rows["forecast"], "series_analysis": about}
            for name, columns in written.items():
                upsert(connection, metadata.tables[name], columns)

        self.store.transact(work)

    def judge(self) -> tuple[list[HourVerified], list[calibrators.Decision]]:
        """One run of the verification at the present instant."""
        hours = verify_due(self.store, self.now)
        taken_back = calibrators.watch(self.store, self.now, by=BY)
        decisions = calibrators.refit_due(self.store, self.now, by=BY)
        return hours, [*([taken_back] if taken_back else []), *decisions]

    def hours(self, n: int) -> Iterator[list[calibrators.Decision]]:
        """So many hours; answers the decisions of each."""
        for _ in range(n):
            for _ in range(HOUR // INTERVAL):
                self.predict()
            yield self.judge()[1]


WORSE = FleetCalibrator(shipped(), Correction(1.0, -3.0))
"""A planted calibrator that is worse: it says too little."""
BAD = FleetCalibrator(shipped(), Correction(0.2, 2.5))


def main() -> None:
    """Replay, and print lines on stderr and what came of it as one JSON object on stdout."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--series", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(1):
        store = open_store(f"sqlite:///{Path(folder) / 'results.db'}")
        migrate(store)
        print(json.dumps(run(store, given.days, given.series)))
        store.close()


def run(store: Store, days: int, n_series: int) -> dict[str, Any]:
    """The replay of servers, with a worse calibrator proposed and a bad one planted half-way."""
    values, bounds = servers(n_series, N_SLOTS + days * 1440)
    replay = Replay(store, values, bounds)
    told: list[dict[str, Any]] = []
    refused = None
    for hour, decisions in enumerate(replay.hours(days * 24), 1):
        for each in decisions:
            told.append({"hour": hour, "action": each.action, "version": each.version, "reason": each.reason})
            print(told[-1], file=sys.stderr, flush=True)
        if hour == days * 12:
            refused = calibrators.consider(store, WORSE, replay.now, by=BY)
            calibrators.promote_by_hand(store, BAD, replay.now, by=BY, reason="planted")
    by_version = report(store, replay.now, days=days + 1, grouping="calibrator")
    changes, _ = calibrators.history(store)
    return {
        "worse_refused": refused is not None and refused.action == "refused",
        "bad_rolled_back": any(
            each.action == "rolled_back" and each.version == BAD.version for each in changes
        ),
        "promoted": [
            asdict(each) for each in changes if each.action == "promoted" and each.version != BAD.version
        ],
        "decisions": told,
        "skill": {
            line.name: {"skill": line.scores.skill, "ece": line.scores.ece, "n": line.scores.n}
            for line in by_version.lines
        },
        "n_predictions": store.read(lambda c: len(c.execute(select(sli_risk.c.as_of)).all())),
    }  # fmt: skip


def servers(n_series: int, n_slots: int) -> tuple[Array, list[list[tuple[float, float]]]]:
    """Recorded series of servers, and two bounds each from what lies before the replay."""
    values, bounds = [], []
    for name, series in read_families().items():
        for whole in series if name.startswith("smd") else []:
            if len(whole) < n_slots + 5000 or np.isnan(whole).any():
                continue
            pairs = fixed_bounds(whole)[:2]
            start = int(0.3 * len(whole))
            if len(whole) >= start + n_slots and np.ptp(whole[start : start + n_slots]) > 0:
                values.append(whole[start : start + n_slots])
                bounds.append(pairs)
    chosen = np.linspace(0, len(values) - 1, min(n_series, len(values))).astype(int)
    return np.array([values[at] for at in chosen]), [bounds[at] for at in chosen]


if __name__ == "__main__":
    main()
