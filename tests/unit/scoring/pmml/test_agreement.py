"""Records, bundles and columns give the same answers for every input, alone and together."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import from_text
from foresight.scoring.model import InputField, ScoringModel
from foresight.scoring.outcome import PREDICTION
from foresight.scoring.pmml import single_trees
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.agreement import alike, check, optional
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, column, document, fields, schema

DATA = Path(__file__).parents[3] / "data"
FLOAT = 'optype="continuous" dataType="float"'
INTEGER = 'optype="continuous" dataType="integer"'
TRUTH = 'optype="categorical" dataType="boolean"'
DATE = 'optype="continuous" dataType="date"'


def echo(kind: str, values: str, more: str) -> bytes:
    """A document that hands out a field as the model sees it."""
    data_type = kind.rpartition('dataType="')[2].rstrip('"')
    output = f'<Output><OutputField name="out" feature="transformedValue" dataType="{data_type}"><FieldRef field="x"/></OutputField></Output>'
    text = f'<RegressionModel functionName="regression">{schema("x", target="y", x=more)}{output}<RegressionTable intercept="1"/></RegressionModel>'
    return document(fields(x=f"{kind}>{values}", y=NUMBER), text)


INSIDE = '<Interval closure="{}" leftMargin="0" rightMargin="4.4"/>'
CODES = '<Value value="-99" property="missing"/><Value value="7" property="invalid"/>'
VALUES = [
    (NUMBER, ""), (NUMBER, INSIDE.format("openClosed") + CODES), (NUMBER, '<Value value="1"/><Value value="2.5"/>'),
    (NUMBER, '<Value value="NaN" property="missing"/><Value value="NULL" property="missing"/>'),
    (FLOAT, INSIDE.format("closedClosed") + CODES), (FLOAT, INSIDE.format("closedOpen")), (FLOAT, ""),
    (INTEGER, CODES), (INTEGER, '<Interval closure="closedClosed" leftMargin="0" rightMargin="9"/>'),
    (TEXT, '<Value value="a"/><Value value="b"/><Value value="NULL" property="missing"/>'), (TEXT, ""),
    (TEXT, '<Value value="-99" property="missing"/><Value value="c" property="invalid"/>'), (TRUTH, ""), (DATE, ""),
]  # fmt: skip
TREATMENTS = [
    "",
    'invalidValueTreatment="asMissing"',
    'invalidValueTreatment="asIs"',
    'invalidValueTreatment="asValue" invalidValueReplacement="{}"',
    'missingValueReplacement="{}"',
    'missingValueTreatment="returnInvalid"',
]
REPLACEMENT = {NUMBER: "4", FLOAT: "4.1", INTEGER: "3", TEXT: "a", TRUTH: "true", DATE: "2020-01-01"}
ANY_VALUE = st.one_of(
    st.none(),
    st.floats(),
    st.floats(-1, 6),
    st.floats(-1, 6).map(np.float32),
    st.integers(-100, 10),
    st.integers(),
    st.integers(-100, 10).map(np.int16),
    st.decimals(allow_nan=True, allow_infinity=True).filter(lambda d: not d.is_snan()),
    st.sampled_from([Decimal("4.4"), 4.4, np.float32(4.4), -99, 7, 10**400, 2**53 + 1, np.bool_(1), "a", "b", "c", "FALSE",
                     "NULL", "wide", [1], {"a": 1}, True, False, float("nan"), np.float64("nan"), "2020-02-29"]),
)  # fmt: skip


@pytest.mark.parametrize("more", TREATMENTS)
@pytest.mark.parametrize(("kind", "values"), VALUES)
def test_a_field_is_read_in_one_way(kind: str, values: str, more: str) -> None:
    scorer = optional(load_model(echo(kind, values, more.format(REPLACEMENT[kind]))))
    # A column of texts is read as a CSV file is: there FALSE is a truth value, in a record it is a text.
    value = ANY_VALUE.filter(lambda v: v != "FALSE") if kind == TRUTH else ANY_VALUE

    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.fixed_dictionaries({}, optional={"x": value}), max_size=6))
    def agree(records: list[dict[str, Any]]) -> None:
        check(scorer, records)

    agree()


def value_of(field: InputField) -> st.SearchStrategy[Any]:
    """Mostly values that a field may have, some that it may not."""
    low, high = (field.bounds[0].low, field.bounds[0].high) if field.bounds else (-10.0, 1000.0)
    usual = (
        st.sampled_from(field.values or ("Private", "College", "0", "x"))
        if field.data_type == "string"
        else st.floats(max(low, -1e6), min(high, 1e6))
    )
    return st.one_of(usual, usual, usual, usual, st.none(), ANY_VALUE)


MODELS = [
    "MiningModel/jpmmlbsd-rattle/RandomForestAudit", "MiningModel/cpmml/HousingGBTRegressor",
    "NeuralNetwork/jpmmlbsd-rattle/NeuralNetworkAudit", "SupportVectorMachineModel/jpmmlbsd-rattle/SupportVectorMachineAudit",
    "GeneralRegressionModel/jpmmlbsd-rattle/GeneralRegressionOzone", "ClusteringModel/jpmmlbsd-rattle/KMeansIris",
    "RegressionModel/cpmml/HousingLRClassifier", "RegressionModel/jpmmlbsd-rattle/RegressionIris",
    "TreeModel/jpmmlbsd-rattle/DecisionTreeAudit", "MiningModel/jpmmlbsd-rattle/RandomForestIris",
    "NeuralNetwork/jpmmlbsd-rattle/NeuralNetworkOzone", "SupportVectorMachineModel/jpmmlbsd-rattle/SupportVectorMachineOzone",
]  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_a_published_model_has_one_answer(name: str) -> None:
    model: ScoringModel = load_model(DATA / "pmml" / f"{name}.pmml")
    scorer = optional(model)
    record = st.fixed_dictionaries({field.name: value_of(field) for field in model.signature.inputs})

    @settings(max_examples=60, deadline=None)
    @given(st.lists(record, max_size=4))
    def agree(records: list[dict[str, Any]]) -> None:
        check(scorer, records, 1e-9)

    agree()


TRIPLES: list[dict[str, Any]] = json.loads((DATA / "pmml" / "manifest.json").read_text())


@pytest.mark.parametrize("triple", TRIPLES, ids=lambda t: f"{t['source']}-{t['name']}")
def test_the_short_way_of_single_records_is_taken_and_right(triple: dict[str, Any]) -> None:
    model = load_model(DATA / "pmml" / triple["pmml"])
    assert isinstance(model, PmmlModel)
    assert model.predict_one is not None
    with (DATA / "pmml" / triple["input"]).open(newline="") as file:
        header, *rows = csv.reader(file)
    records = []
    for cells in rows:
        row = dict(zip(header[::-1], cells[::-1], strict=True))
        records.append(
            {f.name: from_text(row[f.name].replace("N/A", ""), f.data_type) for f in model.signature.inputs}
        )
    names = [out.name for out in model.signature.outputs]
    columns = {name: column([record[name] for record in records]) for name in records[0]}
    taken = 0
    for record, prediction in zip(records, model.predict(columns).records(names), strict=True):
        try:
            short = model.predict_one(list(record.values()))
        except Exception:  # noqa: BLE001, S112 (the columns answer)
            continue
        taken += 1
        assert list(short) == names
        assert alike({PREDICTION: short}, {PREDICTION: prediction}, 1e-9), record
    assert taken >= 0.9 * len(records)


@pytest.mark.parametrize("name", ["jpmmlbsd-rattle/RandomForestAudit", "cpmml/HousingGBTRegressor"])
def test_a_forest_is_walked_where_its_code_would_be_too_long(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(single_trees, "MAX_LINES", 10)
    model = load_model(DATA / "pmml" / "MiningModel" / f"{name}.pmml")
    scorer = optional(model)
    record = st.fixed_dictionaries({field.name: value_of(field) for field in model.signature.inputs})

    @settings(max_examples=30, deadline=None)
    @given(st.lists(record, max_size=4))
    def agree(records: list[dict[str, Any]]) -> None:
        check(scorer, records, 1e-9)

    agree()
