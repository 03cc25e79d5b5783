"""A series that is too young for the whole window is forecast from as much of it as will do."""

from __future__ import annotations

import numpy as np
import pytest

from foresight.analysis import AnalysisParameters
from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.joint_forecast import forecast
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds

PARAMETERS = ForecastParameters(enough=AnalysisParameters(min_observed=30, min_coverage=0.5))


def walks(n_series: int, n_slots: int = 720) -> np.ndarray:
    return np.random.default_rng(7).standard_normal((n_series, n_slots)).cumsum(axis=1)


@pytest.mark.parametrize(
    ("observed", "history"), [(720, 720), (360, 720), (359, 360), (180, 360), (100, 180), (60, 90), (45, 90)]
)
def test_the_history_is_the_longest_tail_of_which_enough_is_observed(observed: int, history: int) -> None:
    values = walks(1)
    values[:, : 720 - observed] = np.nan
    assert forecast(values, 10, PARAMETERS).history.tolist() == [history]


@pytest.mark.parametrize("observed", [0, 1, 29, 44])
def test_too_little_of_any_tail_is_no_forecast(observed: int) -> None:
    values = walks(1)
    values[:, : 720 - observed] = np.nan
    found = forecast(values, 10, PARAMETERS)
    assert (found.history.tolist(), found.model.tolist()) == ([0], [-1])
    assert np.isnan(found.mean).all()


def test_young_and_old_series_together_are_what_each_is_alone() -> None:
    values = walks(12)
    ages = np.array([720, 50, 300, 0, 100, 720, 44, 200, 60, 359, 360, 719])
    for row, age in enumerate(ages):
        values[row, : 720 - age] = np.nan
    bounds = np.arange(24) % 12
    lower, upper = (
        np.full(24, -np.inf),
        np.nanmax(values[bounds], axis=1, initial=0.0) * np.repeat([0.9, 1.1], 12),
    )
    together, risk = forecast_risk(values, Bounds(bounds, lower, upper), (10,), PARAMETERS)
    for row in range(12):
        mine = np.flatnonzero(bounds == row)
        first = np.zeros(len(mine), dtype=np.intp)
        alone, one = forecast_risk(
            values[row : row + 1], Bounds(first, lower[mine], upper[mine]), (10,), PARAMETERS
        )
        assert alone.mean.tobytes() == together.mean[row : row + 1].tobytes()
        assert one.probability.tobytes() == risk.probability[mine].tobytes()


def test_what_lies_before_the_history_changes_nothing() -> None:
    values = walks(1)
    values[:, :-100] = np.nan
    tail = forecast(values[:, -180:].copy(), 10, PARAMETERS)
    assert forecast(values, 10, PARAMETERS).mean.tobytes() == tail.mean.tobytes()
