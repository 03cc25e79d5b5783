"""Performance events become records; each value that does not is counted, with its reason."""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.slices.events import read_message
from foresight.slices.identifiers import local_id
from foresight.slices.measurements import Measurement, Reading, Reason, Sharing, merge
from tests.unit.slices.mutations import mutated

SAMPLE = Path(__file__).parents[2] / "data" / "onap" / "sample.json"
A, B = "01-B989BD", "1-00110"
REQ, SUCC, FAIL = "SM.PDUSessionSetupReq.", "SM.PDUSessionSetupSucc.", "SM.PDUSessionSetupFail.0"


def event(
    names: list[Any], cells: dict[str, list[Any]], *, start: object = 1_644_487_200_000_000, **fields: Any
) -> dict[str, Any]:
    """An event with one block; ``cells`` gives the values in the order of ``names``, ``...`` for none."""
    values = [
        {
            "measObjInstId": cell,
            "suspectFlag": "false",
            "measResults": [{"p": i, "sValue": v} for i, v in enumerate(given, 1) if v is not ...],
        }
        for cell, given in cells.items()
    ]
    header = {"domain": "perf3gpp", "sourceName": "ems1", "startEpochMicrosec": start}
    info = {"measTypes": {"sMeasTypesList": names}, "measValuesList": values}
    collection = {"granularityPeriod": 900, "measuredEntityDn": "cu1", "measInfoList": [info], **fields}
    return {"event": {"commonEventHeader": header, "perf3gppFields": {"measDataCollection": collection}}}


def block(spoilt: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = spoilt["event"]["perf3gppFields"]["measDataCollection"]["measInfoList"][0]
    return found


def read(document: object) -> Reading:
    reading = read_message(json.dumps(document).encode())
    assert_counts_add_up(reading)
    return reading


def assert_counts_add_up(reading: Reading) -> None:
    aside = sum(part.values for part in reading.rejected + reading.ignored)
    assert reading.values == reading.stored_values + aside
    assert reading.records or reading.rejected or reading.ignored


def reasons(reading: Reading) -> dict[Reason, int]:
    return {part.reason: part.values for part in reading.rejected + reading.ignored}


def only(reading: Reading) -> Measurement:
    (record,) = reading.records
    return record


def test_the_published_sample_gives_a_record_a_cell_without_failures() -> None:
    reading = read_message(SAMPLE.read_bytes())
    assert len(reading.records) == 11
    assert reading.rejected == reading.ignored == ()
    first = reading.records[0]
    assert (first.snssai, first.cu, first.cell, first.source) == (A, "cucpserver1", "13999", "cucpserver1")
    assert (first.requests, first.successes, first.failures) == (398, 283, None)
    assert (first.granularity_seconds, first.sharing, first.is_suspect) == (900, Sharing.MISSING, False)
    assert first.period_start == 1_644_487_200  # the event says 318 s later
    assert reading.stored_values == 22


def test_results_may_come_in_any_order_with_other_counters_among_them() -> None:
    document = event([REQ + A, SUCC + A, FAIL, "SM.PrbUsedDl." + A, "x"], {"1": ["9", "5", "3", "7", "8"]})
    results = block(document)["measValuesList"][0]["measResults"]
    results[:] = [results[i - 1] for i in (1, 2, 4, 5, 3)]
    reading = read(document)
    record = only(reading)
    assert (record.requests, record.successes, record.failures) == (9, 5, 3)
    assert record.sharing is Sharing.MEASURED
    assert reasons(reading) == {Reason.OTHER_COUNTER: 2}


@pytest.mark.parametrize(
    ("value", "requests", "reason"),
    [
        ("5813.0", 5813, None),
        (" 12 ", 12, None),
        (7, 7, None),
        ("1e3", 1000, None),
        ("", None, Reason.EMPTY_VALUE),
        (None, None, Reason.EMPTY_VALUE),
        ("-1", None, Reason.BAD_VALUE),
        (-1, None, Reason.BAD_VALUE),
        ("NaN", None, Reason.BAD_VALUE),
        (float("nan"), None, Reason.BAD_VALUE),
        ("1_000", None, Reason.BAD_VALUE),
        ("٣", None, Reason.BAD_VALUE),
        (True, None, Reason.BAD_VALUE),
        ("1e300", None, Reason.BAD_VALUE),
        (10**400, None, Reason.BAD_VALUE),
        ([5], None, Reason.BAD_VALUE),
    ],
)
def test_each_spelling_of_a_value_is_taken_or_named(
    value: object, requests: float | None, reason: Reason | None
) -> None:
    reading = read(event([REQ + A, SUCC + A], {"1": [value, "4"]}))
    record = only(reading)
    assert (record.requests, record.successes) == (requests, 4)
    assert reasons(reading) == ({reason: 1} if reason else {})


def test_failures_of_several_slices_are_shared_by_how_far_each_fell_short() -> None:
    reading = read(event([REQ + A, SUCC + A, FAIL, REQ + B, SUCC + B], {"1": [100, 70, 20, 60, 50]}))
    first, second = reading.records
    assert (first.snssai, first.failures, first.sharing) == (A, 15, Sharing.BY_SHORTFALL)
    assert (second.snssai, second.failures, second.sharing) == (B, 5, Sharing.BY_SHORTFALL)


@pytest.mark.parametrize(
    ("values", "failures", "sharing"),
    [
        ([30, 30, 8, 10, 10], (6, 2), Sharing.BY_REQUESTS),
        ([0, 0, 8, 0, 0], (4, 4), Sharing.EQUALLY),
        ([30, 40, 8, 10, 5], (0, 8), Sharing.BY_SHORTFALL),
        ([30, ..., 8, 10, 5], (None, None), Sharing.UNSHAREABLE),
    ],
)
def test_where_no_slice_fell_short_the_row_says_how_failures_were_shared(
    values: list[Any], failures: tuple[float | None, float | None], sharing: Sharing
) -> None:
    reading = read(event([REQ + A, SUCC + A, FAIL, REQ + B, SUCC + B], {"1": values}))
    assert tuple(record.failures for record in reading.records) == failures
    assert {record.sharing for record in reading.records} == {sharing}
    assert reasons(reading) == {}


def test_counters_may_be_spread_over_blocks_each_with_failures_of_its_own() -> None:
    document = event([REQ + A, SUCC + A, FAIL], {"1": [10, 8, 1]})
    other = event([REQ + B, SUCC + B, FAIL], {"1": [20, 8, 9]})
    collection = document["event"]["perf3gppFields"]["measDataCollection"]
    collection["measInfoList"].append(block(other))
    assert [record.failures for record in read(document).records] == [1, 9]


def test_failures_in_a_block_without_slices_go_to_those_that_have_none_yet() -> None:
    document = event([FAIL], {"1": [7]})
    own = event([REQ + A, SUCC + A, FAIL], {"1": [10, 8, 1]})
    without = event([REQ + B, SUCC + B], {"1": [20, 8]})
    collection = document["event"]["perf3gppFields"]["measDataCollection"]
    collection["measInfoList"] += [block(own), block(without)]
    found = [(record.snssai, record.failures) for record in read(document).records]
    assert found == [("", 7), (A, 1), (B, 7)]


def test_failures_of_a_cell_that_names_no_slice_wait_for_one() -> None:
    reading = read(event([FAIL], {"1": [4]}))
    assert [(record.snssai, record.failures) for record in reading.records] == [("", 4)]
    others = read(event([REQ + A, SUCC + A], {"1": [10, 5]})).records
    for records in ([*reading.records, *others], [*others, *reading.records]):
        assert [(r.snssai, r.failures) for r in merge(records)] == [("", 4), (A, 4)]


@pytest.mark.parametrize("start", [1_644_487_200_123_456, 1_644_487_200_123, 1_644_487_200, "1644487200123"])
def test_microseconds_milliseconds_and_seconds_are_told_apart_by_size(start: object) -> None:
    assert only(read(event([REQ + A], {"1": [1]}, start=start))).period_start == 1_644_487_200


@pytest.mark.parametrize("shape", ["bare", "list", "strings", "without event", "string", "utf-16", "bom"])
def test_every_shape_on_the_wire_gives_the_same_record(shape: str) -> None:
    document = event([REQ + A], {"1": [1]})
    text = json.dumps(document)
    messages = {
        "bare": text.encode(),
        "list": json.dumps([document]).encode(),
        "strings": json.dumps([text]).encode(),
        "without event": json.dumps(document["event"]).encode(),
        "string": json.dumps(text).encode(),
        "utf-16": text.encode("utf-16"),
        "bom": text.encode("utf-8-sig"),
    }
    assert only(read_message(messages[shape])) == only(read(document))


def test_one_unreadable_event_of_a_list_costs_the_others_nothing() -> None:
    good = event([REQ + A], {"1": [1]})
    reading = read([json.dumps(good), "{", 7, json.dumps(event([REQ + A], {"2": [2]}))])
    assert [record.cell for record in reading.records] == ["1", "2"]
    assert [(part.reason, part.path) for part in reading.rejected] == [
        (Reason.NOT_JSON, "[1]"),
        (Reason.NOT_AN_EVENT, "[2]"),
    ]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"start": 12}, Reason.BAD_TIME),
        ({"start": True}, Reason.BAD_TIME),
        ({"granularityPeriod": 1_538_482_500_000}, Reason.BAD_GRANULARITY),
        ({"granularityPeriod": None}, Reason.BAD_GRANULARITY),
        ({"measInfoList": []}, Reason.NO_MEASUREMENTS),
        ({"measInfoList": {}}, Reason.NO_MEASUREMENTS),
        ({"measInfoList": [7]}, Reason.BAD_STRUCTURE),
    ],
)
def test_an_event_without_a_usable_head_is_rejected_with_its_values_counted(
    fields: dict[str, Any], reason: Reason
) -> None:
    reading = read(event([REQ + A, SUCC + A], {"1": [1, 2], "2": [3, 4]}, **fields))
    assert reading.records == ()
    assert reasons(reading) == {reason: 0 if "measInfoList" in fields else 4}


def test_an_event_of_another_domain_is_named() -> None:
    document = event([REQ + A], {"1": [1]})
    document["event"]["commonEventHeader"]["domain"] = "fault"
    assert reasons(read(document)) == {Reason.OTHER_DOMAIN: 1}


@pytest.mark.parametrize("flag", [True, "true", "True", "maybe", 1])
def test_a_suspect_flag_marks_the_record(flag: object) -> None:
    document = event([REQ + A], {"1": [1]})
    block(document)["measValuesList"][0]["suspectFlag"] = flag
    assert only(read(document)).is_suspect


def test_a_value_given_twice_keeps_the_first_and_counts_the_second() -> None:
    reading = read(event([REQ + A, REQ + A], {"1": [1, 2]}))
    assert only(reading).requests == 1
    assert reasons(reading) == {Reason.DUPLICATE_VALUE: 1}


def test_a_field_given_twice_with_two_values_spoils_that_field_alone() -> None:
    text = json.dumps(event([REQ + A, SUCC + A], {"1": ["1", "2"]}))
    reading = read_message(text.replace('"sValue": "1"', '"sValue": "1", "sValue": "9"').encode())
    assert (only(reading).requests, only(reading).successes) == (None, 2)
    assert reasons(reading) == {Reason.BAD_VALUE: 1}


@pytest.mark.parametrize("index", [1.5, None, "x", True])
def test_an_index_that_is_no_whole_number_costs_its_own_value(index: object) -> None:
    document = event([REQ + A, SUCC + A], {"1": [1, 2]})
    block(document)["measValuesList"][0]["measResults"][0]["p"] = index
    assert reasons(read(document)) == {Reason.BAD_INDEX: 1}


@pytest.mark.parametrize("index", [0, 3, -1, 3.0, "3", 10**400])
def test_an_index_beyond_the_list_costs_the_whole_block(index: object) -> None:
    document = event([REQ + A, SUCC + A], {"1": [1, 2], "2": [3, 4]})
    block(document)["measValuesList"][1]["measResults"][0]["p"] = index
    reading = read(document)
    assert reading.records == ()
    assert reasons(reading) == {Reason.INDEX_BEYOND_LIST: 4}


@pytest.mark.parametrize("name", [REQ, REQ + "x" * 65, SUCC + "01-B989BD\n", SUCC + " ", 7, None])
def test_a_counter_name_without_a_slice_is_rejected(name: object) -> None:
    assert reasons(read(event([name], {"1": [1]}))) == {Reason.BAD_COUNTER_NAME: 1}


@pytest.mark.parametrize("cell", ["", " ", "a\x00b", "\ud800", "x" * 256])
def test_a_cell_without_a_usable_name_is_rejected(cell: str) -> None:
    assert reasons(read(event([REQ + A], {cell: [1]}))) == {Reason.BAD_CELL: 1}


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (None, Reason.EMPTY_MESSAGE),
        (b"", Reason.EMPTY_MESSAGE),
        (b"\xff\xfe\x00", Reason.NOT_JSON),
        (b"[" * 1_000_000, Reason.NOT_JSON),
        (b'{"event": ' * 1_000, Reason.NOT_JSON),
        (b"[]", Reason.NOT_AN_EVENT),
        (b"null", Reason.NOT_AN_EVENT),
        (b"1" * 5000, Reason.NOT_JSON),
        (b" " * (4 * 1024 * 1024 + 1), Reason.TOO_LARGE),
    ],
)
def test_what_is_no_event_at_all_is_named(message: bytes | None, reason: Reason) -> None:
    reading = read_message(message)
    assert [part.reason for part in reading.rejected] == [reason]
    assert len(reading.rejected[0].detail) <= 120


def test_thousands_of_spoilt_events_are_each_stored_or_set_aside_with_a_reason() -> None:
    rng = random.Random(1)  # noqa: S311 - not for secrets
    document = event(
        [REQ + A, SUCC + A, FAIL, REQ + B, SUCC + B], {"1": [100, 70, 20, 60, 50], "2": ["9"] * 5}
    )
    seen: set[Reason] = set()
    for _ in range(5_000):
        reading = read_message(mutated(rng, document))
        assert_counts_add_up(reading)
        seen |= set(reasons(reading))
    assert len(seen) >= 14


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise(message: bytes) -> None:
    assert_counts_add_up(read_message(message))


@settings(deadline=None)
@given(st.permutations(range(6)), st.lists(st.integers(0, 9), min_size=6, max_size=6))
def test_of_each_counter_the_newest_value_stands_whatever_the_order(
    order: list[int], values: list[int]
) -> None:
    """Events 0 to 2 ask, 3 to 5 succeed; the later the last instant, the newer."""
    records = []
    for i in order:
        document = event([(REQ if i < 3 else SUCC) + A], {"1": [100 + values[i] if i < 3 else values[i]]})
        document["event"]["commonEventHeader"]["lastEpochMicrosec"] = 1_644_488_100_000_000 + i
        records += read(document).records
    (record,) = merge(records)
    assert (record.requests, record.successes) == (100 + values[2], values[5])
    (again,) = merge([record, *records])
    assert again == record


def test_of_two_values_of_one_instant_the_later_sequence_then_the_later_message_stands() -> None:
    def given(requests: int, sequence: int, offset: int) -> Measurement:
        document = event([REQ + A], {"1": [requests]})
        document["event"]["commonEventHeader"]["sequence"] = sequence
        return only(read_message(json.dumps(document).encode(), offset=offset))

    for records in itertools.permutations([given(1, 0, 9), given(2, 1, 3), given(3, 1, 5)]):
        assert [record.requests for record in merge(records)] == [3]


CASES = Path(__file__).parents[2] / "data" / "slices"
FIRST = 1_764_540_000
"""Start of the period of the cases, 2025-11-30 22:00 UTC."""


def case(name: str, snssai: str = "0010-1110", clock: float = FIRST + 900) -> Reading:
    (path,) = CASES.glob(f"{name}-*.json")
    return read_message(path.read_bytes().replace(b"0010-1110", snssai.encode()), clock=clock)


def counts(record: Measurement) -> tuple[float | None, ...]:
    return record.requests, record.successes, record.failures


@pytest.mark.parametrize("snssai", ["0010-1110", A, "0001-0111", "01B989BD", "any id. at all"])
@pytest.mark.parametrize("name", ["1", "2", "4", "9"])
def test_every_slice_id_value_form_and_cell_name_is_read(name: str, snssai: str) -> None:
    record = only(case(name, snssai))
    assert counts(record) == (400, 280, 110)
    assert (record.sent_as, record.period_start) == (snssai, FIRST)
    assert local_id(record.cell) == "101"


def test_mixed_value_forms_are_read_and_a_null_is_missing() -> None:
    first, second = case("3").records
    assert counts(first) == (400, 280, 90)
    assert (*counts(second), second.sharing) == (380, 250, None, Sharing.MISSING)


@pytest.mark.parametrize("order", [("5a", "5b"), ("5b", "5a")])
def test_counters_of_one_period_in_two_events_are_one_row(order: tuple[str, str]) -> None:
    (record,) = merge(record for name in order for record in case(name).records)
    assert counts(record) == (400, 280, 110)


def test_a_block_with_an_index_beyond_its_list_and_an_event_of_the_future_are_set_aside() -> None:
    assert (case("6").records, reasons(case("6"))) == ((), {Reason.INDEX_BEYOND_LIST: 2})
    assert (case("8").records, reasons(case("8"))) == ((), {Reason.CLOCK_AHEAD: 3})
    assert case("8", clock=FIRST + 400 * 86_400).records


def test_counts_that_cannot_be_mark_the_row() -> None:
    record = only(case("7"))
    assert (record.is_suspect, record.suspicion) == (True, "more successes than requests")
