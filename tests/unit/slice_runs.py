"""Runs of ``slice_prediction`` without Airflow: what goes in, the two steps, what came out."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Producer
from sqlalchemy import Table, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.errors import FinalError
from foresight.messaging import Received, drain
from foresight.orchestration.slices import prediction as slice_prediction
from foresight.services.slices import configuration as slice_configuration
from foresight.slices.recording import Recording, messages, simulate
from foresight.store import Store

DATA = Path(__file__).parents[1] / "data" / "onap"
NOW = 1_763_798_400
"""2025-11-22 08:00 UTC."""
PERIODS = 6
_runs = itertools.count()


def simulated(n_cells: int = 12, n_periods: int = PERIODS, **named: Any) -> Recording:
    """Periods until now, inside the range that the published model was trained on."""
    return in_range(simulate(n_cells, n_periods, start=NOW - 900 * n_periods, **named))


def in_range(recording: Recording) -> Recording:
    """The same with few enough and many enough requests and connections for the published model."""
    requests = recording.counters[..., :1]
    counters = np.rint(recording.counters * np.clip(requests, 300, 1000) / requests)
    return replace(recording, counters=counters, configured=np.clip(recording.configured, 106, 128))


def configure(store: Store, recording: Recording, tmp_path: Path) -> None:
    lines = [
        f"{key.snssai},{key.cu},{key.cell},{int(value)}"
        for key, value in zip(recording.keys, recording.configured[:, -1], strict=True)
    ]
    file = tmp_path / "limits.csv"
    file.write_text("\n".join(["snssai,cu,cell,maxNumberOfConns", *lines]))
    slice_configuration.load_file(store, file, NOW - 10_000)


def send(broker: dict[str, str], values: list[bytes]) -> None:
    producer = Producer(broker)
    for value in values:
        producer.produce(PERFORMANCE_TOPIC, value)
    assert producer.flush(10) == 0


def events_of(recording: Recording) -> list[bytes]:
    return [value for _, _, value in messages(recording)]


def context(at: int = NOW, **params: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "target": "reference", "slices": [], "cell_share": 0.25, "slice_share": 0.1, "minimum_share": 0.05,
        "cooldown_seconds": 0, "max_age_seconds": 3600, "late_periods": 1.0, "settle_seconds": 0,
        "periods": "newest", "publish": "auto", "roll_back": True, "granularity_seconds": 900,
        "floor_share": 0.5, "ceiling_share": 2.0, "day_cell_share": 0.5, "day_slice_share": 0.2, "repeats": 3,
        "counter_names": [],
    }  # fmt: skip
    instant = datetime.fromtimestamp(at, UTC)
    run = SimpleNamespace(
        dag_id="slice_prediction", run_id=f"run {next(_runs)}", run_after=instant, start_date=instant,
        run_type=SimpleNamespace(value="manual"),
    )  # fmt: skip
    return {"dag_run": run, "params": given | params}


def run_once(at: int = NOW, **params: Any) -> dict[str, int]:
    given = context(at, **params)
    counts = slice_prediction.predict_and_send(given)
    slice_prediction.watch_errors(given)
    return counts


def rows(store: Store, table: Table, **equal: Any) -> list[Any]:
    query = select(table).filter_by(**equal).order_by(*table.primary_key)
    return list(store.read(lambda connection: connection.execute(query).all()))


def sent(broker: dict[str, str], topic: str = POLICY_TOPIC) -> tuple[Received, ...]:
    try:
        return drain(broker, topic, {}).messages
    except FinalError:
        return ()


def changes_in(found: tuple[Received, ...]) -> dict[tuple[str, str, str], tuple[int, int]]:
    return {
        (body["snssai"], unit["gNBCUName"], cell["cellLocalId"]): (
            cell["configData"]["maxNumberofConns"],
            cell["configData"]["predictedMaxNumberofConns"],
        )
        for body in (orjson.loads(message.value or b"") for message in found)
        for unit in body["data"]
        for cell in unit["cellCUList"]
    }
