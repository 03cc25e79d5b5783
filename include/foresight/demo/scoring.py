"""Scoring as a demo shows it, in a live Airflow: a tree is deployed, a stream with bad records scored."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

import foresight.scoring
from foresight.errors import BrokerUnavailable
from foresight.local.standalone import Standalone
from foresight.messaging import ClientConfig, drain, ensure_topic
from foresight.messaging.connection import Connection
from foresight.scoring.errors import CountsDisagree
from foresight.scoring.outcome import PREDICTION
from foresight.store.scoring import find_run
from foresight.wiring.connections import results

DAGS: Final = ("model_deployment", "batch_scoring")
MODEL: Final = "iris"
TREE: Final = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
SOURCE, GOOD, BAD = "demo.flowers", "demo.flowers.scored", "demo.flowers.rejected"
SPOILT: Final[tuple[Mapping[str, Any], ...]] = (
    {"petal_width": None},
    {"petal_width": "wide"},
    {"petal_width": {}},
    {"petal_length": float("inf"), "sepal_width": []},
)
"""What every tenth flower is given instead."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came out: records of both outputs, how many were read, and how many predictions were right."""

    model: str
    version: int
    n_read: int
    n_right: int
    good: Sequence[dict[str, Any]]
    bad: Sequence[dict[str, Any]]


def demonstrate_scoring(airflow: Standalone, config: ClientConfig, say: Callable[[str], None]) -> Scored:
    """Stores and deploys the tree, then scores 150 flowers, every tenth of which is bad.

    ``DAGS`` are switched on.
    """
    deployed = airflow.trigger(DAGS[0], {"name": MODEL, "file": str(TREE)})
    send(config, flowers())
    airflow.succeed(DAGS[0], deployed)
    say(f"model_deployment stored and deployed {TREE.name} as {MODEL}@champion")
    conf = {
        "deployment": MODEL, "source": f"kafka:{SOURCE}", "good": f"kafka:{GOOD}", "bad": f"kafka:{BAD}",
        "stream": f"demo {time.time():.0f}",  # the broker forgets when it ends, the database does not
    }  # fmt: skip
    run_id = airflow.trigger(DAGS[1], conf)
    airflow.succeed(DAGS[1], run_id)
    scored = received(config, run_id)
    say(f"batch_scoring scored {scored.n_read} flowers from Kafka to Kafka")
    return scored


def flowers() -> list[dict[str, Any]]:
    """Fisher's flowers with their species; every tenth spoilt."""
    from sklearn.datasets import load_iris  # here, for it takes seconds

    data = load_iris()
    names = [name.removesuffix(" (cm)").replace(" ", "_") for name in data.feature_names]
    found = [
        dict(zip(names, row, strict=True)) | {"species": str(data.target_names[species])}
        for row, species in zip(data.data.tolist(), data.target, strict=True)
    ]
    for place in range(0, len(found), 10):
        found[place] |= SPOILT[place // 10 % len(SPOILT)]
    return found


def send(config: ClientConfig, records: Sequence[Mapping[str, Any]]) -> None:
    """Puts records on the topic, in one partition. Raises ``BrokerUnavailable``."""
    ensure_topic(config, SOURCE)
    producer = Connection(config).producer()
    for record in records:
        producer.produce(SOURCE, json.dumps(record), b"garden")
    left = producer.flush(30)
    if left:
        raise BrokerUnavailable(f"{left} of {len(records)} flowers were not confirmed")


def received(config: ClientConfig, run_id: str) -> Scored:
    """Both outputs as whoever listens has them. Raises ``CountsDisagree`` where a record is missing."""
    run = results().read(lambda connection: find_run(connection, DAGS[1], run_id))
    good, bad = (_records(config, topic) for topic in (GOOD, BAD))
    if run is None or run.n_read != len(good) + len(bad):
        raise CountsDisagree(f"{len(good)} good and {len(bad)} bad flowers are out; the run was {run}")
    n_right = sum(record[PREDICTION]["PredictedValue"] == record["species"] for record in good)
    return Scored(f"{run.name}@{run.alias}", run.version, run.n_read, n_right, good, bad)


def _records(config: ClientConfig, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(message.value or b"") for message in drain(config, topic, {}).messages]
