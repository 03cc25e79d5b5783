"""Field mapping: what feeds the model, and every bad field by its name."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.mapping import check_value, from_text, read_mapping
from foresight.scoring.model import Bounds, InputField, OutputField, Signature

SIGNATURE = Signature(
    (
        InputField("width", "double", bounds=(Bounds(0.0, 10.0, low_open=True),)),
        InputField("count", "integer"),
        InputField("color", "string", values=("red", "blue")),
        InputField("note", "string", is_mandatory=False),
    ),
    (OutputField("y", "double"),),
)
GOOD = {"width": 1.5, "count": 3, "color": "red", "note": None}


def wrong(record: Any, mapping: Any = None, *, reads_text: bool = False) -> list[str]:
    return read_mapping(mapping, SIGNATURE, reads_text=reads_text).values(record)[1]


def test_without_a_mapping_fields_are_fed_by_their_own_names() -> None:
    assert read_mapping(None, SIGNATURE).values(GOOD) == ([1.5, 3, "red", None], [])


@pytest.mark.parametrize("as_text", [False, True])
def test_a_mapping_is_a_list_or_json_text(as_text: bool) -> None:
    given: Any = [{"model_field": "width", "tuple_field": "w", "is_mandatory": True}]
    mapping = read_mapping(json.dumps(given) if as_text else given, SIGNATURE)
    assert mapping.values({**GOOD, "w": 2, "width": None}) == ([2.0, 3, "red", None], [])


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("width", None, "is missing"),
        ("width", "1.5", "'1.5' is a text, not a number"),
        ("width", True, "True is a truth value, not a number"),
        ("width", math.inf, "inf is not a finite number"),
        ("width", math.nan, "nan is not a finite number"),
        ("width", 10**400, "an integer of 1329 bits is too large for a number"),
        ("width", {"a": 1}, "{'a': 1} is an object, not a number"),
        ("width", [1.0], "[1.0] is a list, not a number"),
        ("width", 0, "0 is not in (0, 10]"),
        ("width", 10.5, "10.5 is not in (0, 10]"),
        ("count", 1.5, "1.5 is not a whole number"),
        ("color", "green", "'green' is not one of red, blue"),
        ("color", 5, "5 is a number, not a text"),
        ("note", 5, "5 is a number, not a text"),
    ],
)
def test_a_bad_value_is_named_with_what_is_wrong(field: str, value: Any, reason: str) -> None:
    (text,) = wrong({**GOOD, field: value})
    assert text in {f"{field} {reason}", f"{field} = {reason}"}


def test_a_field_that_is_not_there_is_missing() -> None:
    assert wrong({"count": 1, "color": "red"}) == ["width is missing"]


def test_every_bad_field_of_a_record_is_named() -> None:
    found = wrong({"width": "x", "count": None, "color": "green"})
    assert [text.split()[0] for text in found] == ["width", "count", "color"]


def test_both_names_are_given_where_they_differ() -> None:
    assert wrong(GOOD, [{"model_field": "width", "tuple_field": "w"}]) == ["w (width) is missing"]


@pytest.mark.parametrize("record", [None, 5, "text", [1, 2], True])
def test_what_is_no_object_is_bad(record: Any) -> None:
    assert "not an object" in wrong(record)[0]


def test_a_default_stands_in_for_a_missing_value() -> None:
    mapping = read_mapping([{"model_field": "width", "tuple_field": "w", "default": 7}], SIGNATURE)
    assert mapping.values({**GOOD, "w": None})[0][0] == 7.0
    assert mapping.values({**GOOD, "w": "x"})[1] == ["w (width) = 'x' is a text, not a number"]


def test_an_optional_field_may_be_missing_but_not_wrong() -> None:
    entry = [{"model_field": "width", "tuple_field": "width", "is_mandatory": False}]
    assert wrong({**GOOD, "width": None}, entry) == []
    assert wrong({**GOOD, "width": "x"}, entry) != []


def test_a_list_feeds_all_fields_in_order() -> None:
    mapping = read_mapping([{"model_field": "__array__", "tuple_field": "a"}], SIGNATURE)
    assert mapping.values({"a": [1, 2, "red", None]}) == ([1.0, 2, "red", None], [])
    assert mapping.values({"a": [1, "x", "red", None]})[1] == ["a[1] (count) = 'x' is a text, not a number"]
    assert mapping.values({"a": [1]})[1] == ["a holds 1 values, not 4"]
    assert mapping.values({})[1] == ["a is missing"]
    assert mapping.values({"a": "1234"})[1] == ["a is a text, not a list of 4 values"]


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [("1.5", "double", 1.5), (" 2 ", "integer", 2.0), ("", "double", None), ("x", "double", "x"),
     ("1_0", "double", "1_0"), ("true", "boolean", True), ("no", "boolean", "no"), ("", "string", None),
     (" a ", "string", " a ")],
)  # fmt: skip
def test_a_text_of_a_file_is_read_as_the_field_wants(text: str, kind: str, value: Any) -> None:
    assert from_text(text, kind) == value


def test_a_source_of_texts_gives_numbers() -> None:
    record = {"width": "1.5", "count": "3", "color": "red", "note": ""}
    assert read_mapping(None, SIGNATURE, reads_text=True).values(record) == ([1.5, 3, "red", None], [])
    assert wrong({**record, "width": "wide"}, reads_text=True) == ["width = 'wide' is a text, not a number"]
    assert wrong({**record, "width": "inf"}, reads_text=True) == ["width = inf is not a finite number"]


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ("not json", "JSON"),
        ("5", "list"),
        ([{"model_field": "width"}], "tuple_field"),
        ([{"model_field": "width", "tuple_field": "w", "mandatory": True}], "mandatory"),
        ([{"model_field": "depth", "tuple_field": "d"}], "depth"),
        ([{"model_field": "width", "tuple_field": name} for name in "ab"], "twice"),
        ([{"model_field": "width", "tuple_field": "w", "default": -1}], "default of width"),
        ([{"model_field": "width", "tuple_field": "w", "is_mandatory": "yes"}], "is_mandatory"),
        ([{"model_field": name, "tuple_field": "a"} for name in ("__array__", "width")], "only entry"),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_refused(mapping: Any, reason: str) -> None:
    with pytest.raises(InvalidMapping, match=reason):
        read_mapping(mapping, SIGNATURE)


def test_a_long_value_is_cut_in_its_message() -> None:
    _, reason = check_value("x" * 10_000, SIGNATURE.inputs[0])
    assert len(reason) < 120
