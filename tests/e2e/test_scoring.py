"""Scoring as a user has it: a model is deployed, streams are scored, a load is measured, all over REST."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from sqlalchemy import select

import foresight.scoring
from foresight.local.standalone import Standalone
from foresight.messaging import drain, ensure_topic
from foresight.store import Store
from foresight.store.outside import find_table
from foresight.store.tables import deployment, model_change, scoring_load_test, scoring_run
from tests.unit.scoring.strangers import onnx_regression

pytestmark = [pytest.mark.live, pytest.mark.mysql, pytest.mark.kafka, pytest.mark.timeout(1800)]

IRIS = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
N = 300
DAGS = ("model_deployment", "batch_scoring", "scoring_load_test")


def rows(store: Store, table: Any, **equal: Any) -> list[Any]:
    return list(store.read(lambda connection: connection.execute(select(table).filter_by(**equal)).all()))


def received(servers: str, topic: str) -> list[dict[str, Any]]:
    return [orjson.loads(m.value or b"") for m in drain({"bootstrap.servers": servers}, topic, {}).messages]


def test_models_are_deployed_streams_scored_and_a_load_measured(
    airflow: Standalone, store: Store, kafka_servers: str, tmp_path: Path
) -> None:
    (tmp_path / "iris.onnx").write_bytes(onnx_regression())
    airflow.unpause(*DAGS)
    deploying = [
        airflow.trigger(DAGS[0], {"name": "e2e-tree", "file": airflow.put_file(IRIS), "note": "first"}),
        airflow.trigger(DAGS[0], {"name": "e2e-onnx", "file": airflow.put_file(tmp_path / "iris.onnx")}),
    ]
    ensure_topic({"bootstrap.servers": kafka_servers}, "e2e.flowers")
    producer = Producer({"bootstrap.servers": kafka_servers})
    for place in range(N):
        width = None if place % 10 == 0 else 0.2
        array = [5.1, 3.5, 1.4, width]
        value = {**FLOWER, "petal_width": width, "place": place, "array": array}
        producer.produce("e2e.flowers", json.dumps(value), key=b"k")
    assert producer.flush(30) == 0
    for run_id in deploying:
        airflow.succeed(DAGS[0], run_id)
    assert {row.name for row in rows(store, deployment)} >= {"e2e-tree", "e2e-onnx"}

    into_topics = {"good": "kafka:e2e.good", "bad": "kafka:e2e.bad", "deployment": "e2e-tree"}
    mapping = [{"model_field": "__array__", "tuple_field": "array"}]
    into_tables = {
        "good": "table:e2e_good", "bad": "table:e2e_bad", "deployment": "e2e-onnx",
        "field_mapping": json.dumps(mapping),
    }  # fmt: skip
    runs = [
        airflow.trigger(DAGS[1], {"source": "kafka:e2e.flowers", "batch_size": 100, **outputs})
        for outputs in (into_topics, into_tables)
    ]
    measuring = airflow.trigger(
        DAGS[2],
        {"deployment": "e2e-tree", "bundle_sizes": [10, 500], "workers": [1], "seconds": 0.2},
    )
    for run_id in runs:
        airflow.succeed(DAGS[1], run_id)
    airflow.succeed(DAGS[2], measuring)

    good, bad = received(kafka_servers, "e2e.good"), received(kafka_servers, "e2e.bad")
    assert [record["place"] for record in good] == [n for n in range(N) if n % 10]
    assert [record["place"] for record in bad] == list(range(0, N, 10))
    assert {record["Prediction"]["PredictedValue"] for record in good} == {"setosa"}
    assert all("petal_width" in record["PredictionError"] for record in bad)

    def table_rows(connection: Any) -> list[list[Any]]:
        tables = [find_table(connection, name) for name in ("e2e_good", "e2e_bad")]
        return [list(connection.execute(select(t)).all()) for t in tables if t is not None]

    good_rows, bad_rows = store.read(table_rows)
    assert sorted(row.record["place"] for row in good_rows) == [n for n in range(N) if n % 10]
    assert {row.prediction["species"] for row in good_rows} == {"setosa"}
    assert sorted(row.record["place"] for row in bad_rows) == list(range(0, N, 10))
    assert all("array[3] (X[3]) is missing" in row.error for row in bad_rows)

    counted = {row.run_id: (row.n_read, row.n_good, row.n_bad, row.state) for row in rows(store, scoring_run)}
    assert [counted[run_id] for run_id in runs] == [(N, 270, 30, "done")] * 2

    cells = rows(store, scoring_load_test, run_id=measuring)
    (best,) = (row for row in cells if row.is_recommended)
    assert sorted(row.bundle_size for row in cells) == [10, 500]
    (champion,) = rows(store, deployment, name="e2e-tree")
    assert champion.defaults["bundle_size"] == best.bundle_size
    actions = [row.action for row in rows(store, model_change, name="e2e-tree")]
    assert sorted(actions) == ["added", "configured", "deployed"]
