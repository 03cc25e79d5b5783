"""An evaluation of 10,000 SLIs at a regular interval on a real MySQL 9.7, against a pandas script one by one.

    python -m benchmarks.evaluate [--slis 10000] --json

Half are gauges with three windows, each on a series of its own; half are ratios over 30 days, two on each
pair of a good and a total series. What a telemetry run leaves is made by its own code: counts, hours, risks.
Of older hours those roll-ups are there that are read; the others lie on other pages. Measured is everything
that the tasks do from the definitions to the commit, all shards one after another in one process of its own,
once its modules are loaded. The peer has all values in memory already; it is timed on a sample and scaled.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import text
from tests.servers.mysql import mysql_server

from foresight.forecasting.parameters import ForecastParameters
from foresight.grid import Grid
from foresight.orchestration.sla.steps import _shards
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.evaluation import evaluate_stored
from foresight.services.indicator_risks import forecast_with_risks
from foresight.services.indicators import note_indicators
from foresight.services.slas import _stored, list_slas, names_between
from foresight.sla.definitions import Budget, Matcher, Sla, Sli
from foresight.sla.matching import chosen
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.rows import definition_rows
from foresight.sla.windows import HOUR, base_of, is_one_by_one, long_minutes
from foresight.store import Store, apply_slas, maintain, migrate, open_store, save_series, upsert
from foresight.store.risks import save_risks
from foresight.store.rollups import nodes_of
from foresight.store.tables import sli_rollup

AS_OF = 1_767_225_600 + 13 * HOUR + 600
"""Ten minutes past a full hour: every long window has an edge."""
SLIS_PER_SLA = 100
PEER_SAMPLE = 10


def definitions(n_slis: int) -> list[Sla]:
    """Gauges and ratios in turn, SLA by SLA."""
    slas = []
    for first in range(0, n_slis, SLIS_PER_SLA):
        numbers = range(first, min(n_slis, first + SLIS_PER_SLA))
        is_gauge = first // SLIS_PER_SLA % 2 == 0
        slis = tuple(gauge(number) if is_gauge else ratio(number) for number in numbers)
        slas.append(Sla(f"sla-{first:06d}", slis, owner="sre"))
    return slas


def gauge(number: int) -> Sli:
    """Bounds on one series, over an hour, three and twelve."""
    host = Matcher("instance", "=", f"host-{number}")
    return Sli(f"gauge-{number:06d}", "load", None, 4.0, 0.99, (host,), (60, 180, 720))


def ratio(number: int) -> Sli:
    """Good of all events over 30 days."""
    pair = number // 2
    events = Ratio(
        good=Expression(f"good_{pair}", counter=True), total=Expression(f"all_{pair}", counter=True)
    )
    objective = 0.999 if number % 2 else 0.99
    return Sli(
        f"ratio-{number:06d}", objective=objective, windows=(43_200,), ratio=events,
        budget=Budget("occurrences"),
    )  # fmt: skip


def held(slas: list[Sla], as_of: int, rng: np.random.Generator) -> SeriesMatrix:
    """Twelve hours of each series; one gauge in fifty leaves its bounds now and then."""
    slots = np.arange(720)
    keys, rows = [], []
    for sli in (sli for sla in slas for sli in sla.slis):
        if sli.ratio is None:
            keys.append(SeriesKey.of("load", {"instance": sli.matchers[0].value}))
            row = 2.0 + 0.5 * np.sin(slots / rng.uniform(20, 90)) + rng.normal(0, 0.2, 720)
            if len(keys) % 50 == 0:
                row[::97] = 5.0
            rows.append(row)
    ratios = [sli for sla in slas for sli in sla.slis if sli.ratio is not None]
    for pair in sorted({int(sli.name.removeprefix("ratio-")) // 2 for sli in ratios}):
        total = rng.poisson(50, 720)
        good = total - rng.binomial(total, 0.0005)
        for name, values in (("good", good), ("all", total)):
            keys.append(SeriesKey.of(Expression(f"{name}_{pair}", counter=True).series_metric(), {}))
            rows.append(1e6 + np.cumsum(values))
    return SeriesMatrix(tuple(keys), Grid(as_of, 720), np.array(rows, np.float64))


def older_hours(store: Store, slas: list[Sla], as_ofs: list[int], rng: np.random.Generator) -> None:
    """The roll-ups of past hours that windows ending at these instants read."""
    slis = [(sla, sli) for sla in slas for sli in sla.slis if long_minutes(sli, as_ofs[0])]
    nodes: set[tuple[int, int]] = set()
    for as_of in as_ofs:
        for minutes in long_minutes(slis[0][1], as_of):
            start = as_of - minutes * 60
            first = -(-start // HOUR) * HOUR
            nodes |= set(nodes_of(first, base_of(as_of))) | {(first, 1)}
    for end, hours in sorted(nodes):
        total = rng.poisson(3000 * hours, len(slis)).astype(float)
        bad = rng.binomial(total.astype(int), 0.0005)
        slots = [50.0] * 60
        columns = {
            "hour": end,
            "hours": hours,
            "sla_name": [sla.name for sla, _ in slis],
            "sli_name": [sli.name for _, sli in slis],
            "series_id": 0,
            "counting": [sli.counting for _, sli in slis],
            "n_observed": 60 * hours,
            "n_violated": 0,
            "n_no_traffic": 0,
            "good_events": total - bad,
            "total_events": total,
            "since": end - hours * HOUR,
            "observed_bits": (1 << 60) - 1 if hours == 1 else None,
            "violated_bits": 0 if hours == 1 else None,
            "no_traffic_bits": 0 if hours == 1 else None,
            "slot_events": [[slots, slots]] * len(slis) if hours == 1 else [None] * len(slis),
        }
        store.transact(lambda connection, rows=columns: upsert(connection, sli_rollup, rows))


def note(store: Store, slas: list[Sla], matrix: SeriesMatrix) -> None:
    """What the telemetry run of an interval leaves."""
    alone = chosen(slas, lambda _, sli: is_one_by_one(sli))
    _, risks = forecast_with_risks(matrix, alone, ForecastParameters(), matrix.grid.as_of)
    store.transact(lambda connection: save_risks(connection, risks))
    note_indicators(store, slas, matrix, matrix, matrix.grid.as_of)


def prepare(url: str, n_slis: int) -> tuple[list[Sla], SeriesMatrix]:
    """A store with everything that the measured evaluations read, and one evaluated interval."""
    store, rng = open_store(url), np.random.default_rng(7)
    migrate(store)
    slas = definitions(n_slis)
    given = [(_stored(sla), definition_rows(sla)) for sla in slas]
    store.transact(lambda connection: apply_slas(connection, given, applied_at=1, applied_by="benchmark"))
    matrix = held(slas, AS_OF, rng)
    store.transact(lambda connection: save_series(connection, matrix, ["default"] * len(matrix)))
    maintain(store, AS_OF, {})
    before = SeriesMatrix(matrix.keys, Grid(AS_OF - 600, 720), np.roll(matrix.values, 10, axis=1))
    note(store, slas, before)
    note(store, slas, matrix)
    older_hours(store, slas, [AS_OF - 600, AS_OF], rng)
    for first, last in _shards(slas):
        evaluate_stored(store, [sla.name for sla in slas if first <= sla.name <= last], AS_OF - 600)
    store.transact(
        lambda connection: connection.exec_driver_sql("ANALYZE TABLE sli_count, sli_risk, sli_rollup")
    )
    store.close()
    return slas, matrix


def work(url: str, n_slas: int) -> dict[str, Any]:
    """What the tasks do at the interval, of the first ``n_slas`` SLAs; a warm-up of one SLA loads modules."""
    store = open_store(url)
    evaluate_stored(store, [list_slas(store).readable[0].name], AS_OF)
    before, started, used = rows_read(store), time.perf_counter(), time.process_time()
    slas = list_slas(store).readable[:n_slas]
    states: dict[str, int] = {}
    for first, last in _shards(slas):
        found = evaluate_stored(store, names_between(store, first, last), AS_OF)
        states = {state: states.get(state, 0) + found.states.get(state, 0) for state in states | found.states}
    seconds, used = time.perf_counter() - started, time.process_time() - used
    n_slis = sum(len(sla.slis) for sla in slas)
    peak = peak_mib()
    rows = (rows_read(store) - before) / n_slis
    store.close()
    return {
        "seconds": seconds, "cpu_seconds": used, "peak_mib": peak, "rows_per_sli": rows, "n_slis": n_slis,
        "states": states,
    }  # fmt: skip


def peak_mib() -> float:
    """The most memory that this program had; what ``getrusage`` says begins with that of its parent."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
    return int(line.split()[1]) / 1024


def rows_read(store: Store) -> int:
    """Rows that the server has read so far, for everybody."""
    query = text("SHOW GLOBAL STATUS LIKE 'Innodb_rows_read'")
    return int(store.read(lambda connection: connection.execute(query).one())[1])


def in_worker(url: str, n_slas: int) -> dict[str, Any]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.evaluate", "--worker", url, "--slas", str(n_slas)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def peer(slas: list[Sla], matrix: SeriesMatrix) -> float:
    """Seconds of a plain pandas script for all SLIs, measured on some of each kind and scaled."""
    rng = np.random.default_rng(1)
    index = pd.to_datetime(matrix.grid.ends, unit="s")
    month = pd.date_range(end=index[-1], periods=43_200, freq="min")
    good, total = (pd.Series(np.cumsum(rng.poisson(50, 43_200)), index=month) for _ in range(2))
    slis = [sli for sla in slas for sli in sla.slis]
    gauges, ratios = ([sli for sli in slis if (sli.ratio is None) is kind] for kind in (True, False))
    seconds = 0.0
    for some, script in ((gauges, peer_gauge), (ratios, peer_ratio)):
        started = time.perf_counter()
        for at, sli in enumerate(some[:PEER_SAMPLE]):
            script(sli, pd.Series(matrix.values[at], index=index), good, total)
        seconds += (time.perf_counter() - started) / max(1, len(some[:PEER_SAMPLE])) * len(some)
    return seconds


def peer_gauge(sli: Sli, values: pd.Series, *_: pd.Series) -> list[Any]:
    """Windows, budget, burn rates and violations of one gauge."""
    found: list[Any] = []
    for minutes in (*sli.windows, 5, 30, 360):
        window = values[values.index > values.index[-1] - pd.Timedelta(minutes=minutes)].dropna()
        bad = window > sli.upper
        runs = bad.ne(bad.shift()).cumsum()[bad]
        episodes = window[bad].groupby(runs).agg(["max", "size"]) if bad.any() else None
        found.append((len(window), int(bad.sum()), bad.mean() / (1 - sli.objective), episodes))
    return found


def peer_ratio(sli: Sli, _: pd.Series, good: pd.Series, total: pd.Series) -> list[Any]:
    """Events, budget and burn rates of one ratio over 30 days and the windows of its alerts."""
    found = []
    events = pd.DataFrame({"good": good, "total": total}).diff()
    for minutes in (43_200, 5, 30, 60, 120, 360, 1440, 4320):
        window = events[events.index > events.index[-1] - pd.Timedelta(minutes=minutes)].sum()
        found.append((1 - window["good"] / window["total"]) / (1 - sli.objective))
    return found


def main() -> None:
    """Measures and prints; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="only the JSON line (always on)")
    parser.add_argument("--slis", type=int, default=10_000)
    parser.add_argument("--worker", help="address of the store: measures in this process")
    parser.add_argument("--slas", type=int, default=0)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.slas)))
        return
    with mysql_server("--innodb-buffer-pool-size=1G") as url:
        slas, matrix = prepare(url, options.slis)
        part = in_worker(url, max(1, len(slas) // 4))
        whole = in_worker(url, len(slas))
    growth = (whole["cpu_seconds"] / whole["n_slis"]) / (part["cpu_seconds"] / part["n_slis"])
    print(json.dumps({
        "seconds": round(whole["seconds"], 2),
        "cpu_seconds": round(whole["cpu_seconds"], 2),
        "peak_mib": round(whole["peak_mib"]),
        "peer_seconds": round(peer(slas, matrix), 1),
        "growth": round(growth, 2),
        "rows_per_sli": round(whole["rows_per_sli"], 1),
        "slis": whole["n_slis"],
        "states": whole["states"],
    }))  # fmt: skip


if __name__ == "__main__":
    main()
