"""Messages a second into a real Kafka 4: a batch published exactly once, against a bare idempotent producer.

    python -m benchmarks.publish [--json]

Ours: the end offsets asked for, the batch's transactional id registered, what is there already read back,
every delivery report checked, the transaction committed; all of it is timed. The peer: the same messages with
the same client settings, handed to an idempotent producer that is flushed once and believed. The two take
turns, each on a topic of its own. What a second call costs, which finds everything there, is shown too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import numpy as np
from tests.servers.kafka import kafka_server

from foresight.messaging import Message, Publication, end_offsets, ensure_topic, publish, telemetry_messages
from foresight.messaging.connection import Connection
from foresight.messaging.telemetry import _STEP

N_SERIES = 10_000
AS_OF = 1_767_225_600
"""Midnight UTC."""
PARTITIONS = 3
REPEATS = 7


def main() -> None:
    """Starts the broker, measures, prints; the last line is one flat JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print the figures as JSON (always on)")
    parser.parse_args()
    started = time.perf_counter()
    batch = messages()
    build_seconds = time.perf_counter() - started
    with kafka_server() as servers:
        config = {"bootstrap.servers": servers}
        for topic in ("ours", "bare"):
            ensure_topic(config, topic, partitions=PARTITIONS)
        ours(config, batch, "warm-up")
        bare(config, batch)
        rows = [(*ours(config, batch, f"batch-{n}"), bare(config, batch)) for n in range(REPEATS)]
        arrived = sum(end_offsets(config, "ours").values()), sum(end_offsets(config, "bare").values())
    # Each transaction ends with a marker in each partition; the second calls added nothing but theirs.
    assert arrived[1] == (REPEATS + 1) * N_SERIES
    assert (REPEATS + 1) * N_SERIES <= arrived[0] <= (REPEATS + 1) * (N_SERIES + PARTITIONS)
    first, again, peer = (statistics.median(column) for column in zip(*rows, strict=True))
    ratios = [row[2] / row[0] for row in rows]
    figures = {
        "messages": N_SERIES,
        "bytes_per_message": round(sum(message.size for message in batch) / N_SERIES),
        "messages_per_second": round(N_SERIES / first),
        "bare_messages_per_second": round(N_SERIES / peer),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
        "publish_seconds": round(first, 3),
        "resume_seconds": round(again, 3),
        "build_seconds": round(build_seconds, 3),
    }
    for name, value in figures.items():
        print(f"{name:26} {value:>12,}", file=sys.stderr)
    print(json.dumps(figures))


def ours(config: dict[str, str], batch: list[Message], name: str) -> tuple[float, float]:
    """Seconds to publish the batch, and to call again when all of it is there."""
    start = time.perf_counter()
    publication = Publication(name, end_offsets(config, "ours"))
    first = publish(config, "ours", batch, publication)
    middle = time.perf_counter()
    again = publish(config, "ours", batch, publication)
    end = time.perf_counter()
    assert (first.sent, again.sent, again.already_there) == (len(batch), 0, len(batch))
    return middle - start, end - middle


def bare(config: dict[str, str], batch: list[Message]) -> float:
    """Seconds of the peer."""
    start = time.perf_counter()
    producer = Connection(config).producer()
    for message in batch:
        while True:
            try:
                producer.produce("bare", message.value, message.key)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return time.perf_counter() - start


def messages() -> list[Message]:
    """One telemetry message a series, as a run of 10,000 series publishes them."""
    generator = np.random.default_rng(7)
    ids = np.arange(1, N_SERIES + 1) * 922_337_203_685_477

    def doubles(names: tuple[str, ...], rows: int) -> dict[str, Any]:
        return {name: generator.normal(1e10, 1e9, rows) for name in names}

    summary = ("adf_statistic", "adf_critical_1", "adf_critical_5", "adf_critical_10", "mase")
    outlook = ("forecast_maximum", "forecast_minimum", "forecast_mean")
    labels = [f'{{"device":"sda","instance":"host-{n}:9100","job":"host"}}' for n in range(N_SERIES)]
    return list(
        telemetry_messages(
            AS_OF,
            600,
            series={
                "series_id": ids,
                "metric": ["node_filesystem_avail_bytes"] * N_SERIES,
                "labels": labels,
                "partition_name": ["device=sda"] * N_SERIES,
            },
            analysis={
                "series_id": ids,
                "outcome": ["ok"] * N_SERIES,
                "n_observed": np.full(N_SERIES, 720),
                "n_missing": np.zeros(N_SERIES, dtype=int),
                "n_nonfinite": np.zeros(N_SERIES, dtype=int),
                "adf_p": generator.random(N_SERIES),
                "model": ["theta"] * N_SERIES,
                "model_reason": ["lowest error over 120 past origins"] * N_SERIES,
                **doubles(summary + outlook, N_SERIES),
            },
            aggregates={
                "series_id": np.repeat(ids, 3),
                "window_minutes": np.tile([60, 180, 720], N_SERIES),
                "n_observed": np.tile([60, 180, 720], N_SERIES),
                **doubles(("maximum", "minimum", "mean", "std"), 3 * N_SERIES),
            },
            forecasts={
                "series_id": np.repeat(ids, 10),
                "step": np.tile(np.arange(1, 11), N_SERIES),
                **doubles(_STEP[1:], 10 * N_SERIES),
            },
        )
    )


if __name__ == "__main__":
    main()
