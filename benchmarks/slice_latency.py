"""Event on Kafka to policy message on Kafka: a live Airflow on PostgreSQL, a real broker, a real MySQL.

    python -m benchmarks.slice_latency --json [--rounds 12]

Rounds follow one another; each sends one period of all cells,
one event a gNB-CU of ten cells, and is timed from the last delivery report to the message on the topic.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition
from sqlalchemy import make_url, select
from tests.servers.kafka import kafka_server
from tests.servers.mysql import mysql_server
from tests.servers.postgres import postgres_server
from tests.servers.slice_configuration import Service, configuration_service

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.local.standalone import Standalone
from foresight.messaging import ensure_topic
from foresight.slices.recording import messages, simulate
from foresight.store import Store, migrate, open_store
from foresight.store.tables import run

DAG = "slice_prediction"
ROOT = Path(__file__).parents[1]
DATA = ROOT / "tests" / "data" / "onap"
PAST, GRANULARITY = 6, 900


@dataclass
class Bench:
    """All that takes part."""

    airflow: Standalone
    store: Store
    kafka: str
    service: Service


@contextmanager
def bench() -> Iterator[Bench]:
    """A live Airflow whose prediction DAG is switched on, with the published network in use."""
    import os
    import signal

    from foresight.local.standalone import connection_variables
    from foresight.services.slices import models as slice_models
    from foresight.slices.replay import read_recording
    from foresight.slices.targets import Target

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it ends all that it started
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slice-latency-")))
        (home / "config" / "replay").mkdir(parents=True)
        shutil.copy(DATA / "train_s1.parquet", home / "config" / "replay")
        mysql, kafka = stack.enter_context(mysql_server()), stack.enter_context(kafka_server())
        service = stack.enter_context(configuration_service())
        url, address = make_url(mysql), urlsplit(service.url)
        given = {
            "results": {
                "conn_type": "mysql", "host": url.host, "port": url.port, "login": url.username,
                "password": url.password, "schema": url.database,
            },
            "kafka": {"conn_type": "kafka", "extra": {"bootstrap.servers": kafka}},
            "slice_config": {"conn_type": "http", "host": address.hostname, "port": address.port},
        }  # fmt: skip
        database = stack.enter_context(postgres_server())
        settings = {
            "FORESIGHT_CONFIG": str(home / "config"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        }
        os.environ |= connection_variables(given)
        store = open_store(mysql)
        stack.callback(store.close)
        migrate(store)
        version, _ = slice_models.import_file(
            store, DATA / "best_model.h5", read_recording(DATA / "train_s1.parquet"),
            target=Target.REFERENCE, split="stacked", at=int(time.time()), by="bench",
        )  # fmt: skip
        slice_models.promote(store, version, at=int(time.time()), by="bench", reason="published")
        for topic in (PERFORMANCE_TOPIC, POLICY_TOPIC):
            ensure_topic({"bootstrap.servers": kafka}, topic)
        airflow = stack.enter_context(Standalone(home / "airflow", given, settings))
        airflow.unpause(DAG)
        airflow.wait_for("the first ring", lambda: rings(airflow) or None)
        yield Bench(airflow, store, kafka, service)


def rings(airflow: Standalone) -> int:
    """Runs that the watcher started."""
    return sum(one["run_type"] == "asset_triggered" for one in airflow.runs(DAG))


def latencies(bench: Bench, n_cells: int, rounds: int) -> list[float]:
    """Seconds from the events of a period to its policy message, for each round."""
    now = int(time.time())
    snssai = f"01-{n_cells:06d}"
    start = now - GRANULARITY * PAST
    recording = simulate(n_cells, PAST + rounds, start=start - rounds, snssai=snssai, seed=n_cells)
    for key, limit in zip(recording.keys, recording.configured[:, 0].astype(int).tolist(), strict=True):
        bench.service.limits[key.cell, snssai] = limit
    producer = Producer({"bootstrap.servers": bench.kafka, "linger.ms": 5})
    consumer = at_the_end(bench.kafka)
    periods: dict[int, list[tuple[str, bytes]]] = {}
    for period, cu, value in messages(recording):
        periods.setdefault(period, []).append((cu, value))
    found = []
    for period, events in periods.items():
        if period >= PAST:
            idle(bench.airflow)
        for cu, value in events:
            producer.produce(PERFORMANCE_TOPIC, value, key=cu)
        assert producer.flush(30) == 0
        if period < PAST - 1:
            continue
        sent = time.time()
        seconds = wait_for_message(consumer, snssai) - sent
        if period >= PAST:
            found.append(seconds)
            say(f"{n_cells} cells: {seconds:.2f} s")
    consumer.close()
    return found


def idle(airflow: Standalone) -> None:
    """Waits until no run is under way: periods lie a quarter of an hour apart, not seconds."""
    airflow.wait_for(
        "quiet", lambda: all(r["state"] in {"success", "failed"} for r in airflow.runs(DAG)) or None
    )
    time.sleep(0.5)


def at_the_end(servers: str) -> Consumer:
    """A consumer that sees what comes from now on."""
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "bench", "fetch.wait.max.ms": 20})
    parts = consumer.list_topics(POLICY_TOPIC, timeout=10).topics[POLICY_TOPIC].partitions
    ends = [consumer.get_watermark_offsets(TopicPartition(POLICY_TOPIC, part))[1] for part in parts]
    consumer.assign([TopicPartition(POLICY_TOPIC, *pair) for pair in zip(parts, ends, strict=True)])
    return consumer


def wait_for_message(consumer: Consumer, snssai: str, seconds: float = 120) -> float:
    """When the next message of a slice came."""
    deadline = time.time() + seconds
    while time.time() < deadline:
        message = consumer.poll(0.05)
        if message is not None and message.error() is None and message.key() == snssai.encode():
            return time.time()
    raise TimeoutError(f"no policy message of {snssai} within {seconds} s")


def stages(bench: Bench) -> dict[str, float]:
    """Median seconds of the stages of the rounds that decided on something."""
    query = select(run.c.stage_seconds, run.c.counts).filter_by(dag_id=DAG)
    rows = bench.store.read(lambda connection: connection.execute(query).all())
    told = [row.stage_seconds for row in rows if row.counts and row.counts.get("sent")]
    return {name: round(float(np.median([one[name] for one in told])), 3) for name in told[-1]}


def say(text: str) -> None:
    """Progress, beside the figures."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measures and prints; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="no table, only the JSON line")
    parser.add_argument("--rounds", type=int, default=12)
    given = parser.parse_args()
    found: dict[str, Any] = {"rounds": given.rounds}
    with bench() as running:
        for n_cells in (100, 1000):
            seconds = latencies(running, n_cells, given.rounds)
            found[f"p50_seconds_{n_cells}"] = round(float(np.quantile(seconds, 0.5)), 2)
            found[f"p95_seconds_{n_cells}"] = round(float(np.quantile(seconds, 0.95)), 2)
        found["stage_seconds"] = stages(running)
    if not given.json:
        for name, value in found.items():
            say(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
