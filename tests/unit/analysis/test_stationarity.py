import warnings

import numpy as np
import pytest
from statsmodels.tsa.adfvalues import mackinnoncrit, mackinnonp
from statsmodels.tsa.stattools import adfuller

from foresight.analysis import analyse
from foresight.analysis.mackinnon import critical_values, p_value
from tests.unit.analysis.recorded import recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def peer(series, max_lag=3):
    return adfuller(
        (series - series.mean()) / series.std(), maxlag=max_lag, autolag="AIC", result_object=True
    )


def assert_equals_peer(values, statistic=1e-10, p=1e-10):
    test = analyse(values).stationarity
    for row, series in enumerate(values):
        theirs = peer(series)
        assert test.lags[row] == theirs.lags
        assert test.observations[row] == theirs.nobs
        assert test.statistic[row] == pytest.approx(theirs.statistic, rel=statistic)
        assert test.p_value[row] == pytest.approx(theirs.pvalue, abs=p)
        assert test.stationary[row] == (theirs.pvalue < 0.05)
        np.testing.assert_allclose(test.critical_values[row], list(theirs.critical_values.values()))


def test_the_test_equals_statsmodels_on_recorded_series():
    assert_equals_peer(recorded_windows())


@pytest.mark.parametrize("n_slots", [30, 61, 200])
def test_the_test_equals_statsmodels_on_short_windows(n_slots):
    windows = recorded_windows(n_slots, 700)
    assert_equals_peer(windows[[len(np.unique(w)) > 8 for w in windows]])


def test_the_test_equals_statsmodels_on_random_walks_noise_and_smooth_curves():
    rng = np.random.default_rng(7)
    noise = rng.standard_normal((8, 500))
    time = np.arange(500)
    smooth = np.sin(time / 40)[None] + 1e-5 * noise[:3]
    nearly_straight = time[None] + 1e-4 * noise[:3]
    assert_equals_peer(np.concatenate([noise, noise.cumsum(axis=1), smooth, nearly_straight]), 1e-7, 1e-7)


def test_level_and_unit_do_not_matter():
    values = recorded_windows()
    plain, moved = analyse(values).stationarity, analyse(values * 2.0**900).stationarity
    assert (plain.statistic == moved.statistic).all()
    lifted = analyse(1e10 + np.round(values * 2**10)).stationarity
    rounded = analyse(np.round(values * 2**10)).stationarity
    np.testing.assert_allclose(lifted.statistic, rounded.statistic, rtol=1e-9)


def test_a_tiny_wiggle_on_a_huge_value_is_tested_like_the_wiggle():
    wiggle = np.round(1e4 * recorded_windows()[:1]) % 1000
    np.testing.assert_allclose(
        analyse(1e12 + wiggle).stationarity.statistic, analyse(wiggle).stationarity.statistic, rtol=1e-12
    )


def test_a_step_or_pulse_near_an_edge_of_a_flat_series_is_tested_as_by_statsmodels():
    slots = np.arange(720)
    steps = [slots >= at for at in (2, 3, 4, 5, 360, 715, 716, 717, 718)]
    pulses = [slots == at for at in (1, 2, 3, 4, 360, 715, 716, 717, 718)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # statsmodels finds some of its candidates singular
        assert_equals_peer(np.array([*steps, *pulses], dtype=float), 1e-9)


@pytest.mark.parametrize(
    "series",
    [np.full(100, 3.0), np.arange(100.0), np.eye(1, 100, 99)[0], np.eye(1, 100, 0)[0]],
    ids=["constant", "straight line", "change in the last slot", "change after the first slot"],
)
def test_a_series_that_its_past_determines_has_no_test(series):
    test = analyse(series[None]).stationarity
    assert np.isnan([test.statistic[0], test.p_value[0], *test.critical_values[0]]).all()
    assert (test.lags[0], test.observations[0], test.stationary[0]) == (-1, 0, False)


def test_p_values_equal_statsmodels_over_the_whole_range():
    statistics = np.concatenate([np.linspace(-25, 5, 3001), [-18.83, -1.61, 2.74]])
    np.testing.assert_allclose(
        p_value(statistics), [mackinnonp(s) for s in statistics], rtol=1e-12, atol=1e-300
    )
    assert np.isnan(p_value(np.array([np.nan]))).all()


def test_critical_values_equal_statsmodels():
    observations = np.array([20, 100, 716])
    expected = [mackinnoncrit(regression="c", nobs=n) for n in observations]
    np.testing.assert_allclose(critical_values(observations), expected, rtol=1e-15)
    assert np.isnan(critical_values(np.array([0]))).all()
