"""A model that knows the time is asked live for the very inputs that it was trained on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresight.services.slices import models as slice_models
from foresight.services.slices.decisions import decide, undecided
from foresight.services.slices.events import save_measurements
from foresight.services.slices.history import windows_for
from foresight.services.slices.options import DecisionOptions
from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.drift import profile
from foresight.slices.events import read_message
from foresight.slices.features import LONG_INPUTS
from foresight.slices.judgement import simple_models
from foresight.slices.network import Card, Model, Scaler
from foresight.slices.recording import Recording, messages
from foresight.slices.targets import Target
from foresight.slices.training import judged
from foresight.store import Store, migrate, open_store
from foresight.store.slices import save_configuration
from tests.unit.slices.structured import START, structured

DAYS = 15
NOW = START + DAYS * 86_400
FORWARD = DecisionOptions(target=Target.FORWARD)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
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
        save_configuration(connection, limits, START, "test")

    store.transact(work)


def put_to_use(store: Store, recording: Recording, name: str) -> Model:
    data = Dataset.of(recording, Target.FORWARD)
    split = split_by_time(data)
    rows, answers = data.inputs[split.train], data.answers[split.train]
    card = Card(Target.FORWARD, (0, 1), "", profile=profile(rows), inputs=LONG_INPUTS, source=name)
    model = Model(simple_models(data, split.train)[name], Scaler.fitted(rows, answers), card)
    trained = judged(model, data, split)
    version = slice_models.register(store, trained, at=NOW, by="test")
    slice_models.promote(store, version, at=NOW, by="test", reason="test")
    return trained.model


@pytest.mark.parametrize("name", ["ridge", "same_time_yesterday", "same_time_last_week"])
def test_a_live_prediction_equals_that_of_the_whole_history(store: Store, name: str) -> None:
    recording = structured("weekly", 3, DAYS)
    keep(store, recording)
    model = put_to_use(store, recording, name)
    found = store.read(lambda c: decide(c, undecided(c, NOW, 900), NOW, FORWARD))
    inputs, _ = windows_for(model, recording)
    assert found.columns["outcome"] == ["ready"] * 3
    assert found.columns["raw"].tolist() == pytest.approx(model.predict(inputs[:, -1]).tolist())


def test_where_yesterday_was_not_measured_the_configured_value_stands_in(store: Store) -> None:
    recording = structured("weekly", 3, DAYS)
    holed = recording.counters.copy()
    holed[1, -96:-94] = np.nan
    recording = replace(recording, counters=holed)
    keep(store, recording)
    put_to_use(store, recording, "same_time_yesterday")
    found = store.read(lambda c: decide(c, undecided(c, NOW, 900), NOW, FORWARD))
    assert found.columns["raw"][1] == recording.configured[1, -1]
    assert found.columns["outcome"] == ["ready"] * 3
