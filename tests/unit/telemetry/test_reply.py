"""Reading replies: equal to a plain JSON parser, and hard to fool."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.telemetry.reply import parse_range

HOSTILE = ['"values":[[1,"2"]]', "]]}", '\\"values\\":[[', "{}", "ü\n\u2028\\", '"],["', ""]


def body(result: Any, **more: Any) -> bytes:
    answer = {"status": "success", "data": {"resultType": "matrix", "result": result}, **more}
    return json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()


def read_plainly(text: bytes) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    result = json.loads(text)["data"]["result"]
    return [(s["metric"], [(t, float(v)) for t, v in s.get("values", [])]) for s in result]


def read(text: bytes) -> list[tuple[dict[str, str], list[tuple[float, float]]]]:
    reply = parse_range(text)
    ends = np.cumsum(reply.counts)
    return [
        (
            labels,
            list(
                zip(reply.epochs[end - n : end].tolist(), reply.values[end - n : end].tolist(), strict=True)
            ),
        )
        for labels, n, end in zip(reply.labels, reply.counts, ends, strict=True)
    ]


def spelled(value: float) -> str:
    """As Go spells it."""
    return {math.inf: "+Inf", -math.inf: "-Inf"}.get(value, "NaN" if math.isnan(value) else repr(value))


names = st.sampled_from(["a", "instance", *HOSTILE])
values = st.one_of(
    st.floats().map(spelled), st.sampled_from(["0", "-0", "1e+300", "5e-324", "9882000000.25"])
)
instants = st.one_of(
    st.integers(0, 2**33), st.integers(0, 2**40).map(lambda milliseconds: milliseconds / 1000)
)
points = st.lists(st.tuples(instants, values), max_size=5)
results = st.lists(
    st.fixed_dictionaries({"metric": st.dictionaries(names, names, max_size=3), "values": points}), max_size=5
)


@settings(max_examples=300, deadline=None)
@given(results)
def test_reading_fast_equals_reading_plainly(result: list[Any]) -> None:
    text = body(result)
    assert is_equal(read_plainly(text), read(text))


def is_equal(left: Any, right: Any) -> bool:
    if [labels for labels, _ in left] != [labels for labels, _ in right]:
        return False
    return all(
        len(one) == len(other)
        and np.array_equal(np.array(one, float), np.array(other, float), equal_nan=True)
        for (_, one), (_, other) in zip(left, right, strict=True)
    )


def test_every_bit_of_a_value_survives() -> None:
    texts = ["0.1", "2.18761e+10", "9882000000.000001", "1.7976931348623157e+308", "5e-324", "-0"]
    reply = parse_range(body([{"metric": {}, "values": [[i, text] for i, text in enumerate(texts)]}]))
    assert [float(text).hex() for text in texts] == [value.hex() for value in reply.values.tolist()]


def test_instants_with_fractions_are_read() -> None:
    reply = parse_range(body([{"metric": {}, "values": [[1.5, "1"], [2.001, "2"]]}]))
    assert reply.epochs.tolist() == [1.5, 2.001]


def test_blanks_between_everything_change_nothing() -> None:
    result = [{"metric": {"a": "b"}, "values": [[60, "1.5"], [120, "NaN"]]}, {"metric": {}, "values": []}]
    text = json.dumps(json.loads(body(result)), indent=3).encode()
    assert is_equal(read_plainly(body(result)), read(text))


def test_the_order_of_keys_changes_nothing() -> None:
    result = [{"values": [[60, "1"]], "metric": {"a": "]]}"}}, {"values": [[60, "2"]], "metric": {"a": "b"}}]
    assert read(body(result)) == [({"a": "]]}"}, [(60, 1.0)]), ({"a": "b"}, [(60, 2.0)])]


def test_warnings_are_kept() -> None:
    assert parse_range(body([], warnings=["half of it is missing"])).warnings == ("half of it is missing",)


@pytest.mark.parametrize("place", ["answer", "data"])
def test_an_answer_that_calls_itself_partial_is_one(place: str) -> None:
    answer = {"status": "success", "data": {"resultType": "matrix", "result": []}}
    (answer if place == "answer" else answer["data"])["isPartial"] = True  # type: ignore[index]
    assert "isPartial" in parse_range(json.dumps(answer).encode()).warnings[0]


def test_what_prometheus_remarks_about_a_query_is_no_warning_about_its_data() -> None:
    odd = "PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:20)"
    reply = parse_range(body([], warnings=[odd, "store is away"], infos=["PromQL info: no counter"]))
    assert (reply.warnings, reply.remarks) == (("store is away",), (odd, "PromQL info: no counter"))


def test_native_histograms_are_said_to_be_left_out() -> None:
    reply = parse_range(body([{"metric": {}, "histograms": [[60, {"count": "1"}]]}]))
    assert (reply.counts.tolist(), reply.warnings) == ([0], ())
    assert "1 series hold native histograms" in reply.remarks[0]


@pytest.mark.parametrize("warnings", [None, "just a text", []])
def test_warnings_of_another_shape_are_no_trouble(warnings: Any) -> None:
    assert parse_range(body([], warnings=warnings)).warnings == (("just a text",) if warnings else ())


def test_null_in_place_of_a_list_is_an_empty_one() -> None:
    assert parse_range(body(None)).labels == ()
    assert parse_range(body([{"metric": {}, "values": None}])).counts.tolist() == [0]


def test_a_value_that_is_null_is_not_a_number() -> None:
    reply = parse_range(body([{"metric": {}, "values": [[60, "1"], [120, None]]}]))
    assert np.array_equal(reply.values, [1.0, np.nan], equal_nan=True)


def test_no_series_is_an_answer() -> None:
    assert parse_range(body([])).labels == ()


WHOLE = body([{"metric": {"a": "b"}, "values": [[60, "1.5"], [120, "2.5"]]}])


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_a_body_cut_anywhere_is_unavailable(cut: int) -> None:
    with pytest.raises(SourceUnavailable):
        parse_range(WHOLE[:cut])


@pytest.mark.parametrize("text", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"null and void"])
def test_what_is_no_json_is_unavailable(text: bytes) -> None:
    with pytest.raises(SourceUnavailable, match="no JSON"):
        parse_range(text)


@pytest.mark.parametrize(
    "text",
    [
        b"null",
        b"[]",
        b'{"status":"error","errorType":"bad_data","error":"no such thing"}',
        b'{"status":"success"}',
        b'{"status":"success","data":{"resultType":"matrix"}}',
        b'{"status":"success","data":{"resultType":"vector","result":[]}}',
        b'{"status":"success","data":{"resultType":"matrix","result":{}}}',
        body([5]),
        body([{"values": [[60, "1"]]}]),
        body([{"metric": None, "values": [[60, "1"]]}]),
        body([{"metric": ["a"], "values": [[60, "1"]]}]),
        body([{"metric": {"a": None}, "values": [[60, "1"]]}]),
        body([{"metric": {"a": 5}, "values": [[60, "1"]]}]),
        body([{"metric": {}, "values": 7}]),
        body([{"metric": {}, "values": [[60]]}]),
        body([{"metric": {}, "values": [[60, "1", "2"]]}]),
        body([{"metric": {}, "values": [[60, "one"]]}]),
        body([{"metric": {}, "values": [["now", "1"]]}]),
        body([{"metric": {}, "values": [[60, ""]]}]),
        body([{"metric": {}, "values": [[60, "1\\n61,2"]]}]),
        body([{"metric": {}, "values": [[60, {"a": []}]]}]),
    ],
)
def test_json_of_another_shape_is_a_bad_answer(text: bytes) -> None:
    with pytest.raises(BadAnswer):
        parse_range(text)
