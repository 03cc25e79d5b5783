import numpy as np
import pytest
from statsmodels.tsa.holtwinters import ExponentialSmoothing, SimpleExpSmoothing

from foresight.forecasting.candidates import (
    HOLT_DAMPING,
    HOLT_LEVEL,
    HOLT_TREND,
    MODELS,
    SES_WEIGHTS,
    THETA_WEIGHT,
    forecast_all,
)
from foresight.forecasting.origins import Plan
from foresight.forecasting.parameters import ForecastParameters
from tests.unit.analysis.recorded import recorded_windows
from tests.unit.forecasting.blocks import origins_of

pytestmark = [
    pytest.mark.filterwarnings("error::RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:divide by zero encountered in log"),  # statsmodels on a perfect fit
]
ORIGINS = (20, 77, 143)


@pytest.fixture(scope="module")
def samples():
    return recorded_windows()[::7]


def forecasts(samples: np.ndarray, model: str, stride: int = 5) -> np.ndarray:
    """``[n_series, total, horizon]`` of one model."""
    origins = origins_of(samples, Plan.of(samples.shape[1], 10, ForecastParameters(stride=stride)))
    level, slope, growth = forecast_all(origins, origins.running_means()).of(
        np.full(len(samples), MODELS.index(model))
    )
    return samples[:, -1, None, None] + level[:, :, None] + slope[:, :, None] * growth[:, None, :]


def assert_forecasts(samples, model, expected_from):
    got = forecasts(samples, model)
    for row, series in enumerate(samples):
        for origin in ORIGINS:
            expected = expected_from(series[: 5 * (origin + 1)])
            np.testing.assert_allclose(got[row, origin], expected, atol=1e-11 * np.abs(series).max())


@pytest.mark.parametrize("weight", SES_WEIGHTS)
def test_simple_smoothing_equals_statsmodels(samples, weight):
    def peer(history):
        model = SimpleExpSmoothing(history, initialization_method="known", initial_level=history[0])
        return model.fit(smoothing_level=weight, optimized=False).forecast(10)

    assert_forecasts(samples, f"ses({weight})", peer)


def test_damped_holt_equals_statsmodels(samples):
    def peer(history):
        model = ExponentialSmoothing(
            history,
            trend="add",
            damped_trend=True,
            initialization_method="known",
            initial_level=history[0],
            initial_trend=0.0,
        )
        fixed = {"smoothing_level": HOLT_LEVEL, "smoothing_trend": HOLT_TREND, "damping_trend": HOLT_DAMPING}
        return model.fit(**fixed, optimized=False).forecast(10)

    assert_forecasts(samples, "damped holt", peer)


def test_theta_is_smoothing_plus_half_the_slope_of_the_line(samples):
    def peer(history):
        smooth = SimpleExpSmoothing(history, initialization_method="known", initial_level=history[0])
        level = smooth.fit(smoothing_level=THETA_WEIGHT, optimized=False).forecast(1)[0]
        slope = np.polyfit(np.arange(len(history)), history, 1)[0]
        return level + slope / 2 * (np.arange(10) + 1 / THETA_WEIGHT)

    assert_forecasts(samples, "theta", peer)


@pytest.mark.parametrize(
    ("model", "summary"),
    [
        ("naive", lambda history: history[-1]),
        ("median(5)", lambda history: np.median(history[-5:])),
        ("mean(60)", lambda history: np.mean(history[-60:])),
    ],
)
def test_the_flat_models_repeat_one_summary_of_the_last_slots(samples, model, summary):
    assert_forecasts(samples, model, lambda history: np.full(10, summary(history)))


@pytest.mark.parametrize("stride", [6, 12])
def test_the_recursions_do_not_depend_on_the_stride(samples, stride):
    for model in ("ses(0.3)", "damped holt", "theta"):
        np.testing.assert_allclose(
            forecasts(samples, model, stride)[:, -1],
            forecasts(samples, model)[:, -1],
            atol=1e-11 * np.abs(samples).max(),
        )


@pytest.mark.parametrize("model", MODELS)
def test_every_model_moves_with_the_series_and_continues_a_constant(samples, model):
    spread = np.abs(samples).max()
    moved = forecasts(samples * 4 + spread, model)
    np.testing.assert_allclose(moved, forecasts(samples, model) * 4 + spread, atol=1e-10 * spread)
    assert forecasts(np.full((1, 100), 3.0), model) == pytest.approx(3.0)
