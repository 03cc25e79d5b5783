"""Expressions, built-in and defined functions, derived fields."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

import math
from typing import Any

import pytest

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml import text_functions
from foresight.scoring.pmml.runtime import PmmlModel
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, fields, model, one, schema

FIELDS = fields(x=NUMBER, z=NUMBER, w=TEXT, v=TEXT, d='optype="continuous" dataType="dateTime"',
                i='optype="continuous" dataType="integer"', y=NUMBER)  # fmt: skip


def derived(expression: str, kind: str = "double", more: str = "", functions: str = "") -> PmmlModel:
    """A model that gives back one derived field."""
    local = f'<LocalTransformations>{more}<DerivedField name="f" optype="continuous" dataType="{kind}">{expression}</DerivedField></LocalTransformations>'
    output = '<Output><OutputField name="out" feature="transformedValue"><FieldRef field="f"/></OutputField></Output>'
    names = schema("x", "z", "w", "v", "d", "i", target="y")
    text = f'<RegressionModel functionName="regression">{names}{output}{local}<RegressionTable intercept="0"/></RegressionModel>'
    return model(FIELDS, text, f"<TransformationDictionary>{functions}</TransformationDictionary>")


def value(expression: str, kind: str = "double", **record: Any) -> Any:
    return one(derived(expression, kind), "out", {"x": None, **record})


def apply(function: str, *arguments: Any, **attributes: Any) -> str:
    def argument(item: Any) -> str:
        if isinstance(item, str) and item.startswith("<"):
            return item
        if isinstance(item, str) and item in {"x", "z", "w", "v", "d", "i"}:
            return f'<FieldRef field="{item}"/>'
        kind = (
            "string"
            if isinstance(item, str)
            else "boolean"
            if isinstance(item, bool)
            else "double"
            if isinstance(item, float)
            else "integer"
        )
        return (
            f'<Constant dataType="{kind}">{str(item).lower() if isinstance(item, bool) else item}</Constant>'
        )

    more = " ".join(f'{name}="{item}"' for name, item in attributes.items())
    name = function.replace("&", "&amp;").replace("<", "&lt;")
    return f'<Apply function="{name}" {more}>{"".join(map(argument, arguments))}</Apply>'


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (apply("+", "x", 1), 3.5), (apply("-", "x", 1), 1.5), (apply("*", "x", 2), 5.0), (apply("/", "x", 2), 1.25),
        (apply("-", "x"), -2.5), (apply("/", "x", 0), None), (apply("min", "x", 1, "z"), 1.0), (apply("max", "x", 1, "z"), 2.5),
        (apply("sum", "x", "z", 1), 3.5), (apply("avg", "x", "z", 1.5), 2.0), (apply("median", "x", 1, 7), 2.5),
        (apply("product", "x", 2), 5.0), (apply("sum", "z"), None), (apply("threshold", "x", 2), 1.0), (apply("threshold", "x", 2.5), 0.0),
        (apply("pow", "x", 2), 6.25), (apply("exp", 0), 1.0), (apply("ln", 1), 0.0), (apply("ln", -1), None), (apply("sqrt", 4), 2.0),
        (apply("sqrt", -4), None), (apply("abs", -3), 3.0), (apply("log10", 100), 2.0), (apply("floor", -2.5), -3.0),
        (apply("ceil", 2.1), 3.0), (apply("round", 2.5), 3.0), (apply("round", -2.5), -2.0), (apply("rint", 2.5), 2.0),
        (apply("modulo", 11, 4), 3.0), (apply("modulo", -7, 3), 2.0), (apply("modulo", 7, -3), -2.0), (apply("modulo", 7, 0), None),
        (apply("hypot", 3, 4), 5.0), (apply("ln1p", 0), 0.0), (apply("expm1", 0), 0.0), (apply("sin", 0), 0.0), (apply("atan", 1), math.atan(1)),
        (apply("stdNormalCDF", 0), 0.5), (apply("stdNormalPDF", 0), 1 / math.sqrt(2 * math.pi)), (apply("stdNormalIDF", 0.5), 0.0),
        (apply("normalCDF", 3, 3, 2), 0.5), (apply("normalPDF", 3, 3, 2), 1 / math.sqrt(8 * math.pi)), (apply("normalIDF", 0.5, 3, 2), 3.0),
        (apply("erf", 0), 0.0), (apply("+", "x", "z"), None), (apply("+", "x", "z", mapMissingTo="7"), 7.0),
        (apply("+", "x", "z", defaultValue="8"), 8.0), (apply("if", apply("greaterThan", "x", 2), 1, 0), 1.0),
        (apply("if", apply("greaterThan", "x", 3), 1, 0), 0.0), (apply("if", apply("greaterThan", "x", 3), 1), None),
        (apply("if", apply("isMissing", "z"), 5, apply("/", 1, "z")), 5.0), (apply("stringLength", "abc"), 3.0),
    ],
)  # fmt: skip
def test_a_function_gives_a_number(expression: str, wanted: float | None) -> None:
    found = value(expression, x=2.5)
    assert found is None if wanted is None else pytest.approx(wanted, abs=1e-15) == found


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (apply("equal", "x", 2.5), True), (apply("equal", "x", 2), False), (apply("notEqual", "x", 2), True), (apply("equal", "w", "red"), True),
        (apply("lessThan", "x", 3), True), (apply("lessOrEqual", "x", 2.5), True), (apply("greaterThan", "x", 2.5), False),
        (apply("greaterOrEqual", "x", 2.5), True), (apply("lessThan", "z", 3), None), (apply("isMissing", "z"), True),
        (apply("isNotMissing", "z"), False), (apply("isValid", "x"), True), (apply("isIn", "w", "blue", "red"), True),
        (apply("isNotIn", "w", "blue", "red"), False), (apply("isIn", "x", 1, 2.5), True),
        (apply("isIn", "z", 1, 2.5), False), (apply("isNotIn", "z", 1, 2.5), True), (apply("not", apply("isMissing", "z")), False),
        (apply("and", True, True), True), (apply("and", True, False), False), (apply("and", False, apply("equal", "z", 1)), False),
        (apply("and", True, apply("equal", "z", 1)), None), (apply("or", True, apply("equal", "z", 1)), True),
        (apply("or", False, apply("equal", "z", 1)), None), (apply("or", False, False), False), (apply("lessThan", "w", "rose"), True),
        (apply("matches", "w", "^r.d$"), True), (apply("matches", "w", "^e"), False), (apply("matches", "w", "e"), True),
    ],
)  # fmt: skip
def test_a_function_gives_a_truth(expression: str, wanted: bool | None) -> None:
    assert value(expression, "boolean", x=2.5, w="red") is wanted


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (apply("uppercase", "w"), " RED "), (apply("trimBlanks", "w"), "red"), (apply("concat", "w", "!", 5), " red !5"),
        (apply("substring", "abcdef", 2, 3), "bcd"), (apply("replace", "w", "e", "o"), " rod "),
        (apply("replace", "2024-05", r"(\d+)-(\d+)", "$2/$1"), "05/2024"), (apply("formatNumber", 2, "%3d"), "  2"),
        (apply("formatNumber", 2.345, "%.1f"), "2.3"), (apply("lowercase", "ABC"), "abc"), (apply("concat", "w", "v"), " red "),
        (apply("formatDatetime", "d", "%m/%d/%y"), "08/20/04"), (apply("if", apply("isMissing", "v"), "none", "v"), "none"),
    ],
)  # fmt: skip
def test_a_function_gives_a_text(expression: str, wanted: str | None) -> None:
    assert wanted == value(expression, "string", w=" red ", d="2004-08-20T15:30:03")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        (apply("dateDaysSinceYear", "d", 1960), 15796),
        (apply("dateSecondsSinceYear", "d", 1960), 15796 * 86400 + 15 * 3600 + 30 * 60 + 3),
        (apply("dateSecondsSinceMidnight", "d"), 15 * 3600 + 30 * 60 + 3),
        (apply("/", "i", 2), 3),
    ],
)
def test_a_function_gives_a_whole_number(expression: str, wanted: int) -> None:
    # 2003-04-01 is day 15796 of the years since 1960.
    assert wanted == value(expression, "integer", d="2003-04-01T15:30:03", i=7)


POINTS = '<LinearNorm orig="0" norm="0"/><LinearNorm orig="10" norm="1"/><LinearNorm orig="20" norm="5"/>'


@pytest.mark.parametrize(
    ("outliers", "wanted"),
    [("asIs", [-0.1, 0.5, 3.0, 5.4, None]), ("asExtremeValues", [0.0, 0.5, 3.0, 5.0, None]), ("asMissingValues", [None, 0.5, 3.0, None, None])],
)  # fmt: skip
def test_norm_continuous_interpolates(outliers: str, wanted: list[float | None]) -> None:
    loaded = derived(f'<NormContinuous field="x" outliers="{outliers}">{POINTS}</NormContinuous>')
    found = [one(loaded, "out", {"x": x}) for x in (-1, 5, 15, 21, None)]
    assert wanted == [None if f is None else pytest.approx(f) for f in found]


def test_norm_continuous_maps_missing() -> None:
    assert value(f'<NormContinuous field="x" mapMissingTo="0.25">{POINTS}</NormContinuous>') == 0.25


def test_an_outlier_that_counts_as_missing_is_not_mapped() -> None:
    text = (
        f'<NormContinuous field="x" outliers="asMissingValues" mapMissingTo="0.25">{POINTS}</NormContinuous>'
    )
    assert [value(text, x=x) for x in (-1, None)] == [None, 0.25]


def test_norm_discrete_is_one_for_its_value() -> None:
    loaded = derived('<NormDiscrete field="w" value="red"/>')
    assert [one(loaded, "out", {"w": w}) for w in ("red", "blue", None)] == [1.0, 0.0, None]
    assert value('<NormDiscrete field="w" value="red" mapMissingTo="0.5"/>', w=None) == 0.5


def test_discretize_takes_the_bin_that_holds_the_value() -> None:
    bins = (
        '<DiscretizeBin binValue="low"><Interval closure="openOpen" rightMargin="0"/></DiscretizeBin>'
        '<DiscretizeBin binValue="high"><Interval closure="closedOpen" leftMargin="0" rightMargin="9"/></DiscretizeBin>'
    )
    loaded = derived(
        f'<Discretize field="x" defaultValue="other" mapMissingTo="none">{bins}</Discretize>', "string"
    )
    assert [one(loaded, "out", {"x": x}) for x in (-1, 0, 9, None)] == ["low", "high", "other", "none"]


def test_map_values_looks_up_a_table() -> None:
    rows = "<row><a>red</a><b>1</b><o>10</o></row><row><a>red</a><b>2</b><o>20</o></row>"
    text = (
        '<MapValues outputColumn="o" dataType="double" defaultValue="-1" mapMissingTo="-2"><FieldColumnPair field="w" column="a"/>'
        f'<FieldColumnPair field="x" column="b"/><InlineTable>{rows}</InlineTable></MapValues>'
    )
    loaded = derived(text)
    asked = [("red", 1), ("red", 2), ("blue", 1), (None, 1), ("red", None)]
    assert [one(loaded, "out", {"w": w, "x": x}) for w, x in asked] == [10.0, 20.0, -1.0, -2.0, -2.0]


ROW = (
    '<InlineTable xmlns:data="urn:rows"><row><data:in>red</data:in><data:out>3</data:out></row></InlineTable>'
)


def mapped(column: str) -> str:
    pair = f'<FieldColumnPair field="w" column="{column}"/>'
    return f'<MapValues outputColumn="data:out" dataType="double">{pair}{ROW}</MapValues>'


def test_map_values_finds_columns_in_a_name_space() -> None:
    assert value(mapped("data:in"), w="red") == 3.0


@pytest.mark.parametrize("text", [mapped("other"), f'<MapValues outputColumn="out">{ROW}</MapValues>'])
def test_map_values_without_its_columns_is_refused(text: str) -> None:
    with pytest.raises(InvalidModel, match=r"InlineTable|FieldColumnPair"):
        value(text, w="red")


def test_a_constant_that_is_not_a_number_is_missing() -> None:
    assert value(apply("isMissing", '<Constant dataType="double">NaN</Constant>'), "boolean") is True


def test_a_field_reference_maps_missing() -> None:
    assert value('<FieldRef field="x" mapMissingTo="3"/>') == 3.0


def test_a_derived_field_has_its_own_type() -> None:
    assert value('<FieldRef field="x"/>', "integer", x=2.9) == 2
    assert value('<FieldRef field="x"/>', "string", x=2.5) == "2.5"
    assert value('<FieldRef field="x"/>', "float", x=0.1) == 0.10000000149011612


def test_derived_fields_may_stand_in_any_order() -> None:
    more = '<DerivedField name="a" optype="continuous" dataType="double">' + apply(
        "+", '<FieldRef field="b"/>', 1
    )
    more += '</DerivedField><DerivedField name="b" optype="continuous" dataType="double"><FieldRef field="x"/></DerivedField>'
    assert one(derived(apply("*", '<FieldRef field="a"/>', 2), more=more), "out", {"x": 2}) == 6.0


FUNCTION = (
    '<DefineFunction name="twice" optype="continuous" dataType="double"><ParameterField name="x" dataType="double"/>'
    '<Apply function="*"><FieldRef field="x"/><Constant dataType="double">2</Constant></Apply></DefineFunction>'
)


def test_a_defined_function_sees_its_parameters_only() -> None:
    loaded = derived(apply("twice", "z"), functions=FUNCTION)
    assert one(loaded, "out", {"z": 3, "x": 100}) == 6.0
    with pytest.raises(InvalidModel, match="z"):
        derived(
            apply("twice", "z"), functions=FUNCTION.replace('<FieldRef field="x"/>', '<FieldRef field="z"/>')
        )


def test_derived_fields_in_a_circle_are_refused() -> None:
    more = '<DerivedField name="a" dataType="double"><FieldRef field="f"/></DerivedField>'
    with pytest.raises(InvalidModel, match="circle"):
        derived('<FieldRef field="a"/>', more=more)
    with pytest.raises(InvalidModel, match="circle"):
        derived('<FieldRef field="f"/>')


def test_functions_in_a_circle_are_refused() -> None:
    one_ = '<DefineFunction name="a" dataType="double"><ParameterField name="p"/><Apply function="b"><FieldRef field="p"/></Apply></DefineFunction>'
    with pytest.raises(InvalidModel, match="circle"):
        derived(
            '<FieldRef field="x"/>',
            functions=one_ + one_.replace('"a"', '"c"').replace('"b"', '"a"').replace('"c"', '"b"'),
        )


def test_functions_that_double_themselves_are_refused() -> None:
    text = '<DefineFunction name="f0" dataType="double"><ParameterField name="p"/><FieldRef field="p"/></DefineFunction>'
    for i in range(1, 40):
        call = f'<Apply function="f{i - 1}"><FieldRef field="p"/></Apply>'
        text += f'<DefineFunction name="f{i}" dataType="double"><ParameterField name="p"/><Apply function="+">{call}{call}</Apply></DefineFunction>'
    with pytest.raises(InvalidModel, match="steps"):
        derived(apply("f39", "x"), functions=text)


def test_a_long_chain_of_derived_fields_is_refused() -> None:
    more = '<DerivedField name="c0" dataType="double"><FieldRef field="x"/></DerivedField>'
    more += "".join(
        f'<DerivedField name="c{i}" dataType="double"><FieldRef field="c{i - 1}"/></DerivedField>'
        for i in range(1, 20_000)
    )
    with pytest.raises(InvalidModel, match="in a row"):
        derived('<FieldRef field="c19999"/>', more=more)


def index(term: str, attributes: str = "", more: str = "") -> str:
    return f'<TextIndex textField="w" {attributes}>{more}<Constant dataType="string">{term}</Constant></TextIndex>'


@pytest.mark.parametrize(
    ("term", "attributes", "wanted"),
    [
        ("good", "", 3.0),
        ("good", 'isCaseSensitive="true"', 2.0),
        ("good", 'localTermWeights="binary"', 1.0),
        ("bad", 'localTermWeights="binary"', 0.0),
        ("good", 'localTermWeights="logarithmic"', math.log10(4)),
        ("not good", "", 1.0),
        ("well", "", 0.0),
        ("well", 'wordSeparatorCharacterRE="[^a-z]+"', 1.0),
    ],
)
def test_a_term_is_counted_in_a_text(term: str, attributes: str, wanted: float) -> None:
    text = "It is Good, (good) but not good: well-made"
    assert pytest.approx(value(index(term, attributes), w=text)) == wanted


def test_a_term_is_not_counted_in_a_text_that_is_missing() -> None:
    assert value(index("good"), w=None) is None


@pytest.mark.parametrize(
    ("attributes", "more"),
    [
        ('countHits="someHits"', ""),
        ('localTermWeights="augmentedNormalizedTermFrequency"', ""),
        ('x-speed="fast"', ""),
    ],
)
def test_what_a_text_index_cannot_do_is_refused_by_name(attributes: str, more: str) -> None:
    with pytest.raises(UnsupportedModel, match="TextIndex"):
        value(index("good", attributes, more), w="good")


@pytest.mark.parametrize("name", ["Aggregate", "Lag"])
def test_an_expression_that_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedModel, match=name):
        derived(f'<{name} field="x"/>')


def test_a_function_that_nobody_knows_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModel, match="frobnicate"):
        derived(apply("frobnicate", "x"))


def test_a_wrong_number_of_arguments_is_refused() -> None:
    with pytest.raises(InvalidModel, match="arguments"):
        derived(apply("ln", "x", "z"))


@pytest.mark.parametrize(
    "expression",
    [
        apply("matches", "w", "("),
        apply("formatNumber", "x", "%9999999999d"),
        apply("matches", "w", "(x+x+)+y"),
    ],
)
def test_a_hostile_pattern_fails_in_bounded_time(expression: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_functions, "REGEX_SECONDS", 0.001)
    with pytest.raises(InvalidModel):
        value(expression, "string", w="x" * 5000, x=1.0)
