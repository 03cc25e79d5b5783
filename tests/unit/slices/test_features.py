"""Features: five columns by name, five periods of one cell, and a stated outcome where they are not there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.slices.features import INPUTS, History, Outcome, features, history, windows
from foresight.slices.targets import Target, reference
from tests.unit.slices.reference import recording

G = 900


def rows(n_cells: int = 1, n_periods: int = 6, start: int = 1_800_000) -> dict[str, Any]:
    """Stored rows of ``n_cells`` with every period there."""
    rng = np.random.default_rng(1)
    cell, period = np.divmod(np.arange(n_cells * n_periods), n_periods)
    counters = rng.integers(1, 500, (len(cell), 3)).astype(float)
    return {
        "cell": cell,
        "start": start + G * period,
        "granularity": np.full(len(cell), G),
        "counters": counters,
        "suspect": np.zeros(len(cell), bool),
        "n_cells": n_cells,
    }


def without(given: dict[str, Any], drop: list[int]) -> dict[str, Any]:
    keep = np.setdiff1d(np.arange(len(given["cell"])), drop)
    return {name: value if name == "n_cells" else value[keep] for name, value in given.items()}


def outcome(past: History, configured: float = 100.0, **options: Any) -> Outcome:
    return Outcome(features(past, [configured], **options).outcome[0])


def test_the_24_inputs_are_named_oldest_period_first() -> None:
    assert len(INPUTS) == 24
    assert INPUTS[:5] == (
        "requests[t-4]",
        "successes[t-4]",
        "failures[t-4]",
        "configured[t-4]",
        "predicted[t-4]",
    )
    assert INPUTS[-4:] == ("requests[t]", "successes[t]", "failures[t]", "configured[t]")


def test_live_features_equal_the_training_windows_of_the_same_periods() -> None:
    counters, configured = recording()
    counters, configured = counters[:, :50], configured[:, :50]
    inputs, _ = windows(counters, configured, Target.REFERENCE)
    cell, period = np.divmod(np.arange(11 * 50), 50)
    for end in (6, 23, 50):
        seen = period < end
        past = history(
            cell[seen],
            G * (period[seen] + 7),
            np.full(seen.sum(), G),
            counters[:, :end].reshape(-1, 3),
            np.zeros(seen.sum(), bool),
            11,
        )
        live = features(past, configured[:, 0])
        assert live.is_ready.all()
        np.testing.assert_array_equal(inputs[:, end - 5], live.inputs)


def test_the_order_of_rows_does_not_matter() -> None:
    given = rows(n_cells=7)
    expected = features(history(**given), np.full(7, 100.0))
    shuffled = np.random.default_rng(2).permutation(len(given["cell"]))
    mixed = {name: value if name == "n_cells" else value[shuffled] for name, value in given.items()}
    np.testing.assert_array_equal(expected.inputs, features(history(**mixed), np.full(7, 100.0)).inputs)


def test_no_window_takes_a_value_of_another_cell() -> None:
    given = rows(n_cells=3)
    before = features(history(**given), np.full(3, 100.0)).inputs
    given["counters"][given["cell"] == 1] *= 3
    after = features(history(**given), np.full(3, 100.0)).inputs
    np.testing.assert_array_equal(before[[0, 2]], after[[0, 2]])
    assert (before[1] != after[1]).any()


@pytest.mark.parametrize(
    ("n_periods", "drop", "expected"),
    [
        (4, [], Outcome.WARMING_UP),
        (5, [], Outcome.READY),
        (5, [2], Outcome.GAP),
        (4, [1], Outcome.WARMING_UP),
        (6, [2], Outcome.GAP),
        (6, [0], Outcome.READY),
        (9, [5], Outcome.GAP),
        (9, [3], Outcome.READY),
        (1, [0], Outcome.WARMING_UP),
    ],
)
def test_too_few_periods_and_gaps_are_told_apart(n_periods: int, drop: list[int], expected: Outcome) -> None:
    assert outcome(history(**without(rows(n_periods=n_periods), drop))) is expected


def test_a_suspect_period_is_not_predicted_from_until_it_left_the_window() -> None:
    given = rows(n_periods=7)
    given["suspect"][2] = True
    assert outcome(history(**given)) is Outcome.SUSPECT
    given["suspect"][2], given["suspect"][1] = False, True
    assert outcome(history(**given)) is Outcome.READY


def test_a_good_row_of_a_period_counts_before_a_suspect_one() -> None:
    given = rows(n_periods=6)
    doubled = {name: v if name == "n_cells" else np.concatenate([v, v[-1:]]) for name, v in given.items()}
    doubled["suspect"][-1], doubled["counters"][-1] = True, 999
    doubled["start"][-1] += 5
    assert outcome(history(**doubled)) is Outcome.READY


def test_a_pace_that_wavers_keeps_its_periods() -> None:
    given = rows(n_periods=6)
    given["start"] = given["start"] + np.array([0, 40, -60, 100, -3, 7])
    assert outcome(history(**given)) is Outcome.READY


def test_after_a_change_of_granularity_a_cell_warms_up_anew() -> None:
    given = rows(n_periods=8)
    given["granularity"][-2:] = 300
    given["start"][-2:] = given["start"][5] + np.array([900, 1200])
    assert outcome(history(**given)) is Outcome.WARMING_UP


@pytest.mark.parametrize(("after", "expected"), [(900, Outcome.READY), (901, Outcome.LATE)])
def test_a_cell_that_fell_silent_is_late(after: int, expected: Outcome) -> None:
    past = history(**rows())
    assert outcome(past, as_of=int(past.newest[0]) + G + after) is expected


@pytest.mark.parametrize("configured", [np.nan, 0.0, -1.0])
def test_a_cell_without_a_configuration_is_reported(configured: float) -> None:
    assert outcome(history(**rows()), configured) is Outcome.NO_CONFIGURATION


def test_a_silent_cell_is_late_and_waits_no_more_even_where_nothing_is_configured() -> None:
    past = history(**rows())
    assert outcome(past, np.nan, as_of=int(past.newest[0]) + 3 * G) is Outcome.LATE


def test_failures_that_were_not_reported_are_inferred_and_the_row_says_so() -> None:
    given = rows()
    given["counters"][:, 0] = 10
    given["counters"][:, 1] = 7
    given["counters"][-1, 2] = np.nan
    found = features(history(**given), [100.0])
    assert found.is_ready.all()
    assert found.is_inferred.all()
    assert found.inputs[0, INPUTS.index("failures[t]")] == 3
    given["counters"][-1, 1] = np.nan
    assert outcome(history(**given)) is Outcome.MISSING_COUNTER


@pytest.mark.parametrize(
    ("lag", "expected"), [(0, Outcome.NO_REQUESTS), (1, Outcome.NO_REQUESTS), (2, Outcome.READY)]
)
def test_periods_without_requests_have_no_answer(lag: int, expected: Outcome) -> None:
    given = rows()
    given["counters"][-1 - lag] = 0
    assert outcome(history(**given)) is expected


@settings(deadline=None)
@given(st.data())
def test_many_cells_are_as_each_one_by_itself(data: st.DataObject) -> None:
    n_cells = data.draw(st.integers(1, 4))
    whole = rows(n_cells=n_cells, n_periods=8)
    drop = data.draw(st.lists(st.integers(0, n_cells * 8 - 1)))
    spoilt = data.draw(st.lists(st.integers(0, n_cells * 8 - 1)))
    whole["counters"][spoilt] = data.draw(st.sampled_from([0.0, np.nan]))
    whole["suspect"][spoilt] = data.draw(st.booleans())
    given = without(whole, drop)
    together = features(history(**given), np.full(n_cells, 100.0))
    assert np.isfinite(together.inputs[together.is_ready]).all()
    for one in range(n_cells):
        mine = {name: 1 if name == "n_cells" else v[given["cell"] == one] for name, v in given.items()}
        mine["cell"] = np.zeros(len(mine["cell"]), int)
        alone = features(history(**mine), [100.0])
        assert alone.outcome[0] == together.outcome[one]
        np.testing.assert_array_equal(alone.inputs[0], together.inputs[one])


def test_windows_never_cross_the_border_of_a_cell() -> None:
    counters, configured = recording()
    inputs, answers = windows(counters[:, :30], configured[:, :30], Target.REFERENCE)
    assert inputs.shape == (11, 26, 24)
    assert answers.shape == (11, 26)
    for cell in range(11):
        one, _ = windows(counters[cell : cell + 1, :30], configured[cell : cell + 1, :30], Target.REFERENCE)
        np.testing.assert_array_equal(one[0], inputs[cell])
    np.testing.assert_array_equal(answers, reference(counters[:, :30], configured[:, :30])[:, 4:])


def test_a_history_shorter_than_a_window_has_no_windows() -> None:
    inputs, answers = windows(np.ones((2, 4, 3)), np.ones((2, 4)), Target.REFERENCE)
    assert inputs.shape == (2, 0, 24)
    assert answers.shape == (2, 0)
