import numpy as np
import pytest

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.backtest import (
    Backtest,
    backtest,
    lead_slots,
    recommend_end,
    risk_states,
    weigh_thresholds,
)
from foresight.forecasting.hysteresis import is_at_risk
from foresight.forecasting.risk import Bounds


@pytest.fixture(scope="module")
def history():
    slots = np.arange(900)
    spikes = 10 + np.random.default_rng(1).standard_normal((2, 900)) + 30 * (slots % 30 < 2)
    spikes[1, 860:870] = np.nan
    return spikes


BOUNDS = Bounds(np.arange(2), np.full(2, -np.inf), np.full(2, 25.0))


def test_each_origin_sees_what_lay_before_it_and_nothing_else(history):
    found = backtest(history, BOUNDS)
    assert np.unique(found.origin).tolist() == list(range(719, 890, 10))
    for at in (0, 7, 20):
        origin, row = found.origin[at], found.pair[at]
        bounds = Bounds(np.zeros(1, dtype=int), np.array([-np.inf]), np.array([25.0]))
        _, alone = forecast_risk(history[[row], origin - 719 : origin + 1], bounds)
        np.testing.assert_array_equal(alone.probability[0, 0], found.probability[at])
    shuffled = history.copy()
    shuffled[:, 800:] = np.random.default_rng(0).permutation(shuffled[:, 800:], axis=1)
    again, before = backtest(shuffled, BOUNDS), found.origin < 800
    np.testing.assert_array_equal(again.probability[before], found.probability[before])


def test_outcomes_are_those_of_a_plain_loop_and_unknown_where_samples_are_missing(history):
    found = backtest(history, BOUNDS)
    for series, origin, happened, first in zip(
        found.pair, found.origin, found.happened, found.first_slot, strict=True
    ):
        ahead = history[series, origin + 1 : origin + 11]
        out = [step for step, value in enumerate(ahead, 1) if value > 25]
        if out:
            assert (happened, first) == (1, out[0])
        else:
            assert np.isnan(first)
            assert np.isnan(happened) == np.isnan(ahead).any()


def test_a_history_of_less_than_a_window_has_no_origin(history):
    assert len(backtest(history[:, :725], BOUNDS).origin) == 0


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


def test_planned_downtime_is_not_judged_and_all_others_are_as_before(history):
    down = np.zeros(history.shape, dtype=bool)
    down[0, 800:805] = True
    plain, masked = backtest(history, BOUNDS), backtest(history, BOUNDS, excluded=down)
    hit = (masked.pair == 0) & (masked.origin + 10 >= 800) & (masked.origin < 805)
    assert hit.any()
    assert np.isnan(masked.happened[hit]).all()
    np.testing.assert_array_equal(masked.happened[~hit], plain.happened[~hit])


def test_states_are_those_of_the_last_six_probabilities_and_a_lower_end_flaps_less(history):
    found = backtest(history, BOUNDS)
    said = found.by_origin(found.probability)
    state = risk_states(found, 0.5, 0.2)
    for at in range(said.shape[1]):
        expected = is_at_risk(said[:, max(at - 5, 0) : at + 1], 0.5, 0.2)
        np.testing.assert_array_equal(state[:, at], expected)
    assert 0 <= recommend_end(found, 0.5, 5.0) <= 0.5


def test_the_recommended_end_is_low_where_the_probability_flickers_during_a_violation():
    flicker = np.tile([0.6, 0.4], 20)
    found = Backtest(
        1, np.zeros(40, dtype=int), np.arange(40), flicker, np.ones(40), np.zeros(40, dtype=bool), np.ones(40)
    )
    assert recommend_end(found, 0.5, 1.0) <= 0.4


def test_lead_times_are_those_of_a_plain_loop(history):
    found = backtest(history, BOUNDS)
    leads = lead_slots(found, history, BOUNDS, 0.5, 10)
    expected = []
    origins = sorted(set(found.origin.tolist()))
    said = {(p, o): s for p, o, s in zip(found.pair, found.origin, found.probability, strict=True)}
    for row in (0, 1):
        for slot in range(origins[1] + 1, origins[-1] + 11):
            if not (history[row, slot] > 25 and history[row, slot - 1] <= 25):
                continue
            before = [origin for origin in origins if origin < slot]
            lead = 0
            while before and said[row, before[-1]] >= 0.5:
                lead = slot - before.pop()
            expected.append(lead)
    assert leads.tolist() == expected
    assert max(expected) > 0
