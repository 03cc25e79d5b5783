"""Scoring from a real Kafka to a real Kafka, killed with SIGKILL on its way: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

import foresight.scoring
from foresight.messaging import drain
from foresight.store import migrate
from foresight.store.models import Change
from foresight.wiring.connections import open_results
from tests.integration.kafka_topics import ids_on, new_topic
from tests.integration.score_and_die import MARK
from tests.unit import registry as models

pytestmark = pytest.mark.kafka

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
N, BATCH, PARTITIONS = 3000, 1000, 3
POINTS = (
    "scored", "opened", "500", "before-commit", "after-commit", "sent", "closed",  # the first batch
    "700", "after-commit", "sent",  # the second
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, kafka_servers: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Connections and a deployed tree."""
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": kafka_servers}}
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps(kafka))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    migrate(open_results())
    models.add("iris", str(IRIS), Change("test", 0))
    models.deploy("iris", Change("test", 0))
    return tmp_path


def score(points: Sequence[str], params: dict[str, Any]) -> list[Any]:
    """What became of the runs, see ``score_and_die``."""
    runs = subprocess.run(
        [sys.executable, "-m", "tests.integration.score_and_die", *points],
        input=json.dumps(params), capture_output=True, text=True, timeout=1200, check=False,
    )  # fmt: skip
    assert runs.returncode == 0, runs.stderr[-3000:]
    return [json.loads(line.removeprefix(MARK)) for line in runs.stdout.splitlines() if line.startswith(MARK)]


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(("tasks", "points"), [(1, POINTS), (3, ("opened", "500", "after-commit", "sent"))])
def test_a_run_killed_anywhere_is_gone_on_with_as_if_it_had_not_been(
    home: Path, kafka_servers: str, tasks: int, points: tuple[str, ...]
) -> None:
    source, good, bad = (new_topic(kafka_servers) + kind for kind in ("", ".good", ".bad"))
    producer = Producer({"bootstrap.servers": kafka_servers})
    for place in range(N):
        width = None if place % 10 == 0 else 0.2
        value = json.dumps({**FLOWER, "petal_width": width, "place": place})
        producer.produce(source, value, partition=place % PARTITIONS)
    assert producer.flush(60) == 0
    params = {
        "deployment": "iris", "source": f"kafka:{source}", "good": f"kafka:{good}", "bad": f"kafka:{bad}",
        "field_mapping": None, "bundle_size": 100, "workers": 2, "queue_size": None, "batch_size": BATCH,
        "minutes": 5, "stream": None, "tasks": tasks,
    }  # fmt: skip
    said = score([*points, "never"], params)
    *died, status = [one for one in said if isinstance(one, int)]
    found = [one for one in said if isinstance(one, dict)][-1]
    assert (died, status) == ([-9] * len(points), 0)
    assert (found["read"], found["good"], found["bad"]) == (N, N - N // 10, N // 10)
    on_good, on_bad = ids_on(kafka_servers, good), ids_on(kafka_servers, bad)
    assert (len(on_good), len(on_bad)) == (N - N // 10, N // 10)
    assert set((on_good + on_bad).values()) == {1}
    for topic in (good, bad):
        places = defaultdict[tuple[int, int], list[int]](list)
        for message in drain({"bootstrap.servers": kafka_servers}, topic, {}).messages:
            _, partition, offset = (dict(message.headers)["id"] or b"").rsplit(b":", 2)
            places[message.partition, int(partition)].append(int(offset))
        assert all(to == origin and offsets == sorted(offsets) for (to, origin), offsets in places.items())
