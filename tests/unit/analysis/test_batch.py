import dataclasses
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings

from foresight.analysis import Analysis, AnalysisParameters, Outcome, analyse, curves
from tests.unit.analysis.recorded import matrices, recorded_windows

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def arrays_of(record: object, n_series: int) -> Iterator[tuple[str, np.ndarray]]:
    """Every array of a nested record that has a row for each series."""
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if dataclasses.is_dataclass(value):
            yield from arrays_of(value, n_series)
        elif isinstance(value, np.ndarray) and len(value) == n_series:
            yield field.name, value


def awkward(n_slots: int = 720) -> np.ndarray:
    """Recorded series among which are all kinds of bad ones; 61 rows, so no row count meets the lag count."""
    values = np.resize(recorded_windows(), (61, 720))[:, :n_slots].copy()
    values[3] = np.nan
    values[4] = 7.0
    values[5, 5:-5] = np.nan
    values[6, 50:60] = np.inf
    values[7, ::2] = np.nan
    values[8] *= 1e-300
    values[9] = values[9] / values[9].max() * 1e308
    values[10] = np.arange(n_slots)
    return values


def everything(values: np.ndarray) -> dict[str, np.ndarray]:
    analysis = analyse(values)
    drawn = curves(values, analysis.period)
    return dict([*arrays_of(analysis, len(values)), *arrays_of(drawn, len(values))])


def test_each_row_alone_gives_the_same_bits_as_among_many():
    values = awkward()
    together = everything(values)
    assert len(together) > 15
    for row in range(0, 61, 4):
        alone = everything(np.repeat(values[row : row + 1], 61, axis=0))
        single = analyse(values[row : row + 1])
        assert single.stationarity.statistic.tobytes() == together["statistic"][row : row + 1].tobytes()
        for name, array in alone.items():
            np.testing.assert_array_equal(array[0], together[name][row], err_msg=name)


def test_the_order_of_the_rows_does_not_matter():
    values = awkward()
    order = np.random.default_rng(3).permutation(len(values))
    together, shuffled = everything(values), everything(values[order])
    for name, array in shuffled.items():
        np.testing.assert_array_equal(array, together[name][order], err_msg=name)


def test_bad_series_have_stated_outcomes_and_nothing_made_up():
    analysis = analyse(awkward())
    expected = {3: Outcome.EMPTY, 4: Outcome.CONSTANT, 5: Outcome.SHORT, 6: Outcome.OK, 7: Outcome.GAPPY}
    for row, outcome in expected.items():
        assert analysis.outcome[row] == outcome
    for row in (3, 4, 5, 7):
        assert np.isnan(analysis.stationarity.p_value[row])
        assert np.isnan(analysis.autocorrelation.values[row]).all()
        assert analysis.period[row] == 0
    assert analysis.aggregates.observed[5].tolist() == [5, 5, 10]


def test_a_constant_has_curves_and_an_unusable_series_has_none():
    values = awkward()
    drawn = curves(values, np.full(len(values), 60))
    np.testing.assert_allclose(drawn.hodrick_prescott.trend[4], 7.0)
    assert (drawn.decomposition.seasonal[4] == 0).all()
    for row in (3, 5, 7):
        assert np.isnan(drawn.hodrick_prescott.trend[row]).all()
        assert drawn.decomposition.period[row] == 0


@pytest.mark.parametrize("exponent", [-1000, 900])
def test_extreme_magnitudes_change_nothing_but_the_unit(exponent):
    values = recorded_windows()[:6] / 2**10
    plain, extreme = everything(values), everything(np.ldexp(values, exponent))
    for name, array in plain.items():
        if name in {"trend", "seasonal", "residual", "cycle", "mean", "std", "maximum", "minimum"}:
            size = np.max(np.abs(array), where=~np.isnan(array), initial=0)
            np.testing.assert_allclose(np.ldexp(extreme[name], -exponent), array, rtol=0, atol=1e-12 * size)
        else:
            np.testing.assert_array_equal(extreme[name], array, err_msg=name)


def test_declared_periods_win_over_found_ones():
    values = recorded_windows()[:3]
    assert analyse(values, periods=np.array([30, 0, 45])).period[[0, 2]].tolist() == [30, 45]
    assert analyse(values, AnalysisParameters(period=24)).period.tolist() == [24] * 3


def test_periods_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="shape"):
        analyse(np.ones((3, 100)), periods=np.array([1, 2]))


@pytest.mark.parametrize("shape", [(0, 720), (3, 1), (2, 2), (1, 16)])
def test_matrices_without_enough_data_are_answered_without_a_warning(shape):
    values = np.random.default_rng(0).standard_normal(shape)
    analysis = analyse(values)
    curves(values, analysis.period)
    assert (analysis.outcome == Outcome.SHORT).all()
    assert np.isnan(analysis.stationarity.p_value).all()


def test_an_analysis_leaves_the_settings_of_numpy_as_it_found_them():
    values = recorded_windows()[:3]
    before = np.getbufsize(), np.geterr()
    curves(values, analyse(values).period)
    with pytest.raises(ValueError, match="shape"):
        analyse(values, periods=np.array([1]))
    assert before == (np.getbufsize(), np.geterr())


@given(matrices(16, 60))
@settings(deadline=None, max_examples=60)
def test_any_matrix_is_answered_without_a_warning(values):
    parameters = AnalysisParameters(min_observed=16)
    analysis = analyse(values, parameters)
    curves(values, analysis.period, parameters)
    assert isinstance(analysis, Analysis)
    tested = ~np.isnan(analysis.stationarity.p_value)
    assert (analysis.outcome[tested] == Outcome.OK).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"windows": ()},
        {"windows": (60, 0)},
        {"autocorrelation_lags": 0},
        {"confidence": 1.0},
        {"hp_lambda": 0.0},
        {"hp_lambda": float("nan")},
        {"adf_max_lag": -1},
        {"period": 1},
        {"min_observed": 3},
        {"min_coverage": 1.5},
        {"significance": 0.0},
    ],
)
def test_parameters_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AnalysisParameters(**wrong)
