"""Requests to score as a service gets them: answered in their form, or refused with everything named."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import foresight.scoring
from foresight.scoring import inference, online
from foresight.scoring.errors import InvalidRequest
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.records import RecordScorer
from tests.unit.scoring.strangers import onnx_regression, regression, skops_bytes

IRIS = load_model(Path(foresight.scoring.__file__).parent / "examples" / "iris-chaid.pmml")
FIELDS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
SETOSA, VIRGINICA = [5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]
WORDS = ["fields", "values", "inputs", "name", "shape", "datatype", "data", "x"]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS), inner),
    max_leaves=12,
)


def scorer(mapping: Any = None, model: Any = IRIS) -> RecordScorer:
    return RecordScorer(model, read_mapping(mapping, model.signature))


def payload(*rows: list[Any]) -> dict[str, Any]:
    return {"fields": FIELDS, "values": list(rows)}


def tensor(
    name: str, data: list[Any], shape: list[int] | None = None, datatype: str = "FP64"
) -> dict[str, Any]:
    return {"name": name, "shape": shape or [len(data)], "datatype": datatype, "data": data}


def columns(*rows: list[float]) -> dict[str, Any]:
    return {
        "inputs": [
            tensor(name, list(values)) for name, values in zip(FIELDS, zip(*rows, strict=True), strict=True)
        ]
    }


# fields and values


def test_the_answer_has_the_form_of_the_payload() -> None:
    found = online.answer(scorer(), payload(SETOSA, VIRGINICA))
    assert found["fields"][:2] == ["PredictedValue", "Confidence"]
    assert [row[:2] for row in found["values"]] == [["setosa", 1.0], ["virginica", found["values"][1][1]]]
    assert json.loads(json.dumps(found)) == found


def test_a_list_of_payloads_has_a_list_of_answers() -> None:
    found = online.answer(scorer(), [payload(SETOSA), payload(), payload(VIRGINICA, SETOSA)])
    assert [[row[0] for row in block["values"]] for block in found] == [
        ["setosa"],
        [],
        ["virginica", "setosa"],
    ]


def test_fields_may_come_in_any_order_and_be_more_than_the_model_wants() -> None:
    mixed = {"fields": ["id", *reversed(FIELDS)], "values": [[7, *reversed(SETOSA)]]}
    assert online.answer(scorer(), mixed) == online.answer(scorer(), payload(SETOSA))


def test_a_bad_record_has_its_reason_beside_the_good_ones() -> None:
    found = online.answer(scorer(), payload(SETOSA, [5.1, 3.5, 1.4, None], [5.1, "wide", 1.4, {}]))
    assert found["fields"][-1] == "PredictionError"
    good, missing, two = found["values"]
    assert (good[0], good[-1]) == ("setosa", None)
    assert set(missing[:-1]) == {None}
    assert "petal_width is missing" in missing[-1]
    assert "sepal_width" in two[-1]
    assert "petal_width" in two[-1]


def test_a_mapping_holds_for_a_service_too() -> None:
    mapped = scorer([{"model_field": "__array__", "tuple_field": "a"}])
    found = online.answer(mapped, {"fields": ["a"], "values": [[SETOSA], [SETOSA[:2]]]})
    assert (found["values"][0][0], "not 4" in found["values"][1][-1]) == ("setosa", True)


@pytest.mark.parametrize(
    ("given_", "complaint"),
    [
        (None, "must be {"),
        ([], "1 to 100 blocks, this one 0"),
        ([payload()] * 101, "this one 101"),
        ({"fields": FIELDS}, "must be {"),
        ({**payload(), "more": 1}, "nothing else"),
        ({"fields": [], "values": []}, "different texts"),
        ({"fields": ["a", "a"], "values": []}, "different texts"),
        ({"fields": [1], "values": []}, "different texts"),
        ({"fields": "abc", "values": []}, "different texts"),
        ({"fields": ["a"], "values": {"a": 1}}, "list of rows"),
        (payload(SETOSA, [1], {}), "has 1 values, not 4; row 2 of the payload has no list"),
        ([payload(SETOSA), payload([1])], "row 0 of block 1"),
        ({"fields": ["a"], "values": [[1]] * 10_001}, "10001 records, at most 10000"),
        (payload(*[[1]] * 50), "and 30 more"),
    ],
)  # fmt: skip
def test_what_is_no_payload_is_refused_with_every_mistake(given_: Any, complaint: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        online.answer(scorer(), given_)
    assert complaint in str(told.value)


def test_too_many_values_are_refused_before_records_are_made() -> None:
    wide = {"fields": [f"f{n}" for n in range(2000)], "values": [[0] * 2000] * 1001}
    with pytest.raises(InvalidRequest, match="values, at most 2000000"):
        online.answer(scorer(), wide)


@settings(max_examples=150, deadline=None)
@given(ANY_JSON)
def test_any_document_is_answered_or_refused(document: Any) -> None:
    for door in (online.answer, lambda *given_: inference.infer(*given_, "m", 1)):
        with contextlib.suppress(InvalidRequest):
            assert door(scorer(), document) is not None


# Open Inference Protocol


def test_one_input_a_field_gives_one_output_a_field() -> None:
    found = inference.infer(scorer(), {"id": "a7", **columns(SETOSA, VIRGINICA)}, "iris", 3)
    assert (found["id"], found["model_name"], found["model_version"]) == ("a7", "iris", "3")
    species, confidence = found["outputs"][:2]
    assert species == tensor("PredictedValue", ["setosa", "virginica"], [2], "BYTES")
    assert (confidence["datatype"], confidence["shape"], confidence["data"][0]) == ("FP64", [2], 1.0)


@pytest.mark.parametrize("data", [[*SETOSA, *VIRGINICA], [SETOSA, VIRGINICA]])
@pytest.mark.parametrize("mapping", [None, [{"model_field": "__array__", "tuple_field": "a"}]])
def test_one_matrix_feeds_all_fields_in_the_order_of_the_model(data: list[Any], mapping: Any) -> None:
    found = inference.infer(scorer(mapping), {"inputs": [tensor("input-0", data, [2, 4])]}, "iris", 1)
    assert found["outputs"][0]["data"] == ["setosa", "virginica"]
    assert "id" not in found


def test_a_matrix_is_the_input_of_that_name_of_an_array_model() -> None:
    model = load_model(onnx_regression(), "onnx")
    request = {"inputs": [tensor("X", [SETOSA, VIRGINICA], [2, 4], "FP32")], "outputs": [{"name": "species"}]}
    found = inference.infer(scorer(model=model), request, "m", 1)
    assert [out["data"] for out in found["outputs"]] == [["setosa", "virginica"]]


def test_shapes_of_one_column_are_columns() -> None:
    given_ = [tensor(name, [value], [1, 1]) for name, value in zip(FIELDS, SETOSA, strict=True)]
    assert inference.infer(scorer(), {"inputs": given_}, "m", 1)["outputs"][0]["data"] == ["setosa"]


def test_no_records_have_no_predictions() -> None:
    found = inference.infer(scorer(), {"inputs": [tensor("x", [], [0, 4])]}, "m", 1)
    assert [(out["shape"], out["data"]) for out in found["outputs"][:1]] == [([0], [])]


def test_every_bad_record_is_named() -> None:
    request = columns(SETOSA, SETOSA, SETOSA)
    request["inputs"][3]["data"][1] = None
    request["inputs"][0]["data"][2] = -5e300
    with pytest.raises(InvalidRequest, match="record 1: petal_width is missing"):
        inference.infer(scorer(), request, "m", 1)


def changed(place: int, **values: Any) -> dict[str, Any]:
    request = columns(SETOSA, VIRGINICA)
    request["inputs"][place] |= values
    return request


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ([], "must be {"),
        ({"inputs": []}, "must be {"),
        ({"id": 7, **columns(SETOSA)}, "id must be a text"),
        ({"inputs": [{}]}, "input 0 must be"),
        (changed(1, shape=[2, 2, 2]), "shape of input 'sepal_width' must be"),
        (changed(1, shape=[-1]), "must be [n] or [n, k], got [-1]"),
        (changed(1, shape=[True, 1]), "must be [n]"),
        (changed(1, shape=[3]), "has 2 values, not 3"),
        (changed(1, shape=[1], data=[1.0]), "different numbers of records: 1, 2"),
        (changed(1, datatype="FP8"), "datatype of input 'sepal_width'"),
        (changed(1, datatype="INT64"), "holds 3.5, which is no INT64"),
        (changed(1, datatype="BYTES"), "which is no BYTES"),
        (changed(1, datatype="BOOL"), "which is no BOOL"),
        (changed(1, data=["x", "y"]), "holds 'x', which is no FP64"),
        (changed(1, data="xy"), "must be a list"),
        (changed(1, name="petal_width"), "two inputs feed the field 'petal_width'"),
        (changed(1, name="petal"), "the fields are sepal_length"),
        ({**columns(SETOSA), "outputs": [{"name": "colour"}]}, "no output 'colour', only PredictedValue"),
        ({**columns(SETOSA), "outputs": "all"}, "outputs must be a list"),
        ({"inputs": [tensor("x", [0.0] * 40_004, [10_001, 4])]}, "10001 records, at most"),
        ({"inputs": [tensor("x", [0.0] * 4, [0, 4])]}, "has 4 values, not 0"),
        ({"inputs": [tensor("x", [0.0], [10**9, 4])]}, "must be [n] or [n, k]"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_every_mistake(request_: Any, complaint: str) -> None:
    with pytest.raises(InvalidRequest) as told:
        inference.infer(scorer(), request_, "m", 1)
    assert complaint in str(told.value)


def test_metadata_name_every_input_and_output() -> None:
    model = load_model(skops_bytes(regression()), "sklearn")
    found = inference.describe("iris", 2, model.kind, model.signature)
    assert (found["versions"], found["platform"]) == (["2"], "foresight_sklearn")
    assert found["inputs"][0] == {"name": "x0", "datatype": "FP64", "shape": [-1]}
    assert found["outputs"][0] == {"name": "PredictedValue", "datatype": "BYTES", "shape": [-1]}
