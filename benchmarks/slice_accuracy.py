"""Errors on the published recording: trained by a live DAG, through Kafka and a live DAG, and offline.

    python -m benchmarks.slice_accuracy [--json]

A live Airflow trains on the first nine tenths of the stacked rows (``slice_training``, which puts the model
to use only if it beats the published network and every baseline). The whole recording is then sent to a real
Kafka; ``slice_prediction`` reads, predicts and stores it in a real MySQL. Judged are the stored answers for
the last tenth of the stacked rows: cells that no training row was taken from, or only ones before them.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import numpy as np
from sqlalchemy import select

from benchmarks.slice_latency import DAG, DATA, Bench, bench, say
from foresight.services.slices import models as slice_models
from foresight.services.slices import replay as slice_replay
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.store.slice_models import find_champion
from foresight.store.tables import slice_prediction
from foresight.wiring.connections import kafka_config

FILE = DATA / "train_s1.parquet"
SNSSAI, START = "03-AB", 1_600_000_200


def accuracy(bench: Bench) -> dict[str, Any]:
    """Trains, sends, compares."""
    started = time.time()
    training = bench.airflow.trigger("slice_training", {"file": FILE.name, "split": "stacked"})
    bench.airflow.unpause("slice_training")
    bench.airflow.succeed("slice_training", training, seconds=900)
    trained = time.time() - started
    say(f"trained in {trained:.0f} s")
    champion = bench.store.read(lambda connection: find_champion(connection, Target.REFERENCE))
    assert champion is not None
    say(champion.reason)
    started = time.time()
    sent = slice_replay.send(
        bench.store, kafka_config(), FILE, int(time.time()), snssai=SNSSAI, cu="published", start=START
    )
    bench.airflow.succeed(DAG, bench.airflow.trigger(DAG, {"periods": "all"}), seconds=600)
    live = time.time() - started
    names = "raw", "answer", "configured"
    query = select(*(slice_prediction.c[name] for name in names), slice_prediction.c.model_version)
    query = query.filter_by(snssai=SNSSAI).order_by(*slice_prediction.primary_key)
    rows = bench.store.read(lambda connection: connection.execute(query).all())
    assert {row.model_version for row in rows} == {champion.version}
    values = np.array([row[:3] for row in rows], float)
    last = values[int(len(values) * 0.9) :]
    return {
        "events": sent.n_messages,
        "live_rows": len(rows),
        "live_rmse": rms(last[:, 0] - last[:, 1]),
        "offline_rmse": offline(champion.version),
        "configured_rmse": rms(last[:, 2] - last[:, 1]),
        "is_promoted": champion.is_better,
        "training_seconds": round(trained, 1),
        "live_seconds": round(live, 1),
    }


def offline(version: str) -> float:
    """The error of the same model on the same rows, without Kafka, database or Airflow in between."""
    from base64 import b64decode

    from foresight.slices.model_file import parse_model
    from foresight.store.slice_models import find_model
    from foresight.wiring.connections import open_results

    row = open_results().read(lambda connection: find_model(connection, version))
    model = parse_model(b64decode(row.document))
    data, parts = slice_models.dataset(read_recording(FILE), Target.REFERENCE, "stacked", 0.1)
    return rms(model.predict(data.inputs[parts.test]) - data.answers[parts.test])


def rms(errors: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    """Root mean square."""
    return round(float(np.sqrt(np.mean(errors**2))), 4)


def main() -> None:
    """Measures and prints; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="no table, only the JSON line")
    given = parser.parse_args()
    with bench() as running:
        found = accuracy(running)
    if not given.json:
        for name, value in found.items():
            say(f"{name:24} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
