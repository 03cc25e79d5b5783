"""Slice capacity as an operator runs it: events on Kafka, policy messages on Kafka, a killed task."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import orjson
import pytest
from confluent_kafka import Producer
from sqlalchemy import func, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.errors import NotFound
from foresight.local.standalone import Standalone
from foresight.messaging import Received, drain
from foresight.services.slices import models as slice_models
from foresight.services.slices import replay as slice_replay
from foresight.slices.guardrails import Limits, breaches
from foresight.slices.recording import Recording, messages, simulate
from foresight.slices.replay import read_recording, write_recording
from foresight.slices.targets import Target
from foresight.store import Store
from foresight.store.slice_models import find_champion
from foresight.store.tables import slice_measurement, slice_prediction
from foresight.wiring.connections import kafka_config, results
from tests.servers.slice_configuration import Service, configuration_service
from tests.unit.slice_runs import in_range

pytestmark = [pytest.mark.live, pytest.mark.mysql, pytest.mark.kafka, pytest.mark.timeout(1200)]

DAG = "slice_prediction"
DATA = Path(__file__).parents[1] / "data" / "onap"
N_CELLS, PERIODS, GRANULARITY = 30, 6, 900
REPLAY_START = 1_600_000_200


@pytest.fixture(scope="module")
def service(airflow: Standalone) -> Iterator[Service]:
    """A configuration service that the connection ``slice_config`` leads to."""
    with configuration_service() as running:
        port = urlsplit(running.url).port
        body = {"connection_id": "slice_config", "conn_type": "http", "host": "127.0.0.1", "port": port}
        airflow.call("POST", "connections", json=body)
        yield running
        airflow.call("DELETE", "connections/slice_config")


@pytest.fixture(scope="module")
def switched_on(airflow: Standalone, service: Service) -> str:
    """The model in use: the published network, imported; the DAG listens from here on."""
    version, trained = slice_models.import_file(
        results(), DATA / "best_model.h5", read_recording(DATA / "train_s1.parquet"),
        target=Target.REFERENCE, split="stacked", at=int(time.time()), by="test",
    )  # fmt: skip
    assert round(trained.verdict.score.rmse, 2) == 1.79
    slice_models.promote(results(), version, at=int(time.time()), by="test", reason="published")
    airflow.unpause(DAG)
    return version


def recent(n_periods: int = PERIODS, **named: Any) -> Recording:
    """Periods of the grid until the last that has ended, inside the range that the model was trained on."""
    end = int(time.time()) // GRANULARITY * GRANULARITY
    return in_range(simulate(N_CELLS, n_periods, start=end - GRANULARITY * n_periods, **named))


def send(servers: str, service: Service, recording: Recording) -> None:
    for key, limit in zip(recording.keys, recording.configured[:, -1].astype(int).tolist(), strict=True):
        service.limits[key.cell, key.snssai] = limit
    producer = Producer({"bootstrap.servers": servers})
    for _, cu, value in messages(recording):
        producer.produce(PERFORMANCE_TOPIC, value, key=cu)
    assert producer.flush(30) == 0


def policies(servers: str, snssai: str) -> list[Received]:
    try:
        found = drain({"bootstrap.servers": servers}, POLICY_TOPIC, {}).messages
    except NotFound:
        return []
    return [message for message in found if message.key == snssai.encode()]


def wait_for_policy(airflow: Standalone, servers: str, snssai: str) -> list[Received]:
    found: list[Received] = airflow.wait_for("the policy message", lambda: policies(servers, snssai) or None)
    return found


def told_in(found: list[Received]) -> list[tuple[str, str, int, int]]:
    return sorted(
        (unit["gNBCUName"], cell["cellLocalId"], *cell["configData"].values())[:4]
        for message in found
        for unit in orjson.loads(message.value or b"")["data"]
        for cell in unit["cellCUList"]
    )


def decided(store: Store, snssai: str) -> list[Any]:
    query = select(slice_prediction).filter_by(snssai=snssai).order_by(*slice_prediction.primary_key)
    return list(store.read(lambda connection: connection.execute(query).all()))


def check_message(store: Store, servers: str, snssai: str) -> None:
    """What was sent is what is stored, once, and inside the guardrails."""
    sent = [row for row in decided(store, snssai) if row.is_sent]
    before, after = [int(row.configured) for row in sent], [int(row.final) for row in sent]
    stored = sorted((row.cu, row.cell, int(row.configured), int(row.final)) for row in sent)
    assert told_in(policies(servers, snssai)) == stored
    assert sent
    assert not breaches([0] * len(sent), before, after, Limits()).any()


def test_events_on_kafka_become_one_policy_message_on_kafka(
    airflow: Standalone, store: Store, kafka_servers: str, service: Service, switched_on: str
) -> None:
    send(kafka_servers, service, recent(snssai="01-B989BD"))
    [message] = wait_for_policy(airflow, kafka_servers, "01-B989BD")
    assert dict(message.headers)["model-version"] == switched_on.encode()
    rows = decided(store, "01-B989BD")
    assert {(row.outcome, row.model_version) for row in rows} == {("ready", switched_on)}
    assert len(rows) == N_CELLS
    assert all(row.configured_read_at is not None for row in rows)
    check_message(store, kafka_servers, "01-B989BD")


def rung(airflow: Standalone) -> list[dict[str, Any]]:
    return [run for run in airflow.runs(DAG) if run["run_type"] == "asset_triggered"]


def test_an_event_wakes_the_watcher(
    airflow: Standalone, store: Store, kafka_servers: str, service: Service, switched_on: str
) -> None:
    airflow.wait_for("the first ring, for what came before", lambda: rung(airflow) or None)
    airflow.wait_for("it to end", lambda: all(r["state"] == "success" for r in airflow.runs(DAG)) or None)
    before = len(rung(airflow))
    send(kafka_servers, service, recent(snssai="04-CD"))
    airflow.wait_for("a ring", lambda: len(rung(airflow)) > before or None, seconds=60)
    wait_for_policy(airflow, kafka_servers, "04-CD")
    check_message(store, kafka_servers, "04-CD")


def test_a_killed_task_is_tried_again_and_nothing_is_lost_or_doubled(
    airflow: Standalone, store: Store, kafka_servers: str, service: Service, switched_on: str
) -> None:
    airflow.call("PATCH", f"dags/{DAG}", json={"is_paused": True})
    send(kafka_servers, service, recent(snssai="02-FF"))
    airflow.call("PATCH", f"dags/{DAG}", json={"is_paused": False})
    run_id = airflow.trigger(DAG, {"settle_seconds": 8})

    def stored_and_running() -> int | None:
        count = select(func.count()).select_from(slice_measurement).filter_by(snssai="02-FF")
        if store.read(lambda connection: connection.execute(count).scalar_one()) == 0:
            return None
        running = [
            (task["pid"])
            for run in airflow.runs(DAG)
            for task in airflow.tasks(DAG, run["dag_run_id"])
            if task["state"] == "running" and task["pid"]
        ]
        return next(iter(running), None)

    os.kill(airflow.wait_for("the events to be stored", stored_and_running), signal.SIGKILL)
    wait_for_policy(airflow, kafka_servers, "02-FF")
    airflow.succeed(DAG, run_id)
    assert len(policies(kafka_servers, "02-FF")) == 1
    count = select(func.count()).select_from(slice_measurement).filter_by(snssai="02-FF")
    assert store.read(lambda connection: connection.execute(count).scalar_one()) == N_CELLS * PERIODS
    assert len(decided(store, "02-FF")) == N_CELLS
    check_message(store, kafka_servers, "02-FF")


def test_the_published_recording_through_the_live_path_has_the_published_error(
    airflow: Standalone, store: Store, kafka_servers: str, switched_on: str
) -> None:
    snssai = "03-AB"
    sent = slice_replay.send(
        results(),
        kafka_config(),
        DATA / "train_s1.parquet",
        int(time.time()),
        snssai=snssai,
        cu="published",
        start=REPLAY_START,
    )
    assert (sent.n_messages, sent.n_configured) == (10_840, 11)
    airflow.succeed(DAG, airflow.trigger(DAG, {"periods": "all"}), seconds=400)
    rows = decided(store, snssai)
    assert len(rows) == 11 * (10_840 - 4)
    held = [row for row in rows if row.raw is None]
    assert {row.outcome for row in held} == {"out_of_range"}
    assert len(held) == 5  # the model never saw such inputs in training
    last_tenth = [row.raw - row.answer for row in rows[int(len(rows) * 0.9) :] if row.raw is not None]
    assert round(float(np.sqrt(np.mean(np.square(last_tenth)))), 2) == 1.79
    assert policies(kafka_servers, snssai) == []


def test_a_better_model_waits_for_a_person_and_is_in_use_once_approved(
    airflow: Standalone, store: Store, kafka_servers: str, switched_on: str, tmp_path: Path
) -> None:
    airflow.unpause("slice_training")
    weekly = airflow.wait_for("the weekly run", lambda: next(iter(airflow.runs("slice_training")), None))
    ended = airflow.wait("slice_training", weekly["dag_run_id"])
    assert (ended["state"], champion_of(store)) == ("failed", switched_on)  # too few periods so far
    snssai, file = "05-EF", tmp_path / "history.csv"
    write_recording(simulate(20, 300, seed=5, snssai=snssai), file)
    assert slice_replay.send(results(), kafka_config(), file, int(time.time())).n_messages == 600
    count = select(func.count()).select_from(slice_measurement).filter_by(snssai=snssai)
    airflow.wait_for(
        "the history", lambda: store.read(lambda c: c.execute(count).scalar_one()) == 6000 or None
    )
    run_id = airflow.trigger("slice_training", {"days": 4, "epochs": 30, "approval": True})
    answered(airflow, run_id, "Reject")
    assert champion_of(store) == switched_on
    again = {"dag_run_id": run_id, "task_ids": ["approve"], "include_downstream": True}
    wanted = {"dry_run": False, "only_failed": False}
    airflow.call("POST", "dags/slice_training/clearTaskInstances", json=again | wanted)
    answered(airflow, run_id, "Approve")
    assert champion_of(store) not in {switched_on, ""}


def answered(airflow: Standalone, run_id: str, answer: str) -> None:
    """Waits for the question of a training run, answers it, and waits for the end of the run."""
    path = f"dags/slice_training/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"

    def question() -> Any:
        try:
            found = airflow.call("GET", path)
        except NotFound:
            return None
        return None if found["response_received"] else found

    assert "in_use" in airflow.wait_for("the question", question, seconds=400)["body"]
    # Airflow 3.3 fails a task whose answer comes before the scheduler has noted that it waits.
    time.sleep(3)
    airflow.call("PATCH", path, json={"chosen_options": [answer]})
    airflow.succeed("slice_training", run_id)


def champion_of(store: Store) -> str:
    row = store.read(lambda connection: find_champion(connection, Target.REFERENCE))
    return row.version if row else ""
