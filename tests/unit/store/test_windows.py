"""What a run need not write again."""

from __future__ import annotations

import numpy as np
import pytest

from foresight.grid import Grid
from foresight.store import Store, load_matrix
from foresight.store.tables import sample, sample_window
from foresight.store.windows import are_stored
from tests.unit.store.rows import T0, all_rows, clear, column, keys, matrix, persist

TRUTH = np.arange(4 * 80.0).reshape(4, 80)
TRUTH[1, 3::7] = np.nan


def run(store: Store, first: int, n_slots: int = 50, truth: np.ndarray = TRUTH) -> int:
    """Stores the window that starts at slot ``first`` of the truth; how many rows that took."""
    return persist(store, matrix(truth[:, first : first + n_slots], T0 + 60 * (first + n_slots)))


def test_the_same_interval_again_writes_what_may_still_change(store: Store) -> None:
    assert run(store, 10) == 4 * 50
    assert run(store, 10) == 4 * 10


def test_an_older_interval_that_is_stored_is_counted_and_not_written(store: Store) -> None:
    for first in (0, 10, 20):
        run(store, first)
    assert run(store, 0) == 4 * 10


def test_an_older_interval_that_is_not_stored_is_written(store: Store) -> None:
    run(store, 30)
    assert run(store, 0) == 4 * 50


def test_a_gap_between_two_intervals_is_filled_by_the_one_between(store: Store) -> None:
    run(store, 0, 20)
    run(store, 60, 20)
    assert run(store, 20, 40) == 4 * 40
    assert run(store, 0, 80) == 4 * 10
    assert len(all_rows(store, sample)) == 4 * 80


def test_a_shorter_window_inside_a_stored_one_is_not_written(store: Store) -> None:
    run(store, 0, 80)
    assert run(store, 40, 30) == 4 * 10


def test_a_series_whose_value_came_late_is_written_whole_and_the_others_are_not(store: Store) -> None:
    late = TRUTH.copy()
    late[2, 30] = np.nan
    run(store, 0, truth=late)
    assert run(store, 10) == 50 + 3 * 10
    assert column(store, sample, "value").count(None) == np.isnan(TRUTH[:, :60]).sum()


def test_a_value_at_another_place_is_noticed_though_there_are_as_many(store: Store) -> None:
    moved = TRUTH.copy()
    moved[0, 30] = np.nan
    run(store, 0, truth=moved)
    moved[0, 30:32] = TRUTH[0, 30], np.nan
    assert run(store, 0, truth=moved) == 50 + 3 * 10


@pytest.mark.parametrize(("slot", "is_seen"), [(50 - 10, True), (50 - 11, False)])
def test_a_correction_is_seen_in_the_slots_that_settle_and_in_no_older_one(
    store: Store, slot: int, *, is_seen: bool
) -> None:
    run(store, 0)
    corrected = TRUTH.copy()
    corrected[2, slot] += 0.5
    run(store, 0, truth=corrected)
    stored = store.read(lambda c: load_matrix(c, keys(4), Grid(T0 + 60 * 50, 50)))
    assert (stored.values[2, slot] == corrected[2, slot]) == is_seen


def test_a_new_series_among_known_ones_is_written_whole(store: Store) -> None:
    run(store, 0, truth=TRUTH[:3])
    assert run(store, 10) == 3 * 10 + 50


def test_the_newest_window_is_kept_whatever_the_order(store: Store) -> None:
    tables = []
    for order in ((0, 10, 20), (20, 0, 10), (10, 20, 0)):
        clear(store)
        for first in order:
            run(store, first)
        tables.append((all_rows(store, sample), all_rows(store, sample_window)))
    assert tables[0] == tables[1] == tables[2]


def test_a_window_of_another_step_says_nothing(store: Store) -> None:
    run(store, 0)
    coarse = Grid(T0 - T0 % 300 + 3000, 5, 300)
    ids = matrix(TRUTH).ids
    observed = np.ones((4, 5), dtype=np.bool_)
    assert not store.read(lambda connection: are_stored(connection, ids, coarse, observed)).any()


@pytest.mark.parametrize("n_slots", [1, 7, 8, 9, 64])
def test_windows_of_every_length_are_remembered_to_the_slot(store: Store, n_slots: int) -> None:
    rng = np.random.default_rng(n_slots)
    values = np.where(rng.random((5, n_slots)) < 0.5, np.nan, 1.0)
    some = matrix(values)
    persist(store, some)
    observed = ~np.isnan(values)

    def asked(mask: np.ndarray) -> list[bool]:
        return store.read(lambda connection: are_stored(connection, some.ids, some.grid, mask)).tolist()

    assert asked(observed) == [True] * 5
    for row, slot in ((0, 0), (4, n_slots - 1)):
        wrong = observed.copy()
        wrong[row, slot] ^= True
        assert asked(wrong) == [at != row for at in range(5)]


def test_what_was_not_written_again_is_still_right(store: Store) -> None:
    rng = np.random.default_rng(9)
    for first in rng.permutation(31).tolist():
        run(store, first)
    loaded = store.read(lambda connection: load_matrix(connection, keys(4), Grid(T0 + 4800, 80)))
    np.testing.assert_array_equal(TRUTH, loaded.values)
