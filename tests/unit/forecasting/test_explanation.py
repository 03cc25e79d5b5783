import numpy as np

from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.explanation import explain
from foresight.forecasting.risk import Bounds
from foresight.forecasting.verification import Reliability

SLOTS = np.arange(720.0)


def risk_of(series: np.ndarray, upper: float):
    return forecast_risk(
        series[None], Bounds(np.zeros(1, dtype=int), np.array([-np.inf]), np.array([upper]))
    )[1]


def noise() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(720)


def test_a_ramp_is_explained_by_its_slope_and_when_it_meets_the_bound():
    told = explain(risk_of(0.8 * SLOTS + 0.01 * noise(), 0.8 * 719 + 3.3), 0)
    assert any("rises 0.8/min, reaches the bound in 4.1" in sentence for sentence in told)


def test_a_job_is_explained_by_its_period_and_when_it_runs_next():
    told = explain(risk_of(10 + noise() + 30 * ((SLOTS + 26) % 30 < 2), 25.0), 0)
    assert any("leaves the bounds every 30 min, next in 5" in sentence for sentence in told)


def test_at_most_three_contributions_then_volatility_then_how_often_it_came_true():
    risk = risk_of(noise(), 2.0)
    bins = Reliability.of(np.full(4, risk.probability[0, 0]), np.array([True, False, False, False]))
    told = explain(risk, 0, bins)
    assert len(told) <= 5
    made, again = forecast_risk(
        noise()[None], Bounds(np.zeros(1, dtype=int), np.array([-np.inf]), np.array([2.0]))
    )
    [why] = [text for text in explain(again, 0, bins, made) if text not in told]
    assert why.startswith(f"forecaster {made.model_name(0)}: least error over the last 720 minutes, MASE")
    assert "volatility" in told[-2]
    assert told[-1] == "25% of 4 predictions like this came true"


def test_a_pair_without_a_probability_is_explained_by_its_state():
    series = noise()
    series[690:] = 0.1
    assert explain(risk_of(series, 2.0), 0) == [
        "the series repeats its last value, so it says nothing about the present"
    ]
