"""Training: what is named, what is written, what follows from the verdict; the network is tested apart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson
import pytest

from foresight.errors import FinalError, InvalidDocument, NotFound
from foresight.orchestration.slices import training as slice_training
from foresight.services.slices import models as slice_models
from foresight.services.slices.events import save_measurements
from foresight.services.slices.history import stored_history
from foresight.slices.events import read_message
from foresight.slices.recording import Recording, messages, simulate
from foresight.slices.replay import read_recording
from foresight.slices.targets import Target
from foresight.slices.training import Trained
from foresight.store import Store
from foresight.store.slices import save_configuration
from tests.unit.registry import prepared_results

DATA = Path(__file__).parents[3] / "data" / "onap"
T0 = 1_763_798_400


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    results = {"conn_type": "sqlite", "host": str(tmp_path / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
    monkeypatch.setenv("FORESIGHT_STAGING", (tmp_path / "staging").as_uri())
    monkeypatch.setenv("FORESIGHT_CONFIG", str(tmp_path / "config"))
    opened = prepared_results()
    yield opened
    opened.close()


def keep(store: Store, recording: Recording) -> None:
    records = [record for _, _, value in messages(recording) for record in read_message(value).records]
    limits = {
        (key.snssai, key.cu, key.cell): int(value)
        for key, value in zip(recording.keys, recording.configured[:, 0], strict=True)
    }

    def work(connection: Any) -> None:
        save_measurements(connection, records)
        save_configuration(connection, limits, T0, "test")

    store.transact(work)


def context(**params: Any) -> dict[str, Any]:
    given = {
        "target": "reference", "days": 3, "file": None, "split": "time", "failure_bound": 0.1, "epochs": 1,
        "seed": 1, "approval": False,
    }  # fmt: skip
    run = SimpleNamespace(run_id="run", run_after=datetime.fromtimestamp(T0, UTC))
    return {"params": given | params, "dag_run": run}


@pytest.fixture
def judged(store: Store) -> Trained:
    whole = read_recording(DATA / "train_s1.parquet")
    part = Recording(whole.keys, 0, whole.counters[:, :1500], whole.configured[:, :1500])
    _, trained = slice_models.import_file(
        store, DATA / "best_model.h5", part, target=Target.REFERENCE, split="time", at=T0, by="test"
    )
    return trained


def test_what_is_stored_comes_back_as_the_recording_it_came_from(store: Store) -> None:
    recording = simulate(7, 50, start=T0 - 50 * 900)
    keep(store, recording)
    found = store.read(lambda connection: stored_history(connection, 0)).recording
    order = [found.keys.index(key) for key in recording.keys]
    assert found.start == recording.start
    np.testing.assert_array_equal(found.counters[order], recording.counters)
    np.testing.assert_array_equal(found.configured[order], recording.configured)


def test_periods_of_another_granularity_are_left_out(store: Store) -> None:
    keep(store, simulate(2, 20, start=T0 - 20 * 900))
    other = replace(simulate(2, 2, start=T0, snssai="01-CC"), granularity_seconds=300)
    keep(store, other)
    found = store.read(lambda connection: stored_history(connection, 0)).recording
    assert (found.granularity_seconds, {key.snssai for key in found.keys}) == (900, {"01-B989BD"})


def test_training_on_nothing_or_too_little_says_so(store: Store) -> None:
    with pytest.raises(NotFound, match="nothing is measured"):
        slice_training.train_model(context())
    keep(store, simulate(2, 20, start=T0 - 20 * 900))
    with pytest.raises(FinalError, match="too few"):
        slice_training.train_model(context())


@pytest.mark.parametrize("name", ["../secret.csv", "/etc/passwd", "a/b.csv", "model.h5", ".."])
def test_a_run_can_name_recordings_of_its_folder_only(store: Store, name: str) -> None:
    with pytest.raises(InvalidDocument, match="parameter file"):
        slice_training.train_model(context(file=name))


def test_the_report_is_written_whole_and_the_same_when_written_again(store: Store, judged: Trained) -> None:
    folder = Path(slice_training.save_report("v1", judged).removeprefix("file://"))
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert slice_training.save_report("v1", judged).endswith("slice_training/v1")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first
    assert {"report.json", "report.html", "errors.svg"} <= set(first)
    assert judged.verdict.reason.encode() in first["report.html"]
    assert orjson.loads(first["report.json"])["reason"] == judged.verdict.reason


@pytest.mark.parametrize(
    ("is_better", "approval", "follows"),
    [(False, False, None), (False, True, None), (True, False, "promote"), (True, True, "approve")],
)
def test_only_a_better_model_goes_on_and_to_a_person_where_asked(
    is_better: bool, approval: bool, follows: str | None
) -> None:
    outcome = {"version": "v", "is_better": is_better, "reason": "because"}
    assert slice_training.next_step(context(approval=approval), outcome) == follows


def test_promoting_twice_is_promoting_once(store: Store, judged: Trained) -> None:
    outcome = {"version": slice_models.version_of(judged.model), "reason": "better"}
    for _ in range(2):
        assert slice_training.promote_model(context(), outcome) == outcome["version"]
    actions = [change["action"] for change in slice_models.list_changes(store, Target.REFERENCE)]
    assert actions == ["promoted", "registered"]
