"""Records a second through `batch_scoring`: a real Kafka 4 to a real Kafka 4, good and bad records.

    python -m benchmarks.kafka_scoring [--json] [--records N]

Iris flowers as JSON, five of a hundred with a bad petal width, in a topic with three partitions; the tree is
stored and deployed, and the step of the DAG that scores is timed from its start to its end: offsets and
batches kept in SQLite, read with committed isolation, mapped, checked, scored, encoded, sent in transactions,
every delivery confirmed. Then every record is looked for on the outputs. What a bare consumer reads and a
bare producer sends of the same messages, each by itself in one run, says what the client library allows.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import psutil

HOME = tempfile.mkdtemp(prefix="foresight-bench-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["AIRFLOW_HOME"] = HOME

from tests.servers.kafka import kafka_server  # noqa: E402 - Airflow has to know its home first

import foresight.scoring  # noqa: E402
from foresight.messaging import ensure_topic  # noqa: E402
from foresight.messaging.connection import Connection  # noqa: E402
from foresight.messaging.reading import SpanReader  # noqa: E402
from foresight.messaging.topics import offset_spans  # noqa: E402
from foresight.orchestration import models, scoring_steps  # noqa: E402
from foresight.scoring.files import read_csv  # noqa: E402
from foresight.store.models import Change  # noqa: E402

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
ROWS = Path(__file__).parents[1] / "tests" / "data" / "iris" / "iris_initial.csv"
SOURCE, GOOD, BAD, BARE = "flowers", "flowers.scored", "flowers.rejected", "flowers.bare"
PARTITIONS = 3
BAD_SHARE = 0.05
PARAMS = {
    "deployment": "iris", "source": f"kafka:{SOURCE}", "good": f"kafka:{GOOD}", "bad": f"kafka:{BAD}",
    "field_mapping": None, "bundle_size": 1000, "senders": 2, "queue_size": None, "batch_size": 100_000,
    "minutes": 45, "stream": None,
}  # fmt: skip


def main() -> None:
    """Starts the broker, measures, checks, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object on the last line")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=PARAMS["batch_size"], help="records a batch")
    options = parser.parse_args()
    with kafka_server() as servers:
        config = {"bootstrap.servers": servers}
        connect(servers)
        for topic in (SOURCE, GOOD, BAD, BARE):
            ensure_topic(config, topic, partitions=PARTITIONS)
        values, n_bad = flowers(options.records)
        produce_seconds = produce(config, SOURCE, values)
        read_seconds = bare_read(config)
        found, seconds, processor_seconds = score(options.batch)
        lost, doubled = compare(config, options.records)
    assert (found["read"], found["bad"]) == (options.records, n_bad), found
    figures = {
        "records": options.records,
        "bad_records": found["bad"],
        "lost": lost,
        "doubled": doubled,
        "batch_size": options.batch,
        "records_per_second": round(options.records / seconds),
        "seconds": round(seconds, 2),
        "own_processor_share": round(processor_seconds / seconds, 2),
        "bare_consumer_per_second": round(options.records / read_seconds),
        "bare_producer_per_second": round(options.records / produce_seconds),
    }
    for name, value in figures.items():
        sys.stderr.write(f"{name:26} {value:>12,}\n")
    if options.json:
        print(json.dumps(figures))


def connect(servers: str) -> None:
    """The connections of the run, and the deployed tree."""
    results = {"conn_type": "sqlite", "host": f"{HOME}/results.db"}
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": servers}}
    os.environ |= {
        "AIRFLOW_CONN_RESULTS": json.dumps(results),
        "AIRFLOW_CONN_KAFKA": json.dumps(kafka),
    }
    change = Change("benchmark", 0)
    models.add("iris", str(IRIS), change)
    models.deploy("iris", change)


def flowers(n: int) -> tuple[list[bytes], int]:
    """Messages, and how many of them are bad."""
    rng = random.Random(11)  # noqa: S311 (no secret)
    rows = [{name: float(row[name]) for name in row if name != "species"} for row in read_csv(ROWS)]
    good = [orjson.dumps({"id": 10_000_000, **row}) for row in rows]
    broken = [orjson.dumps({"id": 10_000_000, **row, "petal_width": None}) for row in rows]
    values = [rng.choice(broken if rng.random() < BAD_SHARE else good) for _ in range(n)]
    return values, sum(b"null" in value for value in values)


def produce(config: dict[str, str], topic: str, values: list[bytes]) -> float:
    """Seconds of a bare idempotent producer that is flushed once and believed."""
    producer = Connection(config).producer()
    started = time.perf_counter()
    for value in values:
        while True:
            try:
                producer.produce(topic, value)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return time.perf_counter() - started


def bare_read(config: dict[str, str]) -> float:
    """Seconds to read all of it and do nothing."""
    connection = Connection(config)
    started = time.perf_counter()
    for _ in SpanReader(connection, SOURCE, offset_spans(connection, SOURCE, committed=True), 120):
        pass
    return time.perf_counter() - started


def score(batch_size: int) -> tuple[dict[str, Any], float, float]:
    """What the run said, its seconds, and those that this process had a processor."""
    run = SimpleNamespace(dag_id="batch_scoring", run_id="benchmark", run_after=datetime.now(UTC))
    context = {"dag_run": run, "params": PARAMS | {"batch_size": batch_size}}
    me = psutil.Process()
    before = me.cpu_times()
    started = time.perf_counter()
    found = scoring_steps.score_batches(context)
    seconds = time.perf_counter() - started
    after = me.cpu_times()
    return found, seconds, after.user + after.system - before.user - before.system


def compare(config: dict[str, str], n: int) -> tuple[int, int]:
    """How many records of the source are on no output, and how many are there more than once."""
    seen: Counter[bytes] = Counter()
    connection = Connection(config)
    for topic in (GOOD, BAD):
        for record in SpanReader(connection, topic, offset_spans(connection, topic, committed=True), 120):
            seen[dict(record.headers() or ())["id"]] += 1  # type: ignore[index, arg-type]
    return n - len(seen), sum(count - 1 for count in seen.values())


if __name__ == "__main__":
    main()
