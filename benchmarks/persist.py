"""Rows a second into a real MySQL 9.7: a shard persisted, against bare LOAD DATA and against executemany.

    python -m benchmarks.persist [--json]

Ours: everything that a run stores of 5,000 series in one transaction: identities checked and merged, stored
samples compared with the window and the new ones written, analyses, aggregates, forecasts, each by its merge
rule. The peers write the same rows into tables of the same shape and content: LOAD DATA from files that are
there already, executemany from tuples that are there already, both without any rule. The three take turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection
from tests.servers.mysql import mysql_server

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.store import (
    Store,
    load_matrix,
    maintain,
    migrate,
    open_store,
    save_samples,
    save_series,
    upsert,
)
from foresight.store.bulk import _tab_separated
from foresight.store.columns import Columns, to_arrow
from foresight.store.engine import INFILE_FOLDER
from foresight.store.tables import aggregate, forecast, metadata, sample, series, series_analysis

N_SERIES, N_SLOTS, SETTLE = 5_000, 720, 10
START = 1_767_225_600
"""Midnight UTC."""
REPEATS = 5
RUNS = 2
"""Intervals a repeat: about 270,000 rows."""
READ_SERIES = 2_000
TABLES = (series, sample, series_analysis, aggregate, forecast)
Shard = tuple[SeriesMatrix, dict[str, Columns]]


def main() -> None:
    """Starts the server, measures, prints; the last line is one flat JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.parse_args()
    pa.set_cpu_count(1)
    with mysql_server("--innodb-buffer-pool-size=1G") as url:
        store = open_store(url)
        migrate(store)
        maintain(store, START, {})
        for kind in ("bare", "many"):
            for table in TABLES:
                store.transact(lambda c, k=kind, t=table: c.exec_driver_sql(f"CREATE TABLE {k}_{t} LIKE {t}"))
        print(json.dumps(measure(store)))
        store.close()


def measure(store: Store) -> dict[str, float]:
    """Medians over all repeats; the first run of a window, and reading it back, once."""
    first = shard(0)
    first_seconds = timed(lambda: persist(store, first))
    for kind in ("bare", "many"):  # they meet the same table, not a small one
        history = f"INSERT INTO {kind}_sample SELECT * FROM sample"  # noqa: S608 - names of ours
        store.transact(lambda c, sql=history: c.exec_driver_sql(sql))
    rates: dict[str, list[float]] = {"ours": [], "again": [], "load": [], "many": []}
    for repeat in range(REPEATS):
        shards = [shard(1 + repeat * RUNS + run) for run in range(RUNS)]
        rows = [new_rows(one) for one in shards]
        count = sum(len(table) for one in rows for table in one.values())
        rates["ours"].append(count / timed(lambda s=shards: [persist(store, one) for one in s]))
        rates["load"].append(count / bare_load(store, rows))
        rates["many"].append(count / executemany(store, rows))
        rates["again"].append(count / timed(lambda s=shards: [persist(store, one) for one in s]))
        print({name: round(values[-1]) for name, values in rates.items()})
    ours, again, load, many = (statistics.median(values) for values in rates.values())
    keys = first[0].keys[:READ_SERIES]
    seconds = timed(lambda: store.read(lambda c: load_matrix(c, keys, first[0].grid)))
    return {
        "rows_per_second": round(ours),
        "load_data_rows_per_second": round(load),
        "executemany_rows_per_second": round(many),
        "ratio": round(
            statistics.median(a / b for a, b in zip(rates["ours"], rates["load"], strict=True)), 3
        ),
        "rerun_rows_per_second": round(again),
        "first_run_rows_per_second": round((N_SERIES * (N_SLOTS + 15)) / first_seconds),
        "read_samples_per_second": round(READ_SERIES * N_SLOTS / seconds),
        "rows": count,
        "series": N_SERIES,
        "repeats": REPEATS,
    }


def shard(run: int) -> Shard:
    """What one run has to store: gauges near 1e10 with a few gaps, and results of their shapes."""
    rng = np.random.default_rng(4)
    grid = Grid(START + 43_200 + 600 * run, N_SLOTS)
    slots = np.arange(N_SLOTS + 20 * REPEATS * RUNS)[run * 10 : run * 10 + N_SLOTS]
    level = rng.uniform(1e9, 3e10, (N_SERIES, 1))
    noise = np.sin(slots * rng.uniform(0.01, 1, (N_SERIES, 1))) * rng.uniform(1e6, 1e9, (N_SERIES, 1))
    values = level + noise
    values[(slots[None, :] * 7919 + np.arange(N_SERIES)[:, None] * 104_729) % 199 == 0] = np.nan
    keys = tuple(
        SeriesKey.of("node_memory_MemFree_bytes", {"instance": f"host-{i}:9100", "job": "host"})
        for i in range(N_SERIES)
    )
    matrix = SeriesMatrix(keys, grid, values)
    return matrix, results(matrix, rng)


def results(matrix: SeriesMatrix, rng: np.random.Generator) -> dict[str, Columns]:
    """Columns of the results tables, all digits in use."""

    def doubles(count: int, names: str) -> Columns:
        return {name: rng.uniform(1e9, 3e10, count) for name in names.split()}

    ids, as_of, n = matrix.ids, matrix.grid.as_of, len(matrix)
    analysis = (
        "adf_statistic adf_p adf_critical_1 adf_critical_5 adf_critical_10 forecast_maximum forecast_minimum"
    )
    quantiles = "mean q05 q25 q50 q75 q95 joint_low joint_high"
    return {
        "series_analysis": {
            "series_id": ids,
            "as_of": as_of,
            "outcome": "analysed",
            "n_observed": 716,
            "n_missing": 4,
            "n_nonfinite": 0,
            "adf_lags": 2,
            "model": "theta",
            "model_reason": "least error over 24 past origins: MASE 1.234, naive 1.345",
            "data_hash": ["0123456789abcdef" * 4] * n,
            "code_version": "0.1.0",
            **doubles(n, analysis + " forecast_mean mase"),
        },
        "aggregate": {
            "series_id": np.repeat(ids, 3),
            "as_of": as_of,
            "window_minutes": np.tile([60, 180, 720], n),
            "n_observed": np.tile([60, 179, 716], n),
            **doubles(3 * n, "maximum minimum mean std"),
        },
        "forecast": {
            "series_id": np.repeat(ids, 10),
            "as_of": as_of,
            "step": np.tile(np.arange(1, 11), n),
            "slot": np.tile(matrix.grid.ahead(10).ends, n),
            **doubles(10 * n, quantiles),
        },
    }


def persist(store: Store, given: Shard) -> None:
    """As the pipeline does it: one transaction."""
    matrix, tables = given

    def work(connection: Connection) -> None:
        save_series(connection, matrix, ["default"] * len(matrix))
        save_samples(connection, matrix, SETTLE)
        for name, columns in tables.items():
            upsert(connection, metadata.tables[name], columns)

    store.transact(work)


def new_rows(given: Shard) -> dict[str, pa.Table]:
    """The same rows for the peers, which know no rule; identities are made new ones for them."""
    matrix, tables = given
    tail = matrix.grid.ends[-SETTLE:]
    names = [str(key) for key in matrix.keys]
    columns = {
        "series": {
            "series_id": matrix.ids ^ (matrix.grid.as_of << 20),
            "metric": "node_memory_MemFree_bytes",
            "labels": names,
            "partition_name": "default",
            "first_seen": int(matrix.grid.ends[0]),
            "last_seen": matrix.grid.as_of,
        },
        "sample": {
            "series_id": np.repeat(matrix.ids, SETTLE),
            "slot": np.tile(tail, len(matrix)),
            "value": matrix.values[:, -SETTLE:].ravel(),
        },
        **tables,
    }
    arrow = {name: to_arrow(metadata.tables[name], given) for name, given in columns.items()}
    return {name: rows.sort_by("series_id") for name, rows in arrow.items()}


def bare_load(store: Store, shards: list[dict[str, pa.Table]]) -> float:
    """Seconds of LOAD DATA LOCAL alone, a transaction a shard; the files are written beforehand."""
    total = 0.0
    for tables in shards:
        with (
            store.engine.connect() as connection,
            tempfile.TemporaryDirectory(dir=connection.info[INFILE_FOLDER]) as folder,
        ):
            for name, rows in tables.items():
                (Path(folder) / name).write_bytes(_tab_separated(rows))
            start = time.perf_counter()
            for name, rows in tables.items():
                connection.exec_driver_sql(
                    f"LOAD DATA LOCAL INFILE %s INTO TABLE bare_{name} CHARACTER SET utf8mb4 "
                    f"FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' ({', '.join(rows.column_names)})",
                    (f"{folder}/{name}",),
                )
            connection.commit()
            total += time.perf_counter() - start
    return total


def executemany(store: Store, shards: list[dict[str, pa.Table]]) -> float:
    """Seconds of the driver's executemany alone, a transaction a shard, 5,000 rows a call."""
    total = 0.0
    for tables in shards:
        calls: list[tuple[str, list[tuple[Any, ...]]]] = []
        for name, rows in tables.items():
            marks = ", ".join(["%s"] * rows.num_columns)
            sql = f"INSERT INTO many_{name} ({', '.join(rows.column_names)}) VALUES ({marks})"  # noqa: S608
            tuples = list(zip(*(column.to_pylist() for column in rows.columns), strict=True))
            calls += [(sql, tuples[at : at + 5_000]) for at in range(0, len(tuples), 5_000)]
        with store.engine.connect() as connection:
            start = time.perf_counter()
            for sql, tuples in calls:
                connection.exec_driver_sql(sql, tuples)
            connection.commit()
            total += time.perf_counter() - start
    return total


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
