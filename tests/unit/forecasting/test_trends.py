import numpy as np
import pytest
import statsmodels.api as sm

from foresight.forecasting.trends import DRIFTS, LINES, Trends, fit_line
from tests.unit.forecasting.blocks import window_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    return rng.standard_normal((4, 300)).cumsum(axis=1) + 0.1 * np.arange(300)


def test_a_line_and_its_prediction_error_are_those_of_least_squares(samples):
    trends = Trends.of(window_of(samples))
    steps = np.array([1.0, 10.0])
    mean, deviation = trends.ahead(steps)
    for at, length in enumerate(LINES):
        time = np.arange(length, dtype=float)
        for row in range(len(samples)):
            peer = sm.OLS(samples[row, -length:], sm.add_constant(time)).fit()
            ahead = sm.add_constant(length - 1 + steps, has_constant="add")
            told = peer.get_prediction(ahead)
            np.testing.assert_allclose(mean[at, row] + samples[row, -1], told.predicted_mean, rtol=1e-8)
            np.testing.assert_allclose(deviation[at, row], told.se_obs, rtol=1e-8)


def test_a_drift_carries_the_mean_change_on(samples):
    trends = Trends.of(window_of(samples))
    steps = np.array([1.0, 10.0])
    mean, deviation = trends.ahead(steps)
    for at, length in enumerate((*DRIFTS, 299), len(LINES)):
        change = np.diff(samples[:, -length - 1 :], axis=1)
        np.testing.assert_allclose(mean[at], change.mean(axis=1)[:, None] * steps, rtol=1e-9, atol=1e-12)
        expected = change.std(axis=1)[:, None] * np.sqrt(steps + steps**2 / length)
        np.testing.assert_allclose(deviation[at], expected, rtol=1e-7)


def test_slots_that_were_not_observed_do_not_pull_a_line():
    line = 2.0 * np.arange(20.0)[None] + 5
    observed = np.ones((1, 20), dtype=bool)
    observed[0, 5:9] = False
    spoilt = line.copy()
    spoilt[0, 5:9] = 999.0
    slope, level, noise = fit_line(spoilt, observed)
    assert slope[0] == pytest.approx(2)
    assert level[0] == pytest.approx(43)
    assert noise[0] == pytest.approx(0, abs=1e-9)


def test_a_curve_that_flattens_bends_down_and_a_straight_line_does_not():
    time = np.arange(400.0)
    noise = 0.01 * np.random.default_rng(1).standard_normal(400)
    flattens, straight = (
        Trends.of(window_of((x + noise)[None])) for x in (100 * (1 - np.exp(-time / 100)), time)
    )
    at = LINES.index(40)
    assert flattens.bend[at, 0] < -3
    assert abs(straight.bend[at, 0]) < 2


def test_a_constant_has_trends_of_no_slope():
    trends = Trends.of(window_of(np.full((1, 100), 7.0)))
    assert (trends.slope == 0).all()
    assert np.isfinite(trends.ahead(np.array([1.0]))[1]).all()
