"""From events to policy messages: the live steps, one after the other, give what training gave offline."""

from __future__ import annotations

import json

import numpy as np
import pytest

from foresight.slices.events import read_message
from foresight.slices.features import Outcome, history, windows
from foresight.slices.guardrails import Limits, breaches, guard
from foresight.slices.keras_file import read_keras
from foresight.slices.network import Card, Model, Scaler
from foresight.slices.policy import Change, policy_messages
from foresight.slices.prediction import Prediction, predict
from foresight.slices.recording import CellKey, Recording, messages
from foresight.slices.targets import Target
from tests.unit.slices.reference import FOLDER, recording

N_PERIODS = 60


@pytest.fixture(scope="module")
def model() -> Model:
    inputs, answers = windows(*recording(), Target.REFERENCE)
    scaler = Scaler.fitted(inputs.reshape(-1, 24), answers.ravel())
    return Model(read_keras(FOLDER / "best_model.h5"), scaler, Card(Target.REFERENCE, (0, 1), ""))


@pytest.fixture(scope="module")
def given() -> Recording:
    counters, configured = recording()
    keys = tuple(CellKey("01-B989BD", f"cu{i % 2}", str(13_999 + i)) for i in range(len(counters)))
    return Recording(keys, 1_800_000_000, counters[:, :N_PERIODS], configured[:, :N_PERIODS])


def live(model: Model, given: Recording, last: int) -> Prediction:
    """Predict from the events of the first ``last`` periods."""
    rows = {(key.snssai, key.cu, key.cell): i for i, key in enumerate(given.keys)}
    records = [r for period, _, m in messages(given) if period < last for r in read_message(m).records]
    past = history(
        [rows[r.snssai, r.cu, r.cell] for r in records],
        [r.period_start for r in records],
        [r.granularity_seconds for r in records],
        np.array([[r.requests, r.successes, r.failures] for r in records], float),
        [r.is_suspect for r in records],
        len(rows),
    )
    return predict(model, past, given.configured[:, 0], as_of=int(given.starts[last - 1]) + 900)


def test_the_live_path_predicts_what_was_predicted_offline(model: Model, given: Recording) -> None:
    inputs, _ = windows(given.counters, given.configured, Target.REFERENCE)
    offline = model.predict(inputs.reshape(-1, 24)).reshape(inputs.shape[:2])
    for last in (5, 6, 31, N_PERIODS):
        found = live(model, given, last).connections
        np.testing.assert_allclose(found, offline[:, last - 5], rtol=0, atol=1e-5)  # float32 weights


def test_before_five_periods_nothing_is_predicted(model: Model, given: Recording) -> None:
    found = live(model, given, 4)
    assert np.isnan(found.connections).all()
    assert set(found.features.outcome) == {Outcome.WARMING_UP}


def test_what_is_sent_keeps_both_limits_as_the_consumer_sees_them(model: Model, given: Recording) -> None:
    previous = given.configured[:, 0]
    limits = Limits(minimum_share=0.02)
    decided = guard(np.zeros(11, int), previous, live(model, given, N_PERIODS).connections, limits)
    changes = [
        Change(key.snssai, key.cu, key.cell, int(before), int(after))
        for key, before, after, sent in zip(given.keys, previous, decided.final, decided.is_sent, strict=True)
        if sent
    ]
    (message,) = policy_messages(changes, as_of=0)
    cells = [cell["configData"] for unit in json.loads(message.body)["data"] for cell in unit["cellCUList"]]
    before = [cell["maxNumberofConns"] for cell in cells]
    after = [cell["predictedMaxNumberofConns"] for cell in cells]
    assert len(cells) > 2
    assert not breaches([0] * len(cells), before, after, limits).any()
