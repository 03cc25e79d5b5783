"""Columns on their way into a table."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from foresight.store.bulk import _tab_separated
from foresight.store.columns import to_arrow
from foresight.store.tables import analysed_interval, sample, series, sla, sli
from tests.unit.store.rows import T0

SPELLED = "2023-11-14 22:14:00"


@pytest.mark.parametrize(
    "slot",
    [
        T0,
        np.int64(T0),
        [T0],
        np.array([T0]),
        np.array([T0], dtype="datetime64[s]"),
        np.array([T0 * 10**9], dtype="datetime64[ns]"),
        datetime.fromtimestamp(T0, UTC),
        [datetime.fromtimestamp(T0 + 0.9, UTC)],
    ],
)
def test_an_instant_may_be_given_in_many_ways(slot: object) -> None:
    rows = to_arrow(sample, {"series_id": [1], "slot": slot, "value": 1.0})
    assert rows.column("slot").to_pylist() == [SPELLED]


def test_one_value_stands_for_every_row() -> None:
    rows = to_arrow(sample, {"series_id": np.arange(3), "slot": T0, "value": None})
    assert rows.column("slot").to_pylist() == [SPELLED] * 3
    assert rows.column("value").to_pylist() == [None] * 3


def test_one_document_stands_for_every_row_and_a_list_holds_one_for_each() -> None:
    base = {"as_of": T0, "is_complete": True, "n_planned": 1, "n_stored": 1, "n_quarantined": 0}
    one = to_arrow(analysed_interval, base | {"scope": ["a", "b"], "report": {"x": 1}})
    each = to_arrow(analysed_interval, base | {"scope": ["a", "b"], "report": [{"x": 1}, None]})
    assert one.column("report").to_pylist() == ['{"x":1}', '{"x":1}']
    assert each.column("report").to_pylist() == ['{"x":1}', None]


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"series_id": [1], "slot": T0, "colour": 1}, "colour"),
        ({"series_id": [1]}, "slot"),
        ({"series_id": [1], "slot": [T0, T0]}, "different lengths"),
        ({"series_id": [None], "slot": T0}, "missing"),
        ({"series_id": [1], "slot": [None]}, "missing"),
        ({"series_id": [1], "slot": datetime(2026, 1, 1)}, "time zone"),  # noqa: DTZ001 - that is the point
    ],
)
def test_columns_that_do_not_fit_are_refused(columns: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        to_arrow(sample, columns)


def test_a_name_that_is_too_long_is_refused() -> None:
    columns = {"name": ["x" * 191], "owner": "", "description": "", "revision": "", "document": {}}
    with pytest.raises(ValueError, match="191 characters"):
        to_arrow(sla, columns)
    to_arrow(series, {"series_id": [1], "metric": "é" * 512, "labels": "", "partition_name": ""})


def test_a_line_of_a_file_has_a_tab_between_values_and_a_sign_for_null() -> None:
    values = np.array([0.1, np.nan, -0.0, 5e-324])
    rows = to_arrow(sample, {"series_id": np.arange(4), "slot": T0, "value": values})
    assert bytes(_tab_separated(rows)).decode().splitlines() == [
        f"0\t{SPELLED}\t0.1",
        f"1\t{SPELLED}\t\\N",
        f"2\t{SPELLED}\t0",
        f"3\t{SPELLED}\t5e-324",
    ]


def test_a_slice_of_rows_is_spelled_as_that_slice() -> None:
    rows = to_arrow(sample, {"series_id": np.arange(10), "slot": T0, "value": 1.0})
    assert bytes(_tab_separated(rows.slice(4, 2))).decode() == f"4\t{SPELLED}\t1\n5\t{SPELLED}\t1\n"


def test_a_key_column_may_not_be_left_out() -> None:
    with pytest.raises(ValueError, match="sla_name"):
        to_arrow(sli, {"name": ["x"]})
