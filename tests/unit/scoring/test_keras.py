"""Keras models as people bring them: texts, categories, operators, lists of any length, older files."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.kinds import kind_of, load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer
from foresight.scoring.rehearsal import rehearse
from tests.unit.scoring.strangers import iris, keras_bytes, keras_files, zipped


def h5_bytes(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.h5"
        model.save(path)
        return path.read_bytes()


def scorer(data: bytes) -> RecordScorer:
    model = load_model(data, "keras")
    rehearse(model)
    return RecordScorer(model, read_mapping(None, model.signature))


def test_texts_and_categories_are_encoded_in_the_model() -> None:
    import keras
    from keras import layers

    text, number = keras.Input((1,), name="text", dtype="string"), keras.Input((1,), name="number")
    listed = layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")
    learnt = layers.StringLookup()
    learnt.adapt(np.array([["x"], ["red"]]))
    bins = layers.Discretization(bin_boundaries=[0.0, 1.0])
    joined = layers.Concatenate()([
        listed(text),
        layers.Flatten()(layers.Embedding(8, 2)(learnt(text))),
        layers.CategoryEncoding(3, output_mode="one_hot")(bins(number)),
        layers.CategoryEncoding(5, output_mode="one_hot")(layers.Hashing(5)(text)),
    ])  # fmt: skip
    network = keras.Model([text, number], layers.Dense(1, name="y")(joined))
    texts, numbers = ["red", "x", "grün", ""], [-1.0, 0.5, 3.0, 1.0]
    expected = network.predict_on_batch(
        [np.array([[one] for one in texts], object), np.array([[n] for n in numbers])]
    )
    rows = [{"text": one, "number": n} for one, n in zip(texts, numbers, strict=True)]
    found, bad = scorer(keras_bytes(network)).score([*rows, {"text": 3, "number": 1.0}])
    assert bad == [4]
    np.testing.assert_allclose([record[PREDICTION]["y"] for record in found[:4]], expected[:, 0], rtol=1e-5)


def test_operators_between_layers_are_made() -> None:
    import keras

    given = keras.Input((4,), name="x")
    made = keras.ops.log(keras.ops.abs(given) + 1.0)[:, :2] * 2
    network = keras.Model(
        given, keras.ops.sum(made, axis=1, keepdims=True) / keras.ops.max(given, axis=1, keepdims=True)
    )
    flowers, _ = iris()
    model = load_model(keras_bytes(network), "keras")
    rehearse(model)
    found = model.predict({f"x[{i}]": flowers[:, i] for i in range(4)})
    (name,) = (out.name for out in model.signature.outputs)
    np.testing.assert_allclose(found.columns[name], network.predict_on_batch(flowers)[:, 0], rtol=1e-5)


def test_an_operator_that_mixes_records_is_refused() -> None:
    import keras

    given = keras.Input((4,), name="x")
    network = keras.Model(given, given - keras.ops.mean(given, axis=0, keepdims=True))
    with pytest.raises(InvalidModel, match="beside others"):
        rehearse(load_model(keras_bytes(network), "keras"))


def test_lists_of_any_length_are_scored_each_by_itself() -> None:
    import keras
    from keras import layers

    tokens, points = keras.Input((None,), name="tokens", dtype="int64"), keras.Input((None, 2), name="points")
    one = layers.LSTM(3)(layers.Embedding(10, 2, mask_zero=True)(tokens))
    other = layers.GlobalAveragePooling1D()(points)
    network = keras.Model([tokens, points], layers.Dense(1, name="y")(layers.Concatenate()([one, other])))
    scoring = scorer(keras_bytes(network))
    assert [field.data_type for field in scoring.model.signature.inputs] == [
        "list of integer",
        "list of double",
    ]
    rows = [
        {"tokens": [1, 2, 3], "points": [[0.5, 1.0]]},
        {"tokens": [4], "points": [[0.5, 1.0], [2.0, 3.0]]},
        {"tokens": [5, 6, 7], "points": [[1.5, 1.0]]},
    ]
    wrong = [
        ({"tokens": [], "points": [[1.0, 2.0]]}, "tokens has 0 values, 1 to 100000 are read"),
        ({"tokens": [1], "points": [[1.0]]}, "points of shape [1, 1] is not a list of shape ['any', 2]"),
        ({"tokens": [1.5], "points": [[1.0, 2.0]]}, "tokens [0] = 1.5 is not a whole number"),
        ({"tokens": 1, "points": [[1.0, 2.0]]}, "tokens = 1 is a number, not a list"),
        ({"tokens": None, "points": [[1.0, 2.0]]}, "tokens is missing"),
    ]
    found, bad = scoring.score([*rows, *(row for row, _ in wrong)])
    assert bad == [3, 4, 5, 6, 7]
    assert [found[place][ERROR] for place in bad] == [reason for _, reason in wrong]
    for row, record in zip(rows, found, strict=False):
        expected = network.predict_on_batch([np.array([row["tokens"]]), np.array([row["points"]])])
        assert record[PREDICTION]["y"] == pytest.approx(float(expected[0, 0]), rel=1e-4)
        assert scoring.score_one(row)[PREDICTION]["y"] == pytest.approx(record[PREDICTION]["y"], rel=1e-4)


def test_an_older_file_gives_what_its_model_gives() -> None:
    import keras

    flowers, _ = iris()
    network = keras.Sequential(
        [keras.Input((4,), name="x"), keras.layers.Dense(3, "relu"), keras.layers.Dense(1, name="y")]
    )
    model = load_model(h5_bytes(network), kind_of("model.h5"))
    rehearse(model)
    found = model.predict({f"x[{i}]": flowers[:, i] for i in range(4)})
    np.testing.assert_allclose(found.columns["y"], network.predict_on_batch(flowers)[:, 0], rtol=1e-5)


# Strangers


def test_an_older_file_with_code_in_it_is_refused_by_name() -> None:
    import keras

    network = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2)])
    with pytest.raises(UnsupportedModel, match="Lambda is not among the layers"):
        load_model(h5_bytes(network), "keras")


def test_an_older_file_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidModel, match="weights and no model"):
        load_model(keras_files()["model.weights.h5"], "keras")


def test_a_vocabulary_in_another_file_is_refused() -> None:
    import json

    members = keras_files()
    config = json.loads(members["config.json"])
    config["config"]["layers"][1] |= {"class_name": "StringLookup", "config": {"vocabulary": "/etc/passwd"}}
    data = zipped(members | {"config.json": json.dumps(config).encode()})
    with pytest.raises(UnsupportedModel, match="a vocabulary in another file is not read"):
        load_model(data, "keras")


@pytest.mark.parametrize("name", ["assets/../../x/vocabulary.txt", "evil.py", "assets/other.bin"])
def test_a_member_that_belongs_to_no_model_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedModel, match="belongs to no Keras model"):
        load_model(zipped(keras_files() | {name: b"x"}), "keras")


def test_a_graph_of_tensorflow_is_refused_with_the_way_out() -> None:
    with pytest.raises(UnsupportedModel, match=r"model\.save\('model\.keras'\)"):
        kind_of("folder/saved_model.pb")


def test_an_operator_that_unfolds_is_refused_by_name() -> None:
    import keras

    given = keras.Input((4,), name="x")
    data = keras_bytes(keras.Model(given, keras.ops.tile(given, (1, 2))))
    with pytest.raises(UnsupportedModel, match=r"keras\.src\.ops\.numpy\.Tile is not among the layers"):
        load_model(data, "keras")
    assert io.BytesIO(data).read(2) == b"PK"
