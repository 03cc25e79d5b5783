"""Values and merging: claims about any store."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foresight.store import (
    Store,
)
from foresight.store.tables import (
    aggregate,
    curve,
    sample,
    series,
    sli_status,
)
from tests.unit.store.rows import (
    T0,
    all_rows,
    clear,
    column,
    sample_columns,
    sli_columns,
    write,
)

few = settings(
    max_examples=25,
    deadline=None,
    database=None,  # what one database failed on is no example for another
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


class ValuesContract:
    """What goes in comes out."""

    @few
    @given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=40))
    def test_every_double_comes_back_with_all_its_bits(self, store: Store, values: list[float]) -> None:
        clear(store)
        write(store, sample, sample_columns(np.array(values), np.arange(len(values))))
        expected = [None if math.isnan(value) else value + 0.0 for value in values]
        assert expected == column(store, sample, "value")

    def test_a_hundred_thousand_bit_patterns_come_back(self, store: Store) -> None:
        bits = np.random.default_rng(1).integers(0, 2**63, 20_000, dtype=np.int64)
        values = bits.view(np.float64)
        values = values[np.isfinite(values)]
        write(store, sample, sample_columns(values, np.arange(len(values))))
        assert values.tolist() == column(store, sample, "value")

    @few
    @given(st.lists(st.text(max_size=30), min_size=1, max_size=10))
    def test_every_text_comes_back(self, store: Store, texts: list[str]) -> None:
        clear(store)
        columns = {
            "series_id": np.arange(len(texts)),
            "metric": "m",
            "labels": texts,
            "partition_name": texts,
        }
        write(store, series, columns)
        assert texts == column(store, series, "labels")

    @pytest.mark.parametrize(
        "text", ["\\N", "NULL", "", "\t\\t", "a\\", "\r\n", "\0", "'\";%s %(x)s :y", " "]
    )
    def test_text_that_a_file_format_could_misread_comes_back(self, store: Store, text: str) -> None:
        write(store, series, {"series_id": [1], "metric": text, "labels": text, "partition_name": text})
        assert [text] == column(store, series, "metric") == column(store, series, "labels")

    def test_names_differ_by_case_accent_and_trailing_space(self, store: Store) -> None:
        names = ["a", "A", "á", "a ", "a\u0301"]
        write(store, sli_status, sli_columns(dict.fromkeys(names, "ok"), T0))
        assert sorted(names) == sorted(column(store, sli_status, "sli_name"))

    def test_labels_may_be_longer_than_64_kib(self, store: Store) -> None:
        labels = '{"x":"' + "é" * 200_000 + '"}'
        write(store, series, {"series_id": [1], "metric": "m", "labels": labels, "partition_name": ""})
        assert [labels] == column(store, series, "labels")

    def test_documents_come_back(self, store: Store) -> None:
        document = {"é": [1, 2.5, 1e308, None, True, "\\\t\n\0'\""], "a": {}}
        write(store, sli_status, sli_columns({"x": "ok"}, T0) | {"details": [document]})
        assert [document] == column(store, sli_status, "details")

    def test_a_document_that_is_none_is_null(self, store: Store) -> None:
        write(store, sli_status, sli_columns({"x": "ok"}, T0) | {"details": [None]})
        query = "SELECT COUNT(*) FROM sli_status WHERE details IS NULL"
        assert store.read(lambda connection: connection.exec_driver_sql(query).scalar()) == 1

    @pytest.mark.parametrize("value", [math.inf, -math.inf])
    def test_infinity_is_refused_and_nothing_is_written(self, store: Store, value: float) -> None:
        with pytest.raises(ValueError, match="infinite"):
            write(store, sample, sample_columns([1.0, value], [1, 2]))
        assert all_rows(store, sample) == []

    def test_a_whole_number_too_large_for_its_column_is_refused(self, store: Store) -> None:
        columns = {"series_id": [1], "as_of": T0, "window_minutes": 60, "n_observed": 2**40}
        with pytest.raises(ValueError, match="1099511627776"):
            write(store, aggregate, columns)
        assert all_rows(store, aggregate) == []

    def test_a_column_left_out_becomes_null_even_where_a_value_was(self, store: Store) -> None:
        columns = {"series_id": [1], "as_of": T0, "window_minutes": 60, "n_observed": 1}
        write(store, aggregate, columns | {"mean": 5.0})
        write(store, aggregate, columns)
        assert column(store, aggregate, "mean") == [None]

    def test_a_batch_without_rows_writes_nothing(self, store: Store) -> None:
        assert write(store, sample, sample_columns(np.empty(0), np.empty(0, dtype=np.int64))) == 0


class MergeContract:
    """Rows merge by rules that do not depend on order."""

    def test_a_value_beats_a_missing_one_whichever_came_first(self, store: Store) -> None:
        write(store, sample, sample_columns([1.0, math.nan, math.nan], [1, 2, 3]))
        write(store, sample, sample_columns([math.nan, 2.0, math.nan], [1, 2, 3]))
        assert column(store, sample, "value") == [1.0, 2.0, None]

    def test_a_corrected_value_replaces_the_old_one(self, store: Store) -> None:
        write(store, sample, sample_columns([1.0]))
        write(store, sample, sample_columns([3.0]))
        assert column(store, sample, "value") == [3.0]

    def test_the_newest_as_of_stands_whole_whatever_the_order(self, store: Store) -> None:
        tables = set()
        for order in itertools.permutations([0, 600, 1200]):
            clear(store)
            for late in order:
                trend = [float(late), math.nan if late == 1200 else 7.0]
                columns = {"series_id": [1, 2], "slot": T0, "as_of": T0 + late, "trend": trend}
                write(store, curve, columns)
            tables.add(tuple(column(store, curve, "trend")))
        assert tables == {(1200.0, None)}

    def test_the_same_as_of_again_replaces_what_it_said(self, store: Store) -> None:
        columns = {"series_id": [1, 2], "slot": T0, "as_of": T0}
        write(store, curve, columns | {"trend": 1.0})
        write(store, curve, columns | {"trend": [2.0, math.nan]})
        assert column(store, curve, "trend") == [2.0, None]

    def test_first_seen_is_a_minimum_and_last_seen_a_maximum(self, store: Store) -> None:
        base = {"series_id": [1], "metric": "m", "labels": "{}", "partition_name": "default"}
        tables = set()
        spans = [(T0, T0 + 60), (T0 - 60, T0), (None, None)]
        for order in itertools.permutations(spans):
            clear(store)
            for first, last in order:
                write(store, series, base | {"first_seen": [first], "last_seen": [last]})
            tables.add(tuple(all_rows(store, series)))
        assert len(tables) == 1
        *_, first, last = tables.pop()[0]
        assert (first.timestamp(), last.timestamp()) == (T0 - 60, T0 + 60)

    def test_a_repeated_write_changes_nothing(self, store: Store) -> None:
        columns = {"series_id": [1], "as_of": T0, "window_minutes": 60, "mean": 0.1, "n_observed": 1}
        write(store, aggregate, columns)
        before = all_rows(store, aggregate)
        write(store, aggregate, columns)
        assert before == all_rows(store, aggregate)
