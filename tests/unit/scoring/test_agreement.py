"""A record, a bundle and a column get the same answer, of every runtime; nothing of an earlier run stays."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import foresight.scoring
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer
from tests.unit.scoring.agreement import check, optional
from tests.unit.scoring.strangers import (
    iris,
    keras_bytes,
    onnx_graph,
    onnx_regression,
    onnx_value,
    skops_bytes,
)

EXAMPLE = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"


def onnx_of_all_types() -> bytes:
    kinds = {"f": TensorProto.FLOAT, "h": TensorProto.FLOAT16, "l": TensorProto.INT64, "u": TensorProto.UINT8,
             "q": TensorProto.UINT64, "b": TensorProto.BOOL, "s": TensorProto.STRING}  # fmt: skip
    inputs = [onnx_value(name, kind) for name, kind in kinds.items()]
    nodes = [helper.make_node("Identity", [name], [f"{name}_out"]) for name in kinds]
    return onnx_graph(nodes, [onnx_value(f"{name}_out", kind) for name, kind in kinds.items()], inputs=inputs)


def pipeline_of_all_types() -> bytes:
    flowers, species = iris()
    frame = pd.DataFrame(flowers[:, :2], columns=["f", "g"]).assign(s=np.tile(["red", "blue"], 75))
    parts = [("s", OneHotEncoder(), ["s"]), ("n", "passthrough", ["f", "g"])]
    return skops_bytes(
        make_pipeline(ColumnTransformer(parts), LogisticRegression(max_iter=1000)).fit(frame, species)
    )


def booster() -> bytes:
    flowers, species = iris()
    flowers = np.where(np.random.default_rng(1).random(flowers.shape) < 0.1, np.nan, flowers)
    return skops_bytes(HistGradientBoostingClassifier(max_iter=3).fit(flowers, species))


def network_of_all_types() -> bytes:
    import keras

    whole, number = keras.Input((1,), name="l", dtype="int64"), keras.Input((1,), name="f")
    joined = keras.layers.Concatenate()([keras.layers.Rescaling(0.5)(whole), number])
    return keras_bytes(keras.Model([whole, number], keras.layers.Dense(1, name="y")(joined)))


BYTES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "onnx": ("onnx", onnx_of_all_types),
    "pipeline": ("sklearn", pipeline_of_all_types),
    "booster": ("sklearn", booster),
    "keras": ("keras", network_of_all_types),
}


@cache
def scorer(name: str) -> RecordScorer:
    kind, data = BYTES[name]
    model = load_model(data(), kind)
    return RecordScorer(model, read_mapping(None, model.signature))


VALUES = st.one_of(
    st.sampled_from(
        [None, float("nan"), float("inf"), "FALSE", "1.5", "", "red", "green", True, False, np.bool_(True)]
    ),
    st.sampled_from(
        [2**53 + 1, -(2**53) - 1, 2**63 - 1, 2**63, -(2**63), 2**64 - 1, 2**64, 10**400, 255, 256, -1]
    ),
    st.sampled_from([1e300, -1e39, 65504.0, 70000.0, 4.4, 1e-320, 2.0**53, 2.0**63, 3.0]),
    st.sampled_from([Decimal("1.5"), Decimal(3), Decimal("NaN"), Decimal(2**60 + 1)]),
    st.sampled_from(
        [np.float32(1.5), np.float64(2.0), np.int64(3), np.int64(2**62 + 1), np.uint8(7), np.str_("red")]
    ),
    st.sampled_from([[], {}, b"1", 1j]),
    st.integers(0, 4),
    st.floats(-10, 10),
)


def column_of(values: list[Any]) -> np.ndarray:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def answer(found: dict[str, Any]) -> dict[str, Any] | None:
    return None if ERROR in found else found[PREDICTION]


def alike(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    if one is None or other is None:
        return one is other
    return one == {
        name: pytest.approx(value, rel=1e-4, abs=1e-6) if isinstance(value, float) else value
        for name, value in other.items()
    }


@pytest.mark.parametrize("name", sorted(BYTES))
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_record_a_bundle_and_a_column_get_the_same_answer(name: str, data: st.DataObject) -> None:
    scoring = scorer(name)
    names = [field.name for field in scoring.model.signature.inputs]
    plain = st.floats(-10, 10) | st.integers(0, 4) | VALUES
    records = data.draw(st.lists(st.fixed_dictionaries(dict.fromkeys(names, plain)), min_size=1, max_size=6))
    # Most records are right but for one field: else hardly any is.
    base = {field.name: _right(field.data_type, field.values) for field in scoring.model.signature.inputs}
    keep = data.draw(st.lists(st.sampled_from(names), min_size=len(records), max_size=len(records)))
    records = [{**base, only: record[only]} for record, only in zip(records, keep, strict=True)]

    alone = [answer(scoring.score_one(record)) for record in records]
    bundle, bad = scoring.score(records)
    assert [place for place, one in enumerate(alone) if one is None] == list(bad)
    columns = scoring.model.predict(
        {field: column_of([record[field] for record in records]) for field in names}
    )
    outputs = [out.name for out in scoring.model.signature.outputs]
    found = columns.records(outputs)
    for place, one in enumerate(alone):
        assert alike(one, answer(bundle[place])), (records[place], one, bundle[place])
        column = None if place in columns.errors else found[place]
        assert alike(one, column), (records[place], one, column, columns.errors)


def _right(data_type: str, values: tuple[Any, ...]) -> Any:
    return values[0] if values else {"string": "red", "boolean": True, "integer": 1}.get(data_type, 1.5)


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, -(2**63), 2**60 + 7])
def test_a_whole_number_of_64_bits_reaches_the_model_as_it_is(number: int) -> None:
    scoring = scorer("onnx")
    record = {"f": 1.5, "h": 1.5, "l": number, "u": 7, "q": 2**64 - 1, "b": True, "s": "ä"}
    for found in (scoring.score_one(record), *scoring.score([record, record])[0]):
        assert (found[PREDICTION]["l_out"], found[PREDICTION]["q_out"]) == (number, 2**64 - 1)
    exact = {name: np.array([value]) for name, value in record.items()}
    assert scoring.model.predict(exact).columns["l_out"].tolist() == [number]


def _models() -> dict[str, ScoringModel]:
    return {"pmml": load_model(EXAMPLE), "onnx": load_model(onnx_regression(), "onnx")}


@pytest.mark.parametrize("kind", ["pmml", "onnx"])
def test_what_an_earlier_run_said_of_a_record_does_not_stay(kind: str) -> None:
    model = _models()[kind]
    names = [field.name for field in model.signature.inputs]
    scoring = RecordScorer(model, read_mapping(None, model.signature))
    stale = {ERROR: "old", PREDICTION: {"old": 1}}
    good, bad = dict.fromkeys(names, 1.0) | stale, dict.fromkeys(names) | stale
    for first in (1.0, 1):  # by the fast path, and by the other
        found, places = scoring.score([good | {names[0]: first}, bad])
        assert places == [1]
        assert ERROR not in found[0]
        assert "old" not in found[0][PREDICTION]
        assert PREDICTION not in found[1]
        assert "old" not in found[1][ERROR]
        assert ERROR not in scoring.score_one(good | {names[0]: first})


def test_every_mistake_of_a_record_is_told_in_every_way() -> None:
    scorer = optional(load_model(onnx_of_all_types(), "onnx"))
    good = {"f": 1.0, "h": 2.0, "l": 3, "u": 4, "q": 5, "b": True, "s": "a"}
    wrong = [
        ({"f": None, "s": 1}, "f is missing; s = 1 is a number, not a text"),
        ({"h": 1e6, "q": -1}, "h = 1000000.0 is not a float16; q = -1 is not a uint64"),
        ({"f": 1e39, "u": 1.5, "b": float("nan")},
         "f = 1e+39 is not a float32; u = 1.5 is not a whole number; b is missing"),
    ]  # fmt: skip
    records = [{**good, **change} for change, _ in wrong]
    check(scorer, [good, *records])
    found, bad = scorer.score([good, *records])
    assert bad == [1, 2, 3]
    assert [found[place][ERROR] for place in bad] == [reason for _, reason in wrong]


def test_a_list_that_cannot_be_hides_no_other_mistake() -> None:
    import keras

    tokens, number = keras.Input((None,), name="tokens", dtype="int64"), keras.Input((1,), name="f")
    pooled = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(10, 2)(tokens))
    joined = keras.layers.Concatenate()([pooled, number])
    model = load_model(keras_bytes(keras.Model([tokens, number], keras.layers.Dense(1)(joined))), "keras")
    record = {"tokens": [1.5], "f": 1e39}
    check(optional(model), [record, {"tokens": [1], "f": 2.0}], 1e-4)
    reason = optional(model).score_one(record)[ERROR]
    assert reason == "tokens [0] = 1.5 is not a whole number; f = 1e+39 is not a float32"
