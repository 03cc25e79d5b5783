import numpy as np
import pytest

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.backtest import backtest, weigh_thresholds
from foresight.forecasting.risk import Bounds


@pytest.fixture(scope="module")
def history():
    slots = np.arange(900)
    spikes = 10 + np.random.default_rng(1).standard_normal((2, 900)) + 30 * (slots % 30 < 2)
    spikes[1, 860:870] = np.nan
    return spikes


def test_each_origin_sees_what_lay_before_it_and_nothing_else(history):
    found = backtest(history, -np.inf, 25.0)
    assert np.unique(found.origin).tolist() == list(range(719, 890, 10))
    for at in (0, 7, 20):
        origin, row = found.origin[at], found.series[at]
        bounds = Bounds(np.zeros(1, dtype=int), np.array([-np.inf]), np.array([25.0]))
        _, alone = forecast_risk(history[[row], origin - 719 : origin + 1], bounds)
        np.testing.assert_array_equal(alone.probability[0, 0], found.probability[at])
    shuffled = history.copy()
    shuffled[:, 800:] = np.random.default_rng(0).permutation(shuffled[:, 800:], axis=1)
    again, before = backtest(shuffled, -np.inf, 25.0), found.origin < 800
    np.testing.assert_array_equal(again.probability[before], found.probability[before])


def test_outcomes_are_those_of_a_plain_loop_and_unknown_where_samples_are_missing(history):
    found = backtest(history, -np.inf, 25.0)
    for series, origin, happened, first in zip(
        found.series, found.origin, found.happened, found.first_slot, strict=True
    ):
        ahead = history[series, origin + 1 : origin + 11]
        out = [step for step, value in enumerate(ahead, 1) if value > 25]
        if out:
            assert (happened, first) == (1, out[0])
        else:
            assert np.isnan(first)
            assert np.isnan(happened) == np.isnan(ahead).any()


def test_a_history_of_less_than_a_window_has_no_origin(history):
    assert len(backtest(history[:, :725], -np.inf, 25.0).origin) == 0


def test_the_recommended_threshold_costs_least(history):
    rng = np.random.default_rng(3)
    said = rng.random(500)
    happened = rng.random(500) < said
    cheap, dear = (weigh_thresholds(said, happened, ratio) for ratio in (1.0, 10.0))
    for found, ratio in ((cheap, 1.0), (dear, 10.0)):
        costs = [
            ratio * (happened & (said < t)).sum() + (~happened & (said >= t)).sum() for t in found.threshold
        ]
        np.testing.assert_allclose(found.cost, costs)
        assert found.cost[np.argmax(found.threshold == found.recommended)] == min(costs)
        assert ((found.hits + found.misses) == happened.sum()).all()
    assert dear.recommended < cheap.recommended
    with pytest.raises(ValueError, match="cost_ratio"):
        weigh_thresholds(said, happened, 0.0)
