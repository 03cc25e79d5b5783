"""Values that a field may have, and what a model does with others."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import math
from typing import Any

import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, WHOLE, classes, fields, model, one, schema, score

ECHO = '<Output><OutputField name="out" feature="transformedValue" dataType="{kind}"><FieldRef field="x"/></OutputField></Output>'
TABLE = '<RegressionTable intercept="0"/>'


def echo(kind: str, attributes: str = "", data_type: str = "double") -> PmmlModel:
    """A model that gives back what it sees of field x."""
    output = ECHO.format(kind=data_type)
    names = schema("x", target="y", x=attributes)
    text = f'<RegressionModel functionName="regression">{names}{output}{TABLE}</RegressionModel>'
    return model(fields(x=kind, y=NUMBER), text)


def seen(loaded: PmmlModel, value: Any) -> Any:
    scored = score(loaded, x=[value])
    return "invalid" if scored.errors else scored.records(["out"])[0]["out"]


INSIDE = NUMBER + '><Interval closure="openClosed" leftMargin="0" rightMargin="10"/>'


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(5, 5.0), (10, 10.0), (0, "invalid"), (11, "invalid"), (None, None), (math.nan, None), ("7.5", 7.5),
     ("", None), ("abc", "invalid"), ([1], "invalid"), ({}, "invalid"), (10**400, "invalid")],
)  # fmt: skip
def test_a_number_must_lie_in_an_interval(value: Any, wanted: Any) -> None:
    assert wanted == seen(echo(INSIDE), value)


@pytest.mark.parametrize(
    ("treatment", "wanted"),
    [("returnInvalid", "invalid"), ("asIs", 11.0), ("asMissing", None), ("asValue", "invalid")],
)
def test_an_invalid_value_is_treated_as_the_schema_says(treatment: str, wanted: Any) -> None:
    assert wanted == seen(echo(INSIDE, f'invalidValueTreatment="{treatment}"'), 11)


def test_an_invalid_value_may_be_replaced() -> None:
    loaded = echo(INSIDE, 'invalidValueTreatment="asValue" invalidValueReplacement="3"')
    assert seen(loaded, 11) == 3.0


def test_an_invalid_value_that_counts_as_missing_is_replaced_like_one() -> None:
    loaded = echo(INSIDE, 'invalidValueTreatment="asMissing" missingValueReplacement="4"')
    assert [seen(loaded, value) for value in (11, None, 5)] == [4.0, 4.0, 5.0]


def test_a_text_that_is_no_number_is_invalid_even_as_is() -> None:
    assert seen(echo(NUMBER, 'invalidValueTreatment="asIs"'), "abc") == "invalid"


def test_a_missing_value_may_be_refused() -> None:
    assert seen(echo(NUMBER, 'missingValueTreatment="returnInvalid"'), None) == "invalid"


def test_a_category_must_be_declared() -> None:
    loaded = echo(classes("a", "b"), data_type="string")
    assert [seen(loaded, value) for value in ("a", "c", None)] == ["a", "invalid", None]


def test_a_category_that_is_declared_twice_is_one() -> None:
    loaded = model(
        fields(w=classes("a", "b", "a"), y=NUMBER),
        f'<RegressionModel functionName="regression">{schema("w", target="y")}<RegressionTable intercept="0"/></RegressionModel>',
    )
    assert loaded.signature.inputs[0].values == ("a", "b")


def test_an_undeclared_list_of_categories_is_open() -> None:
    assert seen(echo(TEXT, data_type="string"), "anything") == "anything"


def test_declared_missing_and_invalid_values() -> None:
    kind = NUMBER + '><Value value="-1" property="missing"/><Value value="-2" property="invalid"/>'
    loaded = echo(kind, 'missingValueReplacement="9"')
    assert [seen(loaded, value) for value in (-1, -2, 3)] == [9.0, "invalid", 3.0]


def test_a_text_declared_missing_for_a_number_is_missing() -> None:
    kind = classes("a").replace("</Value>", "") + '<Value value="?" property="missing"/>'
    assert None is seen(echo(kind, data_type="string"), "?")


@pytest.mark.parametrize(
    ("treatment", "wanted"),
    [
        ("asIs", [-5.0, 5.0, 50.0]),
        ("asExtremeValues", [0.0, 5.0, 10.0]),
        ("asMissingValues", [None, 5.0, None]),
    ],
)
def test_outliers_are_treated_as_the_schema_says(treatment: str, wanted: list[Any]) -> None:
    loaded = echo(NUMBER, f'outliers="{treatment}" lowValue="0" highValue="10"')
    assert wanted == [seen(loaded, value) for value in (-5, 5, 50)]


def test_outliers_that_count_as_missing_are_replaced() -> None:
    loaded = echo(
        NUMBER, 'outliers="asMissingValues" lowValue="0" highValue="10" missingValueReplacement="1"'
    )
    assert seen(loaded, 50) == 1.0


def test_a_float_is_rounded_to_single_precision() -> None:
    kind = 'optype="continuous" dataType="float"'
    assert seen(echo(kind), 0.1) == 0.10000000149011612


def test_a_whole_number_has_no_fraction() -> None:
    assert [seen(echo(WHOLE, data_type="integer"), value) for value in (5.5, 5.0)] == ["invalid", 5]


@pytest.mark.parametrize(
    ("value", "wanted"),
    [(True, True), ("true", True), ("FALSE", False), (0, False), ("yes", "invalid"), (2, "invalid")],
)
def test_a_truth_value_is_read(value: Any, wanted: Any) -> None:
    kind = 'optype="categorical" dataType="boolean"'
    assert wanted == seen(echo(kind, data_type="boolean"), value)


@pytest.mark.parametrize(
    ("kind", "value", "wanted"),
    [
        ("date", "2020-02-29", "2020-02-29"),
        ("dateTime", "2020-02-29T12:30:00", "2020-02-29T12:30:00"),
        ("time", "1:02:03", "invalid"),
        ("time", "01:02:03", "1:02:03"),
        ("date", "yesterday", "invalid"),
        ("date", "2021-02-29", "invalid"),
    ],
)
def test_an_instant_is_read(kind: str, value: str, wanted: str) -> None:
    assert wanted == seen(echo(f'optype="continuous" dataType="{kind}"', data_type=kind), value)


def test_days_since_a_year_are_counted_from_its_first_day() -> None:
    kind = 'optype="continuous" dataType="dateDaysSince[1960]"'
    assert seen(echo(kind, data_type="dateDaysSince[1960]"), "1960-02-29").removesuffix(".0") == "59"


def test_every_invalid_record_is_named_and_the_others_are_scored() -> None:
    scored = score(echo(INSIDE), x=[1, 11, None, "x", 2])
    assert scored.errors == {1: "x = 11 is not in (0, 10]", 3: "x = 'x' is a text, not a number"}
    assert scored.columns["out"][[0, 4]].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("kind", "attributes", "error"),
    [
        ('optype="continuous" dataType="complex"', "", UnsupportedModel),
        (NUMBER, 'usageType="magic"', UnsupportedModel),
        (NUMBER, 'invalidValueTreatment="asJoke"', UnsupportedModel),
        (NUMBER, 'outliers="asExtremeValues"', InvalidModel),
        (NUMBER, 'missingValueReplacement="nothing"', InvalidModel),
        (NUMBER, 'lowValue="NaN"', InvalidModel),
        (NUMBER + '><Interval closure="half" leftMargin="0"/>', "", InvalidModel),
        (NUMBER + '><Value value="a"/>', "", InvalidModel),
    ],
)
def test_a_broken_dictionary_or_schema_is_refused(kind: str, attributes: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        echo(kind, attributes)


def test_a_column_that_is_not_given_is_missing() -> None:
    loaded = echo(NUMBER, 'missingValueReplacement="2"')
    assert score(loaded, other=[1, 1]).columns["out"].tolist() == [2.0, 2.0]
    assert one(loaded, "out", {"other": 1}) == 2.0
