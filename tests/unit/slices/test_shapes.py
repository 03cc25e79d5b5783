"""Sixty event documents as senders write them: each value is stored or set aside with its reason.

Each case names what goes into an event and what comes out of it: the rows with their counts, the reasons with
the number of values that they concern.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import pytest

from foresight.slices.events import read_message
from foresight.slices.identifiers import local_id
from foresight.slices.measurements import Measurement, Reading, Reason, merge

START: Final = 1_764_540_000
"""2025-11-30 22:00 UTC."""
MICRO: Final = 1_000_000
A, B = "0010-1110", "0011-0010"
REQ, SUCC, FAIL = "SM.PDUSessionSetupReq.", "SM.PDUSessionSetupSucc.", "SM.PDUSessionSetupFail."
NAMES = [REQ + A, SUCC + A, FAIL + "0"]
DN = "ManagedElement=gnb1,GNBCUCPFunction=1,NRCellCU=13999"
Counts = tuple[float | None, float | None, float | None]
Rows = dict[tuple[str, str, int, int], Counts]
"""Counts by slice, cell, granularity, and seconds after ``START``."""


def result(p: Any, **forms: Any) -> dict[str, Any]:
    return {"p": p, **forms}


def values(*given: Any, form: str = "sValue") -> list[dict[str, Any]]:
    return [result(i, **{form: value}) for i, value in enumerate(given, 1)]


def cell(results: Any, name: Any = "101", suspect: Any = "false") -> dict[str, Any]:
    return {"measObjInstId": name, "suspectFlag": suspect, "measResults": results}


def block(*cells: Any, types: Any = None, key: str = "sMeasTypesList") -> dict[str, Any]:
    return {"measTypes": {key: NAMES if types is None else types}, "measValuesList": list(cells)}


def event(
    *blocks: Any, start: Any = START * MICRO, last: Any = ..., seconds: Any = 900, **header: Any
) -> dict[str, Any]:
    end = (START + 900) * MICRO if last is ... else last
    head = {
        "domain": "perf3gpp", "sourceName": "ems", "sequence": 0, "startEpochMicrosec": start,
        "lastEpochMicrosec": end, **header,
    }  # fmt: skip
    collection = {"granularityPeriod": seconds, "measuredEntityDn": "cu1", "measInfoList": list(blocks)}
    return {"event": {"commonEventHeader": head, "perf3gppFields": {"measDataCollection": collection}}}


def one(results: Any, **named: Any) -> dict[str, Any]:
    return event(block(cell(results)), **named)


GOOD = values("400", "280", "110")
SAME: Rows = {(A, "101", 900, 0): (400, 280, 110)}
NONE: Rows = {}


def jobs(*parts: tuple[list[Any], list[str], int]) -> list[dict[str, Any]]:
    """Events of one cell and period, each with its counters and its end."""
    return [
        event(block(cell(values(*given)), types=types), last=(START + 900) * MICRO + later)
        for given, types, later in parts
    ]


# name: (documents, rows, reasons with the number of their values)
CASES: dict[str, tuple[list[Any], Rows, dict[Reason, int]]] = {
    # Value forms of VES 7.1
    "text": ([one(GOOD)], SAME, {}),
    "text with a point": ([one(values("400.0", " 280 ", "1.1e2"))], SAME, {}),
    "whole numbers": ([one(values(400, 280, 110, form="iValue"))], SAME, {}),
    "whole numbers as text": ([one(values("400", "280", "110", form="iValue"))], SAME, {}),
    "broken whole numbers": (
        [one(values(400.5, 280, 110, form="iValue"))], {(A, "101", 900, 0): (None, 280, 110)},
        {Reason.BAD_VALUE: 1},
    ),
    "real numbers": ([one(values(400.0, 280.0, 110.0, form="rValue"))], SAME, {}),
    "real numbers as text": ([one(values("4e2", "280.0", "110", form="rValue"))], SAME, {}),
    "each in another form": (
        [one([result(1, iValue=400), result(2, rValue=280.0), result(3, sValue="110")])], SAME, {},
    ),
    "numbers where text belongs": ([one(values(400, 280.0, 110))], SAME, {}),
    "a null that says so": (
        [one([*GOOD[:2], result(3, isNull=True)])], {(A, "101", 900, 0): (400, 280, None)},
        {Reason.EMPTY_VALUE: 1},
    ),
    "a null as text": (
        [one([*GOOD[:2], result(3, isNull="true")])], {(A, "101", 900, 0): (400, 280, None)},
        {Reason.EMPTY_VALUE: 1},
    ),
    "no null beside a value": (
        [one([result(1, iValue=400, isNull=False), result(2, sValue="280", isNull="false"), GOOD[2]])],
        SAME, {},
    ),
    "a null beside a value": (
        [one([result(1, iValue=400, isNull=True), *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)},
        {Reason.BAD_VALUE: 1},
    ),
    "two forms that agree": ([one([result(1, iValue=400, sValue="400.0"), *GOOD[1:]])], SAME, {}),
    "two forms that differ": (
        [one([result(1, iValue=400, sValue="401"), *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)},
        {Reason.BAD_VALUE: 1},
    ),
    "an empty form beside a full one": (
        [one([result(1, iValue=400, sValue="", rValue=None), *GOOD[1:]])], SAME, {},
    ),
    "an unknown form": (
        [one([result(1, dValue=400), *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)},
        {Reason.UNKNOWN_VALUE_FORM: 1},
    ),
    "an unknown form beside a known one": ([one([result(1, sValue="400", unit="1"), *GOOD[1:]])], SAME, {}),
    "no value at all": (
        [one([result(1), *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)}, {Reason.EMPTY_VALUE: 1},
    ),
    "empty, null and blank": (
        [one(values("", None, " "))], NONE, {Reason.EMPTY_VALUE: 3},
    ),
    "below nothing, beyond measure, no number": (
        [one(values("-1", "1e400", "NaN"))], NONE, {Reason.BAD_VALUE: 3},
    ),
    "a list, an object, a truth value": (
        [one(values([400], {"v": 1}, True))], NONE, {Reason.BAD_VALUE: 3},
    ),
    # Names of cells and slices
    "a distinguished name": (
        [event(block(cell(GOOD, DN)))], {(A, DN, 900, 0): (400, 280, 110)}, {},
    ),
    "a cell as a number": ([event(block(cell(GOOD, 101)))], SAME, {}),
    "a cell with blanks around": ([event(block(cell(GOOD, "  101 ")))], SAME, {}),
    "a cell that is a list": ([event(block(cell(GOOD, ["101"])))], NONE, {Reason.BAD_CELL: 3}),
    "a cell that is nothing": ([event(block(cell(GOOD, None)))], NONE, {Reason.BAD_CELL: 3}),
    "a cell that is a broken number": ([event(block(cell(GOOD, 101.5)))], NONE, {Reason.BAD_CELL: 3}),
    "a slice in lower case": (
        [event(block(cell(GOOD), types=[REQ + "01-b989bd", SUCC + "01-B989BD", FAIL + "0"]))],
        {("01-B989BD", "101", 900, 0): (400, 280, 110)}, {},
    ),
    "a slice with dots": (
        [event(block(cell(GOOD), types=[REQ + "a.b.c", SUCC + "a.b.c", FAIL + "0"]))],
        {("A.B.C", "101", 900, 0): (400, 280, 110)}, {},
    ),
    "a slice that is empty": (
        [event(block(cell(GOOD), types=[REQ, SUCC + A, FAIL + "0"]))],
        {(A, "101", 900, 0): (None, 280, 110)}, {Reason.BAD_COUNTER_NAME: 1},
    ),
    "a counter name that is none": (
        [event(block(cell(GOOD), types=[None, SUCC + A, FAIL + "0"]))],
        {(A, "101", 900, 0): (None, 280, 110)}, {Reason.BAD_COUNTER_NAME: 1},
    ),
    "other counters among ours": (
        [event(block(cell(values("1", "400", "280", "9", "110")),
                     types=["PrbUsedDl." + A, *NAMES[:2], "RRC.ConnMax", NAMES[2]]))],
        SAME, {Reason.OTHER_COUNTER: 2},
    ),
    "counters as numbers with a mapping": (
        [event(block(cell(GOOD), types=[1, 2, 3], key="iMeasTypesList"))], SAME, {},
    ),
    "counters as numbers of which one is unknown": (
        [event(block(cell(GOOD), types=[1, 2, 77], key="iMeasTypesList"))], NONE,
        {Reason.UNMAPPED_COUNTER: 3},
    ),
    "counters as numbers that are written as text": (
        [event(block(cell(GOOD), types=["1", 2.0, 3], key="iMeasTypesList"))], SAME, {},
    ),
    "counters as truth values": (
        [event(block(cell(GOOD), types=[True, 2, 3], key="iMeasTypesList"))], NONE,
        {Reason.UNMAPPED_COUNTER: 3},
    ),
    "failures told apart by cause": (
        [event(block(cell(values("400", "280", "70", "40")), types=[*NAMES[:2], FAIL + "26", FAIL + "8"]))],
        SAME, {},
    ),
    # Indices
    "results in another order": ([one([GOOD[2], GOOD[0], GOOD[1]])], SAME, {}),
    "an index as text": ([one([result("1", sValue="400"), *GOOD[1:]])], SAME, {}),
    "an index beyond the list": (
        [one([*GOOD[:2], result(5, sValue="110")])], NONE, {Reason.INDEX_BEYOND_LIST: 3},
    ),
    "an index of nothing": ([one([*GOOD[:2], result(0, sValue="110")])], NONE, {Reason.INDEX_BEYOND_LIST: 3}),
    "an index beyond in another cell of the block": (
        [event(block(cell(GOOD), cell([result(9, sValue="1")], "102")))], NONE, {Reason.INDEX_BEYOND_LIST: 4},
    ),
    "an index beyond in another block": (
        [event(block(cell(GOOD)), block(cell([result(9, sValue="1")], "102")))], SAME,
        {Reason.INDEX_BEYOND_LIST: 1},
    ),
    "an index that is broken": (
        [one([result(1.5, sValue="400"), *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)},
        {Reason.BAD_INDEX: 1},
    ),
    "an index that is missing": (
        [one([{"sValue": "400"}, *GOOD[1:]])], {(A, "101", 900, 0): (None, 280, 110)}, {Reason.BAD_INDEX: 1},
    ),
    "an index twice": (
        [one([*GOOD, result(1, sValue="7")])], SAME, {Reason.DUPLICATE_VALUE: 1},
    ),
    # Times
    "milliseconds": ([one(GOOD, start=START * 1000, last=(START + 900) * 1000)], SAME, {}),
    "seconds": ([one(GOOD, start=START, last=START + 900)], SAME, {}),
    "a second late": ([one(GOOD, start=(START + 1) * MICRO)], SAME, {}),
    "a second early": ([one(GOOD, start=(START - 1) * MICRO)], SAME, {}),
    "an instant as granularity": ([one(GOOD, seconds=(START + 900) * 1000)], SAME, {}),
    "a granularity as text": ([one(GOOD, seconds="900")], SAME, {}),
    "a granularity of nothing": ([one(GOOD, seconds=0)], NONE, {Reason.BAD_GRANULARITY: 3}),
    "a clock 3.6 hours ahead": (
        [one(GOOD, start=(START + 12_960) * MICRO, last=(START + 13_860) * MICRO)], NONE,
        {Reason.CLOCK_AHEAD: 3},
    ),
    "a clock 400 days ahead": (
        [one(GOOD, start=(START + 400 * 86_400) * MICRO, last=(START + 400 * 86_400 + 900) * MICRO)], NONE,
        {Reason.CLOCK_AHEAD: 3},
    ),
    "an end far ahead": ([one(GOOD, last=(START + 86_400) * MICRO)], NONE, {Reason.CLOCK_AHEAD: 3}),
    "no time": ([one(GOOD, start="soon")], NONE, {Reason.BAD_TIME: 3}),
    # Several events of one period
    "requests in one event, the others in the next": (
        jobs((["400"], NAMES[:1], 0), (["280", "110"], NAMES[1:], 0)), SAME, {},
    ),
    "the newest of each counter stands, whatever the order": (
        jobs((["1", "280"], NAMES[:2], 0), (["400"], NAMES[:1], 2), (["9", "110"], [NAMES[1], NAMES[2]], -1)),
        SAME, {},
    ),
    "jobs of 300 s and 900 s on one cell": (
        [one(GOOD), one(values("133", "90", "40"), seconds=300, last=(START + 300) * MICRO)],
        SAME | {(A, "101", 300, 0): (133, 90, 40)}, {},
    ),
    "two slices that share the failures of their cell, in two events": (
        [event(block(cell(values("400", "300")), types=NAMES[:2])),
         event(block(cell(values("100", "80", "60")), types=[REQ + B, SUCC + B, FAIL + "0"]))],
        {(A, "101", 900, 0): (400, 300, None), (B, "101", 900, 0): (100, 80, 60)}, {},
    ),
    "two slices in one block": (
        [event(block(cell(values("400", "300", "60", "100", "80")), types=[*NAMES, REQ + B, SUCC + B]))],
        {(A, "101", 900, 0): (400, 300, 50), (B, "101", 900, 0): (100, 80, 10)}, {},
    ),
    # Hostile shapes
    "no event": ([{"hello": 1}], NONE, {Reason.NOT_AN_EVENT: 0}),
    "another domain": ([one(GOOD, domain="fault")], NONE, {Reason.OTHER_DOMAIN: 3}),
    "results that are an object": ([one({"p": 1, "sValue": "400"})], NONE, {Reason.BAD_STRUCTURE: 0}),
    "results that are text": ([one(["400", None, GOOD[2]])],
                              {(A, "101", 900, 0): (None, None, 110)}, {Reason.BAD_VALUE: 2}),
    "cells that are text": ([event(block("101", cell(GOOD)))], SAME, {Reason.BAD_STRUCTURE: 0}),
    "blocks that are numbers": ([event(7, block(cell(GOOD)))], SAME, {Reason.BAD_STRUCTURE: 0}),
    "types that are text": ([event(block(cell(GOOD), types="Req"))], NONE,
                            {Reason.INDEX_BEYOND_LIST: 3, Reason.BAD_STRUCTURE: 0}),
    "a list of events of which one is spoilt": (
        [[json.dumps(one(GOOD)), "{", one(values("1", "1", "0"), start=(START - 900) * MICRO,
                                          last=START * MICRO)]],
        SAME | {(A, "101", 900, -900): (1, 1, 0)}, {Reason.NOT_JSON: 0},
    ),
    "an event within an event": ([{"event": {"event": one(GOOD)}}], NONE, {Reason.NOT_AN_EVENT: 0}),
}  # fmt: skip
MAPPING = {1: NAMES[0], 2: NAMES[1], 3: NAMES[2]}


def read_all(documents: list[Any]) -> list[Reading]:
    return [
        read_message(json.dumps(document).encode(), clock=START + 900, offset=offset, counter_names=MAPPING)
        for offset, document in enumerate(documents)
    ]


def counts_of(record: Measurement) -> Counts:
    return record.requests, record.successes, record.failures


def test_there_are_sixty_documents() -> None:
    assert sum(len(documents) for documents, _, _ in CASES.values()) >= 60


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("order", [list, reversed], ids=["as sent", "last first"])
def test_each_value_is_stored_or_set_aside_with_its_reason(name: str, order: Callable[[Any], Any]) -> None:
    documents, rows, expected = CASES[name]
    readings = read_all(documents)
    found = {
        (r.snssai, r.cell, r.granularity_seconds, r.period_start - START): counts_of(r)
        for r in merge(record for reading in order(readings) for record in reading.records)
    }
    assert found == rows
    reasons: Counter[Reason] = Counter()
    for reading in readings:
        aside = reading.rejected + reading.ignored
        assert reading.values == reading.stored_values + sum(part.values for part in aside)
        for part in aside:
            reasons[part.reason] += part.values
    assert dict(reasons) == expected


def test_a_field_given_twice_spoils_that_value_alone() -> None:
    text = json.dumps(one(GOOD)).replace('"sValue": "400"', '"sValue": "400", "sValue": "401"')
    reading = read_message(text.encode(), clock=START + 900)
    assert [counts_of(record) for record in reading.records] == [(None, 280, 110)]
    assert [(part.reason, part.values) for part in reading.rejected] == [(Reason.BAD_VALUE, 1)]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        (DN, "13999"),
        ("NRCellCU=13999", "13999"),
        ("ManagedElement=gnb1/GNBCUCPFunction=1/NRCellCU=13999", "13999"),
        ("ManagedElement=gnb1,NRCellCU=2147483648", None),
        ("ManagedElement=gnb1,NRCellCU=north", None),
        ("ManagedElement=5,NRCellCU=", None),
        ("13999", "13999"),
        ("-5", None),
    ],
)
def test_the_number_of_a_cell_is_the_value_of_the_last_part_of_its_name(
    name: str, number: str | None
) -> None:
    assert local_id(name) == number
