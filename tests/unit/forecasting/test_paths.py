import numpy as np
import pytest

from foresight.forecasting.candidates import MODELS, forecast_all
from foresight.forecasting.origins import Plan, unlikeness
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.paths import (
    STEADY,
    joint_band,
    joint_paths,
    local_volatility,
    middle_mean,
    quantiles,
)
from foresight.forecasting.window import FADING
from tests.unit.analysis.recorded import recorded_windows
from tests.unit.forecasting.blocks import origins_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


@pytest.fixture(scope="module")
def made():
    samples = recorded_windows()[::5]
    origins = origins_of(samples, Plan.of(720, 10, ForecastParameters()))
    means = origins.running_means()
    candidates, unlike = forecast_all(origins, means), unlikeness(origins, means)
    model = np.arange(len(samples)) % len(MODELS)
    return origins, candidates, model, unlike, joint_paths(origins, candidates, model, unlike, 64)


def test_a_path_is_the_forecast_plus_the_scaled_errors_of_one_past_moment(made):
    origins, candidates, model, unlike, paths = made
    volatility = local_volatility(origins)
    level, slope, growth = candidates.of(model)
    ahead = np.stack(list(origins.ahead(origins.phases)))
    for row in range(len(model)):
        like = np.sort(np.argsort(unlike[row], kind="stable")[:64])
        at = like + origins.plan.first
        scale = volatility[row, -1] / volatility[row, at]
        for step in range(10):
            then = level[row, at] + slope[row, at] * growth[row, step]
            now = level[row, -1] + slope[row, -1] * growth[row, step]
            expected = now + (ahead[step, row, like] - then) * scale
            expected = np.clip(expected, origins.floor[row], origins.ceiling[row])
            np.testing.assert_allclose(np.sort(paths.steps[step, row]), np.sort(expected), rtol=1e-9)


def test_local_volatility_fades_from_stride_to_stride(made):
    origins = made[0]
    change = np.abs(np.diff(origins.samples, axis=1))
    most = np.sort(change, axis=1)[:, [int(0.98 * 718)]]
    change = np.minimum(change, np.where(most > 0, most, np.inf))
    change = np.pad(change, ((0, 0), (1, 0)))
    per_stride = change.reshape(len(change), -1, 5).mean(axis=2)
    state = overall = per_stride.mean(axis=1)
    for origin in range(per_stride.shape[1]):
        state = FADING**5 * state + (1 - FADING**5) * per_stride[:, origin]
        expected = STEADY * overall + (1 - STEADY) * state
        np.testing.assert_allclose(local_volatility(origins)[:, origin], expected, rtol=1e-10)


def test_quantiles_are_those_of_weibull(made):
    ordered = np.sort(made[-1].steps, axis=2)
    levels = (0.01, 0.05, 0.5, 0.77, 0.999)
    expected = np.moveaxis(np.quantile(ordered, levels, axis=2, method="weibull"), 0, -1)
    np.testing.assert_allclose(quantiles(ordered, levels), expected, rtol=1e-9, atol=1e-12)


def test_the_middle_mean_ignores_the_outer_quarters():
    ordered = np.array([[[-1e9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 1e9]]])
    assert middle_mean(ordered).tolist() == [[3.5]]


@pytest.mark.parametrize("coverage", [0.5, 0.8, 0.9])
def test_the_joint_band_holds_at_least_that_share_of_whole_paths(made, coverage):
    paths = made[-1]
    ordered = np.sort(paths.steps, axis=2)
    lower, upper = joint_band(paths, ordered, coverage)
    slack = 1e-9 * np.abs(ordered).max(axis=(0, 2))
    inside = (paths.steps >= (lower.T - slack)[:, :, None]) & (paths.steps <= (upper.T + slack)[:, :, None])
    share = inside.all(axis=0).mean(axis=1)
    assert (share >= coverage).all()
    assert (share <= coverage + 0.1).mean() > 0.8


def test_a_wider_coverage_is_a_wider_band(made):
    paths = made[-1]
    ordered = np.sort(paths.steps, axis=2)
    narrow, wide = (joint_band(paths, ordered, coverage) for coverage in (0.5, 0.9))
    assert (wide[0] <= narrow[0]).all()
    assert (wide[1] >= narrow[1]).all()
