"""The profile: counts and spans of every series, equal to counting one by one."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from foresight.grid import Grid
from foresight.quality.profile import COLUMNS, profile
from foresight.series import SeriesKey, SeriesMatrix

NAN = np.nan
COUNTS = ("points", "nan", "infinite", "duplicate", "off_grid", "future")


def matrix(values: object, labels: list[dict[str, str]] | None = None) -> SeriesMatrix:
    array = np.array(values, dtype=np.float64)
    labels = labels or [{"i": str(i)} for i in range(len(array))]
    keys = tuple(SeriesKey.of("a", each) for each in labels)
    return SeriesMatrix(keys, Grid(60 * array.shape[1], array.shape[1]), array)


def counts(n: int, **given: list[int]) -> dict[str, np.ndarray]:
    return {name: np.array(given.get(name, [0] * n), dtype=np.int64) for name in COUNTS}


def profiled(values: object, **more: object) -> pd.DataFrame:
    made = matrix(values)
    return profile(made, counts(len(made)), **more)  # type: ignore[arg-type]


def test_every_documented_column_is_there_and_no_other() -> None:
    assert list(profiled([[1.0]]).columns) == list(COLUMNS)


def test_coverage_counts_from_the_first_observed_slot() -> None:
    [row] = profiled([[NAN, 1.0, NAN, 2.0, NAN]]).to_dict("records")
    assert (row["n_observed"], row["n_since_first"], row["n_since_last"]) == (2, 4, 1)
    assert row["coverage"] == 0.5


def test_a_series_without_any_value_has_no_coverage() -> None:
    [row] = profiled([[NAN, NAN]]).to_dict("records")
    assert (row["n_observed"], row["n_since_first"], row["n_since_last"]) == (0, 0, 2)
    assert np.isnan(row["coverage"])
    assert not row["is_constant"]


def test_values_above_the_maximum_of_their_series_are_counted() -> None:
    frame = profiled([[1.0, 0.0], [1.0, 2.0], [5.0, NAN]], maximum=[0.0, np.inf, 4.0])
    assert frame["n_above_maximum"].tolist() == [1, 0, 1]


def test_values_below_the_minimum_of_their_series_are_counted() -> None:
    frame = profiled([[-1.0, 0.0], [-1.0, -2.0], [5.0, NAN]], minimum=[0.0, -np.inf, 6.0])
    assert frame["n_below_minimum"].tolist() == [1, 0, 1]


def test_huge_values_are_counted_either_way() -> None:
    frame = profiled([[1e300, -1e300, NAN], [1.1e300, -1.7e308, 1.0]])
    assert frame["n_huge"].tolist() == [0, 2]


def test_constant_means_one_value_and_ignores_gaps() -> None:
    frame = profiled([[2.0, NAN, 2.0], [2.0, 2.0, 3.0], [0.0, -0.0, 0.0]])
    assert frame["is_constant"].tolist() == [True, False, True]


def test_labels_are_counted_and_measured_in_bytes() -> None:
    made = matrix([[1.0], [1.0]], [{"ü": "€"}, {str(i): "x" for i in range(100)}])
    frame = profile(made, counts(2))
    assert frame["n_labels"].tolist() == [1, 100]
    assert frame["label_bytes"].tolist() == [len(key.canonical) for key in made.keys]


def test_what_the_source_counted_and_did_not_answer_is_carried() -> None:
    made = matrix([[1.0], [1.0]])
    frame = profile(made, counts(2, infinite=[0, 3], points=[1, 4]), missing=[made.keys[0]])
    assert frame["is_answered"].tolist() == [False, True]
    assert (frame["n_infinite"].tolist(), frame["n_points"].tolist()) == ([0, 3], [1, 4])


cells = st.one_of(st.just(NAN), st.sampled_from([0.0, 1.0, -1.0, 2.5]))


@settings(max_examples=150, deadline=None)
@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=cells))
def test_many_equals_one_by_one(values: np.ndarray) -> None:
    frame = profiled(values, minimum=0.0)
    for row, series in zip(frame.to_dict("records"), values, strict=True):
        seen = [i for i, value in enumerate(series) if value == value]
        assert row["n_observed"] == len(seen)
        assert row["n_since_first"] == (len(series) - seen[0] if seen else 0)
        assert row["n_since_last"] == (len(series) - 1 - seen[-1] if seen else len(series))
        assert row["n_below_minimum"] == sum(series[i] < 0 for i in seen)
        assert row["is_constant"] == (len({series[i] for i in seen}) == 1)
