from dataclasses import replace

import numpy as np
import pytest
from statsmodels.tsa.stattools import acf

from foresight.analysis import AnalysisParameters, analyse
from foresight.analysis.autocorrelation import _fast_length, autocorrelate, find_period
from tests.unit.analysis.recorded import recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def test_values_and_band_equal_statsmodels():
    values = recorded_windows()
    got = analyse(values).autocorrelation
    assert got.lags.tolist() == list(range(41))
    for row, series in enumerate(values):
        theirs = acf(series, nlags=40, alpha=0.05, result_object=True)
        np.testing.assert_allclose(got.values[row], theirs.acf, rtol=0, atol=1e-13)
        np.testing.assert_allclose(got.values[row] - got.half_width[row], theirs.confint[:, 0], atol=1e-13)
        np.testing.assert_allclose(got.values[row] + got.half_width[row], theirs.confint[:, 1], atol=1e-13)


def test_lags_beyond_the_series_have_no_correlation():
    found = autocorrelate(np.array([[1.0, -1.0, 1.0, -1.0]]), 6)
    assert np.isnan(found).tolist() == [[False] * 4 + [True] * 3]


def test_lags_beyond_the_series_have_no_band_either():
    values = np.random.default_rng(1).standard_normal((2, 30))
    parameters = AnalysisParameters(windows=(30,), autocorrelation_lags=40)
    got = analyse(values, parameters).autocorrelation
    for found in (got.values, got.half_width):
        assert np.isfinite(found[:, :30]).all()
        assert np.isnan(found[:, 30:]).all()
    fewer = analyse(values, replace(parameters, autocorrelation_lags=29)).autocorrelation
    np.testing.assert_array_equal(got.half_width[:, :30], fewer.half_width)


def test_a_series_without_variance_has_no_autocorrelation():
    got = analyse(np.full((1, 100), 3.0)).autocorrelation
    assert np.isnan(got.values).all()
    assert np.isnan(got.half_width).all()


@pytest.mark.parametrize("period", [4, 7, 30, 60, 200])
def test_the_period_of_a_noisy_cycle_is_found(period):
    rng = np.random.default_rng(period)
    time = np.arange(720)
    cycle = np.sin(2 * np.pi * time / period) + 0.5 * np.sin(4 * np.pi * time / period)
    found = analyse((cycle + 0.1 * rng.standard_normal(720))[None]).period[0]
    assert abs(found - period) <= max(1, period // 60)


@pytest.mark.parametrize(
    "series",
    [np.random.default_rng(1).standard_normal(720), np.random.default_rng(2).standard_normal(720).cumsum()],
    ids=["noise", "random walk"],
)
def test_what_does_not_repeat_has_no_period(series):
    assert analyse(series[None]).period.tolist() == [0]


def test_too_few_lags_hold_no_peak():
    assert find_period(np.ones((2, 2))).tolist() == [0, 0]


def test_transform_lengths_are_even_products_of_small_primes_and_long_enough():
    for least in range(1, 3000, 7):
        length = _fast_length(least)
        assert length >= least
        assert length % 2 == 0
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        assert rest == 1
