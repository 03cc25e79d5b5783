import numpy as np
import pytest
from hypothesis import given, settings

from foresight.analysis import AnalysisParameters, Outcome
from foresight.forecasting.candidates import MODELS
from foresight.forecasting.joint_forecast import forecast
from foresight.forecasting.parameters import ForecastParameters
from tests.unit.analysis.recorded import matrices, recorded, recorded_windows
from tests.unit.analysis.test_batch import arrays_of, awkward

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def everything(values: np.ndarray) -> dict[str, np.ndarray]:
    return dict(arrays_of(forecast(values), len(values)))


def test_each_row_alone_gives_the_same_bits_as_among_many_in_any_order():
    values = awkward()
    together = everything(values)
    assert {"model", "mean", "quantiles", "joint_lower", "maximum", "mase"} <= set(together)
    order = np.random.default_rng(3).permutation(len(values))
    for rows in (order, *([row] for row in range(0, 61, 7))):
        for name, array in everything(values[rows]).items():
            np.testing.assert_array_equal(array, together[name][rows], err_msg=name)


def test_series_without_enough_data_have_no_forecast():
    ahead = forecast(awkward())
    for row in (3, 5, 7):
        assert ahead.model[row] == -1
        assert ahead.model_name(row) == ""
        assert np.isnan([ahead.mase[row], ahead.maximum[row], *ahead.mean[row]]).all()
    assert ahead.coverage.outcome[7] == Outcome.GAPPY


def test_a_constant_goes_on_for_certain():
    ahead = forecast(awkward())
    assert ahead.model_name(4) == "naive"
    assert (ahead.quantiles[4] == 7).all()
    assert (ahead.joint_lower[4] == 7).all()
    assert (ahead.joint_upper[4] == 7).all()
    assert (ahead.maximum[4], ahead.minimum[4], ahead.average[4]) == (7, 7, 7)
    assert np.isnan(ahead.mase[4])


def test_what_was_never_negative_is_not_forecast_negative_nor_at_risk_of_it():
    values = np.maximum(np.random.default_rng(8).standard_normal((1, 720)), 0.0)
    for mirrored in (values, -values):
        ahead = forecast(mirrored)
        reach = np.concatenate([ahead.quantiles[0].T, ahead.joint_lower, ahead.joint_upper, ahead.mean])
        assert (np.sign(mirrored.sum()) * reach >= 0).all()


@pytest.mark.parametrize("horizon", [1, 3, 10, 30])
def test_quantiles_ascend_and_the_extremes_enclose_every_step(horizon):
    ahead = forecast(recorded_windows(), horizon)
    assert ahead.mean.shape == (len(ahead.model), horizon)
    assert (np.diff(ahead.quantiles, axis=2) >= 0).all()
    assert (ahead.joint_lower <= ahead.quantiles[:, :, 2]).all()
    assert (ahead.quantiles[:, :, 2] <= ahead.joint_upper).all()
    slack = 1e-12 * np.abs(ahead.average)
    assert (ahead.minimum <= ahead.mean.min(axis=1) + slack).all()
    assert (ahead.mean.max(axis=1) <= ahead.maximum + slack).all()
    np.testing.assert_allclose(ahead.average, ahead.mean.mean(axis=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("exponent", [-1000, 900])
def test_extreme_magnitudes_change_nothing_but_the_unit(exponent):
    values = recorded_windows()[:6] / 2**10
    plain, extreme = everything(values), everything(np.ldexp(values, exponent))
    assert (plain["model"] == extreme["model"]).all()
    for name in ("mean", "quantiles", "joint_upper", "minimum"):
        np.testing.assert_allclose(np.ldexp(extreme[name], -exponent), plain[name], rtol=1e-9, atol=1e-12)


def test_a_tiny_wiggle_on_a_huge_value_is_forecast_like_the_wiggle():
    coarse = np.round(recorded_windows() % 1000 * 64)
    coarse = coarse[np.ptp(coarse, axis=1) > 4]
    wiggle = (coarse - np.round((coarse.max(axis=1) + coarse.min(axis=1)) / 2)[:, None]) / 64
    lifted, plain = forecast(2.0**40 + wiggle), forecast(wiggle)
    assert (lifted.model == plain.model).all()
    np.testing.assert_allclose(lifted.mean - 2.0**40, plain.mean, atol=1e-3)


@pytest.mark.parametrize("n_slots", [0, 1, 16, 45])
def test_windows_too_short_for_a_backtest_have_no_forecast(n_slots):
    values = np.random.default_rng(0).standard_normal((2, n_slots))
    enough = ForecastParameters(enough=AnalysisParameters(min_observed=16))
    assert forecast(values, parameters=enough).model.tolist() == [-1, -1]


def test_a_horizon_of_no_slots_is_refused():
    with pytest.raises(ValueError, match="horizon"):
        forecast(np.ones((1, 100)), 0)


@pytest.mark.parametrize(
    "wrong", [{"stride": 4}, {"warm_up": 0}, {"n_paths": 1}, {"levels": ()}, {"joint_coverage": 1.0}]
)
def test_parameters_out_of_range_are_refused_by_name(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ForecastParameters(**wrong)


@given(matrices(60, 90))
@settings(deadline=None, max_examples=40)
def test_any_matrix_is_answered_without_a_warning(values):
    parameters = ForecastParameters(enough=AnalysisParameters(min_observed=16, min_coverage=0.1))
    ahead = forecast(values, 5, parameters)
    made = ahead.model >= 0
    assert np.isfinite(ahead.mean[made]).all()
    assert np.isfinite(ahead.quantiles[made]).all()


def test_on_recorded_series_the_choice_beats_the_naive_forecast_and_the_bands_hold():
    series = recorded()
    starts = range(0, series.shape[1] - 730, 89)
    windows = np.concatenate([series[:, start : start + 730] for start in starts])
    windows = windows[np.ptp(windows[:, :720], axis=1) > 0]
    values, future = windows[:, :720], windows[:, 720:]
    ahead = forecast(values)
    one_step = np.abs(np.diff(values, axis=1)).mean(axis=1)[:, None]
    error = (np.abs(future - ahead.mean) / one_step).mean()
    naive = (np.abs(future - values[:, -1:]) / one_step).mean()
    assert error < 0.95 * naive
    step = ((future >= ahead.quantiles[:, :, 0]) & (future <= ahead.quantiles[:, :, -1])).mean()
    joint = ((future >= ahead.joint_lower) & (future <= ahead.joint_upper)).all(axis=1).mean()
    assert 0.85 < step < 0.95
    assert 0.85 < joint < 0.95
    assert len(MODELS) == len(set(MODELS))
