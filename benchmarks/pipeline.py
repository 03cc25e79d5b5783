"""One live run over thousands of series: a real Prometheus, Airflow, MySQL and Kafka, by stage.

    python -m benchmarks.pipeline --json [--series 5000]

Two runs. The first, by the schedule, fills the store with twelve hours of samples; the second, by REST, is
what happens from then on, and is what the figures are about. ``stage_seconds`` go from the first start to the
last end of each task; ``work_seconds`` are spent inside the steps, summed over shards; ``airflow_seconds`` is
the part of the run in which none of its tasks was running.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import URL, Connection, make_url, select
from tests.servers.kafka import kafka_server
from tests.servers.mysql import mysql_server
from tests.servers.postgres import postgres_server
from tests.servers.prometheus import Sample, prometheus_server, write_openmetrics

from foresight.conventions import TELEMETRY_TOPIC
from foresight.local.standalone import Standalone
from foresight.store import Store, migrate, open_store
from foresight.store.tables import publication, run
from recorded import realistic

DAG = "telemetry_analysis"
METRICS, SLOTS, STEP = 5, 780, 60
CATALOGUE = "metrics:\n" + "".join(
    f"  - {{name: bench_{number}, metric: bench_{number}}}\n" for number in range(METRICS)
)


def samples(n_series: int, end: int) -> Iterator[Sample]:
    """Realistic history of ``n_series`` series, a sample a minute up to ``end``; gaps stay gaps."""
    values = realistic(n_series, SLOTS)
    ends = end - STEP * np.arange(SLOTS - 1, -1, -1)
    for row in range(n_series):
        metric, instance = divmod(row, -(-n_series // METRICS))
        name = f'bench_{metric}{{instance="host-{instance:05d}",job="bench"}}'
        held = ~np.isnan(values[row])
        for epoch, value in zip(ends[held].tolist(), values[row][held].tolist(), strict=True):
            yield name, epoch, value


def connections(prometheus: str, mysql: str, kafka: str) -> dict[str, dict[str, Any]]:
    """The three connections, as an operator would enter them."""
    url = make_url(mysql)
    return {
        "telemetry": {"conn_type": "http", "host": prometheus},
        "results": {
            "conn_type": "mysql", "host": url.host, "port": url.port, "login": url.username,
            "password": url.password, "schema": url.database,
        },
        "kafka": {"conn_type": "kafka", "extra": {"bootstrap.servers": kafka}},
    }  # fmt: skip


def measure(n_series: int) -> dict[str, Any]:
    """The figures of both runs."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipeline-")))
        wait_for_room()
        say(f"writing {n_series} series of {SLOTS} minutes")
        history = write_openmetrics(
            home / "history.txt", samples(n_series, int(time.time()) // 60 * 60 + 600)
        )
        given = connections(
            stack.enter_context(prometheus_server(history)),
            stack.enter_context(mysql_server()),
            stack.enter_context(kafka_server()),
        )
        history.unlink()
        (home / "config").mkdir()
        (home / "config" / "catalogue.yaml").write_text(CATALOGUE)
        database = stack.enter_context(postgres_server())
        settings = {
            "FORESIGHT_CONFIG": str(home / "config"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database,
        }
        store = open_store(mysql_url(given["results"]))
        migrate(store)
        airflow = stack.enter_context(Standalone(home / "airflow", given, settings))
        say("Airflow is up")
        airflow.unpause(DAG)
        first = airflow.wait_for("the scheduled run", lambda: next(iter(airflow.runs(DAG)), None))[
            "dag_run_id"
        ]
        filled = figures(airflow, store, first)
        steady = figures(airflow, store, airflow.trigger(DAG))
        store.close()
        return {"series": n_series, **steady, **{f"first_{name}": value for name, value in filled.items()}}


def wait_for_room(seconds: int = 300) -> None:
    """Waits until the schedule will not start a run of its own for a while: it would be measured too."""
    left = 600 - time.time() % 600
    if left < seconds:
        say(f"waiting {left:.0f} s, so that no scheduled run comes in between")
        time.sleep(left + 1)


def figures(airflow: Standalone, store: Store, run_id: str) -> dict[str, Any]:
    """What one run took, from its start to the end of its last task."""
    done = airflow.succeed(DAG, run_id, seconds=900)
    tasks = [
        (task["task_id"], at(task["start_date"]), at(task["end_date"])) for task in airflow.tasks(DAG, run_id)
    ]
    wall = max(end for _, _, end in tasks) - at(done["start_date"])
    names = list(dict.fromkeys(name for name, _, _ in sorted(tasks, key=lambda task: task[1])))
    stages = {
        name: round(max(e for n, _, e in tasks if n == name) - min(s for n, s, _ in tasks if n == name), 2)
        for name in names
    }
    trace, messages = store.read(lambda connection: traces(connection, run_id))
    say(f"{run_id}: {wall:.1f} s, {stages}")
    return {
        "wall_seconds": round(wall, 2),
        "airflow_seconds": round(wall - covered([(start, end) for _, start, end in tasks]), 2),
        "stage_seconds": stages,
        "work_seconds": trace["stage_seconds"],
        "rows": sum(trace["counts"]["rows"].values()),
        "tasks": len(tasks),
        "messages": messages,
    }


def covered(spans: list[tuple[float, float]]) -> float:
    """Seconds in which at least one span runs."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


def traces(connection: Connection, run_id: str) -> tuple[dict[str, Any], int]:
    """What the run wrote about itself, and how many messages its interval has on the topic."""
    row = connection.execute(select(run).filter_by(dag_id=DAG, run_id=run_id)).mappings().one()
    sent = select(publication.c.n_messages).filter_by(topic=TELEMETRY_TOPIC, as_of=row["as_of"])
    return dict(row), int(connection.execute(sent).scalar_one())


def mysql_url(results: dict[str, Any]) -> URL:
    """The address that an Airflow connection says in parts."""
    return URL.create(
        "mysql", results["login"], results["password"], results["host"], results["port"], results["schema"]
    )


def at(text: str) -> float:
    """Epoch seconds of an instant as the REST API writes it."""
    return datetime.fromisoformat(text).timestamp()


def say(text: str) -> None:
    """Progress, beside the figures."""
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    """Measures and prints; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="no table, only the JSON line")
    parser.add_argument("--series", type=int, default=5000)
    given = parser.parse_args()
    found = measure(given.series)
    if not given.json:
        for name, value in found.items():
            say(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
