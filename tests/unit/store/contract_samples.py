"""Series and samples: claims about any store."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from foresight.errors import IdentityClash
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.store import (
    Store,
    count_rows,
    find_series,
    load_matrix,
)
from foresight.store.tables import (
    sample,
    series,
)
from tests.unit.store.rows import (
    T0,
    all_rows,
    keys,
    matrix,
    persist,
    write,
)


class SamplesContract:
    """Matrices go in by any order of runs and come out as they were."""

    @pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
    def test_the_order_of_runs_leaves_the_same_table(self, store: Store, order: tuple[int, ...]) -> None:
        rng = np.random.default_rng(3)
        truth = rng.normal(size=(7, 90))
        truth[rng.random(truth.shape) < 0.2] = np.nan
        for run in order:
            persist(store, matrix(truth[:, 10 * run : 10 * run + 60], T0 + 600 * run))
        last = Grid(T0 + 1800, 90)
        stored = store.read(lambda connection: load_matrix(connection, keys(7), last))
        np.testing.assert_array_equal(truth, stored.values)
        assert store.read(lambda connection: count_rows(connection, sample)) == 7 * 90

    def test_a_partial_answer_takes_nothing_away_and_the_next_whole_one_fills_it(self, store: Store) -> None:
        truth = np.arange(3 * 40.0).reshape(3, 40)
        half = truth.copy()
        half[0, ::2] = half[1] = np.nan
        persist(store, matrix(truth[:, :30], T0))
        persist(store, matrix(half, T0 + 600))
        seen = np.where(
            np.isnan(half), np.pad(truth[:, :30], ((0, 0), (0, 10)), constant_values=np.nan), half
        )
        grid = matrix(truth, T0 + 600).grid
        stored = store.read(lambda connection: load_matrix(connection, keys(3), grid)).values
        np.testing.assert_array_equal(seen, stored)
        persist(store, matrix(truth, T0 + 600))
        stored = store.read(lambda connection: load_matrix(connection, keys(3), grid)).values
        np.testing.assert_array_equal(truth, stored)

    def test_a_run_writes_only_what_it_adds(self, store: Store) -> None:
        truth = np.arange(3 * 40.0).reshape(3, 40)
        assert persist(store, matrix(truth[:, :30])) == 3 * 30
        assert persist(store, matrix(truth[:, 10:], T0 + 600)) == 3 * 10

    def test_a_series_with_an_older_gap_is_written_whole(self, store: Store) -> None:
        truth = np.arange(3 * 30.0).reshape(3, 30)
        gap = truth.copy()
        gap[1, 5] = np.nan
        persist(store, matrix(gap))
        assert persist(store, matrix(truth)) == 30 + 2 * 10
        stored = store.read(lambda connection: load_matrix(connection, keys(3), Grid(T0, 30)))
        np.testing.assert_array_equal(truth, stored.values)

    def test_a_window_no_longer_than_what_settles_is_written_whole(self, store: Store) -> None:
        assert persist(store, matrix([[1.0, 2.0, 3.0], [4.0, math.nan, 6.0]]), settle_slots=10) == 6

    def test_loading_keeps_the_order_asked_for_and_nan_where_nothing_is(self, store: Store) -> None:
        persist(store, matrix([[1.0, 2.0], [3.0, math.nan]]))
        wanted = (*keys(2)[::-1], SeriesKey.of("unknown"))
        loaded = store.read(lambda connection: load_matrix(connection, wanted, Grid(T0 + 60, 4)))
        nan = math.nan
        expected = [[nan, 3, nan, nan], [nan, 1, 2, nan], [nan] * 4]
        np.testing.assert_array_equal(expected, loaded.values)

    def test_loading_many_is_loading_one_by_one(self, store: Store) -> None:
        values = np.random.default_rng(5).normal(size=(20, 15))
        persist(store, matrix(values))
        grid = Grid(T0 + 120, 20)
        many = store.read(lambda connection: load_matrix(connection, keys(20), grid)).values
        one = [store.read(lambda c, key=key: load_matrix(c, [key], grid)).values[0] for key in keys(20)]
        np.testing.assert_array_equal(one, many)

    def test_loading_a_coarser_grid_takes_the_slots_on_it(self, store: Store) -> None:
        as_of = T0 - T0 % 300
        persist(store, matrix([np.arange(12.0)], as_of))
        loaded = store.read(lambda connection: load_matrix(connection, keys(1), Grid(as_of, 2, 300)))
        assert loaded.values.tolist() == [[6.0, 11.0]]

    def test_loading_nothing_gives_an_empty_matrix(self, store: Store) -> None:
        loaded = store.read(lambda connection: load_matrix(connection, [], Grid(T0, 5)))
        assert loaded.values.shape == (0, 5)

    def test_first_and_last_seen_are_slots_with_a_value(self, store: Store) -> None:
        nan = math.nan
        persist(store, matrix([[nan, 1.0, 2.0, nan], [nan] * 4]))
        found = {
            row.key.labels[0][1]: row for row in store.read(lambda connection: find_series(connection, "m"))
        }
        assert (found["0"].first_seen, found["0"].last_seen) == (T0 - 120, T0 - 60)
        assert (found["1"].first_seen, found["1"].last_seen) == (None, None)

    def test_two_identities_under_one_id_are_refused(self, store: Store) -> None:
        some = matrix([[1.0]])
        columns = {"metric": "other", "labels": "{}", "partition_name": "default"}
        write(store, series, {"series_id": some.ids, **columns})
        with pytest.raises(IdentityClash, match=str(some.ids[0])):
            persist(store, some)
        assert all_rows(store, sample) == []

    def test_the_series_of_a_metric_are_found_in_the_order_of_their_identity(self, store: Store) -> None:
        odd = [SeriesKey.of("m", {"a": text}) for text in ("1\n2", "é'\"\\")]
        others = SeriesKey.of("m2", {"a": "x"})
        some = SeriesMatrix((*odd, others), Grid(T0, 1), np.ones((3, 1)))
        persist(store, some)
        found = store.read(lambda connection: find_series(connection, "m"))
        assert sorted(odd) == [row.key for row in found]
