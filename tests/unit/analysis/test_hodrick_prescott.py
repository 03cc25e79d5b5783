import numpy as np
import pytest
from statsmodels.tsa.filters.hp_filter import hpfilter

from foresight.analysis.hodrick_prescott import hodrick_prescott
from tests.unit.analysis.recorded import recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.mark.parametrize("n_slots", [3, 4, 31, 32, 33, 65, 720])
@pytest.mark.parametrize("smoothing", [1.0, 1600.0, 1e7])
def test_trend_and_cycle_equal_statsmodels(n_slots, smoothing):
    values = recorded_windows(n_slots, 2160)
    got = hodrick_prescott(values, smoothing)
    for row, series in enumerate(values):
        cycle, trend = hpfilter(series, smoothing)
        size = np.abs(series).max()
        np.testing.assert_allclose(got.trend[row], trend, rtol=0, atol=1e-12 * size * max(1, smoothing / 1e3))
        np.testing.assert_allclose(got.cycle[row], cycle, rtol=0, atol=1e-12 * size * max(1, smoothing / 1e3))


@pytest.mark.parametrize("n_slots", [1, 2, 3, 40])
def test_a_straight_line_is_its_own_trend(n_slots):
    line = 5.0 + 3.0 * np.arange(n_slots)[None]
    got = hodrick_prescott(line, 1600)
    np.testing.assert_allclose(got.trend, line, rtol=0, atol=1e-12 * line.max())
    np.testing.assert_allclose(got.cycle, 0, atol=1e-10)


def test_trend_and_cycle_add_up_to_the_series_near_ten_to_the_tenth():
    values = 1e10 + recorded_windows()
    got = hodrick_prescott(values, 1600)
    np.testing.assert_allclose(got.trend + got.cycle, values, rtol=1e-15)
