"""Records, bundles and columns give the same answers for every input, alone and together."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.scoring.kinds import load_model
from foresight.scoring.model import InputField, ScoringModel
from tests.unit.scoring.agreement import check, optional
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, document, fields, schema

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
