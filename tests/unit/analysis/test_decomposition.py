import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import seasonal_decompose

from foresight.analysis.decomposition import decompose, window_sums
from tests.unit.analysis.recorded import matrices, recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def test_every_series_with_its_own_period_equals_statsmodels():
    values = recorded_windows()
    period = np.resize([2, 3, 24, 60, 61, 180, 359, 360], len(values))
    got = decompose(values, period)
    for row, series in enumerate(values):
        theirs = seasonal_decompose(series, period=period[row])
        for mine, other in (
            (got.trend, theirs.trend),
            (got.seasonal, theirs.seasonal),
            (got.residual, theirs.resid),
        ):
            np.testing.assert_allclose(mine[row], other, rtol=0, atol=1e-14 * np.abs(series).max())


@pytest.mark.parametrize("period", [0, 1, 51])
def test_without_two_whole_cycles_there_are_no_curves(period):
    got = decompose(np.arange(100.0)[None], np.array([period]))
    assert got.period.tolist() == [0]
    assert np.isnan([got.trend, got.seasonal, got.residual]).all()


def test_the_edges_are_undefined_and_never_zero():
    got = decompose(np.ones((1, 100)), np.array([10]))
    assert np.flatnonzero(np.isnan(got.trend[0])).tolist() == [*range(5), *range(95, 100)]
    assert (np.isnan(got.residual) == np.isnan(got.trend)).all()


@given(matrices(4, 40, missing=False), st.integers(2, 20))
def test_the_parts_add_up_to_the_series(values, period):
    got = decompose(values, np.full(len(values), period))
    whole = got.trend + got.seasonal + got.residual
    defined = ~np.isnan(whole)
    np.testing.assert_allclose(whole[defined], values[defined], rtol=0, atol=1e-14 * np.abs(values).max())


@given(matrices(1, 40, missing=False), st.data())
def test_window_sums_equal_plain_sums(values, data):
    width = data.draw(st.integers(1, values.shape[1]))
    expected = np.lib.stride_tricks.sliding_window_view(values, width, axis=1).sum(axis=2)
    np.testing.assert_allclose(
        window_sums(values, width), expected, rtol=0, atol=1e-14 * width * np.abs(values).max()
    )
