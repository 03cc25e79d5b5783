"""Reading an interval back: claims about any store."""

from __future__ import annotations

import numpy as np

from foresight.store import Store
from foresight.store.intervals import read_interval, read_series
from foresight.store.tables import aggregate, series_analysis
from tests.unit.store.rows import T0, keys, matrix, persist, write

IDS = sorted(key.id for key in keys(2500))
ANALYSIS = {
    "outcome": "analysed",
    "n_observed": 1,
    "n_missing": 0,
    "n_nonfinite": 0,
    "data_hash": "x",
    "code_version": "1",
}


def fill(store: Store, as_of: int, n_series: int) -> np.ndarray:
    """Analyses and two aggregates of each series; their means."""
    stationary = [[True, False, None][i % 3] for i in range(n_series)]
    columns = {"series_id": IDS[:n_series], "as_of": as_of, "is_stationary": stationary, **ANALYSIS}
    write(store, series_analysis, columns)
    means = np.random.default_rng(as_of).normal(size=(n_series, 2))
    means[0, 0] = np.nan
    windows = {"window_minutes": np.tile([60, 180], n_series), "mean": means.ravel(), "n_observed": 3}
    write(store, aggregate, {"series_id": np.repeat(IDS[:n_series], 2), "as_of": as_of, **windows})
    return means


class IntervalContract:
    """Columns of one as-of, in the order of the key."""

    def test_columns_come_in_the_order_of_the_key_with_all_their_digits(self, store: Store) -> None:
        means = fill(store, T0, 2500)
        fill(store, T0 + 600, 3)
        names = ["series_id", "window_minutes", "mean"]
        found = store.read(lambda connection: read_interval(connection, aggregate, T0, names))
        assert found["series_id"] == np.repeat(IDS, 2).tolist()
        assert found["window_minutes"] == [60, 180] * 2500
        assert found["mean"] == [None if np.isnan(mean) else mean for mean in means.ravel().tolist()]

    def test_truth_values_are_truth_values(self, store: Store) -> None:
        fill(store, T0, 3)
        names = ["is_stationary", "series_id", "outcome"]
        found = store.read(lambda connection: read_interval(connection, series_analysis, T0, names))
        assert [str(value) for value in found["is_stationary"]] == ["True", "False", "None"]
        assert found["outcome"] == ["analysed"] * 3

    def test_an_interval_that_nobody_analysed_is_empty(self, store: Store) -> None:
        found = store.read(lambda connection: read_interval(connection, aggregate, T0, ["series_id", "mean"]))
        assert found == {"series_id": [], "mean": []}

    def test_series_come_with_their_identity(self, store: Store) -> None:
        some = matrix([[1.0], [2.0]])
        persist(store, some)
        found = store.read(lambda connection: read_series(connection, some.ids.tolist()))
        assert sorted(found["series_id"]) == sorted(some.ids.tolist())
        assert sorted(found["labels"]) == ['{"instance":"0"}', '{"instance":"1"}']
