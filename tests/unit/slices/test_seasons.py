"""The time among the inputs: what the names say is what the columns hold."""

from __future__ import annotations

import numpy as np
import pytest

from foresight.slices.dataset import Dataset
from foresight.slices.features import INPUTS, LONG_INPUTS, PAST, windows
from foresight.slices.recording import simulate
from foresight.slices.seasons import calendar, has_seasons
from foresight.slices.targets import Target, target
from tests.unit.slices.structured import START, structured


def test_the_answers_of_yesterday_and_last_week_are_those_of_their_periods() -> None:
    made = structured("weekly", 2, 15)
    inputs, answers = windows(made.counters, made.configured, Target.FORWARD, 0.1, (START, 900))
    all_answers = target(Target.FORWARD, made.counters, made.configured)
    for name, periods in (("predicted[t-1d]", 96), ("predicted[t-1w]", 672)):
        column = inputs[..., LONG_INPUTS.index(name)]
        np.testing.assert_array_equal(column[:, 700:], all_answers[:, PAST + 700 - periods : -periods])
        assert np.isnan(column[:, : periods - PAST]).all()
    np.testing.assert_array_equal(answers[:, :-1], all_answers[:, PAST:-1])
    short, _ = windows(made.counters, made.configured, Target.FORWARD)
    np.testing.assert_array_equal(inputs[..., : len(INPUTS)], short)


def test_the_calendar_turns_once_a_day_and_once_a_week() -> None:
    found = calendar(START + 3600 * np.array([0, 6, 12, 24, 84, 168]))
    np.testing.assert_allclose(found[[0, 1, 2], :2], [[0, 1], [1, 0], [0, -1]], atol=1e-9)
    np.testing.assert_allclose(found[0], found[5], atol=1e-9)
    np.testing.assert_allclose(found[3, :2], found[0, :2], atol=1e-9)
    assert not np.allclose(found[3, 2:], found[0, 2:])


@pytest.mark.parametrize(
    ("n_periods", "seconds", "is_long"), [(1344, 900, True), (1343, 900, False), (20_000, 700, False)]
)
def test_seasons_take_fourteen_days_of_whole_periods(n_periods: int, seconds: int, is_long: bool) -> None:
    assert has_seasons(n_periods, seconds) is is_long


def test_a_forecast_is_trained_with_the_time_only_where_the_time_is_known() -> None:
    made = structured("daily", 2, 14)
    assert Dataset.of(made, Target.FORWARD).names == LONG_INPUTS
    assert Dataset.of(made, Target.REFERENCE).names == INPUTS
    assert Dataset.of(simulate(2, 14 * 96), Target.FORWARD).names == INPUTS
    assert Dataset.of(structured("daily", 2, 13), Target.FORWARD).names == INPUTS
