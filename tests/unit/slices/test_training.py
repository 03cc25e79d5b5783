"""Training: what Keras learns is what the light network computes, and a report says how it was judged."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from foresight.slices.dataset import Dataset, split_by_time
from foresight.slices.features import windows
from foresight.slices.keras_file import read_keras
from foresight.slices.model_file import model_bytes, parse_model
from foresight.slices.network import Card, Model, Scaler
from foresight.slices.recording import Recording, simulate
from foresight.slices.report import page, plots, report
from foresight.slices.targets import Target
from foresight.slices.training import Options, from_keras, judged, load_published, train
from tests.unit.slices.reference import FOLDER, recording
from tests.unit.slices.structured import structured


def test_the_light_network_equals_keras_on_the_published_model() -> None:
    inputs, answers = windows(*recording(), Target.REFERENCE)
    rows, wanted = inputs[:, :100].reshape(-1, 24), answers[:, :100].ravel()
    scaled = Scaler.fitted(rows, wanted).inputs(rows).astype(np.float32)
    published = load_published(FOLDER / "best_model.h5")
    expected = published.predict(scaled[:, None, :], verbose=0)[:, 0]
    light = read_keras(FOLDER / "best_model.h5")
    np.testing.assert_allclose(light.run(scaled), expected, atol=1e-6, rtol=0)
    np.testing.assert_array_equal(light.kernel, from_keras(published).kernel)


def test_a_trained_model_is_reproducible_saved_whole_and_judged_on_unseen_periods() -> None:
    counters, configured = recording()
    part = Recording((), 900, counters[:, :700], configured[:, :700])
    data = Dataset.of(part, Target.REFERENCE)
    split = split_by_time(data)
    options = Options(units=8, epochs=12, batch=256, seed=3)
    trained = train(data, split, options)
    assert trained.verdict.is_promoted, trained.verdict.reason
    assert model_bytes(train(data, split, options).model) == model_bytes(trained.model)

    card = parse_model(model_bytes(trained.model)).card
    assert card == trained.model.card
    assert card.data_sha256 == data.sha256(split.train)
    assert card.training_range[1] < data.starts[split.test.any(axis=0)].min()
    assert card.metrics["rmse"] == pytest.approx(trained.verdict.score.rmse)
    assert set(card.versions) == {"keras", "numpy", "tensorflow"}

    told = json.loads(json.dumps(report(trained), allow_nan=False))
    assert told["is_promoted"] is True
    pictures = plots(trained)
    assert set(pictures) == {"errors", "held_out", "losses"}
    for picture in pictures.values():
        assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314 - our own
    told_page = page(trained)
    assert told_page.count("<svg") == 3
    assert "Earns its place" in told_page
    assert all(f"<td>{rival.name}</td>" in told_page for rival in trained.verdict.rivals)

    again = judged(trained.model, data, split, in_use=trained.model)
    assert not again.verdict.is_promoted
    assert "in_use" in again.verdict.reason


@pytest.mark.parametrize(
    ("kind", "promoted"),
    [("daily", {"ridge", "same_time_yesterday"}), ("weekly", {"ridge", "same_time_last_week"})],
)
def test_where_a_simple_rival_is_best_it_is_put_to_use_instead_of_the_network(
    kind: str, promoted: set[str]
) -> None:
    data = Dataset.of(structured(kind, 3, 21), Target.FORWARD)
    split = split_by_time(data)
    trained = train(data, split, Options(units=4, epochs=1))
    assert trained.verdict.is_promoted, trained.verdict.reason
    assert trained.model.card.source in promoted
    errors = {rival.name: rival.score.rmse for rival in trained.verdict.rivals}
    assert trained.verdict.score.rmse <= min(errors.values()) * 1.0001
    assert "network" in errors
    loaded = parse_model(model_bytes(trained.model))
    rows = data.inputs[split.test]
    np.testing.assert_array_equal(loaded.predict(rows), trained.model.predict(rows))
    assert "held_out" in plots(trained)


def test_noise_promotes_neither_the_network_nor_a_rival() -> None:
    data = Dataset.of(structured("noise", 3, 21), Target.FORWARD)
    trained = train(data, split_by_time(data), Options(units=4, epochs=1))
    assert not trained.verdict.is_promoted
    assert "look like noise" in trained.verdict.reason


def test_an_imported_model_is_judged_like_a_trained_one_and_said_to_lose() -> None:
    data = Dataset.of(simulate(4, 400, seed=1), Target.FORWARD)
    split = split_by_time(data)
    rows, wanted = data.inputs[split.train], data.answers[split.train]
    card = Card(Target.FORWARD, (0, 1), "", source="imported")
    model = Model(read_keras(FOLDER / "best_model.h5"), Scaler.fitted(rows, wanted), card)
    found = judged(model, data, split)
    assert not found.verdict.is_promoted
    assert "look like noise" in found.verdict.reason
    assert "losses" not in plots(found)


def test_a_version_in_use_that_answers_another_question_is_refused() -> None:
    data = Dataset.of(simulate(4, 400, seed=1), Target.FORWARD)
    card = Card(Target.REFERENCE, (0, 1), "")
    model = Model(read_keras(FOLDER / "best_model.h5"), Scaler(np.zeros(5), np.ones(5)), card)
    with pytest.raises(ValueError, match="answers reference"):
        judged(model, data, split_by_time(data), in_use=model)


@pytest.mark.parametrize("wrong", [{"units": 0}, {"learning_rate": 2.0}, {"patience": 0}])
def test_impossible_options_are_refused_by_name(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)  # type: ignore[arg-type]
