"""A prediction explained in words: what speaks for and against it most, in numbers. A slot is a minute."""

from __future__ import annotations

import math

import numpy as np

from foresight.forecasting.joint_forecast import Forecast
from foresight.forecasting.risk import CONTRIBUTORS, RiskForecast, RiskState
from foresight.forecasting.verification import Reliability

MOST = 3
"""How many contributions an explanation names."""
LEAST = 0.1
"""Least change of the log odds that an explanation names."""
UNUSUAL = 1.5
"""Volatility is unusual from this ratio on, or below its inverse."""


def explain(
    risk: RiskForecast, pair: int, came_true: Reliability | None = None, forecast: Forecast | None = None
) -> list[str]:
    """Sentences that explain the probability of a pair, the largest contribution first.

    Then come the volatility, the forecaster where its ``forecast`` is given, and how often such a prediction
    came true, from the bins of past ones. A pair without a probability is explained by its state.
    """
    state = RiskState(int(risk.state[pair]))
    if state is not RiskState.OK:
        return [state.reason]
    moved = risk.explanation.contributions[pair].tolist()
    order = sorted(range(len(moved)), key=lambda at: -abs(moved[at]))[:MOST]
    told = [
        f"{_sentence(risk, pair, CONTRIBUTORS[at])}: {'raises' if moved[at] > 0 else 'lowers'} the odds "
        f"{math.exp(min(abs(moved[at]), 20.0)):.3g} times"
        for at in order
        if abs(moved[at]) >= LEAST
    ]
    told.append(_volatility(float(risk.explanation.volatility_ratio[pair])))
    if forecast is not None:
        told.append(why_chosen(forecast, int(risk.rows[pair])))
    if came_true is not None:
        frequency, n = came_true.frequency(float(risk.probability[pair, 0]))
        told.append(f"{frequency:.0%} of {n} predictions like this came true" if n else "none like this yet")
    return told


def why_chosen(forecast: Forecast, row: int) -> str:
    """Which forecaster a series got, and why."""
    name = forecast.model_name(row)
    if not name:
        return "no forecaster: too little was observed to judge one"
    if np.isnan(forecast.mase[row]):
        return f"forecaster {name}: the series is constant, so every candidate says the same"
    return (
        f"forecaster {name}: least error over the last {forecast.history[row]} minutes, "
        f"MASE {forecast.mase[row]:.3f} against {forecast.naive_mase[row]:.3f} of the naive one"
    )


def _volatility(ratio: float) -> str:
    word = "higher" if ratio >= UNUSUAL else "lower" if ratio <= 1 / UNUSUAL else "as usual"
    text = f"volatility is {ratio:.2g} times the usual"
    return text if word == "as usual" else f"{text}: {word} than usual"


def _sentence(risk: RiskForecast, pair: int, contributor: str) -> str:
    parts = risk.explanation
    if contributor == "trend":
        slope, reached = float(parts.slope[pair]), float(parts.slots_to_bound[pair])
        moves = "rises" if slope > 0 else "falls"
        towards = (
            "does not reach the bound" if math.isnan(reached) else f"reaches the bound in {reached:.3g} min"
        )
        return f"{moves} {abs(slope):.3g}/min, {towards}"
    if contributor == "repetition":
        period, following = float(parts.period[pair]), float(parts.next_in[pair])
        if math.isnan(period):
            return "repeats itself at no period"
        if math.isnan(following):
            return f"repeats itself every {period:.0f} min, inside the bounds"
        return f"leaves the bounds every {period:.0f} min, next in {following:.0f}"
    if contributor == "similar_past":
        return f"after similar moments; {parts.outside_share[pair]:.1%} of the window was outside"
    if contributor == "distance":
        return "distance to the bound"
    return "how lately it was outside"
