"""Documents that once went wrong: as records, alone and together, and as columns they are right."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from foresight.scoring.errors import InvalidModel
from foresight.scoring.kinds import load_model
from foresight.scoring.mapping import read_mapping
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.pmml.runtime import PmmlModel
from foresight.scoring.records import RecordScorer
from tests.unit.scoring.pmml.documents import NUMBER, column, fields, model, schema

ROOT = Path(__file__).parents[3] / "data" / "scoring"
NOT_FIRED = {"score1": 3.0, "lower": 2.0}
FIRED = {"score1": 19.0, "lower": 18.0}
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("nn_multi_target", {"x": 1.0}, {"oy": 2.0, "oz": 103.0}),
    ("segid_average", {"x": 0.5}, {"all": 10.5, "p1": 1.0, "p2": 20.0, "e1": "H0", "e2": "L1"}),
    ("chain_last_not_fired", {"x": 1.0}, {**NOT_FIRED, "y": None}),
    ("chain_last_not_fired", {"x": 9.0}, {**FIRED, "y": 191.0}),
    ("chain_class_not_fired", {"x": 1.0}, {**NOT_FIRED, "c": None, "pa": None}),
    ("chain_class_not_fired", {"x": 9.0}, {**FIRED, "c": "a", "pa": 0.8}),
    ("ti_wordRE", {"s": "I don't"}, {"y": 1.0}),
    ("missing_code_interval", {"x": -99}, {"y": 9.0}),
    ("missing_code_interval", {"x": 5}, {"y": 11.0}),
    ("float_iv_4.4", {"x": 4.4}, {"y": pytest.approx(9.8, rel=1e-7)}),
    ("no_inputs", {}, {"y": 7.0}),
]


def scorer(name: str, mapping: Any = None, *, reads_text: bool = False) -> RecordScorer:
    loaded = load_model(ROOT / f"{name}.pmml")
    return RecordScorer(loaded, read_mapping(mapping, loaded.signature, reads_text=reads_text))


@pytest.mark.parametrize(("name", "record", "wanted"), CASES)
def test_a_record_has_one_answer_alone_among_its_like_and_as_a_column(
    name: str, record: dict[str, Any], wanted: dict[str, Any]
) -> None:
    score = scorer(name)
    alone = score.score_one(record)[PREDICTION]
    assert {key: alone[key] for key in wanted} == wanted
    together, bad = score.score([record] * 3)
    assert ([out[PREDICTION] for out in together], bad) == ([alone] * 3, [])
    scored = score.model.predict({key: column([value]) for key, value in record.items()})
    assert scored.records(list(alone)) == [alone]


@pytest.mark.parametrize("name", ["chain_last_not_fired", "chain_class_not_fired"])
def test_the_answer_of_a_chain_does_not_depend_on_the_others_of_its_bundle(name: str) -> None:
    score = scorer(name)
    records = [{"x": x} for x in (1.0, 3.0, 9.0, 1.0)]
    assert score.score(records) == ([score.score_one(record) for record in records], [])


@pytest.mark.parametrize("mandatory", [True, False, None])
@pytest.mark.parametrize("code", [-99, -99.0, "-99"])
def test_a_declared_missing_code_is_a_value_that_was_given(code: Any, mandatory: bool | None) -> None:
    entry = [{"model_field": "x", "tuple_field": "x", "is_mandatory": mandatory}]
    found = scorer("missing_code_interval", entry, reads_text=isinstance(code, str)).score_one({"x": code})
    assert found[PREDICTION] == {"y": 9.0}


def test_a_model_that_fails_its_own_verification_is_refused() -> None:
    with pytest.raises(InvalidModel, match=r"record 0: y is 3\.0, expected 99"):
        load_model(ROOT / "modelverif.pmml")
    text = (ROOT / "modelverif.pmml").read_bytes()
    assert load_model(text.replace(b"<y>99</y>", b"<y>3.000001</y>")).kind == "pmml"
    with pytest.raises(InvalidModel, match="'q' is neither an input nor an output"):
        load_model(text.replace(b'VerificationField field="y"', b'VerificationField field="q" column="y"'))
    with pytest.raises(InvalidModel, match="record 0: x = 'one' is a text"):
        load_model(text.replace(b"<x>1</x><y>99</y>", b"<x>one</x><y>3</y>"))


def regression(values: str, more: str = "", kind: str = NUMBER, version: str = "4.4") -> PmmlModel:
    text = f'<RegressionModel functionName="regression">{schema("x", target="y", x=more)}<RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>'
    return model(fields(x=f"{kind}>{values}", y=NUMBER), text, version=version)


@pytest.mark.parametrize(
    ("code", "given"), [("-99", -99), ("-99", -99.0), ("NULL", "NULL"), ("NaN", float("nan"))]
)
def test_codes_that_mean_missing_are_replaced_on_every_path(code: str, given: Any) -> None:
    loaded = regression(f'<Value value="{code}" property="missing"/>', 'missingValueReplacement="4"')
    score = RecordScorer(
        loaded,
        read_mapping([{"model_field": "x", "tuple_field": "x", "is_mandatory": True}], loaded.signature),
    )
    assert score.score_one({"x": given})[PREDICTION] == {"y": 9.0}
    assert loaded.predict({"x": column([given])}).columns["y"].tolist() == [9.0]


@pytest.mark.parametrize("given", [-1, "FALSE", True, float("inf"), 10**400, [1]])
def test_what_a_document_treats_as_missing_is_missing_on_every_path(given: Any) -> None:
    loaded = regression(
        '<Interval closure="closedClosed" leftMargin="0"/>',
        'missingValueReplacement="4" invalidValueTreatment="asMissing"',
    )
    score = RecordScorer(loaded, read_mapping(None, loaded.signature))
    assert score.score_one({"x": given})[PREDICTION] == {"y": 9.0}
    assert loaded.predict({"x": column([given])}).columns["y"].tolist() == [9.0]


def test_a_field_without_a_type_is_a_text_in_old_documents_too() -> None:
    loaded = regression("", kind='optype="categorical"', version="3.2")
    score = RecordScorer(loaded, read_mapping(None, loaded.signature))
    assert score.score_one({"x": "3"})[PREDICTION] == {"y": 7.0}
    assert "is a number, not a text" in score.score_one({"x": 3})[ERROR]
    assert list(loaded.predict({"x": column([3])}).errors) == [0]


def test_every_bad_field_of_a_column_is_named() -> None:
    text = f'<RegressionModel functionName="regression">{schema("x", "z", target="y")}<RegressionTable intercept="1"/></RegressionModel>'
    loaded = model(fields(x=NUMBER, z=NUMBER, y=NUMBER), text)
    assert loaded.predict({"x": column(["a"]), "z": column([True])}).errors == {
        0: "x = 'a' is a text, not a number; z = True is a truth value, not a number"
    }


def test_a_residual_is_there_where_a_record_brings_the_target() -> None:
    text = f'<RegressionModel functionName="regression">{schema("x", target="y")}<Output><OutputField name="p" feature="predictedValue"/><OutputField name="r" feature="residual"/></Output><RegressionTable intercept="1"><NumericPredictor name="x" coefficient="2"/></RegressionTable></RegressionModel>'
    loaded = model(fields(x=NUMBER, y=NUMBER), text)
    assert [(field.name, field.is_mandatory) for field in loaded.signature.inputs] == [
        ("x", True),
        ("y", False),
    ]
    score = RecordScorer(loaded, read_mapping(None, loaded.signature))
    assert score.score_one({"x": 1, "y": 10})[PREDICTION] == {"p": 3.0, "r": 7.0}
    assert score.score_one({"x": 1})[PREDICTION] == {"p": 3.0, "r": None}


N_WIDE = 20_000


@pytest.fixture(scope="module")
def wide() -> dict[str, Any]:
    return {f"x{i}": float(i % 7) for i in range(N_WIDE)}


@pytest.mark.parametrize("kind", ["regression", "tree"])
def test_a_model_of_very_many_inputs_scores_on_every_path(kind: str, wide: dict[str, Any]) -> None:
    predictors = "".join(f'<NumericPredictor name="{name}" coefficient="1"/>' for name in wide)
    inner = {
        "regression": f'<RegressionModel functionName="regression">{schema(*wide, target="y")}<RegressionTable intercept="1">{predictors}</RegressionTable></RegressionModel>',
        "tree": f'<TreeModel functionName="regression">{schema(*wide, target="y")}<Node score="1"><True/><Node score="2"><SimplePredicate field="x5" operator="greaterThan" value="4"/></Node></Node></TreeModel>',
    }[kind]
    loaded = model(fields(**dict.fromkeys(wide, NUMBER), y=NUMBER), inner)
    wanted = {"regression": 1.0 + sum(wide.values()), "tree": 2.0}[kind]
    score = RecordScorer(loaded, read_mapping(None, loaded.signature))
    assert score.score_one(wide)[PREDICTION] == {"y": wanted}
    found, bad = score.score([wide, {**wide, "x3": None}])
    assert (found[0][PREDICTION], bad, found[1][ERROR]) == ({"y": wanted}, [1], "x3 is missing")
    assert loaded.predict({name: column([value]) for name, value in wide.items()}).records(["y"]) == [
        {"y": wanted}
    ]
    array = RecordScorer(
        loaded, read_mapping([{"model_field": "__array__", "tuple_field": "v"}], loaded.signature)
    )
    assert array.score_one({"v": list(wide.values())})[PREDICTION] == {"y": wanted}
