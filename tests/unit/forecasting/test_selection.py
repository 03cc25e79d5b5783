import numpy as np
import pytest

from foresight.forecasting.candidates import MODELS, forecast_all
from foresight.forecasting.origins import Plan
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.selection import FLAT, HALF_LIFE, backtest
from tests.unit.analysis.recorded import recorded_windows
from tests.unit.forecasting.blocks import origins_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def judge(samples: np.ndarray, horizon: int = 10):
    origins = origins_of(samples, Plan.of(samples.shape[1], horizon, ForecastParameters()))
    candidates = forecast_all(origins, origins.running_means())
    return origins, candidates, backtest(origins, candidates)


@pytest.mark.parametrize("horizon", [1, 7, 10])
def test_errors_are_the_mean_over_origins_a_horizon_apart_the_recent_ones_counting_more(horizon):
    samples = recorded_windows()[::9]
    origins, candidates, judged = judge(samples, horizon)
    first, count, apart = origins.plan.first, origins.plan.judged, -(-horizon // 5)
    age = 5 * (count - 1 - np.arange(count))
    recency = FLAT + (1 - FLAT) * 0.5 ** (age / HALF_LIFE)
    for row, series in enumerate(samples):
        for model in range(len(MODELS)):
            level, slope, growth = (part[row] for part in candidates.of(np.full(len(samples), model)))
            misses, weights = [], []
            for origin in range(first + count - 1, first - 1, -apart):
                now = 5 * (origin + 1)
                forecast = series[-1] + level[origin] + slope[origin] * growth
                misses.append(np.abs(series[now : now + horizon] - forecast).mean())
                weights.append(recency[origin - first])
            expected = np.average(misses, weights=weights) / np.abs(np.diff(series)).sum() * len(series)
            assert judged.mase[model, row] == pytest.approx(expected, rel=1e-9)
        assert judged.chosen[row] == np.argmin(judged.mase[:, row])


def test_a_straight_line_is_given_a_model_with_a_slope():
    _, _, judged = judge(np.arange(720.0)[None])
    assert MODELS[judged.chosen[0]] in {"theta", "damped holt"}


def test_noise_around_a_level_is_given_its_mean():
    _, _, judged = judge(np.random.default_rng(4).standard_normal((1, 720)))
    assert MODELS[judged.chosen[0]] == "mean(60)"


def test_a_constant_is_given_the_naive_model_and_no_error_ratio():
    _, _, judged = judge(np.zeros((1, 720)))
    assert MODELS[judged.chosen[0]] == "naive"
    assert np.isnan(judged.mase).all()
