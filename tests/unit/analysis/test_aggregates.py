import numpy as np
import pandas as pd
import pytest
from hypothesis import given

from foresight.analysis.aggregates import aggregate
from tests.unit.analysis.recorded import matrices, recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def test_aggregates_equal_pandas_over_each_window_with_gaps():
    values = recorded_windows()
    values[::3, 100:160] = np.nan
    values[::2, -7:] = np.nan
    got = aggregate(values, (60, 180, 720))
    for column, window in enumerate(got.windows):
        theirs = pd.DataFrame(values[:, -window:].T)
        assert (got.observed[:, column] == theirs.count()).all()
        assert (got.maximum[:, column] == theirs.max()).all()
        assert (got.minimum[:, column] == theirs.min()).all()
        np.testing.assert_allclose(got.mean[:, column], theirs.mean(), rtol=1e-13)
        np.testing.assert_allclose(got.std[:, column], theirs.std(), rtol=1e-11, atol=1e-15)


def test_a_window_longer_than_the_matrix_covers_all_of_it():
    got = aggregate(np.array([[1.0, 2.0, 6.0]]), (2, 60))
    assert got.observed.tolist() == [[2, 3]]
    assert got.mean.tolist() == [[4.0, 3.0]]


def test_without_a_sample_there_is_no_aggregate_and_with_one_no_spread():
    got = aggregate(np.array([[np.nan, np.inf, np.nan], [np.nan, np.nan, 5.0]]), (3,))
    assert got.observed.tolist() == [[0], [1]]
    assert np.isnan([got.maximum[0, 0], got.minimum[0, 0], got.mean[0, 0], *got.std[:, 0]]).all()
    assert (got.maximum[1, 0], got.minimum[1, 0], got.mean[1, 0]) == (5, 5, 5)


@pytest.mark.parametrize("value", [0.1, 1e10 / 3, -1e-300, 1.7e308, 5e-324])
def test_a_constant_has_its_own_mean_and_no_spread(value):
    got = aggregate(np.full((1, 720), value), (720,))
    assert (got.mean[0, 0], got.std[0, 0]) == (value, 0.0)


@pytest.mark.parametrize("exponent", [-1000, -900, 900, 1015])
def test_extreme_magnitudes_neither_overflow_nor_vanish(exponent):
    values = recorded_windows()[:5]
    plain, extreme = (aggregate(np.ldexp(values / 2**7, e), (60, 720)) for e in (0, exponent))
    assert (extreme.mean == np.ldexp(plain.mean, exponent)).all()
    np.testing.assert_allclose(extreme.std, np.ldexp(plain.std, exponent), rtol=1e-15)


def test_a_level_shift_before_a_window_costs_it_no_digit():
    wiggle = 1.0 + 1e-6 * np.sin(np.arange(60))
    values = np.concatenate([np.full(660, 1e10), wiggle])[None]
    assert aggregate(values, (60, 720)).std[0, 0] == pytest.approx(wiggle.std(ddof=1), rel=1e-9)


@given(matrices())
def test_the_mean_lies_between_the_extremes_and_one_row_alone_gives_the_same(values):
    got = aggregate(values, (3, 60))
    known = got.observed > 0
    assert (got.minimum[known] <= got.mean[known]).all()
    assert (got.mean[known] <= got.maximum[known]).all()
    alone = aggregate(values[-1:], (3, 60))
    np.testing.assert_array_equal(alone.std[0], got.std[-1])
