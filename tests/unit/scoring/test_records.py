"""Records in, records out: the pass written out as code, the general one and the columns agree."""

from __future__ import annotations

import copy
import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

import foresight.scoring
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION, BadRecord
from foresight.scoring.records import RecordScorer

DATA = Path(__file__).parents[2] / "data"
EXAMPLE = Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml"
NAMES = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
SETOSA = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
FOREST = DATA / "pmml" / "MiningModel" / "cpmml" / "IrisRandomForest.pmml"


@pytest.fixture(scope="module")
def iris() -> ScoringModel:
    return load_model(EXAMPLE)


@pytest.fixture(scope="module")
def scorer(iris: ScoringModel) -> RecordScorer:
    return RecordScorer(iris, read_mapping(None, iris.signature))


def test_the_example_is_the_tree_of_the_tests() -> None:
    assert (DATA / "iris" / "iris-chaid.pmml").read_bytes() == EXAMPLE.read_bytes()


def test_the_iris_tree_is_right_146_times_of_150(iris: ScoringModel) -> None:
    data = load_iris()
    found = iris.predict({name: data.data[:, i] for i, name in enumerate(NAMES)}).columns["PredictedValue"]
    wrong = data.data[found != data.target_names[data.target]]
    assert wrong.tolist() == [
        [5.9, 3.2, 4.8, 1.8],
        [6.7, 3.0, 5.0, 1.7],
        [6.0, 2.7, 5.1, 1.6],
        [4.9, 2.5, 4.5, 1.7],
    ]


def test_the_iris_tree_is_right_116_times_of_120() -> None:
    model = load_model(EXAMPLE)
    scorer = RecordScorer(model, read_mapping(None, model.signature, reads_text=True))
    with (DATA / "iris" / "iris_initial.csv").open() as file:
        rows = list(csv.DictReader(file))
    found, bad = scorer.score(rows)
    assert (len(rows), bad) == (120, [])
    assert sum(row[PREDICTION]["PredictedValue"] == row["species"] for row in found) == 116


def test_a_good_record_keeps_its_fields_and_gains_a_prediction(scorer: RecordScorer) -> None:
    record = {**SETOSA, "id": 7, "more": {"a": [1]}}
    assert scorer.score_one(record) == {**record, PREDICTION: {"PredictedValue": "setosa", "Confidence": 1.0}}
    assert PREDICTION not in record


@pytest.mark.parametrize("value", [None, "0.2", "wide", math.nan, True, [0.2], "gone"])
def test_a_record_without_a_petal_width_is_bad_and_says_so(scorer: RecordScorer, value: Any) -> None:
    record = {**SETOSA, "petal_width": value}
    if value == "gone":
        del record["petal_width"]
    found, bad = scorer.score([SETOSA, record, SETOSA])
    assert bad == [1]
    assert found[1][ERROR].startswith("petal_width ")
    assert PREDICTION not in found[1]
    assert found[0] == found[2] == scorer.score_one(SETOSA)


def test_the_model_alone_would_have_said_setosa(iris: ScoringModel) -> None:
    scored = iris.predict({name: np.array([1.0]) for name in NAMES[:3]})
    assert (scored.columns["PredictedValue"][0], scored.columns["Confidence"][0]) == ("setosa", 1.0)


def test_whole_numbers_are_numbers(scorer: RecordScorer) -> None:
    found = scorer.score_one({"sepal_length": 6, "sepal_width": 3, "petal_length": 5, "petal_width": 2})
    assert found[PREDICTION]["PredictedValue"] == "virginica"


@pytest.mark.parametrize("record", [None, 5, [1, 2], "text", BadRecord({"a": "1"}, "line 3 has 1 cells")])
def test_what_is_no_record_is_bad_and_kept(scorer: RecordScorer, record: Any) -> None:
    found, bad = scorer.score([record])
    assert bad == [0]
    assert found[0][ERROR]
    assert ("a" in found[0]) == isinstance(record, BadRecord)


def test_no_records_give_no_records(scorer: RecordScorer) -> None:
    assert scorer.score([]) == ([], [])


def test_an_optional_field_follows_the_rule_of_the_model(iris: ScoringModel) -> None:
    entry = [{"model_field": "petal_width", "tuple_field": "petal_width", "is_mandatory": False}]
    found = RecordScorer(iris, read_mapping(entry, iris.signature)).score_one({**SETOSA, "petal_width": None})
    assert found[PREDICTION] == {"PredictedValue": "setosa", "Confidence": 1.0}


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "set": lambda p: p.__setitem__("PredictedValue", "changed"),
    "delete": lambda p: p.__delitem__("PredictedValue"),
    "or": lambda p: p.__ior__({"PredictedValue": "changed"}),
    "clear": lambda p: p.clear(),
    "pop": lambda p: p.pop("PredictedValue"),
    "popitem": lambda p: p.popitem(),
    "setdefault": lambda p: p.setdefault("more", 1),
    "update": lambda p: p.update(PredictedValue="changed"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_prediction_that_records_share_is_not_to_be_changed(scorer: RecordScorer, change: str) -> None:
    found, _ = scorer.score([SETOSA, SETOSA])
    with pytest.raises(TypeError, match="change a copy"):
        CHANGES[change](found[0][PREDICTION])
    assert found[1] == scorer.score_one(SETOSA) == {**SETOSA, PREDICTION: dict(found[0][PREDICTION])}


@pytest.mark.parametrize("copied", [dict, copy.copy, copy.deepcopy])
def test_a_copy_of_a_shared_prediction_is_to_be_changed(scorer: RecordScorer, copied: Any) -> None:
    prediction = scorer.score_one(SETOSA)[PREDICTION]
    mine = copied(prediction)
    assert mine == prediction
    mine["PredictedValue"] = "changed"
    assert prediction["PredictedValue"] == "setosa"


def test_a_shared_prediction_is_written_as_json(scorer: RecordScorer) -> None:
    prediction = scorer.score_one(SETOSA)[PREDICTION]
    assert json.loads(orjson.dumps(prediction)) == json.loads(json.dumps(prediction)) == dict(prediction)


def test_names_with_quotes_and_braces_are_only_names(iris: ScoringModel) -> None:
    name = "w'\"\\{}\n]; import os; ["
    scorer = RecordScorer(
        iris, read_mapping([{"model_field": "petal_width", "tuple_field": name}], iris.signature)
    )
    record = {**{k: v for k, v in SETOSA.items() if k != "petal_width"}, name: 0.2}
    assert scorer.score_one(record)[PREDICTION]["PredictedValue"] == "setosa"


VALUE = st.one_of(
    st.floats(0, 8),
    st.floats(),
    st.integers(0, 8),
    st.integers(),
    st.none(),
    st.text(max_size=3),
    st.booleans(),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from([*NAMES, "other"]), VALUE), max_size=8)


@pytest.mark.parametrize("path", [EXAMPLE, FOREST], ids=["tree", "forest"])
def test_all_passes_agree(path: Path) -> None:
    model = load_model(path)
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    slow = RecordScorer(model, read_mapping(None, model.signature))
    slow._fast = slow._decide = slow._gather = None

    @settings(max_examples=60, deadline=None)
    @given(RECORDS)
    def check(records: list[dict[str, Any]]) -> None:
        expected, bad = slow.score(records)
        assert repr(scorer.score(records)) == repr((expected, bad))
        assert repr([scorer.score_one(record) for record in records]) == repr(expected)
        assert bad == [place for place, record in enumerate(expected) if ERROR in record]

    check()


TEXT = st.one_of(
    st.floats(0, 8).map(str),
    st.integers(0, 8).map(str),
    st.sampled_from(["", " 1.5 ", "1_0", "nan", "inf", "x", "-0"]),
    st.none(),
    st.floats(0, 8),
)


@pytest.mark.parametrize("path", [EXAMPLE, FOREST], ids=["tree", "forest"])
def test_all_passes_over_texts_agree(path: Path) -> None:
    model = load_model(path)
    mapping = read_mapping(None, model.signature, reads_text=True)
    scorer, slow = RecordScorer(model, mapping), RecordScorer(model, mapping)
    slow._fast = slow._decide = slow._gather = None

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.fixed_dictionaries(dict.fromkeys(NAMES, TEXT)), max_size=6))
    def check(records: list[dict[str, Any]]) -> None:
        assert repr(scorer.score(records)) == repr(slow.score(records))

    check()
