"""Twelve hours of 1,000 series from a real Prometheus into a matrix, against the bare HTTP of these queries.

    python -m benchmarks.extract [--json]

Ours: ask, parse, put every sample into its slot, count what does not fit. Bare: the same queries through the
same session, bodies read and dropped. Peer: prometheus-api-client as it comes, one ``custom_query_range`` and
a loop over its lists. All take turns. Twice: scraped every 15 seconds (each sample a mean of four), and every
minute, where Prometheus has least to do and parsing weighs most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from prometheus_api_client import PrometheusConnect
from tests.servers.prometheus import HISTORY_METRIC, history, prometheus_server, write_openmetrics

from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.planning import plan
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.promql import samples_of
from foresight.telemetry.source import Shard

N_SERIES = 1_000
AS_OF = 1_767_225_600
"""Midnight UTC."""
REPEATS = 15
PEER_REPEATS = 3


def main() -> None:
    """Starts the servers one after the other, measures, prints; the last line is one flat JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=REPEATS, help="how often each is measured")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    repeats = parser.parse_args().repeats
    usual, lean = measure(15, repeats), measure(60, repeats)
    print(json.dumps(usual | {f"{name}_scraped_60s": figure for name, figure in lean.items()}))


def measure(scrape_seconds: int, repeats: int) -> dict[str, float]:
    """The figures for a history with a sample every ``scrape_seconds``."""
    with tempfile.TemporaryDirectory() as folder:
        samples = history(AS_OF, n_series=N_SERIES, every=scrape_seconds)
        with prometheus_server(write_openmetrics(Path(folder) / "history.txt", samples)) as address:
            return against(address, scrape_seconds, repeats)


def against(address: str, scrape_seconds: int, repeats: int) -> dict[str, float]:
    """The figures for a running server."""
    source = PrometheusSource(address)
    watched = Catalogue(metrics=(WatchedMetric(name=HISTORY_METRIC, metric=HISTORY_METRIC),))
    [shard] = plan(watched, source, AS_OF).shards
    extraction = source.extract(shard)
    assert extraction.is_complete
    assert np.array_equal(extraction.matrix.values, by_client(address, shard))
    seconds: list[float] = []
    http_seconds: list[float] = []
    for repeat in range(repeats):
        turns = [(seconds, lambda: source.extract(shard)), (http_seconds, lambda: bare(source, shard))]
        for taken, act in turns if repeat % 2 else reversed(turns):
            taken.append(timed(act))
    client_seconds = [timed(lambda: by_client(address, shard)) for _ in range(PEER_REPEATS)]
    ours, http = statistics.median(seconds), statistics.median(http_seconds)
    client = statistics.median(client_seconds)
    figures = {
        "seconds": round(ours, 3),
        "http_seconds": round(http, 3),
        "ratio": round(ours / http, 3),
        "client_seconds": round(client, 3),
        "mebibytes": round(extraction.n_bytes / 2**20, 1),
    }
    print(f"scraped every {scrape_seconds} s: {figures}")
    return figures


def timed(act: Callable[[], object]) -> float:
    """Seconds that ``act`` takes."""
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def bare(source: PrometheusSource, shard: Shard) -> int:
    """Bytes of the same queries through the same client and session."""
    n_bytes = 0
    for _, selection, part in source.questions(shard.selections, shard.grid):
        query = source._dialect.samples_of(selection, part.step_seconds)
        n_bytes += len(source._api.range_body(query, part))
    return n_bytes


def by_client(address: str, shard: Shard) -> NDArray[np.float64]:
    """The matrix as prometheus-api-client and a loop make it."""
    grid, [selection] = shard.grid, shard.selections
    query = samples_of(selection, grid.step_seconds, closed=True)
    first, last = utc(grid.start + grid.step_seconds), utc(grid.as_of)
    answer = PrometheusConnect(address).custom_query_range(query, first, last, str(grid.step_seconds))
    rows = {dict(key.labels)["instance"]: row for row, key in enumerate(shard.keys)}
    matrix = np.full((len(shard), grid.n_slots), np.nan)
    for series in answer:
        row = rows[series["metric"]["instance"]]
        for epoch, value in series["values"]:
            matrix[row, (epoch - grid.start) // grid.step_seconds - 1] = float(value)
    return matrix


def utc(epoch: int) -> datetime:
    """The instant as the client wants it."""
    return datetime.fromtimestamp(epoch, UTC)


if __name__ == "__main__":
    main()
