"""Records a second through `batch_scoring`: a real Kafka 4 to a real Kafka 4, good and bad records.

    python -m benchmarks.kafka_scoring [--json] [--records N]

Iris flowers as JSON, five of a hundred with a bad petal width, in a topic with four partitions; the tree is
stored and deployed, and the steps of the DAG are timed from their start to their end: partitions dealt to
tasks, which are processes here as they are there, begun before and warm, offsets and batches kept in SQLite,
read with committed isolation, mapped, checked, scored, encoded, sent in transactions, every delivery
confirmed. Then every record is looked for on the outputs. What a bare consumer reads and a bare producer
sends of the same messages, without headers and with the two that ours have, each by itself in the same
minute, says what the client library allows; they have a process of their own, as a run of the DAG has.
``limited_by`` says what was used up: all processors (and how many of them by others), the one that a Python
process can use, or neither, so that the run waited. A run of a million records shows mostly the same, but a
tenth less: its start takes most of a second.
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
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import psutil
from confluent_kafka import TopicPartition

OURS = "FORESIGHT_BENCH_HOME"
if OURS not in os.environ:  # a task's process has that of the process that began it
    os.environ[OURS] = tempfile.mkdtemp(prefix="foresight-bench-")
    atexit.register(shutil.rmtree, os.environ[OURS], ignore_errors=True)
HOME = os.environ["AIRFLOW_HOME"] = os.environ[OURS]

from tests.servers.kafka import kafka_server  # noqa: E402 - Airflow has to know its home first

import foresight.scoring  # noqa: E402
from foresight.messaging import ensure_topic  # noqa: E402
from foresight.messaging.connection import Connection  # noqa: E402
from foresight.messaging.reading import SpanReader  # noqa: E402
from foresight.messaging.topics import offset_spans  # noqa: E402
from foresight.orchestration.scoring import steps as scoring_steps  # noqa: E402
from foresight.scoring.files import read_csv  # noqa: E402
from foresight.services.scoring import models  # noqa: E402
from foresight.store import migrate  # noqa: E402
from foresight.store.models import Change  # noqa: E402
from foresight.wiring.connections import open_results  # noqa: E402
from foresight.wiring.scoring import scoring  # noqa: E402

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
ROWS = Path(__file__).parents[1] / "tests" / "data" / "iris" / "iris_initial.csv"
SOURCE, GOOD, BAD, BARE = "flowers", "flowers.scored", "flowers.rejected", "flowers.bare"
PARTITIONS = 4
BATCH = b"kafka:flowers>iris@champion/10/good"
BAD_SHARE = 0.05
PARAMS = {
    "deployment": "iris", "source": f"kafka:{SOURCE}", "good": f"kafka:{GOOD}", "bad": f"kafka:{BAD}",
    "field_mapping": None, "bundle_size": 1000, "workers": 1, "queue_size": None, "batch_size": 100_000,
    "minutes": 45, "stream": None, "tasks": 2,
}  # fmt: skip


def main() -> None:
    """Starts the broker, measures, checks, prints."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="end with one flat JSON object on the last line")
    parser.add_argument("--records", type=int, default=3_000_000, help="enough for half a minute")
    parser.add_argument("--tasks", type=int, default=PARAMS["tasks"], help="processes that score")
    parser.add_argument("--batch", type=int, default=PARAMS["batch_size"], help="records a batch")
    options = parser.parse_args()
    with kafka_server() as servers:
        config = {"bootstrap.servers": servers}
        connect(servers)
        for topic in (SOURCE, GOOD, BAD, BARE):
            ensure_topic(config, topic, partitions=PARTITIONS)
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            n_bad, produce_seconds, marked_seconds, read_seconds = pool.submit(
                bare, config, options.records
            ).result()
        found, load = score(options.batch, options.tasks)
        lost, doubled = compare(config, options.records)
    assert (found["read"], found["bad"]) == (options.records, n_bad), found
    figures = {
        "records": options.records,
        "bad_records": found["bad"],
        "lost": lost,
        "doubled": doubled,
        "batch_size": options.batch,
        "tasks": options.tasks,
        "records_per_second": round(options.records / load.seconds),
        "seconds": round(load.seconds, 2),
        "own_microseconds_per_record": round(load.own / options.records * 1e6, 2),
        "broker_microseconds_per_record": round(load.broker / options.records * 1e6, 2),
        "own_processors": round(load.own / load.seconds, 2),
        "broker_processors": round(load.broker / load.seconds, 2),
        "other_processors": round(load.others / load.seconds, 2),
        "limited_by": load.limit(),
        "bare_consume_per_second": round(options.records / read_seconds),
        "bare_produce_per_second": round(options.records / produce_seconds),
        "bare_produce_with_headers_per_second": round(options.records / marked_seconds),
    }
    for name, value in figures.items():
        sys.stderr.write(f"{name:38} {value}\n")
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
    migrate(open_results())
    service = scoring()
    models.add(service.store, service.files, "iris", str(IRIS), change)
    models.deploy(service, "iris", change)


def bare(config: dict[str, str], n: int) -> tuple[int, float, float, float]:
    """Fills the source; how many messages are bad, and seconds to send, to send with headers, and to read."""
    values, n_bad = flowers(n)
    sent = produce(config, SOURCE, values)
    marked = produce(config, BARE, values, headers=[("id", b"flowers:0:1000000"), ("batch", BATCH)])
    return n_bad, sent, marked, bare_read(config, n)


def flowers(n: int) -> tuple[list[bytes], int]:
    """Messages, and how many of them are bad."""
    rng = random.Random(11)  # noqa: S311 (no secret)
    rows = [{name: float(row[name]) for name in row if name != "species"} for row in read_csv(ROWS)]
    good = [orjson.dumps({"id": 10_000_000, **row}) for row in rows]
    broken = [orjson.dumps({"id": 10_000_000, **row, "petal_width": None}) for row in rows]
    values = [rng.choice(broken if rng.random() < BAD_SHARE else good) for _ in range(n)]
    return values, sum(b"null" in value for value in values)


def produce(config: dict[str, str], topic: str, values: list[bytes], **more: Any) -> float:
    """Seconds of a bare idempotent producer that is flushed once and believed."""
    producer = Connection(config).producer()
    started = time.perf_counter()
    for value in values:
        while True:
            try:
                producer.produce(topic, value, **more)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    return time.perf_counter() - started


def bare_read(config: dict[str, str], n: int) -> float:
    """Seconds to read all of it and do nothing."""
    connection = Connection(config)
    spans = offset_spans(connection, SOURCE, committed=True)
    consumer = connection.consumer()
    started = time.perf_counter()
    consumer.assign([TopicPartition(SOURCE, number, span.start) for number, span in spans.items()])
    while n > 0:
        n -= sum(message.error() is None for message in consumer.consume(10_000, 0.01))
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds of a stretch, and those of processors: this process, the broker, all others, and nobody."""

    seconds: float
    own: float
    broker: float
    others: float
    idle: float

    @classmethod
    def now(cls) -> Work:
        """Since the beginning of time."""
        me, machine = psutil.Process(), psutil.cpu_times()
        (java,) = (child for child in me.children(recursive=True) if child.name() == "java")
        # Tasks that are over count with this process.
        own, broker = sum(me.cpu_times()[:4]), sum(java.cpu_times()[:2])
        idle = machine.idle + machine.iowait
        busy = sum(machine[:8]) - idle
        return cls(time.perf_counter(), own, broker, busy - own - broker, idle)

    def since(self, then: Work) -> Work:
        """What was done since then."""
        before, after = astuple(then), astuple(self)
        return Work(*(new - old for old, new in zip(before, after, strict=True)))

    def limit(self) -> str:
        """What a faster run would need more of."""
        if self.idle < 0.1 * (self.own + self.broker + self.others + self.idle):
            return f"processors, {self.others / self.seconds:.1f} of {psutil.cpu_count()} used by others"
        return "Python processes" if self.own > 0.8 * self.seconds else "waiting for the broker"


def score(batch_size: int, tasks: int) -> tuple[dict[str, Any], Work]:
    """What the run said, and what it took."""
    run = SimpleNamespace(dag_id="batch_scoring", run_id="benchmark", run_after=datetime.now(UTC))
    context = {"dag_run": run, "params": PARAMS | {"batch_size": batch_size, "tasks": tasks}}
    with ProcessPoolExecutor(tasks, get_context("spawn")) as pool:
        list(pool.map(warm, range(tasks)))
        before = Work.now()
        list(pool.map(share_of, [(context, share) for share in scoring_steps.deal_partitions(context)]))
        found = scoring_steps.finish_run(context)
        pool.shutdown()
    return found, Work.now().since(before)


def warm(_: int) -> None:
    """A process that has loaded what it needs; it waits, so that each task has one of its own."""
    scoring().deployed("iris")
    time.sleep(0.5)


def share_of(task: tuple[dict[str, Any], list[int]]) -> dict[str, Any]:
    """One task of the run."""
    return scoring_steps.score_batches(*task)


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
