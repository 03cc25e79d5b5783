"""A prediction explained in words: what speaks for and against it most, in numbers."""

from __future__ import annotations

import math

import numpy as np

from foresight.forecasting.risk import CONTRIBUTORS, RiskForecast, RiskState
from foresight.forecasting.verification import Reliability

MOST = 3
"""Contributions that are told."""
LEAST = 0.1
"""Log odds that a contribution must move to be told."""


def explain(risk: RiskForecast, pair: int, came_true: Reliability | None = None) -> list[str]:
    """Sentences that explain the probability of a pair, the largest contribution first.

    ``came_true`` are the bins of past predictions: they say how often such a one came true. A pair without a
    probability is explained by its state.
    """
    state = RiskState(int(risk.state[pair]))
    if state is not RiskState.OK:
        return [state.reason]
    moved = risk.explanation.contributions[pair]
    order = np.argsort(-np.abs(moved), kind="stable")[:MOST]
    told = [
        f"{_sentence(risk, pair, CONTRIBUTORS[at])}: {'raises' if moved[at] > 0 else 'lowers'} the odds "
        f"{math.exp(min(abs(moved[at]), 20.0)):.3g} times"
        for at in order
        if abs(moved[at]) >= LEAST
    ]
    told.append(f"volatility is {risk.explanation.volatility_ratio[pair]:.2g} times the usual")
    if came_true is not None:
        frequency, n = came_true.frequency(float(risk.probability[pair, 0]))
        told.append(f"{frequency:.0%} of {n} predictions like this came true" if n else "none like this yet")
    return told


def _sentence(risk: RiskForecast, pair: int, contributor: str) -> str:
    parts = risk.explanation
    if contributor == "trend":
        slope, reached = float(parts.slope[pair]), float(parts.slots_to_bound[pair])
        moves = "rises" if slope > 0 else "falls"
        towards = (
            "does not meet the bound" if math.isnan(reached) else f"meets the bound in {reached:.3g} slots"
        )
        return f"{moves} {abs(slope):.3g} a slot, {towards}"
    if contributor == "repetition":
        period, following = float(parts.period[pair]), float(parts.next_in[pair])
        if math.isnan(period):
            return "repeats itself at no period"
        if math.isnan(following):
            return f"repeats itself every {period:.0f} slots, inside the bounds"
        return f"left the bounds a period of {period:.0f} slots ago, next in {following:.0f}"
    if contributor == "similar_past":
        return f"after similar moments; {parts.outside_share[pair]:.1%} of the window was outside"
    if contributor == "distance":
        return "distance to the bound"
    return "how lately it was outside"
