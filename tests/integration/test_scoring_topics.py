"""Scoring between topics of a real Kafka that are made anew, or too small for what comes out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest

from foresight.errors import BrokerUnavailable
from foresight.messaging import drain
from foresight.orchestration.scoring import steps as scoring_steps
from foresight.services.scoring import streams
from foresight.store import migrate
from foresight.store.scoring import find_stream
from foresight.wiring.connections import open_results
from tests.integration.kafka_topics import ids_on, make_anew, new_topic, new_topic_named
from tests.unit import registry as models
from tests.unit.iris import IRIS
from tests.unit.orchestration.scoring.test_steps import ME, context, flower, send

pytestmark = pytest.mark.kafka


@pytest.fixture
def kafka(kafka_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    config = {"bootstrap.servers": kafka_servers, "compression.type": "none"}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps({"conn_type": "kafka", "extra": config}))
    monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
    migrate(open_results())
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME)
    return config


def places(servers: str, **settings: str) -> dict[str, str]:
    source = new_topic(servers, partitions=1)
    for kind in ("good", "bad"):
        new_topic_named(servers, f"{source}.{kind}", 1, **settings)
    return {"source": f"kafka:{source}", "good": f"kafka:{source}.good", "bad": f"kafka:{source}.bad"}


def numbers_in(config: dict[str, Any], place: str) -> list[int]:
    found = drain(config, place.removeprefix("kafka:"), {}).messages
    return [orjson.loads(message.value or b"")["place"] for message in found]


def test_a_source_made_anew_is_scored_from_its_beginning(kafka: dict[str, Any], kafka_servers: str) -> None:
    wanted = places(kafka_servers)
    send(kafka, wanted["source"], [orjson.dumps(flower(at)) for at in range(2, 6)])
    scoring_steps.score_batches(context(**wanted))
    make_anew(kafka_servers, wanted["source"].removeprefix("kafka:"))
    send(kafka, wanted["source"], [orjson.dumps(flower(at)) for at in range(22, 30)])
    assert scoring_steps.score_batches(context("r2", **wanted))["good"] == 8
    assert numbers_in(kafka, wanted["good"]) == [*range(2, 6), *range(22, 30)]
    assert scoring_steps.score_batches(context("r3", **wanted))["read"] == 0


def test_a_batch_under_way_in_a_source_that_is_gone_is_given_up(
    kafka: dict[str, Any], kafka_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = places(kafka_servers)
    send(kafka, wanted["source"], [orjson.dumps(flower(at)) for at in range(2, 6)])

    def killed(*_: Any, **__: Any) -> None:
        raise BrokerUnavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(streams.StreamRun, "_close", killed)
        with pytest.raises(BrokerUnavailable):
            scoring_steps.score_batches(context(**wanted))
    make_anew(kafka_servers, wanted["source"].removeprefix("kafka:"))
    send(kafka, wanted["source"], [orjson.dumps(flower(at)) for at in range(22, 30)])
    scoring_steps.score_batches(context("r2", **wanted))
    assert numbers_in(kafka, wanted["good"]) == [*range(2, 6), *range(22, 30)]
    stream = f"{wanted['source']}>iris@champion"
    held = open_results().read(lambda connection: find_stream(connection, stream))
    assert held is not None
    assert held.until is None


def test_an_output_made_anew_gets_the_batch_that_was_under_way_once(
    kafka: dict[str, Any], kafka_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = places(kafka_servers)
    send(kafka, wanted["source"], [orjson.dumps(flower(at)) for at in range(2, 6)])

    def killed(*_: Any, **__: Any) -> None:
        raise BrokerUnavailable("cut off")

    with monkeypatch.context() as patch:
        patch.setattr(streams.StreamRun, "_close", killed)
        with pytest.raises(BrokerUnavailable):
            scoring_steps.score_batches(context(**wanted))
    good = wanted["good"].removeprefix("kafka:")
    make_anew(kafka_servers, good)
    scoring_steps.score_batches(context("r2", **wanted))
    assert set(ids_on(kafka_servers, good).values()) == {1}
    assert numbers_in(kafka, wanted["good"]) == [2, 3, 4, 5]


def test_a_record_too_large_for_its_topic_blocks_nothing(kafka: dict[str, Any], kafka_servers: str) -> None:
    wanted = places(kafka_servers, max_message_bytes="20000")
    sent = [flower(at) | {"note": "x" * (50_000 + at if at in {3, 5} else 10)} for at in range(2, 8)]
    send(kafka, wanted["source"], [orjson.dumps(record) for record in sent])
    assert scoring_steps.score_batches(context(**wanted))["read"] == 6
    found = drain(kafka, wanted["good"].removeprefix("kafka:"), {}).messages
    bodies = [orjson.loads(message.value or b"") for message in found]
    assert Counter("place" in body for body in bodies) == {True: 4, False: 2}
    errors = [body["PredictionError"] for body in bodies if "place" not in body]
    assert all("more than the topic takes" in error for error in errors)
